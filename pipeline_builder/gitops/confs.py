"""What the confs say of a pipeline that a watch has to know: which models it uses, and where its data comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.documents.dates import template_of, with_placeholders
from pipeline_builder.gitops.due import Known
from pipeline_builder.manifest.pipelines import PipelineEntry

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.descriptions import JSON


def known_of(entry: PipelineEntry, composed: Composed) -> Known:
    """Return what a composed pipeline uses and reads."""
    definition = composed.definition
    uses = {(use.group, use.stage) for use in definition.models.values() if use.version is None}
    inputs = {*_inputs(definition.content)} if entry.is_inference else set()
    return Known(
        entry=entry,
        name=definition.pipeline,
        groups=tuple(sorted({group for group, _ in uses})),
        uses=tuple(sorted(uses)),
        inputs=tuple(sorted(inputs)),
        labels=tuple(sorted(map(with_placeholders, definition.labels.values()))),
    )


def _inputs(content: bytes) -> Iterator[str]:
    """Yield the address of what the jobs of a definition read, with the date's placeholders in it."""
    for composed in flat_steps(json.loads(content).get("Steps")).values():
        arguments = composed.get("Arguments") if isinstance(composed, Mapping) else None
        for value in _addresses(arguments):
            if (uri := template_of(value)) and uri.startswith("s3://"):
                yield uri


def _addresses(arguments: JSON) -> Iterator[JSON]:
    yield _at(arguments, "TransformInput", "DataSource", "S3DataSource", "S3Uri")
    inputs = _at(arguments, "ProcessingInputs")
    for item in inputs if isinstance(inputs, list) else ():
        yield _at(item, "S3Input", "S3Uri")


def _at(value: JSON, *keys: str) -> JSON:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
