"""Labels of an inference run: where its Monitor steps find them, or what stands for them until they have come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline_builder.dag.requests import values_of
from pipeline_builder.definition.steps.labels import nothing
from pipeline_builder.documents.dates import fill_parameters

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Definition
    from pipeline_builder.target import Target


def find_labels(definition: Definition, target: Target, values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the address behind each parameter of labels; `values` are others of the start, the rest have defaults."""
    if not (templates := definition.labels):
        return {}
    none, _ = nothing(target.base(definition.pipeline))
    known = values_of(json.loads(definition.content), values)
    found = {name: fill_parameters(text, known) for name, text in templates.items()}
    return {name: uri if _has_objects(target, uri) else none for name, uri in found.items()}


def _has_objects(target: Target, uri: str) -> bool:
    return any(not one.endswith("/") for one in target.store.entries(uri))
