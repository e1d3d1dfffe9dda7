"""Attacks by steps of the types that have no section: what they call, send to, read, write and run as, wherever it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.security.policing import ROLE, refusals
from tests.tiny import variant

LAST = "            step_class: RegisterModel\n"
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
ELSEWHERE = "s3://elsewhere/x"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:theirs"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/theirs"
TRAINING: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "example.com/tiny:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://local/mine/out"},
    "ResourceConfig": CLUSTER,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600},
}
LIMITS = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}
BODY: dict[str, Any] = {
    "ExecutionRoleArn": "arn:aws:iam::000000000000:role/local",
    "PrimaryContainer": {"Image": "example.com/tiny:1"},
}
LOOSE = "policy: {read: ['s3://local/*'], write: ['s3://local/mine/*']}\n"


def conf(kind: str, arguments: Any, model: str = "churn") -> str:
    """Return the tiny conf with one more step."""
    step = f"          - step_name: {model}-More\n            step_class: {kind}\n"
    return variant((LAST, f"{LAST}{step}            arguments: {json.dumps(arguments)}\n"))


def tuning(**changes: Any) -> dict[str, Any]:
    training = {**TRAINING, **changes}
    return {
        "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": LIMITS},
        "TrainingJobDefinition": training,
    }


def varied(name: str, *values: str) -> dict[str, Any]:
    """A tuning that would give its trainings an address as a hyperparameter."""
    found = tuning()
    ranges = {"CategoricalParameterRanges": [{"Name": name, "Values": ["a", *values]}]}
    found["HyperParameterTuningJobConfig"]["ParameterRanges"] = ranges
    return found


def side_by_side(count: int) -> dict[str, Any]:
    found = tuning()
    limits = {"MaxNumberOfTrainingJobs": count, "MaxParallelTrainingJobs": count}
    found["HyperParameterTuningJobConfig"]["ResourceLimits"] = limits
    return found


def body(**changes: Any) -> dict[str, Any]:
    return {"Name": "inner", "Type": "Model", "Arguments": {**BODY, **changes}}


def condition(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}], "IfSteps": [*steps]}


def variant_of(instance: str = "ml.m5.large") -> dict[str, Any]:
    name = {"Get": "Steps.churn-CreateModel.ModelName"}
    return {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": instance}


ATTACKS: list[tuple[str, Any, str]] = [
    ("Lambda", {"FunctionArn": FUNCTION}, "PB231"),
    (
        "Lambda",
        {"FunctionArn": {"Std:Join": {"On": "", "Values": ["arn:aws:lambda:eu-west-1:", "1:function:f"]}}},
        "PB231",
    ),
    ("Lambda", {"FunctionArn": "f", "data": {"deep": [ELSEWHERE]}}, "PB231"),
    ("Lambda", {"FunctionArn": "f", "job": {"RoleArn": ROLE}}, "PB235"),
    ("Callback", {"SqsQueueUrl": QUEUE}, "PB232"),
    ("EMR", {"ClusterId": "j-THEIRS", "StepConfig": {"HadoopJarStep": {"Jar": "command-runner.jar"}}}, "PB231"),
    ("EMR", {"ClusterConfig": {"Instances": {}}, "StepConfig": {"HadoopJarStep": {"Jar": ELSEWHERE}}}, "PB231"),
    (
        "EMR",
        {
            "ClusterConfig": {"Instances": {}},
            "StepConfig": {"HadoopJarStep": {"Jar": "s3://local/x", "Args": ["-i", ELSEWHERE]}},
        },
        "PB231",
    ),
    (
        "EMRServerless",
        {
            "ExecutionRoleArn": ROLE,
            "ApplicationConfig": {"releaseLabel": "emr-7.0.0", "type": "Spark"},
            "JobConfig": {"executionRoleArn": ROLE},
        },
        "PB235",
    ),
    ("Tuning", tuning(RoleArn=ROLE), "PB235"),
    ("Tuning", tuning(OutputDataConfig={"S3OutputPath": ELSEWHERE}), "PB232"),
    ("Tuning", tuning(OutputDataConfig={"S3OutputPath": "s3://local/tiny/code/x"}), "PB233"),
    ("Tuning", tuning(ResourceConfig={**CLUSTER, "InstanceType": "ml.p4d.24xlarge"}), "PB240"),
    ("Tuning", tuning(StoppingCondition={"MaxRuntimeInSeconds": 1_000_000}), "PB241"),
    ("Tuning", varied("sagemaker_submit_directory", f'"{ELSEWHERE}"'), "PB231"),
    ("Tuning", varied("data", ELSEWHERE), "PB231"),
    ("Tuning", side_by_side(1000), "PB240"),
    (
        "QualityCheck",
        {
            "CheckType": "DATA_QUALITY",
            "AppSpecification": {"ImageUri": "example.com/other:1"},
            "ProcessingResources": {"ClusterConfig": CLUSTER},
        },
        "PB239",
    ),
    (
        "Model",
        {**BODY, "PrimaryContainer": {"Image": "example.com/tiny:1", "ModelDataUrl": f"{ELSEWHERE}.tar.gz"}},
        "PB231",
    ),
    ("EndpointConfig", {"ProductionVariants": [variant_of("ml.p4d.24xlarge")]}, "PB240"),
    ("EndpointConfig", {"ProductionVariants": [{**variant_of(), "InitialInstanceCount": 99}]}, "PB240"),
    ("EndpointConfig", {"ProductionVariants": [{**variant_of(), "ModelName": "theirs"}]}, "PB231"),
    (
        "InferenceComponent",
        {"InferenceComponentName": "i", "EndpointName": "e", "Specification": {"ModelName": "theirs"}},
        "PB231",
    ),
    ("Condition", condition(body(ExecutionRoleArn=ROLE)), "PB235"),
    ("Condition", condition(body(PrimaryContainer={"Image": "example.com/other:1"})), "PB239"),
    ("ForEach", {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [body(ExecutionRoleArn=ROLE)]}, "PB235"),
    ("Athena", {"Query": "select 1", "Output": ELSEWHERE}, "PB231"),
    ("BedrockModelImport", {"RoleArn": ROLE}, "PB235"),
]


@pytest.mark.parametrize(
    ("kind", "arguments", "problem"), ATTACKS, ids=[f"{a[0]}-{a[2]}-{i}" for i, a in enumerate(ATTACKS)]
)
def test_what_the_policy_doesnt_allow_is_found(tmp_path: Path, kind: str, arguments: Any, problem: str) -> None:
    policy = (
        "policy: {read: ['s3://local/*'], write: ['s3://local/mine/*'], images: ['example.com/tiny:*'], "
        "instances: {types: [ml.m5.*]}, max_runtime: 1d}\n"
    )
    found = refusals(tmp_path, conf(kind, arguments), policy)
    assert problem in {one.id for one in found}, found
    assert {one.id for one in found} <= {"PB231", "PB232", "PB233", "PB235", "PB239", "PB240", "PB241"}, found


def test_what_the_policy_allows(tmp_path: Path) -> None:
    policy = f"policy: {{read: ['{FUNCTION}', 's3://local/*'], write: ['sqs://sqs.eu-west-1.amazonaws.com/123456789012/*']}}\n"
    assert not refusals(tmp_path / "a", conf("Lambda", {"FunctionArn": FUNCTION}), policy)
    assert not refusals(tmp_path / "b", conf("Callback", {"SqsQueueUrl": QUEUE}), policy)


def test_secrets_in_requests_of_other_types(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    found = refusals(tmp_path, conf("Tuning", tuning(Environment={"AWS_ACCESS_KEY_ID": key})), LOOSE)
    assert {one.id for one in found} == {"PB328"}
    assert all(key not in str(one) for one in found)


def test_a_step_within_another_of_the_name_of_a_third(tmp_path: Path) -> None:
    """Whose a step is says its name: one in a condition can't take another's."""
    found = refusals(tmp_path, conf("Condition", condition({**body(), "Name": "churn-Train"})), LOOSE)
    assert "PB412" in {one.id for one in found}


@pytest.mark.parametrize(
    "nested", [None, 5, "x", {}, {"Name": 5}, {"Type": "Condition"}, [[]], {"Name": "x", "Type": ["a"]}]
)
def test_steps_within_others_that_are_none(tmp_path: Path, nested: Any) -> None:
    found = refusals(tmp_path, conf("Condition", condition(nested)), LOOSE)
    assert found
    assert all(one.id.startswith("PB4") or one.id == "PB270" for one in found), found
