"""Offline checks of a pipeline definition: its outer language, every step's request, every reference."""

from __future__ import annotations

import graphlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.names import PARAMETER_NAME, STEP_NAME
from pipeline_builder.schema import did_you_mean
from pipeline_builder.service_model import (
    MISSING_FIELD,
    NO_MATCH,
    NOT_IN_ENUM,
    OUT_OF_RANGE,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    Fault,
    Lookup,
    NoProperty,
    Property,
    Shape,
    Shapes,
    load_sagemaker,
)
from pipeline_builder.source import DataPath
from pipeline_builder.target import JSON

NO_STEP = "PB407"
NO_PROPERTY = "PB408"
NOT_DECLARED = "PB409"
NO_PARAMETER = "PB410"
STRUCTURE = "PB411"
DUPLICATE = "PB412"
PROPERTY_FILE = "PB413"
LIMIT = "PB414"
CYCLE = "PB415"
MEANINGS: Mapping[str, str] = {
    UNKNOWN_FIELD: "a field that the API's request doesn't have",
    MISSING_FIELD: "a field is missing that the API's request needs",
    WRONG_TYPE: "a value or a reference of another type than the API's request takes",
    NOT_IN_ENUM: "a value that isn't one of those the API's request takes",
    NO_MATCH: "a text that doesn't match the API's pattern",
    OUT_OF_RANGE: "too long, too short, too many, too few or out of range for the API",
    NO_STEP: "a step that isn't there is referred to or waited for",
    NO_PROPERTY: "a reference to a property that the step's Describe response doesn't have",
    NOT_DECLARED: "a reference to an output, input or channel that the step doesn't declare",
    NO_PARAMETER: "a reference to a parameter or execution variable that isn't there",
    STRUCTURE: "the definition's own structure: versions, keys, types, names",
    DUPLICATE: "a name that has to be unique stands twice",
    PROPERTY_FILE: "a property file that isn't declared, or is declared wrongly",
    LIMIT: "a limit of the service on the definition: sizes and counts",
    CYCLE: "steps wait for each other",
}

# What CreatePipeline takes inline; a longer definition goes to S3 (CreatePipelineRequest.PipelineDefinition, "max").
MOST_CHARACTERS = 1_048_576


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in the step (its name; empty outside of steps) at `path`, from the definition's root on."""

    step: str
    path: DataPath
    id: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepType:
    """The API behind a step type.

    `generated` is the name that the service makes where the step has none (one that is given is its prefix), `keys`
    what such a step may have besides `Name`, `Type`, `Arguments`, `DependsOn`, `DisplayName` and `Description`.
    """

    request: str
    response: str
    generated: str = ""
    keys: tuple[str, ...] = ()


_JOB_KEYS = ("CacheConfig", "RetryPolicies")
STEP_TYPES: Mapping[str, StepType] = {
    "Processing": StepType(
        request="CreateProcessingJobRequest",
        response="DescribeProcessingJobResponse",
        generated="ProcessingJobName",
        keys=(*_JOB_KEYS, "PropertyFiles"),
    ),
    "Training": StepType(
        request="CreateTrainingJobRequest",
        response="DescribeTrainingJobResponse",
        generated="TrainingJobName",
        keys=_JOB_KEYS,
    ),
    "Model": StepType(
        request="CreateModelInput", response="DescribeModelOutput", generated="ModelName", keys=("RetryPolicies",)
    ),
    "Transform": StepType(
        request="CreateTransformJobRequest",
        response="DescribeTransformJobResponse",
        generated="TransformJobName",
        keys=_JOB_KEYS,
    ),
    "RegisterModel": StepType(
        request="CreateModelPackageInput", response="DescribeModelPackageOutput", keys=("RetryPolicies",)
    ),
}
EXECUTION_VARIABLES = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "StartDateTime",
)
_PARAMETER_TYPES = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}
# Which types may stand where a type is expected. A parameter that is no text doesn't stand for text: the service refuses
# it (aws/sagemaker-python-sdk issues 2425 and 2631), and a join over it is the way; of step properties that isn't known.
_FITTING: Mapping[str, tuple[str, ...]] = {
    "string": ("string",),
    "integer": ("integer", "long"),
    "long": ("integer", "long"),
    "float": ("float", "double", "integer", "long"),
    "double": ("float", "double", "integer", "long"),
    "boolean": ("boolean",),
    "scalar": ("string", "integer", "long", "float", "double", "boolean", "timestamp"),
}
_WORDS = {"string": "a text", "boolean": "true or false", "float": "a number", "double": "a number"}
# Lists whose entries have a name that has to be unique in the request, by the member that has it.
_NAMED_LISTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("ProcessingInputs",), "InputName"),
    (("ProcessingOutputConfig", "Outputs"), "OutputName"),
    (("InputDataConfig",), "ChannelName"),
)


def _structure(required: tuple[str, ...] = (), **members: str) -> Shape:
    return {
        "type": "structure",
        "required": required,
        "members": {key: {"shape": shape} for key, shape in members.items()},
    }


def _list_of(shape: str, **limits: int) -> Shape:
    return {"type": "list", "member": {"shape": shape}, **limits}


def _parameter(kind: str, **more: str) -> Shape:
    return _structure(
        ("Name", "Type"),
        Name="ParameterName",
        Type="ParameterType",
        DefaultValue=kind,
        Description="ParameterText",
        **more,
    )


def _step(step_type: StepType) -> Shape:
    return _structure(
        ("Name", "Type", "Arguments"),
        Name="StepName",
        Type="Text",
        Arguments="Anything",
        DependsOn="DependsOn",
        DisplayName="DisplayName",
        Description="StepDescription",
        **{key: key for key in step_type.keys},
    )


_TEXT: Shape = {"type": "string", "plain": True}
# The definition's own language, in the form of the API's shapes. AWS publishes no normative grammar of it; what the SDK
# writes is the measure. Step and parameter names: the API's shapes StepName and PipelineParameterName have this pattern,
# the published schema of the definition has it with {1,64}.
_LANGUAGE = Shapes(
    {
        "Anything": {"type": "anything"},
        "Text": _TEXT,
        "Word": {**_TEXT, "min": 1},
        "Flag": {"type": "boolean"},
        "Object": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Anything"}},
        "Scalar": {"type": "scalar"},
        "Scalars": _list_of("Scalar"),
        "the definition": _structure(
            ("Version", "Steps"),
            Version="Version",
            Metadata="Object",
            Parameters="Parameters",
            PipelineExperimentConfig="Anything",
            Steps="Steps",
        ),
        "Version": {"type": "string", "enum": ["2020-12-01"]},
        "Parameters": _list_of("Anything", max=200),
        "ParameterName": {
            **_TEXT,
            "min": 1,
            "max": PARAMETER_NAME,
            "pattern": r"[A-Za-z0-9\-_]*",
            "expected": "letters, digits, '-' and '_' only",
        },
        "ParameterType": {"type": "string", "enum": list(_PARAMETER_TYPES)},
        "ParameterText": {**_TEXT, "max": 1024},
        "EnumValues": _list_of("ParameterText", min=1),
        "Integer": {"type": "integer"},
        "Float": {"type": "float"},
        "a String parameter": _parameter("ParameterText", EnumValues="EnumValues"),
        "an Integer parameter": _parameter("Integer"),
        "a Float parameter": _parameter("Float"),
        "a Boolean parameter": _parameter("Flag"),
        "Steps": _list_of("Anything", min=1),
        **{f"a {name} step": _step(step_type) for name, step_type in STEP_TYPES.items()},
        "StepName": {
            **_TEXT,
            "min": 1,
            "max": STEP_NAME,
            "pattern": r"[A-Za-z0-9\-_]*",
            "expected": "letters, digits, '-' and '_' only",
        },
        "DisplayName": {**_TEXT, "max": 82},
        "StepDescription": {**_TEXT, "max": 3072},
        "DependsOn": _list_of("Anything"),
        "a run condition": _structure(("Step", "Trigger"), Step="Word", Trigger="Trigger"),
        "Trigger": {"type": "string", "enum": ["Any", "Failed", "Stopped"]},
        "CacheConfig": _structure(("Enabled",), Enabled="Flag", ExpireAfter="Duration"),
        # The documentation's own examples leave the P out and write units in lower case: 30d, T16m.
        "Duration": {
            **_TEXT,
            "pattern": r"(?i:P?(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?)",
            "expected": "an ISO 8601 duration such as P30D",
        },
        "RetryPolicies": _list_of("RetryPolicy"),
        "RetryPolicy": _structure(
            ("ExceptionType",),
            ExceptionType="ExceptionTypes",
            IntervalSeconds="IntervalSeconds",
            BackoffRate="BackoffRate",
            MaxAttempts="MaxAttempts",
            ExpireAfterMin="ExpireAfterMin",
        ),
        "ExceptionTypes": _list_of("ExceptionType", min=1),
        "ExceptionType": {
            "type": "string",
            "enum": [
                "SageMaker.CAPACITY_ERROR",
                "SageMaker.JOB_INTERNAL_ERROR",
                "SageMaker.RESOURCE_LIMIT",
                "Step.SERVICE_FAULT",
                "Step.THROTTLING",
            ],
        },
        "IntervalSeconds": {"type": "integer", "min": 0, "max": 43_200},
        "BackoffRate": {"type": "float", "min": 0},
        "MaxAttempts": {"type": "integer", "min": 1, "max": 20},
        "ExpireAfterMin": {"type": "integer", "min": 1, "max": 14_400},
        "PropertyFiles": _list_of("a property file"),
        "a property file": _structure(
            ("PropertyFileName", "OutputName", "FilePath"), PropertyFileName="Word", OutputName="Word", FilePath="Word"
        ),
        "Std:Join": _structure(("On", "Values"), On="Text", Values="Scalars"),
        "Std:JsonGet": _structure(("Path",), Path="Word", PropertyFile="PropertyFileReference", S3Uri="Scalar"),
        "PropertyFileReference": _structure(("Get",), Get="Word"),
    }
)
