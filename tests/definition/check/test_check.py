"""A definition of all step types passes; every kind of mistake in it is found, with its exact text and place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline_builder.definition.check import faults, language
from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.check.finding import Finding
from pipeline_builder.definition.shapes import fault
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.descriptions import JSON
from tests.definition.shapes.test_shapes import model

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "s3://ml-bucket/churn"
CLUSTER = {"InstanceType": {"Get": "Parameters.InstanceType"}, "InstanceCount": 1, "VolumeSizeInGB": 32}


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def get(path: str) -> dict[str, Any]:
    return {"Get": path}


def processing_input(name: str, uri: Any) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{name}", "S3DataType": "S3Prefix"}
    return {"InputName": name, "AppManaged": False, "S3Input": {**source, "S3InputMode": "File"}}


def processing_output(name: str, step: str) -> dict[str, Any]:
    uri = join(BUCKET, get("Execution.PipelineExecutionId"), step, name)
    target = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/output/{name}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "AppManaged": False, "S3Output": target}


def output_uri(step: str, name: str) -> dict[str, Any]:
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


PREPROCESS: dict[str, Any] = {
    "Name": "churn-Preprocess",
    "Type": "Processing",
    "DisplayName": "Split the data",
    "Arguments": {
        "ProcessingJobName": "churn-preprocess",
        "ProcessingResources": {"ClusterConfig": CLUSTER},
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/bin/bash", "/opt/ml/processing/input/entrypoint/runproc.sh"],
            "ContainerArguments": ["--threshold", get("Parameters.Threshold")],
        },
        "RoleArn": ROLE,
        "ProcessingInputs": [processing_input("raw", f"{BUCKET}/raw"), processing_input("code", f"{BUCKET}/code")],
        "ProcessingOutputConfig": {"Outputs": [processing_output(name, "Preprocess") for name in ("train", "test")]},
        "StoppingCondition": {"MaxRuntimeInSeconds": get("Parameters.MaxRuntime")},
        "Environment": {"AWS_DEFAULT_REGION": "us-east-1"},
        "Tags": [{"Key": "team", "Value": "größe"}],
    },
    "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
    "RetryPolicies": [
        {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 10, "BackoffRate": 2.0, "MaxAttempts": 5}
    ],
}
TRAIN: dict[str, Any] = {
    "Name": "churn-Train",
    "Type": "Training",
    "Arguments": {
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": IMAGE},
        "OutputDataConfig": {"S3OutputPath": join(BUCKET, get("Execution.PipelineExecutionId"), "churn-Train")},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3000},
        "ResourceConfig": {"VolumeSizeInGB": 32, "InstanceCount": 1, "InstanceType": "ml.m5.2xlarge"},
        "RoleArn": ROLE,
        "InputDataConfig": [
            {
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": output_uri("churn-Preprocess", "train"),
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
                "ContentType": "text/csv",
                "ChannelName": "churn-Preprocess-train",
            }
        ],
        "HyperParameters": {
            "sagemaker_submit_directory": json.dumps(f"{BUCKET}/code/sourcedir.tar.gz"),
            "sagemaker_program": '"train.py"',
            "sagemaker_container_log_level": "20",
            "max_depth": {"Std:Join": {"On": "", "Values": [get("Parameters.MaxDepth")]}},
        },
        "EnableManagedSpotTraining": get("Parameters.Spot"),
    },
    "CacheConfig": {"Enabled": True, "ExpireAfter": "30dT5h"},
}
CREATE_MODEL: dict[str, Any] = {
    "Name": "churn-CreateModel",
    "Type": "Model",
    "Arguments": {
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {
            "Image": IMAGE,
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            "ModelDataUrl": get("Steps.churn-Train.ModelArtifacts.S3ModelArtifacts"),
        },
    },
}
TRANSFORM: dict[str, Any] = {
    "Name": "churn-Transform",
    "Type": "Transform",
    "Arguments": {
        "ModelName": get("Steps.churn-CreateModel.ModelName"),
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": join(output_uri("churn-Preprocess", "test"), "test.csv"),
                }
            },
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": f"{BUCKET}/predictions", "AssembleWith": "Line"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.2xlarge"},
    },
    "DependsOn": ["churn-CreateModel", {"Step": "churn-Preprocess", "Trigger": "Any"}],
}
METRICS: dict[str, Any] = {
    "Name": "churn-Metrics",
    "Type": "Processing",
    "Arguments": {
        "ProcessingResources": {"ClusterConfig": CLUSTER},
        "AppSpecification": {"ImageUri": IMAGE},
        "RoleArn": ROLE,
        "ProcessingInputs": [
            processing_input("predictions", get("Steps.churn-Transform.TransformOutput.S3OutputPath")),
            processing_input("test", get("Steps.churn-Preprocess.ProcessingOutputConfig.Outputs[1].S3Output.S3Uri")),
        ],
        "ProcessingOutputConfig": {"Outputs": [processing_output("metrics", "Metrics")]},
    },
    "PropertyFiles": [{"PropertyFileName": "report", "OutputName": "metrics", "FilePath": "metrics.json"}],
}
REGISTER: dict[str, Any] = {
    "Name": "churn-Register",
    "Type": "RegisterModel",
    "Arguments": {
        "ModelPackageGroupName": "churn",
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {
                    "ContentType": "application/json",
                    "S3Uri": join(output_uri("churn-Metrics", "metrics"), "metrics.json"),
                }
            }
        },
        "InferenceSpecification": {
            "Containers": [
                {"Image": IMAGE, "ModelDataUrl": get("Steps.churn-Train.ModelArtifacts.S3ModelArtifacts")},
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.xlarge"],
        },
        "CustomerMetadataProperties": {
            "auc": {
                "Std:JsonGet": {"PropertyFile": get("Steps.churn-Metrics.PropertyFiles.report"), "Path": "auc.value"}
            }
        },
    },
}
REPORT_AUC = {"Std:JsonGet": {"PropertyFile": get("Steps.churn-Metrics.PropertyFiles.report"), "Path": "auc.value"}}
FAIL: dict[str, Any] = {
    "Name": "churn-Fail",
    "Type": "Fail",
    "Arguments": {"ErrorMessage": join("auc is", REPORT_AUC, "in", get("Execution.PipelineName"))},
}
GATE: dict[str, Any] = {
    "Name": "churn-Gate",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [
            {"Type": "GreaterThanOrEqualTo", "LeftValue": REPORT_AUC, "RightValue": get("Parameters.Rate")},
            {"Type": "Not", "Condition": {"Type": "Equals", "LeftValue": get("Parameters.Spot"), "RightValue": True}},
            {
                "Type": "Or",
                "Conditions": [
                    {
                        "Type": "In",
                        "QueryValue": get("Parameters.Threshold"),
                        "Values": ["a", get("Parameters.InstanceType")],
                    },
                    {"Type": "Equals", "LeftValue": get("Steps.churn-Other.Outcome"), "RightValue": True},
                ],
            },
        ],
        "IfSteps": [REGISTER],
        "ElseSteps": [FAIL],
    },
}
OTHER: dict[str, Any] = {
    "Name": "churn-Other",
    "Type": "Condition",
    "Arguments": {"Conditions": [{"Type": "LessThan", "LeftValue": 1, "RightValue": get("Parameters.MaxDepth")}]},
    "DependsOn": ["churn-Train"],
}
VALID: dict[str, Any] = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [
        {"Name": "InstanceType", "Type": "String", "DefaultValue": "ml.m5.xlarge", "EnumValues": ["ml.m5.xlarge"]},
        {"Name": "Threshold", "Type": "String"},
        {"Name": "MaxRuntime", "Type": "Integer", "DefaultValue": 3000},
        {"Name": "MaxDepth", "Type": "Integer", "DefaultValue": 5},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 1},
        {"Name": "Spot", "Type": "Boolean", "DefaultValue": False},
    ],
    "PipelineExperimentConfig": {"ExperimentName": get("Execution.PipelineName")},
    "Steps": [PREPROCESS, TRAIN, CREATE_MODEL, TRANSFORM, METRICS, GATE, OTHER],
}
PLACES: dict[str, tuple[str | int, ...]] = {
    **{step["Name"].removeprefix("churn-"): ("Steps", index) for index, step in enumerate(VALID["Steps"])},
    "Register": ("Steps", 5, "Arguments", "IfSteps", 0),
    "Fail": ("Steps", 5, "Arguments", "ElseSteps", 0),
}


def test_steps_of_the_types_that_are_composed_pass() -> None:
    assert check_definition(VALID) == ()


Change = Callable[[Any], object]


def put(value: Any, *path: str | int) -> Change:
    """A step's name in front stands for the path to the step."""

    def change(definition: Any) -> None:
        target = definition
        *way, last = full_path(*path)
        for part in way:
            target = target[part]
        if value is None:
            del target[last]
        else:
            target[last] = value

    return change


def full_path(*path: str | int) -> tuple[str | int, ...]:
    return (*PLACES[str(path[0])], *path[1:]) if path and path[0] in PLACES else path


def add(value: Any, *path: str) -> Change:
    def change(definition: Any) -> None:
        target = definition
        for part in full_path(*path):
            target = target[part]
        target.append(value)

    return change


ARGUMENTS = "Arguments"
URI = ("Train", ARGUMENTS, "InputDataConfig", 0, "DataSource", "S3DataSource", "S3Uri")
URI_TEXT = "'InputDataConfig[0].DataSource.S3DataSource.S3Uri'"
CLUSTER_PATH = ("Preprocess", ARGUMENTS, "ProcessingResources", "ClusterConfig")
DESCRIPTION = ("Register", ARGUMENTS, "ModelPackageDescription")
COUNT = ("Train", ARGUMENTS, "ResourceConfig", "InstanceCount")
REPORT = {"PropertyFileName": "report", "OutputName": "metrics", "FilePath": "again.json"}
OR = ("Gate", ARGUMENTS, "Conditions", 2, "Conditions")
RETRY: dict[str, Any] = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"]}


# id, change, the path of the finding, message, hint
AFTER_FAIL = "let it wait for what the Fail step waits for, or stand in the other branch"
KINDS = "a text never equals a number: '0.9' in quotes is a text, and a parameter has the type that it declares"
FIRST = ("Gate", ARGUMENTS, "Conditions", 0)
CASES: list[tuple[str, Change, tuple[str | int, ...], str, str | None]] = [
    (
        "PB401",
        put([], "Preprocess", ARGUMENTS, "ProcesingInputs"),
        ("Preprocess", ARGUMENTS, "ProcesingInputs"),
        "'ProcesingInputs' isn't a field of CreateProcessingJobRequest",
        "did you mean 'ProcessingInputs'",
    ),
    (
        "PB402",
        put(None, "Preprocess", ARGUMENTS, "RoleArn"),
        ("Preprocess", ARGUMENTS, "RoleArn"),
        "'RoleArn' is missing",
        None,
    ),
    (
        "PB403",
        put(5, "Train", ARGUMENTS, "HyperParameters", "max_depth"),
        ("Train", ARGUMENTS, "HyperParameters", "max_depth"),
        "'HyperParameters.max_depth' is 5, expected a text",
        "the service takes only text here: write it in quotes",
    ),
    (
        "PB403",
        put(get("Parameters.MaxDepth"), "Train", ARGUMENTS, "HyperParameters", "max_depth"),
        ("Train", ARGUMENTS, "HyperParameters", "max_depth"),
        "'HyperParameters.max_depth' refers to the parameter 'MaxDepth', which is a whole number, expected a text",
        "put it into a Std:Join, which makes text of it",
    ),
    (
        "PB403",
        put(get("Parameters.Threshold"), *COUNT),
        COUNT,
        "'ResourceConfig.InstanceCount' refers to the parameter 'Threshold', which is a text, expected a whole number",
        None,
    ),
    (
        "PB403",
        put(get("Execution.PipelineName"), *COUNT),
        COUNT,
        "'ResourceConfig.InstanceCount' refers to the execution variable 'PipelineName', which is a text, "
        "expected a whole number",
        None,
    ),
    (
        "PB403",
        put(join("1"), *COUNT),
        COUNT,
        "'ResourceConfig.InstanceCount' refers to Std:Join, which is a text, expected a whole number",
        None,
    ),
    (
        "PB403",
        put(get("Steps.churn-Preprocess.RoleArn"), *COUNT),
        COUNT,
        "'ResourceConfig.InstanceCount' refers to 'Steps.churn-Preprocess.RoleArn', which is a text, "
        "expected a whole number",
        None,
    ),
    (
        "PB403",
        put(get("Steps.churn-Train.FinalMetricDataList['auc'].Value"), "Transform", ARGUMENTS, "MaxPayloadInMB"),
        ("Transform", ARGUMENTS, "MaxPayloadInMB"),
        "'MaxPayloadInMB' refers to 'Steps.churn-Train.FinalMetricDataList['auc'].Value', which is a number, "
        "expected a whole number",
        None,
    ),
    (
        "PB403",
        put(get("Steps.churn-Preprocess.AppSpecification"), *URI),
        URI,
        f"{URI_TEXT} refers to 'Steps.churn-Preprocess.AppSpecification', which is a mapping, "
        "expected a single value or a reference",
        None,
    ),
    (
        "PB403",
        put(get("Parameter.Threshold"), *URI),
        URI,
        f"{URI_TEXT} is the reference 'Parameter.Threshold', "
        "expected one that begins with 'Parameters.', 'Steps.' or 'Execution.'",
        None,
    ),
    (
        "PB403",
        put({"Get": 5}, *URI),
        URI,
        f"{URI_TEXT} gets 5, expected a text such as 'Parameters.Name'",
        None,
    ),
    (
        "PB403",
        put({"Std:Jion": {}}, *URI),
        URI,
        f"{URI_TEXT} has the function 'Std:Jion', which isn't there",
        "did you mean 'Std:Join'",
    ),
    (
        "PB403",
        put({"Std:Join": {"On": get("Parameters.Threshold"), "Values": ["a"]}}, *URI),
        (*URI, "Std:Join", "On"),
        f"{URI_TEXT[:-1]}.Std:Join.On' is a reference, expected a text",
        None,
    ),
    (
        "PB403",
        put(join("a", ["b"]), *URI),
        (*URI, "Std:Join", "Values", 1),
        f"{URI_TEXT[:-1]}.Std:Join.Values[1]' is a list, expected a single value or a reference",
        None,
    ),
    (
        "PB403",
        put(get("Parameters.Threshold"), *CLUSTER_PATH),
        CLUSTER_PATH,
        "'ProcessingResources.ClusterConfig' is a reference, expected a mapping",
        None,
    ),
    (
        "PB404",
        put("ml.m5.lrge", *CLUSTER_PATH, "InstanceType"),
        (*CLUSTER_PATH, "InstanceType"),
        "'ProcessingResources.ClusterConfig.InstanceType' is 'ml.m5.lrge', "
        f"expected one of the {len(model().shape_for('ProcessingInstanceType').enum)} values of ProcessingInstanceType",
        "did you mean 'ml.m5.large'",
    ),
    (
        "PB405",
        put("churn_prep", "Preprocess", ARGUMENTS, "ProcessingJobName"),
        ("Preprocess", ARGUMENTS, "ProcessingJobName"),
        "'ProcessingJobName' is 'churn_prep', expected text that matches [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        None,
    ),
    (
        "PB406",
        put("x" * 64, "Preprocess", ARGUMENTS, "ProcessingJobName"),
        ("Preprocess", ARGUMENTS, "ProcessingJobName"),
        "'ProcessingJobName' has 64 characters, expected 1 to 63",
        None,
    ),
    (
        "PB406",
        put([processing_input(f"i{n}", "s3://b/k") for n in range(11)], "Metrics", ARGUMENTS, "ProcessingInputs"),
        ("Metrics", ARGUMENTS, "ProcessingInputs"),
        "'ProcessingInputs' has 11 entries, expected 0 to 10",
        None,
    ),
    (
        "PB407",
        put(output_uri("churn-Preproces", "train"), *URI),
        URI,
        f"{URI_TEXT} refers to the step 'churn-Preproces', which isn't there",
        "did you mean 'churn-Preprocess'",
    ),
    (
        "PB407",
        put("churn-Trian", "Transform", "DependsOn", 0),
        ("Transform", "DependsOn", 0),
        "'DependsOn[0]' refers to the step 'churn-Trian', which isn't there",
        "did you mean 'churn-Train'",
    ),
    (
        "PB408",
        put(get("Steps.churn-Train.ModelArtifacts.S3Model"), "Transform", ARGUMENTS, "ModelName"),
        ("Transform", ARGUMENTS, "ModelName"),
        "'ModelName' refers to 'Steps.churn-Train.ModelArtifacts.S3Model', and ModelArtifacts has no 'S3Model'",
        "did you mean 'S3ModelArtifacts'",
    ),
    (
        "PB409",
        put(output_uri("churn-Preprocess", "tran"), *URI),
        URI,
        f"{URI_TEXT} refers to 'Steps.churn-Preprocess.ProcessingOutputConfig.Outputs['tran'].S3Output.S3Uri', "
        "and the step 'churn-Preprocess' has no 'tran' in 'ProcessingOutputConfig.Outputs'",
        "did you mean 'train'",
    ),
    (
        "PB409",
        put(get("Steps.churn-Preprocess.ProcessingInputs[2].InputName"), *URI),
        URI,
        f"{URI_TEXT} refers to 'Steps.churn-Preprocess.ProcessingInputs[2].InputName', "
        "and the step 'churn-Preprocess' has no [2] in 'ProcessingInputs'",
        None,
    ),
    (
        "PB410",
        put(get("Parameters.Treshold"), *URI),
        URI,
        f"{URI_TEXT} refers to the parameter 'Treshold', which isn't there",
        "did you mean 'Threshold'",
    ),
    (
        "PB410",
        put(join("a", get("Execution.PipelineExecutionID")), *URI),
        (*URI, "Std:Join", "Values", 1),
        f"{URI_TEXT[:-1]}.Std:Join.Values[1]' refers to the execution variable 'PipelineExecutionID', "
        "which isn't there",
        "did you mean 'PipelineExecutionId'",
    ),
    (
        "PB411",
        put("2020-12-02", "Version"),
        ("Version",),
        "'Version' is '2020-12-02', expected '2020-12-01'",
        None,
    ),
    (
        "PB411",
        put([], "Steppes"),
        ("Steppes",),
        "'Steppes' isn't a field of the definition",
        "did you mean 'Steps'",
    ),
    (
        "PB411",
        put("Proccessing", "Preprocess", "Type"),
        ("Preprocess", "Type"),
        "'Type' is 'Proccessing', expected one of the 28 values of StepType",
        "did you mean 'Processing'",
    ),
    (
        "PB411",
        put("later", "Train", "CacheConfig", "ExpireAfter"),
        ("Train", "CacheConfig", "ExpireAfter"),
        "'CacheConfig.ExpireAfter' is 'later', expected an ISO 8601 duration such as P30D",
        None,
    ),
    (
        "PB411",
        put({"Enabled": True}, "Register", "CacheConfig"),
        ("Register", "CacheConfig"),
        "'CacheConfig' isn't a field of RegisterModel steps",
        "known here: Arguments, DependsOn, Description, DisplayName, Name, RetryPolicies, Type",
    ),
    (
        "PB411",
        put([{"ExceptionType": ["Step.THROTTLING", "SageMaker.CAPACITY_ERROR"]}], "Register", "RetryPolicies"),
        ("Register", "RetryPolicies", 0, "ExceptionType", 1),
        "'RetryPolicies[0].ExceptionType[1]' is 'SageMaker.CAPACITY_ERROR', "
        "expected 'Step.SERVICE_FAULT' or 'Step.THROTTLING'",
        None,
    ),
    (
        "PB411",
        put({"Type": "Not"}, "Gate", ARGUMENTS, "Conditions", 1),
        ("Gate", ARGUMENTS, "Conditions", 1, "Condition"),
        "'Conditions[1].Condition' is missing",
        None,
    ),
    (
        "PB411",
        put("Bigger", *OR, 1, "Type"),
        (*OR, 1, "Type"),
        "'Conditions[2].Conditions[1].Type' is 'Bigger', expected one of the 8 values of ConditionType",
        "known here: Equals, GreaterThan, GreaterThanOrEqualTo, In, LessThan, LessThanOrEqualTo, Not, Or",
    ),
    (
        "PB414",
        put([], *OR, 0, "Values"),
        (*OR, 0, "Values"),
        "'Conditions[2].Conditions[0].Values' has 0 entries, expected at least 1",
        None,
    ),
    (
        "PB411",
        put({}, "Gate", ARGUMENTS, "Conditions", 0, "LeftValue"),
        ("Gate", ARGUMENTS, "Conditions", 0, "LeftValue"),
        "'Conditions[0].LeftValue' is a mapping, expected a single value or a reference",
        None,
    ),
    (
        "PB411",
        put([REGISTER], "Gate", ARGUMENTS, "ThenSteps"),
        ("Gate", ARGUMENTS, "ThenSteps"),
        "'ThenSteps' isn't a field of the arguments of Condition steps",
        "did you mean 'ElseSteps'",
    ),
    (
        "PB411",
        put({"Enabled": True}, "Gate", "CacheConfig"),
        ("Gate", "CacheConfig"),
        "'CacheConfig' isn't a field of Condition steps",
        "known here: Arguments, DependsOn, Description, DisplayName, Name, Type",
    ),
    (
        "PB411",
        put(5, "Fail", ARGUMENTS, "ErrorMessage"),
        ("Fail", ARGUMENTS, "ErrorMessage"),
        "'ErrorMessage' is 5, expected a text",
        "the service takes only text here: write it in quotes",
    ),
    (
        "PB407",
        put(get("Steps.churn-Metric.ProcessingJobName"), *OR, 1, "LeftValue"),
        (*OR, 1, "LeftValue"),
        "'Conditions[2].Conditions[1].LeftValue' refers to the step 'churn-Metric', which isn't there",
        "did you mean 'churn-Metrics'",
    ),
    (
        "PB408",
        put(get("Steps.churn-Other.Result"), "Fail", ARGUMENTS, "ErrorMessage"),
        ("Fail", ARGUMENTS, "ErrorMessage"),
        "'ErrorMessage' refers to 'Steps.churn-Other.Result', and a Condition step has no 'Result'",
        "known here: Outcome",
    ),
    (
        "PB270",
        put(get("Steps.churn-Fail.ErrorMessage"), *DESCRIPTION),
        DESCRIPTION,
        "'ModelPackageDescription' waits for the Fail step 'churn-Fail', after which nothing runs",
        AFTER_FAIL,
    ),
    (
        "PB270",
        put([{"Step": "churn-Fail", "Trigger": "Any"}], "Metrics", "DependsOn"),
        ("Metrics", "DependsOn", 0),
        "'DependsOn[0]' waits for the Fail step 'churn-Fail', after which nothing runs",
        AFTER_FAIL,
    ),
    (
        "PB270",
        put(["churn-Register"], "Fail", "DependsOn"),
        ("Fail", "DependsOn", 0),
        "'DependsOn[0]' waits for the step 'churn-Register' of the other branch of 'churn-Gate': only one of them runs",
        "give each branch steps of its own",
    ),
    (
        "PB270",
        put(get("Steps.churn-Register.ModelPackageArn"), "Fail", ARGUMENTS, "ErrorMessage"),
        ("Fail", ARGUMENTS, "ErrorMessage"),
        "'ErrorMessage' waits for the step 'churn-Register' of the other branch of 'churn-Gate': only one of them runs",
        "give each branch steps of its own",
    ),
    (
        "PB270",
        put([{**OTHER, "Name": "churn-Inner"}], "Gate", ARGUMENTS, "IfSteps"),
        ("Gate", ARGUMENTS, "IfSteps", 0, "Type"),
        "'Type' is a condition within the Condition step 'churn-Gate', which SageMaker doesn't take",
        "put all comparisons into one condition, or let the inner step wait for the outer one's",
    ),
    (
        "PB271",
        put({"Type": "Equals", "LeftValue": get("Parameters.MaxDepth"), "RightValue": "5"}, *FIRST),
        FIRST,
        "'Conditions[0]' compares a number with a text ('Equals'), which never compare",
        KINDS,
    ),
    (
        "PB271",
        put({"Type": "GreaterThan", "LeftValue": get("Parameters.Spot"), "RightValue": True}, *FIRST),
        FIRST,
        "'Conditions[0]' asks whether a flag is more or less ('GreaterThan'), which a flag never is",
        None,
    ),
    (
        "PB271",
        put({"Type": "LessThan", "LeftValue": get("Execution.PipelineName"), "RightValue": 3}, *FIRST),
        FIRST,
        "'Conditions[0]' compares a text with a number ('LessThan'), which never compare",
        KINDS,
    ),
    (
        "PB271",
        put({"Type": "In", "QueryValue": get("Parameters.MaxDepth"), "Values": [5, "6"]}, *FIRST),
        (*FIRST, "Values", 1),
        "'Conditions[0].Values[1]' is a text, and a number is looked for in the list: they never compare",
        KINDS,
    ),
    (
        "PB411",
        put("Succeeded", "Transform", "DependsOn", 1, "Trigger"),
        ("Transform", "DependsOn", 1, "Trigger"),
        "'DependsOn[1].Trigger' is 'Succeeded', expected 'Any' or 'Failed' or 'Stopped'",
        None,
    ),
    (
        "PB411",
        put(7, "Transform", "DependsOn", 0),
        ("Transform", "DependsOn", 0),
        "'DependsOn[0]' is 7, expected the name of a step",
        None,
    ),
    (
        "PB411",
        put([{**RETRY, "MaxAttempts": 2, "ExpireAfterMin": 5}], "Train", "RetryPolicies"),
        ("Train", "RetryPolicies", 0),
        "'RetryPolicies[0]' has both 'MaxAttempts' and 'ExpireAfterMin', expected one",
        None,
    ),
    (
        "PB411",
        put("five", "Parameters", 3, "DefaultValue"),
        ("Parameters", 3, "DefaultValue"),
        "'Parameters[3].DefaultValue' is 'five', expected a whole number",
        None,
    ),
    (
        "PB411",
        put("ml.m5.large", "Parameters", 0, "DefaultValue"),
        ("Parameters", 0, "DefaultValue"),
        "'Parameters[0].DefaultValue' is 'ml.m5.large', expected one of the 'EnumValues'",
        None,
    ),
    (
        "PB411",
        add({"Name": "my name", "Type": "String"}, "Parameters"),
        ("Parameters", 6, "Name"),
        "'Parameters[6].Name' is 'my name', expected letters, digits, '-' and '_' only",
        None,
    ),
    (
        "PB411",
        add("Train", "Steps"),
        ("Steps", 7),
        "'Steps[7]' is 'Train', expected a mapping",
        None,
    ),
    (
        "PB412",
        add({"Name": "Rate", "Type": "String"}, "Parameters"),
        ("Parameters", 6, "Name"),
        "'Parameters[6].Name' is 'Rate', which [4] has already",
        None,
    ),
    (
        "PB412",
        add(CREATE_MODEL, "Steps"),
        ("Steps", 7, "Name"),
        "'Name' is that of Steps[2] already, and now of Steps[7]",
        None,
    ),
    (
        "PB412",
        put("churn-Register", "Fail", "Name"),
        ("Fail", "Name"),
        "'Name' is that of Steps[5].Arguments.IfSteps[0] already, and now of Steps[5].Arguments.ElseSteps[0]",
        None,
    ),
    (
        "PB412",
        put("code", "Preprocess", ARGUMENTS, "ProcessingInputs", 0, "InputName"),
        ("Preprocess", ARGUMENTS, "ProcessingInputs", 1, "InputName"),
        "'ProcessingInputs[1].InputName' is 'code', which [0] has already",
        None,
    ),
    (
        "PB412",
        add(REPORT, "Metrics", "PropertyFiles"),
        ("Metrics", "PropertyFiles", 1, "PropertyFileName"),
        "'PropertyFiles[1].PropertyFileName' is 'report', which [0] has already",
        None,
    ),
    (
        "PB413",
        put("metric", "Metrics", "PropertyFiles", 0, "OutputName"),
        ("Metrics", "PropertyFiles", 0, "OutputName"),
        "'PropertyFiles[0].OutputName' is 'metric', which the step has no output of",
        "did you mean 'metrics'",
    ),
    (
        "PB413",
        put(None, "Metrics", "PropertyFiles", 0, "FilePath"),
        ("Metrics", "PropertyFiles", 0, "FilePath"),
        "'PropertyFiles[0].FilePath' is missing",
        None,
    ),
    (
        "PB413",
        put(
            {"Std:JsonGet": {"PropertyFile": get("Steps.churn-Metrics.PropertyFiles.rport"), "Path": "a"}}, *DESCRIPTION
        ),
        DESCRIPTION,
        "'ModelPackageDescription' reads the property file 'rport', which the step 'churn-Metrics' doesn't declare",
        "did you mean 'report'",
    ),
    (
        "PB413",
        put({"Std:JsonGet": {**REPORT_AUC["Std:JsonGet"], "Path": "weighted avg.f1"}}, *DESCRIPTION),
        DESCRIPTION,
        "'ModelPackageDescription' reads 'weighted avg.f1', where SageMaker takes a name with a blank in brackets only",
        "write ['weighted avg']",
    ),
    (
        "PB413",
        put({"Std:JsonGet": {"PropertyFile": get("Steps.churn-Preprocess.RoleArn"), "Path": "a"}}, *URI),
        URI,
        f"{URI_TEXT} reads 'Steps.churn-Preprocess.RoleArn', expected 'Steps.<step>.PropertyFiles.<name>'",
        None,
    ),
    (
        "PB413",
        put({"Std:JsonGet": {"Path": "a"}}, *URI),
        URI,
        f"{URI_TEXT} has a Std:JsonGet, which takes either 'PropertyFile' or 'S3Uri'",
        None,
    ),
    (
        "PB414",
        put("x" * 83, "Preprocess", "DisplayName"),
        ("Preprocess", "DisplayName"),
        "'DisplayName' has 83 characters, expected 0 to 82",
        None,
    ),
    (
        "PB414",
        put([{"Name": f"p{n}", "Type": "String"} for n in range(201)] + VALID["Parameters"], "Parameters"),
        ("Parameters",),
        "'Parameters' has 207 entries, expected at most 200",
        None,
    ),
    (
        "PB414",
        put([{**RETRY, "MaxAttempts": 21}], "Train", "RetryPolicies"),
        ("Train", "RetryPolicies", 0, "MaxAttempts"),
        "'RetryPolicies[0].MaxAttempts' is 21, expected 1 to 20",
        None,
    ),
    (
        "PB415",
        put(["churn-Metrics"], "Preprocess", "DependsOn"),
        ("Preprocess",),
        "steps wait for each other in a cycle: churn-Preprocess >> churn-Train >> churn-CreateModel >> "
        "churn-Transform >> churn-Metrics >> churn-Preprocess",
        None,
    ),
    (
        "PB415",
        put(["churn-Register"], "Register", "DependsOn"),
        ("Register",),
        "the step waits for itself",
        None,
    ),
]


@pytest.mark.parametrize(("problem_id", "change", "path", "message", "hint"), CASES, ids=[c[0] for c in CASES])
def test_a_mistake(
    problem_id: str, change: Change, path: tuple[str | int, ...], message: str, hint: str | None
) -> None:
    definition = json.loads(json.dumps(VALID))
    change(definition)
    full = full_path(*path)
    name = step_name(definition, full)
    named = problem_id == faults.DUPLICATE and full[-1] in ("InputName", "OutputName", "ChannelName")
    late = named or problem_id in (fault.NO_MATCH, faults.KINDS) or "of the other branch of" in message
    stage: fault.Stage = "job" if late else "create"
    assert check_definition(definition) == (Finding(name, full, problem_id, message, hint, stage),)


def step_name(definition: Any, path: tuple[str | int, ...]) -> str:
    """The name of the innermost step that the path leads through."""
    name = ""
    value: Any = definition
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        if path[0] == "Steps" and isinstance(value, dict) and {"Name", "Type"} <= value.keys():
            name = value["Name"]
    return str(name)


def test_every_id_has_a_mistake() -> None:
    values = [*vars(faults).values(), *vars(fault).values()]
    assert {case[0] for case in CASES} == {value for value in values if isinstance(value, str) and value[:2] == "PB"}


@pytest.mark.parametrize("name", [name for name, step_type in STEP_TYPES.items() if step_type.generated])
def test_the_service_makes_names(name: str) -> None:
    """Of the request's required fields, only the name of the job or model may be left out, and is prefix if it isn't."""
    step_type = STEP_TYPES[name]
    required = model().shape_for(step_type.request.removeprefix("sagemaker:")).metadata["required"]
    assert step_type.generated in required
    definition: JSON = {"Version": "2020-12-01", "Steps": [{"Name": "a", "Type": name, "Arguments": {}}]}
    missing = {finding.path[-1] for finding in check_definition(definition) if finding.id == fault.MISSING_FIELD}
    assert missing == set(required) - {step_type.generated}


def test_limits_are_those_of_the_service() -> None:
    assert model().shape_for("StepName").metadata["pattern"] == language.NAME["pattern"]


@pytest.mark.parametrize(
    "definition",
    [None, [], "x", {}, {"Steps": {}}, {"Version": "2020-12-01", "Steps": []}, {"Steps": [None, {"Name": 5}, {}]},
     {"Steps": [{"Name": "a", "Type": ["x"], "DependsOn": "a", "PropertyFiles": 7, "RetryPolicies": [1]}]},
     {"Steps": [{"Name": "a", "Type": "Processing", "Arguments": [], "PropertyFiles": [[]], "DependsOn": [None]}]},
     {"Parameters": [None, {"Name": ["x"]}, {"EnumValues": 5}], "Steps": [{"": {"Get": "Steps."}}]}],
)  # fmt: skip
def test_any_json_gives_findings(definition: JSON) -> None:
    found = check_definition(definition)
    assert found
    assert all(finding.id[:3] == "PB4" and finding.message for finding in found)


def test_the_spelling_of_not_that_the_service_refuses() -> None:
    definition = json.loads(json.dumps(VALID))
    condition = definition["Steps"][5]["Arguments"]["Conditions"][1]
    condition["Expression"] = condition.pop("Condition")
    assert [(finding.id, finding.message) for finding in check_definition(definition)] == [
        ("PB411", "'Conditions[1].Condition' is missing"),
        ("PB411", "'Conditions[1].Expression' isn't a field of Not conditions"),
    ]


def test_conditions_nest_to_any_depth() -> None:
    inner: dict[str, Any] = {"Name": "innermost", "Type": "Fail", "Arguments": {"ErrorMessage": get("Parameters.Nope")}}
    for depth in range(40):
        conditions = [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]
        inner = {
            "Name": f"c{depth}",
            "Type": "Condition",
            "Arguments": {"Conditions": conditions, "ElseSteps": [inner]},
        }
    found = check_definition({"Version": "2020-12-01", "Steps": [inner]})
    (finding,) = [one for one in found if one.id == "PB410"]
    nested = [one for one in found if one is not finding]
    assert (finding.step, finding.id, len(finding.path)) == ("innermost", "PB410", 2 + 40 * 3 + 2)
    assert {found.id for found in nested} == {"PB270"}
    assert len(nested) == 39


@pytest.mark.parametrize("duration", ["P30D", "PT1H", "P1Y2M3W4DT5H6M7S", "30d", "5y", "T16m", "30dT5h"])
def test_durations(duration: str) -> None:
    definition = json.loads(json.dumps(VALID))
    put(duration, "Train", "CacheConfig", "ExpireAfter")(definition)
    assert check_definition(definition) == ()


@pytest.mark.parametrize("duration", ["", "P", "PT", "P1DT", "1", "30 d", "P1.5D", "PT1D"])
def test_no_durations(duration: str) -> None:
    definition = json.loads(json.dumps(VALID))
    put(duration, "Train", "CacheConfig", "ExpireAfter")(definition)
    assert [finding.path[2:] for finding in check_definition(definition)] == [("CacheConfig", "ExpireAfter")]


def test_a_step_without_a_name_is_not_found_by_it() -> None:
    definition = json.loads(json.dumps(VALID))
    put(get("Steps..RoleArn"), *DESCRIPTION)(definition)
    put(None, "Transform", "Name")(definition)
    assert [
        (finding.id, finding.path) for finding in check_definition(definition) if finding.step != "churn-Metrics"
    ] == [
        ("PB411", full_path("Transform", "Name")),
        ("PB407", full_path(*DESCRIPTION)),
    ]


def test_all_findings_at_once_in_the_order_of_the_document() -> None:
    definition = json.loads(json.dumps(VALID))
    for _, change, path, _, _ in (CASES[0], CASES[2], CASES[16], CASES[28]):
        assert path
        change(definition)
    found = check_definition(definition)
    assert [(finding.step, finding.id) for finding in found] == [
        ("", "PB411"),
        ("churn-Preprocess", "PB401"),
        ("churn-Preprocess", "PB404"),
        ("churn-Train", "PB403"),
    ]
    shuffled = {key: definition[key] for key in reversed(list(definition))}
    assert check_definition(shuffled) == found


def test_two_cycles_are_two_findings() -> None:
    definition = json.loads(json.dumps(VALID))
    put(["churn-Train"], "Preprocess", "DependsOn")(definition)
    put(["churn-Register"], "Metrics", "DependsOn")(definition)
    messages = [finding.message for finding in check_definition(definition)]
    assert messages == [
        "steps wait for each other in a cycle: churn-Preprocess >> churn-Train >> churn-Preprocess",
        "steps wait for each other in a cycle: churn-Metrics >> churn-Gate >> churn-Register >> churn-Metrics",
    ]


def test_a_secret_is_in_no_message() -> None:
    definition = json.loads(json.dumps(VALID))
    put("hunter2\n", "Train", ARGUMENTS, "HyperParameters", "token")(definition)
    (finding,) = check_definition(definition)
    assert "hunter2" not in finding.message


def test_a_referenced_name_is_taken_for_any() -> None:
    """An output whose name comes from a parameter may be the one that is asked for."""
    definition = json.loads(json.dumps(VALID))
    outputs = definition["Steps"][0][ARGUMENTS]["ProcessingOutputConfig"]["Outputs"]
    outputs[0]["OutputName"] = get("Parameters.Threshold")
    assert check_definition(definition) == ()
