"""Values that stand in for references: those of parameters, and samples of what only an execution knows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pipeline_builder.definition.check.filling import defaults_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, text_of

# Of the form, and as long, as SageMaker makes them: whether a name that is joined of them fits shows by these.
_ID, _PREFIX = "a1b2c3d4e5f6", "arn:aws:sagemaker:us-east-1:123456789012:pipeline"
_TIME = "2026-01-31T12:34:56.789Z"


def execution_samples(pipeline: str) -> dict[str, JSON]:
    """Return what execution variables look like in a pipeline of this name, by `Execution.<name>`; those that are of a
    step's own job have no sample.
    """
    return {
        "Execution.PipelineName": pipeline,
        "Execution.PipelineArn": f"{_PREFIX}/{pipeline}",
        "Execution.PipelineExecutionId": _ID,
        "Execution.PipelineExecutionArn": f"{_PREFIX}/{pipeline}/execution/{_ID}",
        "Execution.StartDateTime": _TIME,
        "Execution.CurrentDateTime": _TIME,
    }


def parameter_values(definition: JSON, given: Mapping[str, str]) -> dict[str, JSON]:
    """Return the value of each parameter that has one: as given, by its type, else its default.

    One that isn't of its type is left out: whoever starts the execution says so.
    """
    kinds = {text_of(item, "Name"): text_of(item, "Type") for item in items_of(definition, "Parameters")}
    typed = {name: _typed(kinds[name], text) for name, text in given.items() if name in kinds}
    values = {**defaults_of(definition), **typed}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


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
