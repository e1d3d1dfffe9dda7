"""The definition's own language as shapes like the API's: its outer members, step types, conditions, functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from pipeline_builder.definition.names import PARAMETER_NAME, STEP_NAME
from pipeline_builder.definition.shapes.services import load_sagemaker
from pipeline_builder.definition.shapes.shapes import Shapes
from pipeline_builder.definition.shapes.values import Shape


@dataclass(frozen=True, slots=True)
class StepType:
    """The API behind a step type: its request, its Describe response, and what only such a step may have.

    `generated` is the name that the service makes; one that is given is its prefix. A type without an API (`api` is
    False) has both shapes in the definition's own language.
    """

    request: str
    response: str
    generated: str = ""
    keys: tuple[str, ...] = ()
    api: bool = True

    @property
    def shapes(self) -> Shapes:
        """Where both shapes are."""
        return load_sagemaker() if self.api else LANGUAGE


_JOB = ("CacheConfig", "RetryPolicies")
# Where there is no job, only failures of the step itself are tried again: SDK v2 refuses any other policy there.
_NO_JOB = ("StepRetryPolicies",)
STEP_TYPES: Mapping[str, StepType] = {
    "Processing": StepType(
        "CreateProcessingJobRequest", "DescribeProcessingJobResponse", "ProcessingJobName", (*_JOB, "PropertyFiles")
    ),
    "Training": StepType("CreateTrainingJobRequest", "DescribeTrainingJobResponse", "TrainingJobName", _JOB),
    "Model": StepType("CreateModelInput", "DescribeModelOutput", "ModelName", _NO_JOB),
    "Transform": StepType("CreateTransformJobRequest", "DescribeTransformJobResponse", "TransformJobName", _JOB),
    "RegisterModel": StepType("CreateModelPackageInput", "DescribeModelPackageOutput", "", _NO_JOB),
    "Condition": StepType("the arguments of Condition steps", "a Condition step", api=False),
    "Fail": StepType("the arguments of Fail steps", "a Fail step", api=False),
}
# A comparison and what it compares, as SDK v2 writes them. Up to 2.202 it wrote "Expression" in Not, which the service
# has always refused (aws/sagemaker-python-sdk, issue 2746 and pull request 4351).
_COMPARED = ("Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
CONDITION_TYPES = (*_COMPARED, "In", "Not", "Or")
PARAMETER_TYPES = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}
# Lists of the requests whose entries have a name that is theirs alone, by the member that has it.
NAMED_LISTS: Mapping[tuple[str, ...], str] = {
    ("ProcessingInputs",): "InputName",
    ("ProcessingOutputConfig", "Outputs"): "OutputName",
    ("InputDataConfig",): "ChannelName",
}


def _structure(required: str, same: str = "", **members: str) -> Shape:
    """`same` are the members whose shape has the member's name."""
    shapes = {key: {"shape": shape} for key, shape in {**{key: key for key in same.split()}, **members}.items()}
    return {"type": "structure", "required": required.split(), "members": shapes}


def _list_of(shape: str, **limits: int) -> Shape:
    return {"type": "list", "member": {"shape": shape}, **limits}


def _one_of(*values: str) -> Shape:
    return {"type": "string", "enum": values, "plain": True}


def _characters(low: int, high: float = inf, **more: str) -> Shape:
    return {"type": "string", "plain": True, "min": low, "max": high, **more}


def _parameter(default: str, **more: str) -> Shape:
    own = {"Name": "ParameterName", "Type": "ParameterType", "DefaultValue": default, "Description": "Text"}
    return _structure("Name Type", **own, **more)


def _step(keys: Iterable[str]) -> Shape:
    own = {"Name": "StepName", "Type": "StepType", "Arguments": "Anything", "Description": "StepDescription"}
    members = {"RetryPolicies" if key == "StepRetryPolicies" else key: key for key in keys}
    return _structure("Name Type Arguments", "DependsOn DisplayName", **own, **members)


def _retry(exceptions: str) -> Shape:
    limits = "IntervalSeconds BackoffRate MaxAttempts ExpireAfterMin"
    return _structure("ExceptionType", limits, ExceptionType=exceptions)


def _condition(**members: str) -> Shape:
    return _structure(" ".join(("Type", *members)), Type="ConditionType", **members)


NAME = {"pattern": r"[A-Za-z0-9\-_]*", "expected": "letters, digits, '-' and '_' only"}
# The definition's own language, as shapes like the API's. AWS has no normative grammar of it: what its SDK writes is
# the measure. Names: the API's shapes StepName and PipelineParameterName have this pattern, with at most 64 and 256
# characters; AWS's published schema of definitions has {1,64} for both.
LANGUAGE = Shapes(
    {
        "the definition": _structure(
            "Version Steps",
            "Version Parameters Steps",
            Metadata="Object",
            PipelineExperimentConfig="Anything",
            MlflowConfig="Anything",
        ),
        "Version": _one_of("2020-12-01"),
        "Parameters": _list_of("Anything", max=200),
        "Steps": _list_of("Anything", min=1),
        "String parameters": _parameter("ParameterText", EnumValues="EnumValues"),
        "Integer parameters": _parameter("Integer"),
        "Float parameters": _parameter("Float"),
        "Boolean parameters": _parameter("Flag"),
        "ParameterName": _characters(1, PARAMETER_NAME, **NAME),
        "ParameterType": _one_of(*PARAMETER_TYPES),
        "ParameterText": _characters(0, 1024),
        # At most 16 values: aws/sagemaker-python-sdk, issue 2314.
        "EnumValues": _list_of("ParameterText", min=1, max=16),
        "steps": _step(sorted({key for step_type in STEP_TYPES.values() for key in step_type.keys} - {*_NO_JOB})),
        **{f"{name} steps": _step(step_type.keys) for name, step_type in STEP_TYPES.items()},
        "StepName": _characters(1, STEP_NAME, **NAME),
        "StepType": _one_of(*STEP_TYPES),
        "DisplayName": _characters(0, 82),
        "StepDescription": _characters(0, 3072),
        "DependsOn": _list_of("Anything"),
        "run conditions": _structure("Step Trigger", "Trigger", Step="Word"),
        "Trigger": _one_of("Any", "Failed", "Stopped"),
        "CacheConfig": _structure("Enabled", Enabled="Flag", ExpireAfter="Duration"),
        # The documentation's own examples leave the P out and write units in lower case: 30d, T16m.
        "Duration": _characters(
            1,
            pattern=r"(?i:P?(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?)",
            expected="an ISO 8601 duration such as P30D",
        ),
        "RetryPolicies": _list_of("RetryPolicy"),
        "RetryPolicy": _retry("ExceptionTypes"),
        "StepRetryPolicies": _list_of("StepRetryPolicy"),
        "StepRetryPolicy": _retry("StepExceptionTypes"),
        "StepExceptionTypes": _list_of("StepExceptionType", min=1),
        "StepExceptionType": _one_of("Step.SERVICE_FAULT", "Step.THROTTLING"),
        "ExceptionTypes": _list_of("ExceptionType", min=1),
        "ExceptionType": _one_of(
            *("Step.SERVICE_FAULT", "Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR"),
            *("SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"),
        ),
        # Limits: the documentation's "JSON schema for the retry policy" and the SDK's own checks.
        "IntervalSeconds": {"type": "integer", "min": 0, "max": 43_200},
        "BackoffRate": {"type": "float", "min": 0},
        "MaxAttempts": {"type": "integer", "min": 1, "max": 20},
        "ExpireAfterMin": {"type": "integer", "min": 1, "max": 14_400},
        "PropertyFiles": _list_of("PropertyFile"),
        "PropertyFile": _structure(
            "PropertyFileName OutputName FilePath", PropertyFileName="Word", OutputName="Word", FilePath="Word"
        ),
        "the arguments of Condition steps": _structure(
            "Conditions", "Conditions", IfSteps="NestedSteps", ElseSteps="NestedSteps"
        ),
        "a Condition step": _structure("", Outcome="Outcome"),
        "Outcome": _one_of("True", "False"),
        "NestedSteps": _list_of("Anything"),
        "Conditions": _list_of("Anything", min=1),
        "conditions": _structure(
            "Type", "LeftValue RightValue QueryValue Values Condition Conditions", Type="ConditionType"
        ),
        **{f"{name} conditions": _condition(LeftValue="Scalar", RightValue="Scalar") for name in _COMPARED},
        "In conditions": _condition(QueryValue="Scalar", Values="SomeScalars"),
        "Not conditions": _condition(Condition="Anything"),
        "Or conditions": _condition(Conditions="Conditions"),
        "ConditionType": _one_of(*CONDITION_TYPES),
        **{key: {"type": "anything"} for key in ("LeftValue", "RightValue", "QueryValue", "Values", "Condition")},
        "the arguments of Fail steps": _structure("ErrorMessage", "ErrorMessage"),
        "ErrorMessage": {"type": "string", "max": 3072},  # FailStepMetadata.ErrorMessage
        "a Fail step": _structure(""),
        "Std:Join": _structure("On Values", On="Text", Values="Scalars"),
        "Std:JsonGet": _structure("Path", Path="Word", PropertyFile="Anything", S3Uri="Scalar"),
        "Anything": {"type": "anything"},
        "Flag": {"type": "boolean"},
        "Float": {"type": "float"},
        "Integer": {"type": "integer"},
        "Object": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Anything"}},
        "Scalar": {"type": "scalar"},
        "Scalars": _list_of("Scalar"),
        "SomeScalars": _list_of("Scalar", min=1),
        "Text": _characters(0),
        "Word": _characters(1),
    }
)
