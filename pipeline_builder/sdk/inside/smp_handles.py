"""What a factory is given, and what is made of its steps: the same with both versions, whose classes are handed in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import smp_once  # type: ignore[import-not-found] # beside this file

# What Describe answers, by the type of a step.
_SHAPES: Mapping[str, tuple[str, ...]] = {
    "Processing": ("DescribeProcessingJobResponse",),
    "Training": ("DescribeTrainingJobResponse",),
    "Transform": ("DescribeTransformJobResponse",),
    "Model": ("DescribeModelOutput",),
    "RegisterModel": ("DescribeModelPackageOutput",),
    "Tuning": ("DescribeHyperParameterTuningJobResponse", "ListTrainingJobsForHyperParameterTuningJobResponse"),
    "AutoML": ("DescribeAutoMLJobResponse", "ListCandidatesForAutoMLJobResponse"),
}


@dataclass(frozen=True)
class Classes:
    """The classes of a version."""

    Step: Any
    StepType: Any
    Properties: Any
    PropertyFile: Any
    Pipeline: Any
    Session: Any
    others: tuple[Any, ...]
    parameters: tuple[Any, ...]


@dataclass(frozen=True)
class Sdk:
    """What there is for a factory: `values` by the names of its parameters; `kinds` are what it may return."""

    classes: Classes
    session: Any
    asked: Mapping[str, Any]
    handle: Any
    values: Mapping[str, Any]
    kinds: tuple[Any, ...]

    def request(self, steps: Sequence[Any]) -> Any:
        """Return the steps as the SDK writes them, without those that were there before."""
        handles = list(self.values["steps"].values())
        pipeline = self.classes.Pipeline(
            name=self.asked["pipeline"],
            parameters=list(self.values["parameters"].values()),
            steps=[*handles, *steps],
            sagemaker_session=self.session,
        )
        known = {handle.name for handle in handles}
        written = json.loads(pipeline.definition())["Steps"]
        return [step for step in written if step["Name"] not in known]


class _Outputs(dict[str, Any]):
    """Outputs of a call: whichever name is asked for."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> Any:
        return self._make(name)


def open_sdk(classes: Classes, asked: Mapping[str, Any]) -> Sdk:
    """Return what there is for a factory."""
    smp_once.validate_once()
    session = classes.Session(
        boto_session=boto3.Session(region_name=asked["region"]),
        default_bucket=asked["bucket"],
        default_bucket_prefix=asked["prefix"],
    )

    class Handle(classes.Step):  # type: ignore[misc,name-defined]
        """A step of the conf."""

        def __init__(self, one: Mapping[str, Any]) -> None:
            known = {item.value: item for item in classes.StepType}
            super().__init__(name=one["name"], step_type=known.get(one["type"], classes.StepType.PROCESSING))
            self.property_files = [
                classes.PropertyFile(name=name, output_name=output, path=path) for name, output, path in one["files"]
            ]
            self._properties = _properties(classes, one, self)

        @property
        def arguments(self) -> Any:
            outputs = [{"OutputName": file.output_name} for file in self.property_files]
            return {"ProcessingOutputConfig": {"Outputs": outputs}} if outputs else {}

        @property
        def properties(self) -> Any:
            return self._properties

    values = {
        "parameters": {one["name"]: _parameter(classes, one) for one in asked["parameters"]},
        "steps": {one["name"]: Handle(one) for one in asked["steps"]},
        "session": session,
    }
    return Sdk(
        classes=classes,
        session=session,
        asked=asked,
        handle=Handle,
        values=values,
        kinds=(classes.Step, *classes.others),
    )


def stay_here(*modules: Any) -> None:
    """Let the SDK ask the server of the job whose account it is in: it names AWS's own address otherwise."""
    for module in modules:
        if hasattr(module, "sts_regional_endpoint"):
            module.sts_regional_endpoint = lambda _: os.environ["AWS_ENDPOINT_URL"]


def _parameter(classes: Classes, one: Mapping[str, Any]) -> Any:
    default = {} if one["default"] is None else {"default_value": one["default"]}
    kind = next(kind for kind in classes.parameters if kind.__name__ == f"Parameter{one['type']}")
    return kind(name=one["name"], **default)


def _properties(classes: Classes, one: Mapping[str, Any], step: Any) -> Any:
    name = one["name"]
    found = classes.Properties(step_name=name, step=step, shape_names=list(_SHAPES.get(one["type"], ())))
    if one["type"] in ("Lambda", "Callback"):
        found.__dict__["Outputs"] = _Outputs(
            lambda output: classes.Properties(step_name=name, path=f"OutputParameters['{output}']", step=step)
        )
    return found
