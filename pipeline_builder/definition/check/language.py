"""The definition's own language as shapes like the API's: its outer members, step types, conditions, functions."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from pipeline_builder.definition.names import PARAMETER_NAME, STEP_NAME
from pipeline_builder.definition.shapes.kinds import STEP_TYPES, StepType
from pipeline_builder.definition.shapes.shapes import Shapes
from pipeline_builder.definition.shapes.values import Shape

# A comparison and what it compares, as SDK v2 writes them. Up to 2.202 it wrote "Expression" in Not, which the service
# has always refused (aws/sagemaker-python-sdk, issue 2746 and pull request 4351).
_COMPARED = ("Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
CONDITION_TYPES = (*_COMPARED, "In", "Not", "Or")
# What a step of a type that isn't known may have.
_ALL_KEYS = tuple(sorted({key for step_type in STEP_TYPES.values() for key in step_type.keys} - {"StepRetryPolicies"}))
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


def _step(step_type: StepType) -> Shape:
    own = {"Name": "StepName", "Type": "StepType", "Arguments": "Anything", "Description": "StepDescription"}
    members = {"RetryPolicies" if key == "StepRetryPolicies" else key: key for key in step_type.keys}
    members |= dict.fromkeys((key for key in step_type.own_keys if key != "OutputParameters"), "Anything")
    return _structure(" ".join(("Name Type Arguments", *step_type.needed)), "DependsOn DisplayName", **own, **members)


def _retry(exceptions: str) -> Shape:
    limits = "IntervalSeconds BackoffRate MaxAttempts ExpireAfterMin"
    return _structure("ExceptionType", limits, ExceptionType=exceptions)


def _condition(**members: str) -> Shape:
    return _structure(" ".join(("Type", *members)), Type="ConditionType", **members)


ANYTHING_NAMED = {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Anything"}}
_BASELINES = ("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints")
_STATISTICS = ("CalculatedBaselineStatistics", "BaselineUsedForDriftCheckStatistics")
_COUNTS = (
    "InputItemCount", "TotalStepCount", "SucceededStepCount", "FailedStepCount", "StoppedStepCount",
)  # fmt: skip
_S3 = {**_characters(1, 1024, pattern=r"(https|s3)://[^/]+/?.*", expected="an s3:// address"), "plain": False}
# Beside the arguments of a check [SDK: QualityCheckStep, ClarifyCheckStep].
OF_CHECKS: Mapping[str, Shape] = {
    **{key: {"type": "boolean"} for key in ("FailOnViolation", "RegisterNewBaseline", "SkipCheck")},
    **{f"SuppliedBaseline{which}": _S3 for which in ("Constraints", "Statistics")},
    "CheckType": _one_of("DATA_QUALITY", "MODEL_QUALITY", "DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"),
    "ModelPackageGroupName": {
        **_characters(1, 170, pattern=r"(arn:\S+/)?[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", expected="the name of a group"),
        "plain": False,
    },
}
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
        "String parameters": _parameter("ParameterDefault", EnumValues="EnumValues"),
        "Integer parameters": _parameter("Integer"),
        "Float parameters": _parameter("Float"),
        "Boolean parameters": _parameter("Flag"),
        "ParameterName": _characters(1, PARAMETER_NAME, **NAME),
        "ParameterType": _one_of(*PARAMETER_TYPES),
        # An empty text is taken as a default, by the SDK's own tests as well, and refused as a value that is given
        # (aws/sagemaker-python-sdk, issues 3564 and 4016).
        "ParameterDefault": _characters(0, 1024),
        # aws/sagemaker-python-sdk, issue 2314: "must have length less than or equal to 16".
        "EnumValues": _list_of("EnumValue", min=1, max=16),
        "EnumValue": _characters(1, 1024),
        "steps": _step(StepType("", (), keys=_ALL_KEYS)),
        **{f"{name} steps": _step(step_type) for name, step_type in STEP_TYPES.items()},
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
        **OF_CHECKS,
        "PropertyFiles": _list_of("PropertyFile"),
        "PropertyFile": _structure(
            "PropertyFileName OutputName FilePath", PropertyFileName="Word", OutputName="Word", FilePath="Word"
        ),
        "the arguments of Condition steps": _structure(
            "Conditions", "Conditions", IfSteps="NestedSteps", ElseSteps="NestedSteps"
        ),
        # A text `false` in a Std:Join [the SDK's own test of Fail steps]: in the metadata alone it is "False".
        "a Condition step": _structure("", Outcome="Flag"),
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
        "the arguments of Lambda steps": ANYTHING_NAMED,
        "a Lambda step": _structure("", "OutputParameters"),
        "the arguments of Callback steps": ANYTHING_NAMED,
        "a Callback step": _structure("", "OutputParameters"),
        # A list where it is declared, a map where it is read: Steps.X.OutputParameters['name'].
        "OutputParameters": {"type": "anything"},
        "OutputParameterList": _list_of("OutputParameter"),
        "OutputParameter": _structure("OutputName OutputType", OutputName="Word", OutputType="ParameterType"),
        "an AutoML step": _structure("", BestCandidateProperties="BestCandidate"),
        "BestCandidate": _structure("", ModelInsightsJsonReportPath="Text", ExplainabilityJsonReportPath="Text"),
        "a QualityCheck step": _structure("", **dict.fromkeys((*_BASELINES, *_STATISTICS), "Text")),
        "a ClarifyCheck step": _structure("", **dict.fromkeys(_BASELINES, "Text")),
        "a Lineage step": _structure(
            "", ActionArns="Texts", ArtifactArns="Texts", ContextArns="Texts", Associations="Anything"
        ),
        "Texts": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
        "the arguments of Cleanup steps": _structure("Resources", Resources="CleanedResources"),
        "CleanedResources": _structure("S3", S3="CleanedSources"),
        "CleanedSources": _list_of("CleanedSource", min=1),
        "CleanedSource": _structure("StepName", StepName="StepName", S3Uris="SomeTexts"),
        "SomeTexts": _list_of("AnyText", min=1),
        "AnyText": {"type": "string"},
        "a Cleanup step": _structure(""),
        "the arguments of ForEach steps": _structure(
            "IterableItems MaxConcurrency ForEachBody",
            IterableItems="Anything",
            MaxConcurrency="Concurrency",
            ForEachBody="Steps",
            Selector="Selector",
        ),
        "Concurrency": {"type": "integer", "min": 1, "max": 50},
        "Selector": _structure("Pick Field", Pick="Pick", Field="Anything"),
        "Pick": _one_of("MaxBy", "MinBy"),
        "a ForEach step": _structure(
            "",
            Status="Text",
            **dict.fromkeys(_COUNTS, "Integer"),
            IterationOutputs="Iterations",
            Selected="Anything",
        ),
        "Iterations": _list_of("Anything"),
        "any arguments": {"type": "anything"},
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
