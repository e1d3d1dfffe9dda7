"""What the confs say of a pipeline that a watch has to know: which models it uses, and where its data comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.documents.dates import with_placeholders
from pipeline_builder.gitops.due import Known
from pipeline_builder.manifest.pipelines import PipelineEntry

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed


def known_of(entry: PipelineEntry, composed: Composed) -> Known:
    """Return what a composed pipeline uses and reads."""
    definition = composed.definition
    uses = {(use.group, use.stage) for use in definition.models.values() if use.version is None}
    labels = {*map(with_placeholders, definition.labels.values())}
    inputs = {*_dated(definition.data)} - labels if entry.is_inference else set()
    return Known(
        entry=entry,
        name=definition.pipeline,
        uses=tuple(sorted(uses)),
        inputs=tuple(sorted(inputs)),
        labels=tuple(sorted(labels)),
        hourly="hour" in definition.dates.values(),
    )


def _dated(data: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the addresses of what jobs read, of those that more than the date decides about none."""
    for text in (with_placeholders(uri) for uris in data.values() for uri in uris):
        if text.startswith("s3://") and "${Parameters." not in text:
            yield text
