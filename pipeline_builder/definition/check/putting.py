"""Values put in for what stands for them: parameters, and joins of parameters and of what executions have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipeline_builder.definition.check.members import items_of, member_at, text_of
from pipeline_builder.definition.shapes.fault import is_reference
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath

# Of the form, and as long, as SageMaker makes them: whether a name that is put together fits shows by these.
_ID, _PREFIX = "a1b2c3d4e5f6", "arn:aws:sagemaker:us-east-1:123456789012:pipeline"
_TIME = "2026-01-31T12:34:56.789Z"


def execution_samples(pipeline: str) -> dict[str, JSON]:
    """Return what execution variables look like in a pipeline of this name; TrainingJobName and its like have none."""
    return {
        "PipelineName": pipeline,
        "PipelineArn": f"{_PREFIX}/{pipeline}",
        "PipelineExecutionId": _ID,
        "PipelineExecutionArn": f"{_PREFIX}/{pipeline}/execution/{_ID}",
        "StartDateTime": _TIME,
        "CurrentDateTime": _TIME,
    }


def parameter_values(definition: JSON, given: Mapping[str, str]) -> dict[str, JSON]:
    """Return the value of each parameter that has one: as given, by its type, else its default.

    One that isn't of its type is left out: whoever starts the execution says so.
    """
    values: dict[str, JSON] = {}
    for item in items_of(definition, "Parameters"):
        name, default = text_of(item, "Name"), member_at(item, ("DefaultValue",))
        value = _typed(text_of(item, "Type"), given[name]) if name in given else default
        if value is not None and not isinstance(value, dict | list):
            values[name] = value
    return values


def _typed(kind: str, text: str) -> JSON:
    try:
        match kind:
            case "Integer":
                return int(text)
            case "Float":
                number = float(text)
                return number if math.isfinite(number) else None
            case "Boolean":
                return {"true": True, "false": False}.get(text.lower())
    except ValueError:
        return None
    return text


@dataclass(frozen=True, slots=True)
class Putting:
    """Puts values in; `changed` collects where, with the parameters that the value there was made of."""

    parameters: Mapping[str, JSON]
    execution: Mapping[str, JSON]
    changed: dict[DataPath, tuple[str, ...]] = field(default_factory=dict)

    def put(self, value: JSON, path: DataPath = ()) -> JSON:
        """Return the value with all put in that is known."""
        if isinstance(value, list):
            return [self.put(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if not is_reference(value):
            return {key: self.put(item, (*path, key)) for key, item in value.items()}
        found = self._known(value)
        if found is None:
            return value
        if names := tuple(dict.fromkeys(self._names(value))):
            self.changed[path] = names
        return found

    def _known(self, value: JSON) -> JSON:
        """Return what a reference stands for; None where that isn't known yet."""
        if not isinstance(value, dict) or not is_reference(value):
            return value if isinstance(value, str | int | float) else None
        path = text_of(value, "Get")
        kind, _, name = path.partition(".")
        if path:
            return {"Parameters": self.parameters, "Execution": self.execution}.get(kind, {}).get(name)
        joined = member_at(value, ("Std:Join",))
        parts = [self._known(part) for part in items_of(joined, "Values")]
        if joined is None or None in parts:
            return None
        return text_of(joined, "On").join(as_text(part) for part in parts)

    def _names(self, value: JSON) -> Iterator[str]:
        kind, _, name = text_of(value, "Get").partition(".")
        if kind == "Parameters":
            yield name
        for part in items_of(member_at(value, ("Std:Join",)), "Values"):
            yield from self._names(part)


def as_text(value: JSON) -> str:
    """Return a value as Std:Join writes it: flags as `true` and `false`."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
