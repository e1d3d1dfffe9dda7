"""What the confs say of a pipeline that a watch has to know: which models it uses, and where its data comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.documents.dates import template_of
from pipeline_builder.gitops.due import Known
from pipeline_builder.manifest.pipelines import PipelineEntry

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.descriptions import JSON

LABELS = "labels"
"""The input of a Monitor step that comes when all else has been read."""


def known_of(entry: PipelineEntry, composed: Composed) -> Known:
    """Return what a composed pipeline uses and reads."""
    definition = composed.definition
    groups = {use.group for use in definition.models.values() if use.version is None}
    monitors = {step.name for step in composed.graph.steps if step.kind == "Monitor"}
    found = [*_inputs(definition.content)] if entry.is_inference else []
    late = {uri for step, name, uri in found if step in monitors and name == LABELS}
    return Known(
        entry=entry,
        name=definition.pipeline,
        groups=tuple(sorted(groups)),
        inputs=tuple(sorted({uri for _, _, uri in found} - late)),
        labels=tuple(sorted(late)),
    )


def _inputs(content: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield step, input and address of what the jobs of a definition read, with the date's placeholders in it."""
    for step, composed in flat_steps(json.loads(content).get("Steps")).items():
        arguments = composed.get("Arguments") if isinstance(composed, Mapping) else None
        for name, value in _addresses(arguments):
            if (uri := template_of(value)) and uri.startswith("s3://"):
                yield step, name, uri


def _addresses(arguments: JSON) -> Iterator[tuple[str, JSON]]:
    source = _at(arguments, "TransformInput", "DataSource", "S3DataSource")
    yield "", _at(source, "S3Uri")
    inputs = _at(arguments, "ProcessingInputs")
    for item in inputs if isinstance(inputs, list) else ():
        yield str(_at(item, "InputName") or ""), _at(item, "S3Input", "S3Uri")


def _at(value: JSON, *keys: str) -> JSON:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
