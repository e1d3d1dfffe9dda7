"""The role of the first look: it reads, asks and starts one build, and nothing more."""

from __future__ import annotations

import json

from pipeline_builder.service.cloudformation.access.fetched import Fetched
from tests.service.cloudformation.access.facts import NETWORK
from tests.service.cloudformation.access.iam import ACCOUNT, NAMES, REGION, allows
from tests.service.cloudformation.access.test_roles import policies

POLLS = {"has_polls": True, "has_looks": True}
NOTES = f"arn:aws:s3:::{NAMES.bucket}/watch"
WORKER = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/pipeline-builder-worker"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pipeline-builder-look"


def test_it_reads_what_was_noted_and_starts_the_worker() -> None:
    found = policies("look", polled=Fetched(secrets=("git/token",)), **POLLS)
    token = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:git/token-AbCdEf"
    assert allows(found, "s3:GetObject", f"{NOTES}/heads.json")
    assert allows(found, "codebuild:StartBuild", WORKER)
    assert allows(found, "secretsmanager:GetSecretValue", token)
    assert allows(found, "sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:pipeline-builder-missed")
    assert not allows(found, "s3:PutObject", f"{NOTES}/heads.json")
    assert not allows(found, "s3:GetObject", f"arn:aws:s3:::{NAMES.bucket}/runs/e1/run.json")
    assert not allows(found, "codebuild:StartBuild", WORKER.replace("worker", "promote"))
    assert not allows(found, "secretsmanager:GetSecretValue", token.replace("token", "other"))
    assert "sagemaker:" not in json.dumps(found)
    assert "codepipeline:" not in json.dumps(found)


def test_the_schedule_starts_the_look_or_the_worker() -> None:
    for looks in (True, False):
        found = policies("scheduler", has_polls=True, has_looks=looks)
        assert allows(found, "lambda:InvokeFunction", FUNCTION) is looks
        assert allows(found, "codebuild:StartBuild", WORKER) is not looks


def test_a_build_notes_what_is_polled_where_there_is_a_look() -> None:
    for looks in (True, False):
        found = policies("build", has_polls=True, has_looks=looks)
        assert allows(found, "s3:PutObject", f"{NOTES}/repositories.json") is looks
        assert not allows(found, "s3:PutObject", f"{NOTES}/heads.json")


def test_in_a_network() -> None:
    found = policies("look", service={"network": NETWORK}, **POLLS)
    subnet = f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/subnet-0000000"
    assert allows(found, "ec2:CreateNetworkInterface", f"{subnet}1")
    assert not allows(found, "ec2:CreateNetworkInterface", f"{subnet}2")
    assert allows(found, "ec2:DeleteNetworkInterface", f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/eni-1")
    assert "ec2:" not in json.dumps(policies("look", **POLLS))
