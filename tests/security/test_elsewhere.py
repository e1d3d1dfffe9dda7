"""Attacks by steps that other services than SageMaker answer, and by what stands in files or parameters of theirs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.policy.policy import check_policy
from tests.security.policing import compose_all, read_manifest, refusals
from tests.tiny import CONF, variant

LAST = "            step_class: RegisterModel\n"
PIPELINE = "    pipelineName: tiny\n"
POLICY = (
    "policy: {read: [], write: [], images: ['example.com/tiny:*'], instances: {types: [ml.m5.*, m5.*], count: 3}, "
    "max_runtime: 1h}\n"
)
SECRET = "hunter2" * 3
THEIRS = "arn:aws:lambda:eu-west-1:123456789012:function:theirs"
FUNCTION: dict[str, Any] = {"entry_point": "preprocess.py", "outputs": {"n": "Integer"}}
GROUPS = {"InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}]}
BIAS: dict[str, Any] = {
    "check": "model_bias", "image_uri": "example.com/tiny:1", "dataset": "s3://local/x", "label": "y",
    "label_values": [1], "facets": [{"name": "a"}],
}  # fmt: skip
ASKED = {"instance_type": "ml.p4d.24xlarge", "initial_instance_count": 4}


def conf(kind: str, section: dict[str, Any], default: str = "x") -> str:
    """Return the tiny conf with a step of the class, its section, and a parameter `p`; the section is at line 27."""
    step = f"          - {{step_name: S, step_class: {kind}, step_type: more}}\n"
    parameters = f"    parameters: [{{name: p, default: {json.dumps(default)}}}]\n"
    return variant(
        ("      registry:\n", f"      more: {json.dumps(section)}\n      registry:\n"),
        (LAST, LAST + step),
        (PIPELINE, PIPELINE + parameters),
    )


def cluster(**more: Any) -> dict[str, Any]:
    return {"cluster": {"ReleaseLabel": "emr-7.0.0", "Instances": GROUPS, **more}, "jar": "command-runner.jar"}


def serverless(**more: Any) -> dict[str, Any]:
    given = {"type": "Spark", "releaseLabel": "emr-7.0.0"}
    return {"application": given, "entry_point": "s3://local/x", "max_runtime_minutes": 9, **more}


FLEET = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 64}
HEAVY = [{"InstanceType": "m5.xlarge", "WeightedCapacity": 32}]
LIGHT = {"InstanceType": "m5.large", "WeightedCapacity": {"Get": "Parameters.p"}}
GROWING = {"AutoScalingPolicy": {"Constraints": {"MinCapacity": 1, "MaxCapacity": 9}}}
GROWN = {
    "InstanceType": "m5.xlarge", "InstanceCount": 1,
    "AutoScalingPolicy": {"Constraints": {"MinCapacity": 1, "MaxCapacity": 2}},
}  # fmt: skip
LIMITS = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9}
WORKERS = {"DRIVER": {"workerCount": 9}}
ATTACKS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("Lambda", {"function": "$params.p"}, THEIRS, ["PB231"]),
    ("Lambda", {"function": "$params.p"}, "theirs", ["PB231"]),
    ("Lambda", {"function": {"Get": "Steps.churn-Train.TrainingJobName"}}, "", ["PB231"]),
    ("Callback", {"sqs_queue": "$params.p"}, "https://sqs.eu-west-1.amazonaws.com/123456789012/q", ["PB232"]),
    ("EMR", {"cluster_id": "$params.p", "jar": "command-runner.jar"}, "j-THEIRS", ["PB231"]),
    ("EMR", {**cluster(), "jar": "$params.p"}, "s3://elsewhere/x.jar", ["PB231"]),
    ("EMR", {**cluster(), "jar": {"Get": "Steps.churn-Train.TrainingJobName"}}, "", ["PB231"]),
    ("EMR", {**cluster(), "args": ["--in=s3a://elsewhere/x", "a,$params.p"]}, "s3://elsewhere/y", ["PB231", "PB231"]),
    ("EMR", cluster(LogUri="s3://elsewhere/logs", AutoScalingRole="admin", CustomAmiId="ami-1"),
     "", ["PB232", "PB235", "PB239"]),
    ("EMR", cluster(Instances={"MasterInstanceType": "p4d.24xlarge", "InstanceCount": 9}), "", ["PB240", "PB240"]),
    ("EMR", cluster(Instances={"InstanceFleets": [FLEET]}), "", ["PB240"]),
    ("EMR", cluster(Instances={"InstanceFleets": [{**FLEET, "InstanceTypeConfigs": HEAVY}]}), "", []),
    ("EMR", cluster(Instances={"InstanceFleets": [{**FLEET, "InstanceTypeConfigs": [*HEAVY, LIGHT]}]}), "", ["PB240", "PB411"]),
    ("EMR", cluster(Instances={"InstanceGroups": [{**GROWN, "InstanceRole": role} for role in ("CORE", "TASK")]}), "",
     ["PB240", "PB411", "PB411"]),
    ("EMR", cluster(Instances={"InstanceGroups": [{**GROUPS["InstanceGroups"][0], **GROWING}]}), "",
     ["PB240", "PB411"]),
    ("EMR", cluster(ManagedScalingPolicy={"ComputeLimits": LIMITS}), "", ["PB240"]),
    ("EMR", cluster(ManagedScalingPolicy={"ComputeLimits": {**LIMITS, "UnitType": "VCPU"}}), "", []),
    ("EMRServerless", {**serverless(), "entry_point": "$params.p"}, "s3://elsewhere/x.py", ["PB231"]),
    ("EMRServerless", serverless(spark_submit="--py-files s3://elsewhere/a,s3://elsewhere/b"), "", ["PB231", "PB231"]),
    ("EMRServerless", serverless(max_runtime_minutes=61), "", ["PB241"]),
    ("EMRServerless", serverless(max_runtime_minutes=0), "", ["PB241"]),
    ("EMRServerless", {**serverless(), "max_runtime_minutes": None}, "", ["PB241"]),
    ("EMRServerless", {**serverless(), "application": {**serverless()["application"], "initialCapacity": WORKERS}},
     "", ["PB240"]),
    ("AutoML", {"dataset": "s3://local/x", "target": "y"}, "", ["PB241"]),
    ("AutoML", {"dataset": "s3://local/x", "target": "y", "max_runtime_seconds": 9999, "max_runtime_per_training": 9998},
     "", ["PB241", "PB241"]),
    ("ClarifyCheck", {**BIAS, "predictor": ASKED}, "", ["PB240", "PB240"]),
    ("ClarifyCheck", {**BIAS, "analysis": {"predictor": ASKED}}, "", ["PB240", "PB240"]),
    ("ClarifyCheck", {**BIAS, "instance_type": "$params.p"}, "ml.m5.large", ["PB204"]),
    ("Lambda", {**FUNCTION, "environment": {"DB_PASSWORD": SECRET}, "inputs": {"token": SECRET}}, "", ["PB328", "PB328"]),
    ("Callback", {"inputs": {"deep": [{"api_key": SECRET}]}}, "", ["PB328"]),
    ("EMR", {**cluster(KerberosAttributes={"Realm": "r", "KdcAdminPassword": SECRET}), "args": ["--password", SECRET],
             "properties": {"fs.s3a.secret.key": SECRET}}, "", ["PB328"] * 3),
    ("EMRServerless", serverless(spark_submit=f"--conf spark.db.password={SECRET}"), "", ["PB328"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "section", "default", "expected"), ATTACKS)
def test_what_another_service_would_be_asked_for(
    tmp_path: Path, kind: str, section: dict[str, Any], default: str, expected: list[str]
) -> None:
    found = refusals(tmp_path, conf(kind, section, default or "x"), POLICY)
    assert sorted(one.id for one in found) == expected, found
    assert all(one.place and one.place.line == 27 for one in found if one.id != "PB241"), found
    assert SECRET not in str(found)


INNER = {"Name": "inner", "Type": "Model", "Arguments": {
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/admin", "PrimaryContainer": {"Image": "example.com/tiny:1"},
}}  # fmt: skip
DECIDED = {"Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}], "IfSteps": [INNER], "ElseSteps": []}


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("Condition", DECIDED, {"PB235"}),
        ("ForEach", {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [INNER]}, {"PB235"}),
        ("New", {"Deep": [{"Arguments": {"TrainingImage": "example.com/other:1", "RoleArn": "arn:x"}}]}, {"PB235", "PB239"}),
        ("New", {"Arguments": {"RoleArn": "arn:aws:iam::123456789012:role/admin"}, "Name": "other"}, {"PB235", "PB950"}),
    ],
)  # fmt: skip
def test_what_a_raw_step_holds(tmp_path: Path, kind: str, arguments: dict[str, Any], expected: set[str]) -> None:
    """Under another name, or within another step, nothing is nobody's."""
    step = f"          - {{step_name: R, step_class: Raw, step_type: {kind}, arguments: {json.dumps(arguments)}}}\n"
    found = refusals(tmp_path, variant((LAST, LAST + step)), POLICY)
    assert {one.id for one in found} == expected, found


def test_a_role_by_its_name_is_one_of_the_account(tmp_path: Path) -> None:
    roles = cluster(ServiceRole="EMR_DefaultRole", JobFlowRole="EMR_EC2_DefaultRole")
    allowed = "policy: {roles: ['arn:aws:iam::000000000000:role/EMR_DefaultRole']}\n"
    (found,) = refusals(tmp_path, conf("EMR", roles), allowed)
    assert "the role 'arn:aws:iam::000000000000:role/EMR_EC2_DefaultRole' is none" in found.message
    assert "roles: ['arn:aws:iam::000000000000:role/EMR_DefaultRole', 'arn:" in str(found.hint)


def test_as_many_at_once_as_a_job_says(tmp_path: Path) -> None:
    tune = {
        "objective": {"metric": "a", "type": "minimize", "regex": "a: ([0-9]+)"}, "max_jobs": 90,
        "ranges": {"scale": {"min": 0.5, "max": 2}}, "max_parallel_jobs": {"Get": "Steps.churn-Ask.OutputParameters['n']"},
    }  # fmt: skip
    ask = "          - {step_name: churn-Ask, step_class: Lambda, arguments: {FunctionArn: 'arn:aws:lambda:eu-west-1:"
    ask += "123456789012:function:f', OutputParameters: [{OutputName: n, OutputType: Integer}]}}\n"
    found = refusals(tmp_path, conf("Tuning", tune).replace(LAST, LAST + ask), "policy: {read: ['arn:*']}\n")
    assert [(one.id, "known only when" in one.message) for one in found] == [("PB240", True)]


ALONE = "policy: {network: isolated, tags: [team], read: ['s3://*', 'emr://*'], roles: ['arn:aws:iam::123456789012:role/*']}\n"


@pytest.mark.parametrize(
    ("kind", "section", "expected"),
    [
        ("QualityCheck", {"image_uri": "i", "dataset": "s3://local/x"}, {"PB244"}),
        ("QualityCheck", {"image_uri": "i", "dataset": "s3://local/x",
                          "arguments": {"NetworkConfig": {"EnableNetworkIsolation": False}}}, {"PB242", "PB244"}),
        ("QualityCheck", {"image_uri": "i", "dataset": "s3://local/x", "tags": {"team": "a"}}, set()),
        ("EMR", {"cluster_id": "j-1", "jar": "command-runner.jar"}, {"PB242"}),
        ("EMR", cluster(), {"PB242", "PB244"}),
        ("EMR", {**cluster(), "tags": {"team": "a"}}, {"PB242"}),
        ("EMRServerless", serverless(tags={"team": "a"}), {"PB242"}),
        ("AutoML", {"dataset": "s3://local/x", "target": "y"}, {"PB242", "PB244"}),
        ("Raw", None, {"PB242"}),
    ],
)  # fmt: skip
def test_jobs_that_no_request_keeps_from_the_network(
    tmp_path: Path, kind: str, section: dict[str, Any] | None, expected: set[str]
) -> None:
    text = conf(kind, section or {}) if section else variant(
        (LAST, f"{LAST}          - {{step_name: S, step_class: Raw, step_type: New, arguments: {{a: 1}}}}\n")
    )  # fmt: skip
    found = refusals(tmp_path, text, ALONE)
    assert {one.id for one in found if "'S'" in one.message} == expected, found


def test_a_step_that_is_nobodys_is_allowed_by_nobody(tmp_path: Path) -> None:
    """No conf makes one; should composing ever do, no policy would be looked at for it."""
    manifest = read_manifest("", "[{url: churn}]")
    policed = compose_all(tmp_path, {"churn": CONF}, manifest).policed
    assert check_policy(policed) == ()
    content = policed.definition.content.replace(b'"Name":"churn-Train"', b'"Name":"stranger"')
    found = check_policy(replace(policed, definition=replace(policed.definition, content=content)))
    assert [(problem.id, "'stranger'" in problem.message) for problem in found] == [("PB951", True)]
