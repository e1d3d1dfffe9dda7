"""The service's poller: S3 and CodePipeline by moto, real git, and botocore's Stubber for what moto doesn't check."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.triggers import KEY, Poller, open_poller
from pipeline_builder.checkout.heads import Head, parse_handled
from pipeline_builder.cli import run
from pipeline_builder.errors import InputProblems, OutsideFailure
from tests.aws.mocked import REGION, mocked
from tests.workspaces import Ended, make_workspace

A, B, C = "a" * 40, "b" * 40, "c" * 40
VALUES = {"SMP_CODEPIPELINE": "models", "SMP_ARTIFACTS": "ml-artifacts", "SMP_REGION": REGION}


def head(commit: str) -> Head:
    return Head(url="https://example.com/x.git", revision="main", commit=commit)


def make_service() -> None:
    """Make a bucket and the smallest CodePipeline that there can be."""
    place: Any = {"LocationConstraint": REGION}
    s3 = boto3.client("s3", REGION)
    s3.create_bucket(Bucket="ml-artifacts", CreateBucketConfiguration=place)
    s3.put_bucket_versioning(Bucket="ml-artifacts", VersioningConfiguration={"Status": "Enabled"})
    role = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"},
                                      "Action": "sts:AssumeRole"}], "Version": "2012-10-17"})  # fmt: skip
    arn = boto3.client("iam", REGION).create_role(RoleName="r", AssumeRolePolicyDocument=role)["Role"]["Arn"]

    def action(name: str, category: str, provider: str) -> dict[str, Any]:
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": kind, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []}

    stages = [
        {"name": "Source", "actions": [action("Source", "Source", "S3")]},
        {"name": "Approve", "actions": [action("Approve", "Approval", "Manual")]},
    ]
    pipeline = {
        "name": "models", "roleArn": arn, "pipelineType": "V2", "stages": stages,
        "artifactStore": {"type": "S3", "location": "ml-artifacts"},
    }  # fmt: skip
    boto3.client("codepipeline", REGION).create_pipeline(pipeline=pipeline)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with mocked(monkeypatch) as aws:
        make_service()
        yield aws


def executions(aws: Aws) -> list[dict[str, str]]:
    """The variables that each execution was started with, newest first."""
    listed = aws.call("codepipeline", "list_pipeline_executions", pipelineName="models")
    found = []
    for summary in listed["pipelineExecutionSummaries"]:
        execution = aws.call(
            "codepipeline",
            "get_pipeline_execution",
            pipelineName="models",
            pipelineExecutionId=summary["pipelineExecutionId"],
        )["pipelineExecution"]
        found.append({v["name"]: v.get("resolvedValue") or v["value"] for v in execution["variables"]})
    return found


def tokens(poller: Poller) -> list[str]:
    """The client request tokens of all starts from now on: they are on the wire only."""
    sent: list[str] = []
    events = poller.aws.client("codepipeline").meta.events
    events.register(
        "before-parameter-build.codepipeline.StartPipelineExecution",
        lambda params, **_: sent.append(params["clientRequestToken"]),
    )
    return sent


@pytest.mark.long
def test_one_start_for_all_that_moved(aws: Aws) -> None:
    poller = open_poller(VALUES, aws)
    first = poller.poll(["churn", "fraud"], {"churn": head(A), "fraud": head(B)})
    assert [move.kind for move in first.moves] == ["new", "new"]
    assert poller.poll(["churn", "fraud"], {"churn": head(A), "fraud": head(B)}).execution == ""
    second = poller.poll(["churn", "fraud"], {"churn": head(A), "fraud": head(C)})
    assert (bool(first.execution), first.execution != second.execution) == (True, True)
    assert executions(aws) == [
        {"TRIGGER": "poll", "REPOSITORY": "fraud", "COMMIT": C},
        {"TRIGGER": "poll", "REPOSITORY": "churn,fraud", "COMMIT": A},
    ]


def test_one_that_cannot_be_asked_stays_noted(aws: Aws) -> None:
    poller = open_poller(VALUES, aws)
    poller.poll(["churn", "fraud"], {"churn": head(A), "fraud": head(B)})
    assert poller.poll(["churn", "fraud"], {"fraud": head(B)}).execution == ""
    assert [move.name for move in poller.poll(["churn", "fraud"], {"fraud": head(C)}).moves] == ["fraud"]
    assert poller.poll(["churn", "fraud"], {"churn": head(A), "fraud": head(C)}).execution == ""
    assert len(executions(aws)) == 2


def test_the_same_start_has_the_same_token_and_another_has_another(aws: Aws) -> None:
    poller = open_poller(VALUES, aws)
    sent = tokens(poller)
    poller.poll(["churn"], {"churn": head(A)})
    aws.call("s3", "delete_object", Bucket="ml-artifacts", Key=KEY)  # as if killed before it was written
    for commit in (A, B, A, B):
        poller.poll(["churn"], {"churn": head(commit)})
    assert sent[0] == sent[1]
    assert len(set(sent[1:])) == 4
    assert all(len(token) == 64 for token in sent)


def test_two_pollers_at_once(aws: Aws) -> None:
    """The other one does all its work between this one's look at what is noted and its start."""
    poller, other = open_poller(VALUES, aws), open_poller(VALUES, Aws(REGION))
    sent = tokens(other)
    poller.poll(["churn"], {"churn": head(A)})

    def meanwhile(params: dict[str, Any], **_: Any) -> None:
        assert other.poll(["churn"], {"churn": head(B)}).execution
        sent.append(params["clientRequestToken"])

    events = aws.client("codepipeline").meta.events
    events.register("before-parameter-build.codepipeline.StartPipelineExecution", meanwhile)
    assert poller.poll(["churn"], {"churn": head(B)}).execution
    assert (len(sent), sent[0]) == (2, sent[1])  # CodePipeline starts one execution for it
    noted = parse_handled(aws.call("s3", "get_object", Bucket="ml-artifacts", Key=KEY)["Body"].read())
    assert noted
    assert (noted.number, noted.inputs.heads["churn"].commit) == (2, B)
    versions = aws.call("s3", "list_object_versions", Bucket="ml-artifacts", Prefix=KEY)["Versions"]
    assert len(versions) == 2  # the second one's write was refused


def test_what_was_noted_and_is_damaged_is_as_none(aws: Aws) -> None:
    poller = open_poller(VALUES, aws)
    poller.poll(["churn"], {"churn": head(A)})
    aws.call("s3", "put_object", Bucket="ml-artifacts", Key=KEY, Body=b"{")
    assert poller.poll(["churn"], {"churn": head(B)}).execution
    assert poller.poll(["churn"], {"churn": head(B)}).execution == ""


def test_many_names_go_into_a_variable(aws: Aws) -> None:
    names = [f"repository-{number:03}" for number in range(100)]
    open_poller(VALUES, aws).poll(names, {name: head(A) for name in names})
    (variables,) = executions(aws)
    shown = variables["REPOSITORY"].split(",")
    assert len(variables["REPOSITORY"]) <= 210
    assert (shown[0], shown[-1]) == ("repository-000", f"+{100 - len(shown) + 1}")


def test_without_a_pipeline_nothing_is_noted(aws: Aws) -> None:
    poller = open_poller({**VALUES, "SMP_CODEPIPELINE": "other"}, aws)
    with pytest.raises(OutsideFailure, match="does not have a pipeline"):
        poller.poll(["churn"], {"churn": head(A)})
    with pytest.raises(ClientError, match="NoSuchKey"):
        aws.client("s3").get_object(Bucket="ml-artifacts", Key=KEY)


def test_the_request_is_what_codepipeline_takes(aws: Aws) -> None:
    """moto takes anything; the Stubber checks the request against the service model."""
    poller = open_poller(VALUES, aws)
    with Stubber(aws.client("codepipeline")) as stubber:
        stubber.add_response("start_pipeline_execution", {"pipelineExecutionId": "1"})
        assert poller.poll(["churn"], {"churn": head(A)}).execution == "1"
        stubber.add_client_error("start_pipeline_execution", "ConcurrentPipelineExecutionsLimitExceededException")
        with pytest.raises(OutsideFailure, match="PB707"):
            poller.poll(["churn"], {"churn": head(B)})
        stubber.add_response("start_pipeline_execution", {"pipelineExecutionId": "2"})
        assert poller.poll(["churn"], {"churn": head(B)}).execution == "2"  # it was not noted
        stubber.assert_no_pending_responses()


def test_a_poller_needs_to_know_where() -> None:
    with pytest.raises(InputProblems, match="PB681 the poller needs SMP_ARTIFACTS"):
        open_poller({"SMP_CODEPIPELINE": "models"}, Aws(REGION))


# --- the command

MANIFEST = """\
version: 1
repos:
  - {url: 'https://127.0.0.1:1/away.git', name: away, trigger: %s}
  - {url: 'https://127.0.0.1:1/other.git', name: other, revision: %s}
  - {url: remotes/churn, name: beside}
  - {url: 'https://127.0.0.1:1/none.git', trigger: none}
"""


@dataclass(frozen=True)
class Commands:
    """Runs commands in this process, which is where moto is."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Ended:
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            code = run(list(arguments))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return Ended(code, *self.capsys.readouterr())


@pytest.fixture
def commands(tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    role = "arn:aws:iam::123456789012:role/r"
    for name, value in {**VALUES, "SMP_TARGET": "aws", "SMP_ACCOUNTID": "123456789012", "SMP_ROLE": role}.items():
        monkeypatch.setenv(name, value)
    workspace = make_workspace(tmp_path / "workspace", manifest=MANIFEST % ("none", A), state=False)
    monkeypatch.chdir(workspace.root)
    return Commands(workspace.root, capsys)


def test_the_command_as_the_service_calls_it(commands: Commands) -> None:
    first = commands.run("watch", "--once", "--json")
    assert (first.code, first.json["moved"]) == (0, ["other"]), first.err
    assert f"other: {A} is at {A[:7]}" in first.err
    second = commands.run("watch", "--once")
    assert (second.code, second.out) == (0, "nothing moved\n"), second.err
    # A repository that can't be asked is said, and doesn't keep the others.
    (commands.root / "model_repos.yaml").write_text(MANIFEST % ("poll", B))
    third = commands.run("watch", "--once", "--json")
    assert (third.code, third.json["moved"]) == (4, ["other"]), third.err
    assert "PB151 the repository 'away' cannot be reached" in third.err
    assert not (commands.root / ".pipeline_builder").exists()


def test_the_stage_as_codebuild_calls_it(commands: Commands) -> None:
    first = commands.run("stage", "watch")
    assert (first.code, f"other: {A} is at {A[:7]}" in first.err) == (0, True), first.err
    assert (commands.root / "build" / "stage.env").read_text() == ""
    (commands.root / "model_repos.yaml").write_text(MANIFEST % ("poll", B))
    second = commands.run("stage", "watch")
    assert (second.code, "PB151 the repository 'away'" in second.err) == (4, True), second.err
    assert f"other: is now {B}, at {B[:7]}" in second.err


def test_the_command_only_looks_once_there(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = commands.run("watch")
    assert (ended.code, "needs --once" in ended.err) == (2, True), ended.err
    monkeypatch.delenv("SMP_ARTIFACTS")
    ended = commands.run("watch", "--once")
    assert (ended.code, "PB681" in ended.err) == (1, True), ended.err
