"""What a Region can't have is said with its place: a problem where it is certain, a warning where it may be out of date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.description.availability import find_regional, find_untold
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from tests.service.services import ACCOUNT, CONNECTION, KEY, REPOS, SCHEDULES, SERVICE, parse_manifest, render

QUIET: Mapping[str, Any] = {"url": "https://git.example.com/acme/x.git", "trigger": "none"}


def found(region: str, *repos: Mapping[str, Any], given: Mapping[str, str] | None = None, **service: Any) -> list[str]:
    schedules = service.pop("schedules", ())
    data = {"repos": repos or (QUIET,), "schedules": schedules, "service": {**SERVICE, **service}}
    return [_shown(problem) for problem in find_regional(parse_manifest(data), region, given or {})]


def _shown(problem: Problem) -> str:
    line = problem.place.text.strip() if problem.place else ""
    return f"{'warning ' if problem.warning else ''}{problem.id} {problem.message} | {line}"


def test_all_is_there() -> None:
    assert found("eu-central-1", *REPOS, schedules=SCHEDULES) == []


def test_china_has_no_connections() -> None:
    connection = CONNECTION.replace("arn:aws:", "arn:aws-cn:").replace("eu-central-1", "cn-north-1")
    lines = found("cn-north-1", *REPOS[:2], connection=connection)
    assert lines == [
        "PB761 the source of the service needs CodeConnections in 'cn-north-1', and there is none in aws-cn | \"service\": {",
        "PB761 the trigger of 'churn' needs CodeConnections in 'cn-north-1', and there is none in aws-cn | "
        '"trigger": "connection",',
        "PB761 the trigger of 'ltv' needs CodeConnections in 'cn-north-1', and there is none in aws-cn | \"trigger\": {",
    ]
    source = {"kind": "s3", "repository": "acme-sources/models.zip"}
    assert found("cn-north-1", REPOS[3], schedules=SCHEDULES[1:], source=source, connection=None) == []


def test_what_a_newer_aws_may_have_is_a_warning() -> None:
    url = "https://git-codecommit.ca-west-1.amazonaws.com/v1/repos/x"
    lines = found("ca-west-1", {"url": url, "trigger": "codecommit"})
    titles = [line.partition(" needs ")[2].partition(" in ")[0] for line in lines]
    assert titles == ["CodePipeline", "CodeBuild", "CodeConnections", "CodeCommit"]
    assert all(line.startswith("warning PB761") and "it was not there in November 2026" in line for line in lines)


def test_a_region_that_is_not_known() -> None:
    (problem,) = find_regional(parse_manifest({"repos": (QUIET,), "service": SERVICE}), "eu-centrall-1", {})
    assert (problem.id, problem.warning, problem.hint) == ("PB760", True, "did you mean 'eu-central-1'")


@pytest.mark.parametrize(
    "case",
    [
        {"encryption": KEY},
        {"permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/bound"},
        {"image": f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/build:1"},
        {"given": {"SMP_ROLE": f"arn:aws:iam::{ACCOUNT}:role/x"}},
    ],
)
def test_nothing_of_another_partition_can_be_used(case: Any) -> None:
    gov = CONNECTION.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-central-1", "us-gov-west-1")
    (line,) = found("us-gov-west-1", connection=gov, **case)
    assert line.startswith("PB762 ")
    assert "is in the partition 'aws', and the service goes to 'us-gov-west-1' (aws-us-gov)" in line


SECRET = "secretsmanager:arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x-AbCdEf"
INDEX = {"domain": "ml", "repository": "pypi"}


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"environment": {"A": SECRET}}, "PB762 the secret of 'A' 'arn:aws-cn:"),
        ({"codeartifact": {**INDEX, "region": "cn-north-1"}}, "PB762 the Region 'cn-north-1' of 'codeartifact' is in"),
        ({"codeartifact": {**INDEX, "region": "sa-east-1"}}, "warning PB761 'codeartifact' needs CodeArtifact in 'sa-"),
        ({"codeartifact": {**INDEX, "region": "eu-westt-1"}}, "warning PB760 the Region 'eu-westt-1' is none that is"),
    ],
)
def test_what_builds_find_around_them_is_there(service: Any, said: str) -> None:
    (line,) = found("eu-central-1", **service)
    assert line.startswith(said)
    assert found("eu-central-1", codeartifact=INDEX) == []


def test_what_only_the_template_has_is_told_too() -> None:
    chat = "Resources: {Chat: {Type: AWS::Chatbot::SlackChannelConfiguration}, Poll: {Type: AWS::CodeBuild::Project,\n"
    chat += " Properties: {Environment: {Type: LINUX_LAMBDA_CONTAINER}}}}"
    resources = [(one.type, one.body) for one in load_template(chat, "t.yaml").resources.values()]
    manifest = parse_manifest({"repos": (QUIET,), "service": SERVICE})
    lines = [_shown(problem) for problem in find_untold(resources, manifest, "us-gov-west-1")]
    assert [line.partition(" in ")[0] for line in lines] == [
        "PB761 the service needs Chatbot",
        "warning PB761 the service needs CodeBuild's Lambda compute",
    ]
    own = load_template(render()["service.yaml"], "service.yaml").resources.values()
    assert find_untold([(one.type, one.body) for one in own], manifest, "cn-north-1") == ()
