"""The trainings of a tuning job: the request of each, made of the tuning's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.container import Request

CONFIG, DEFINITION, RESOURCES = (
    "HyperParameterTuningJobConfig",
    "TrainingJobDefinition",
    "HyperParameterTuningResourceConfig",
)
_OBJECTIVE = "_tuning_objective_metric"
_OWN = ("DefinitionName", "TuningObjective", "HyperParameterRanges", "StaticHyperParameters", RESOURCES)


def trial_step(step: Step, number: int = 0) -> Step:
    """Return the training step that a trial is run as; no step of a definition has a name with a point."""
    return replace(step, name=f"{step.name}.{number:03}", type="Training")


def as_training(step: Step, request: Request) -> tuple[Step, Request]:
    """Return a tuning as a training with none of what is varied; any other step as it is."""
    if step.type != "Tuning" or not isinstance(request.get(DEFINITION), dict):
        return step, request
    return trial_step(step), trial_request(request, {})


def trial_number(tuning: str, step: str) -> int | None:
    """Return the number of a trial by the name of its step; None where that is no trial of the tuning's."""
    name, _, number = step.rpartition(".")
    return int(number) if name == tuning and number.isdecimal() else None


def trial_request(request: Request, values: Mapping[str, str], name: str = "") -> dict[str, Any]:
    """Return what a trial asks for; with `name` a training job of that prefix, with checkpoints of its own."""
    definition: Mapping[str, Any] = request[DEFINITION]
    goal = objective(request)
    found = {key: value for key, value in definition.items() if key not in _OWN}
    found["HyperParameters"] = {**(definition.get("StaticHyperParameters") or {}), **values}
    if name:
        found["HyperParameters"][_OBJECTIVE] = str(goal.get("MetricName", ""))
        found["TrainingJobName"] = name
    if name and (kept := definition.get("CheckpointConfig")):
        found["CheckpointConfig"] = {**kept, "S3Uri": f"{kept['S3Uri'].rstrip('/')}/{name}"}
    if resources := definition.get(RESOURCES):
        found.setdefault("ResourceConfig", _resources(resources))
    return found


def _resources(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first of the instances that a tuning may take."""
    first: Mapping[str, Any] = next(iter(given.get("InstanceConfigs") or ()), {})
    plain = {key: value for key, value in given.items() if key not in ("InstanceConfigs", "AllocationStrategy")}
    return {**plain, **first}


def objective(request: Request) -> Mapping[str, Any]:
    """Return the metric that a tuning optimises: `Type` and `MetricName`."""
    config = request.get(CONFIG) or {}
    return config.get("HyperParameterTuningJobObjective") or {}
