"""The whole job with `--target aws` against `serve`: the same commands, the same outcome, through boto3 and HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors import Door
from tests.serve.serving import Served, serving
from tests.tiny import EVALUATE, TRAIN
from tests.workspaces import Ended, Workspace, make_workspace

pytestmark = pytest.mark.long


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace")


@pytest.fixture
def served(tmp_path: Path, workspace: Workspace) -> Iterator[Served]:
    with serving(tmp_path, jobs=4, **{"local/churn": workspace.root / "data"}) as found:
        yield found


def run(workspace: Workspace, served: Served, *arguments: str) -> Ended:
    return workspace.run(
        *arguments,
        **served.environment,
    )


def test_up_trains_and_promotes_and_then_finds_nothing_to_do(workspace: Workspace, served: Served) -> None:
    first = run(workspace, served, "up", "--approve", "--comment", "fine")
    assert (first.code, first.err.count("Traceback")) == (0, 0), first.err
    record = json.loads((workspace.root / "build" / "run.json").read_text())
    (package,) = record["packages"]
    assert package["status"] == "Approved"
    assert package["metrics"] == {"regression_metrics": {"mae": {"value": 1.0}}}
    listed = served.sagemaker.list_model_packages(ModelApprovalStatus="Approved")["ModelPackageSummaryList"]
    assert [item["ModelPackageArn"] for item in listed] == [package["arn"]]
    found = served.sagemaker.describe_model_package(ModelPackageName=package["arn"])
    assert found["ApprovalDescription"].startswith("approved by ada: fine (execution ")
    assert found["MetadataProperties"]["CommitId"] == record["repos"][0]["commit"]
    second = run(workspace, served, "up", "--approve")
    assert second.code == 0, second.err
    assert "nothing changed since execution" in second.err
    pipelines = served.sagemaker.list_pipelines()["PipelineSummaries"]
    (name,) = (item["PipelineName"] for item in pipelines)
    executions = served.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert len(executions) == 1


def execution_of(workspace: Workspace) -> str:
    return str(json.loads((workspace.root / "build" / "run.json").read_text())["execution"])


def forget(served: Served, pipeline: str) -> None:
    """Let the service know nothing of a pipeline's executions any more."""
    with served.engine.state.transaction() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")
        like = f"%:pipeline/{pipeline}/execution/%"
        for table, column in (("steps", "execution"), ("cache", "execution"), ("executions", "arn")):
            db.execute(f"DELETE FROM {table} WHERE {column} LIKE ?", (like,))


def test_what_was_deleted_by_hand_is_made_again(workspace: Workspace, served: Served) -> None:
    assert run(workspace, served, "up", "--approve").code == 0
    served.sagemaker.delete_pipeline(PipelineName="tiny", ClientRequestToken="d" * 32)
    # Its creation and its execution ask with the tokens of those that were deleted, and are answered with these.
    ended = run(workspace, served, "up", "--approve")
    assert (ended.code, "creates the pipeline" in ended.err) == (0, True), ended.err
    assert [one["PipelineName"] for one in served.sagemaker.list_pipelines()["PipelineSummaries"]] == ["tiny"]
    arn = json.loads((workspace.root / "build" / "run.json").read_text())["packages"][0]["arn"]
    forget(served, "tiny")
    lost = run(workspace, served, "verify", "tiny-churn")
    assert (lost.code, f"PB461 the execution '{execution_of(workspace)}' is gone" in lost.err) == (3, True), lost.err
    ended = run(workspace, served, "rollback", "tiny-churn", "--comment", "its execution was deleted")
    assert (ended.code, "no champion" in ended.out) == (0, True), ended.err
    ended = run(workspace, served, "up", "--approve")
    assert ended.code == 0, ended.err
    arn = json.loads((workspace.root / "build" / "run.json").read_text())["packages"][0]["arn"]
    served.sagemaker.delete_model_package(ModelPackageName=arn)
    ended = run(workspace, served, "up", "--approve")
    assert (ended.code, f"PB531 there is no model package '{arn}'" in ended.err) == (1, True), ended.err
    assert "'run --rerun' makes and registers another" in ended.err


def taken(workspace: Workspace) -> dict[str, str]:
    """Return the execution that the result of each cached step of the last run is from."""
    steps = json.loads((workspace.root / "build" / "run.json").read_text())["steps"]
    return {step["name"].removeprefix("churn-"): step["cache_hit"] for step in steps if step["cache_hit"]}


def test_a_rerun_and_a_schedule_without_the_cache_have_no_cached_step(workspace: Workspace, served: Served) -> None:
    assert run(workspace, served, "up").code == 0
    ended = run(workspace, served, "run", "--rerun")
    assert (ended.code, taken(workspace)) == (0, {}), ended.err
    skipping = workspace.run("stage", "train", **served.environment, SMP_TRIGGER="schedule:nightly", SMP_CACHE="skip")
    assert (skipping.code, taken(workspace)) == (0, {}), skipping.err
    executions = served.sagemaker.list_pipeline_executions(PipelineName="tiny")["PipelineExecutionSummaries"]
    assert len(executions) == 3
    newest = executions[0]["PipelineExecutionArn"]
    assert not any("CacheHitResult" in step for step in served.steps(newest).values())
    # What it has made is what a run after it takes.
    workspace.push("scripts/evaluate.py", EVALUATE + "# a comment\n")
    assert run(workspace, served, "checkout").code == 0
    plan = run(workspace, served, "plan", "--json").json
    assert {p["step"] for p in plan["predictions"] if p["hit"]} == {"churn-Preprocess", "churn-Train"}


def test_a_failing_script_is_shown_with_its_log(workspace: Workspace, served: Served) -> None:
    workspace.push("scripts/train.py", "import sys\nprint('about to fail')\nsys.exit('the disk is full')\n")
    ended = run(workspace, served, "up", "--approve")
    assert ended.code == 5, ended.err
    assert "the disk is full" in ended.err
    assert "about to fail" in run(workspace, served, "logs", "churn-Train").out


def test_time_limits_and_going_on(workspace: Workspace, served: Served, door: Door) -> None:
    workspace.push("scripts/train.py", door.wait + TRAIN)
    assert [run(workspace, served, command).code for command in ("checkout", "apply")] == [0, 0]
    left = run(workspace, served, "run", "--timeout", "0.08", "--leave")
    assert (left.code, "PB444 the time that the run may take is over" in left.err) == (5, True), left.err
    (execution,) = served.sagemaker.list_pipeline_executions(PipelineName="tiny")["PipelineExecutionSummaries"]
    assert execution["PipelineExecutionStatus"] == "Executing"
    ended = run(workspace, served, "up", "--timeout", "0.05")
    assert (ended.code, "PB444" in ended.err) == (5, True), ended.err
    status = served.end(execution["PipelineExecutionArn"])["PipelineExecutionStatus"]
    assert status == "Stopped"
    door.open()
    # What was stopped goes on, with what had succeeded.
    again = run(workspace, served, "run")
    assert again.code == 0, again.err
    assert len(served.sagemaker.list_pipeline_executions(PipelineName="tiny")["PipelineExecutionSummaries"]) == 1


def test_preflight_says_what_it_finds(workspace: Workspace, served: Served) -> None:
    assert run(workspace, served, "checkout").code == 0
    ended = run(workspace, served, "validate")
    assert (ended.code, "PB715 the image 'example.com/tiny:1' is not in Amazon ECR" in ended.err) == (1, True), (
        ended.err
    )


def test_no_secret_is_in_any_output_or_file(workspace: Workspace, served: Served) -> None:
    canaries = {name: f"canary{number}{'k' * 12}" for number, name in enumerate(("TOKEN", "OTHER"))}
    canaries["KEY"] = served.key.secret
    workspace.push("scripts/train.py", "import os\nprint(sorted(os.environ.items()))\n" + TRAIN)
    said = ""
    for command in (("up", "--approve"), ("status",), ("plan",), ("logs", "churn-Train"), ("history", "--json")):
        ended = workspace.run(
            *command,
            **served.environment
            | {
                "AWS_SESSION_TOKEN": canaries["TOKEN"],
                "MY_PASSWORD": canaries["OTHER"],
            },
        )
        assert ended.code == 0, ended.err
        said += ended.out + ended.err
    for canary in canaries.values():
        assert canary not in said
        holders = [
            path
            for path in workspace.root.parent.rglob("*")
            if path.is_file() and not path.is_symlink() and canary.encode() in path.read_bytes()
        ]
        assert [path for path in holders if path.parts[-2:] != ("serve", "key.json")] == []  # where serve itself has it
