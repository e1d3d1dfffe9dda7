"""`deploy` and `destroy` as commands: what they print, ask and return; CloudFormation is our own (see formation.py)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout.repositories import commit
from tests.cli.terminals import answer
from tests.service.deploying import BUCKET, Cloud, clouding, make_service_workspace
from tests.workspaces import Ended, Workspace

CONNECTION = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_service_workspace(tmp_path_factory.mktemp("made") / "workspace")


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(made.root, tmp_path / "workspace", symlinks=True)
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with clouding(tmp_path) as found:
        yield found


def run(workspace: Workspace, cloud: Cloud, *arguments: str, **more: str) -> Ended:
    return workspace.run(*arguments, **cloud.environment(**more))


@pytest.mark.long
def test_from_nothing_to_a_service_and_back(workspace: Workspace, cloud: Cloud, tmp_path: Path) -> None:
    cloud.formation.connection = "PENDING"
    cloud.formation.refusals = [("UpdateTerminationProtection", "AccessDenied", 403)]
    first = run(workspace, cloud, "deploy", "--yes")
    assert first.code == 0, first.err
    assert cloud.statuses() == {"demo-storage": "CREATE_COMPLETE", "demo": "CREATE_COMPLETE"}
    lines = first.out.splitlines()
    assert lines[0] == "stack 'demo-storage' will be created: 4 added"
    assert any(line.split() == ["+", "AWS::Scheduler::Schedule", "ScheduleNightly"] for line in lines)
    assert any(line.startswith("PipelineUrl") and line.endswith("/pipelines/demo/view") for line in lines)
    assert lines[-3].startswith("to do: protect the stack 'demo-storage' against deletion: 'aws cloudformation update-")
    assert lines[-2:] == [
        "to do: the connection 'github' is PENDING: finish the handshake at https://eu-central-1.console.aws.amazon.com"
        "/codesuite/settings/connections?region=eu-central-1",
        "to do: confirm the e-mail subscription (AWS has sent a link): ada@example.com",
    ]
    assert "ScheduleNightly  Succeeded" in " ".join(first.err.split()).replace("ScheduleNightly ", "ScheduleNightly  ")
    assert cloud.formation.stack("demo").parameters["ArtifactBucket"] == BUCKET
    assert "KeyArn" in cloud.formation.stack("demo").parameters

    # The same commits in another folder, by somebody else: nothing changes.
    other = Workspace(tmp_path / "some where else")
    shutil.copytree(
        workspace.root, other.root, ignore=shutil.ignore_patterns("build", "aws-train", ".pipeline_builder")
    )
    assert other.run("checkout").code == 0
    executed = cloud.formation.count("ExecuteChangeSet")
    again = run(other, cloud, "deploy", TZ="Asia/Tokyo", PYTHONHASHSEED="7")
    assert (again.code, again.out.splitlines()[:2]) == (
        0,
        ["stack 'demo-storage' is unchanged", "stack 'demo' is unchanged"],
    )
    assert cloud.formation.count("ExecuteChangeSet") == executed
    assert (cloud.formation.stack("demo-storage").protected, "to do: protect" in again.out) == (True, False)

    gone = run(workspace, cloud, "destroy", "--yes")
    assert gone.code == 0, gone.err
    assert "kept:" in gone.out
    assert f"the stack 'demo-storage' with all data ({BUCKET}, " in gone.out
    assert "the SageMaker pipeline, its executions and their jobs" in gone.out
    assert cloud.statuses() == {"demo-storage": "CREATE_COMPLETE"}
    nothing = run(workspace, cloud, "destroy", "--yes", "--json")
    assert (nothing.code, nothing.json["deleted"], len(nothing.json["storage"])) == (0, [], 4)


SCORING = """\
conf:
  models:
    churn:
      source_directory: scripts
      model: {group: tiny-churn}
      transform: {channels: {day: {dataFiles: [{sourceName: d, fileName: "s3://landing/dt=${date}/"}]}}}
      publish: {to: "s3://scores/churn/"}
  sagemakerPipeline:
    pipelineName: churn-scoring
    models:
      churn:
        steps:
          - {step_name: churn-Model, step_class: CreateModel}
          - {step_name: churn-Score, step_class: Transform}
"""
PIPELINES = (
    "pipelines: [{name: training}, {name: scoring, kind: inference, trigger: {data: 's3://landing/', approval: true}}]"
)
POLICY = "policy: {read: ['s3://landing/'], write: ['s3://scores/']}"


@pytest.mark.long
def test_what_leaves_the_manifest_leaves_the_stack_and_a_pipeline_comes_and_goes(
    workspace: Workspace, cloud: Cloud
) -> None:
    (workspace.remote / "conf" / "inference.yaml").write_text(SCORING)
    commit(workspace.remote, "scores")
    assert workspace.call("checkout").code == 0
    manifest = workspace.root / "model_repos.yaml"
    text = manifest.read_text()
    manifest.write_text(f"{text}{PIPELINES}\n{POLICY}\n")
    assert run(workspace, cloud, "deploy", "--yes").code == 0
    both = set(cloud.formation.stack("demo").resources)
    line = next(line for line in text.splitlines(keepends=True) if "name: nightly" in line)
    less = text.replace("schedules:\n", "").replace(line, "")
    manifest.write_text(f"{less}{POLICY}\n")
    ended = run(workspace, cloud, "deploy", "--yes", "--json", "--force")
    removed = {change["name"] for change in ended.json["stacks"][1]["changes"] if change["action"] == "removed"}
    scheduled = {"ScheduleNightly", "Schedules", "SchedulerRole"}
    assert scheduled <= removed, ended.err
    assert set(cloud.formation.stack("demo").resources) == both - removed

    manifest.write_text(f"{less}{PIPELINES}\n{POLICY}\n")
    ended = run(workspace, cloud, "deploy", "--yes", "--json", "--force")
    storage, service = ended.json["stacks"]
    added = {change["name"] for change in service["changes"] if change["action"] == "added"}
    assert {"OfScoringPipeline", "OfScoringPublishRole", "Arrivals", "Batch", "RetrainingAsked"} <= added
    assert added < removed
    assert [change["name"] for change in storage["changes"]] == ["Bucket"]  # artifacts of both are deleted in time
    gone = run(workspace, cloud, "destroy", "--yes")
    assert (gone.code, "data, predictions and ledgers outside of the artifact bucket" in gone.out) == (0, True), (
        gone.err
    )
    assert list(cloud.statuses()) == ["demo-storage"]


@pytest.mark.long
def test_a_place_where_another_pipelines_artifacts_are_thrown_away_is_refused(workspace: Workspace) -> None:
    conf, manifest = workspace.remote / "conf" / "inference.yaml", workspace.root / "model_repos.yaml"
    manifest.write_text(f"{manifest.read_text()}{PIPELINES}\n{POLICY}\n")
    for name, prefix, said in (
        ("demo-scoring", "", "inference.yaml:9:19: PB233 the pipeline 'demo-scoring' would write to where the service"),
        ("churn-scoring", "demo-scoring", "yaml:15:13: PB614 the pipeline 'tiny' keeps its code and models below"),
    ):
        conf.write_text(SCORING.replace("churn-scoring", name))
        commit(workspace.remote, name)
        assert workspace.call("checkout").code == 0
        values = {"SMP_ACCOUNTID": "123456789012", "SMP_REGION": "eu-central-1", "SMP_S3PREFIX": prefix}
        ended = workspace.call("render", **values)
        assert (ended.code, said in ended.err) == (1, True), ended.err


@pytest.mark.long
def test_a_dry_run_and_a_refusal_leave_nothing(workspace: Workspace, cloud: Cloud) -> None:
    dry = run(workspace, cloud, "deploy", "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert [stack["offline"] for stack in dry.json["stacks"]] == [False, True]
    refused = run(workspace, cloud, "deploy")
    assert (refused.code, "PB668 nobody can be asked" in refused.err) == (3, True)
    assert "pipeline-builder deploy --yes" in refused.err
    assert cloud.formation.count("ExecuteChangeSet") == 0


def test_another_account_than_the_credentials(workspace: Workspace, cloud: Cloud) -> None:
    cloud.formation.account = "210987654321"
    ended = run(workspace, cloud, "deploy", "--yes")
    assert (ended.code, "PB665 the credentials are of the account 210987654321" in ended.err) == (1, True)
    assert cloud.formation.count("DescribeStacks") == 0


@pytest.mark.long
def test_account_and_region_of_the_credentials_are_taken_where_nobody_has_set_them(
    workspace: Workspace, cloud: Cloud
) -> None:
    nowhere = run(workspace, cloud, "deploy", "--dry-run", SMP_ACCOUNTID="", SMP_REGION="")
    assert (nowhere.code, nowhere.err.splitlines()[0]) == (4, "PB702 no Region for AWS")
    ended = run(
        workspace, cloud, "deploy", "--dry-run", SMP_ACCOUNTID="", SMP_REGION="", AWS_DEFAULT_REGION="eu-west-1"
    )
    assert (ended.code, ended.out.splitlines()[0]) == (0, "stack 'demo-storage' will be created: 4 added")


@pytest.mark.long
def test_a_dry_run_ends_with_its_last_line(workspace: Workspace, cloud: Cloud) -> None:
    assert not run(workspace, cloud, "deploy", "--dry-run").out.endswith("\n\n")


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_without_credentials_these_are_asked_for(workspace: Workspace, command: str) -> None:
    ended = workspace.run(command, AWS_EC2_METADATA_DISABLED="true", HOME=str(workspace.root))
    assert (ended.code, ended.err.splitlines()[0][:29]) == (4, "PB701 no credentials for AWS:"), ended.err


@pytest.mark.long
def test_a_failure_is_one_line_and_exit_code_4(workspace: Workspace, cloud: Cloud) -> None:
    cloud.formation.fails = {
        "TrainRole": "Resource of type 'AWS::IAM::Role' with identifier 'demo-train' already exists."
    }
    ended = run(workspace, cloud, "deploy", "--yes")
    assert ended.code == 4
    last = ended.err.splitlines()[-2:]
    assert last[0].startswith(
        "PB682 the deployment of the stack 'demo' failed: 'TrainRole' (AWS::IAM::Role): Resource of type"
    )
    assert "of a service of this name in another Region (roles are the account's)" in last[1]
    assert "the next deploy begins anew" in last[1]


@pytest.mark.long
def test_the_question_on_a_terminal(workspace: Workspace, cloud: Cloud) -> None:
    assert answered(workspace, cloud, "deploy", ("Do this to the stack 'demo-storage'?", "n")) == 3
    assert cloud.formation.count("ExecuteChangeSet") == 0
    questions = (("Do this to the stack 'demo-storage'?", "y"), ("Do this to the stack 'demo'?", "y"))
    assert answered(workspace, cloud, "deploy", *questions) == 0
    assert answered(workspace, cloud, "destroy", ("Delete the service 'demo'?", "n")) == 3
    assert cloud.statuses() == {"demo-storage": "CREATE_COMPLETE", "demo": "CREATE_COMPLETE"}
    assert answered(workspace, cloud, "destroy", ("Delete the service 'demo'?", "y")) == 0
    assert cloud.statuses() == {"demo-storage": "CREATE_COMPLETE"}


def answered(workspace: Workspace, cloud: Cloud, command: str, *answers: tuple[str, str]) -> int:
    """Run a command on a terminal, answer its questions, and return its exit code."""
    environment = workspace.environment(**cloud.environment())
    return answer(workspace.command(command), workspace.root, environment, *answers)[0]
