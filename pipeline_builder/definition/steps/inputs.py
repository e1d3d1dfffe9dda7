"""Inputs in a step's `arguments`: of a Raw or made step the whole request, else what is merged over it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline_builder.conf.units import Step
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at

_CODE = re.compile(r"/code/[0-9a-f]{64}/")


def addresses_in_arguments(step: Step) -> Iterator[JSON]:
    """Yield the addresses of data that a Processing or Transform request names; code by its hash is none."""
    whole = step.asked.arguments.get("Arguments")
    for request in (step.asked.arguments, whole, getattr(step.own or step.request, "arguments", None)):
        yield from (uri for uri in _addresses(request) if not (isinstance(uri, str) and _CODE.search(uri)))


def _addresses(request: JSON) -> Iterator[JSON]:
    sources = [member_at(one, ("S3Input",)) for one in items_of(request, "ProcessingInputs")]
    sources.append(member_at(request, ("TransformInput", "DataSource", "S3DataSource")))
    for source in sources:
        if isinstance(source, dict) and source.get("S3DataType", "S3Prefix") == "S3Prefix" and source.get("S3Uri"):
            yield source["S3Uri"]
