"""Which execution a command stops, follows, tries again and judges: its own, also while others go on beside it."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checkout.repositories import make_repository
from tests.definition.cases import CASES
from tests.doors import telling
from tests.forking import Process
from tests.serve.serving import Served, serving, until
from tests.tiny import CONF, EVALUATE
from tests.workspaces import MANIFEST, Ended, Workspace, make_workspace

# Another model of the pipeline: it waits for a word, and fails unless that is "go".
LATE = """\
conf:
  models:
    late:
      source_directory: scripts
      preprocess:
        image_uri: example.com/tiny:1
        entry_point: late.py
        channels:
          words:
"""
STEPS = """\
      late:
        steps:
          - {step_name: late-Check, step_class: Processing, step_type: preprocess}
"""
WAIT = """\
import socket, sys, time
word = ""
while not word:
    with socket.create_connection(("127.0.0.1", {port})) as door:
        word = door.makefile().read()
    time.sleep(0.1)
sys.exit(None if word == "go" else "the word is " + word)
"""
ONE = "0f7cfeed-0000-4000-8000-000000000001"


class Service(Workspace):
    """Two models of one pipeline; what the second one does is said while it runs."""

    def say(self, word: str) -> None:
        (self.root / "word.new").write_text(word)
        (self.root / "word.new").replace(self.root / "word")

    def hush(self) -> None:
        (self.root / "word").unlink()

    def stage(self, name: str, cause: str = ONE, **more: str) -> Ended:
        return self.run("stage", name, SMP_CODEPIPELINE_EXECUTION=cause, **more)

    @property
    def record(self) -> Any:
        return json.loads((self.root / "build" / "run.json").read_text())

    def exported(self, name: str) -> str:
        lines = (self.root / "build" / "stage.env").read_text().splitlines()
        return dict(" ".join(shlex.split(line)[1:]).split("=", 1) for line in lines)[name]

    def executions(self, **more: str) -> list[tuple[str, str]]:
        """Return id and status of each, newest first."""
        found = self.run("history", "--json", **more).json["executions"]
        return [(item["arn"].rsplit("/", 1)[-1], item["status"]) for item in found]


def make_service(root: Path, port: int) -> Service:
    make_workspace(
        root, conf=CONF + STEPS, manifest=MANIFEST.replace("local:", "  - {url: remotes/late, groups: nightly}\nlocal:")
    )
    late = root / "remotes" / "late"
    (late / "conf").mkdir(parents=True)
    (late / "conf" / "conf.yaml").write_text(LATE)
    (late / "scripts").mkdir()
    (late / "scripts" / "late.py").write_text(WAIT.format(port=port))
    make_repository(late)
    return Service(root)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    root = tmp_path / "workspace"
    with telling(root / "word") as port:
        yield make_service(root, port)


@pytest.fixture
def built(service: Service) -> Service:
    assert service.stage("build").code == 0
    return service


# --- CodePipeline's retries, on this machine


@pytest.mark.long
@pytest.mark.parametrize(
    "start",
    [
        pytest.param({"SMP_CACHE": "skip"}, id="without the cache"),
        pytest.param({"SMP_TRIGGER": "webhook", "SMP_REPOSITORY": "late"}, id="push", marks=pytest.mark.long),
        pytest.param(
            {"SMP_TRIGGER": "s", "SMP_GROUPS": "nightly", "SMP_CACHE": "skip"}, id="groups", marks=pytest.mark.long
        ),
    ],
)
def test_a_stage_that_is_retried_goes_on_with_its_execution(built: Service, start: dict[str, str]) -> None:
    built.say("no")
    ends = 5 if "SMP_GROUPS" in start else 0  # green where the other model waits, whose summary says first what failed
    failed = built.stage("train", **start)
    assert (failed.code, "the word is no" in failed.err) == (ends, True), failed.err
    assert "late FAILED in step late-Check: the word is no" in built.exported("SUMMARY")
    assert built.stage("train", **start).code == ends  # still so
    built.say("go")
    again = built.stage("train", **start)
    assert again.code == 0, again.err
    ((execution, status),) = built.executions()
    assert (status, f"continuing execution {execution}" in again.err) == ("Succeeded", True), again.err
    record = built.record
    assert ([package["version"] for package in record["packages"]], record["reused"]) in (([1], False), ([], False))
    third = built.stage("train", **start)  # what comes after the run may have failed
    assert (third.code, f"execution {execution} of this execution of CodePipeline has ended" in third.err) == (0, True)
    assert (built.record["execution"], built.record["reused"]) == (record["execution"], False)
    assert len(built.executions()) == 1
    other = built.stage("train", cause=ONE[:-1] + "2", **start)
    assert (other.code, len(built.executions())) == (0, 2 if "SMP_CACHE" in start else 1), other.err


@pytest.mark.long
def test_another_definition_is_refused_and_other_data_is_said(service: Service) -> None:
    service.push("conf/conf.yaml", CASES["cached-by-data"].conf + STEPS)
    assert service.stage("build").code == 0
    service.say("no")
    assert (service.stage("train").code, service.exported("VERDICT")) == (0, "pass")  # the other model waits
    (service.root / "data" / "numbers.csv").write_text("1\n2\n3\n4\n")
    again = service.stage("train")
    assert (again.code, "PB452 data has changed since execution '" in again.err) == (0, True), again.err
    applied = service.root / "build" / "applied.json"
    applied.unlink()  # what CodeBuild is set to has changed: it would run another version now
    service.push("scripts/evaluate.py", EVALUATE + "# other\n")
    assert service.run("checkout").code == service.run("apply").code == 0
    refused = service.stage("train")
    assert (refused.code, "PB451 the execution '" in refused.err) == (3, True), refused.err
    assert len(service.executions()) == 1


@pytest.mark.long
def test_somebodys_selected_steps_hide_no_change_and_are_not_what_is_judged(built: Service) -> None:
    built.say("go")
    assert built.stage("train").code == 0
    first = built.record
    assert built.run("run", "--select", "churn-Metrics", "--rerun").code == 0
    assert [package["arn"] for package in built.record["packages"]] == []
    push = {"SMP_TRIGGER": "webhook", "SMP_REPOSITORY": "churn"}
    same = built.stage("train", cause=ONE[:-1] + "2", **push)
    assert (same.code, built.exported("VERDICT"), built.record["execution"]) == (0, "pass", first["execution"]), (
        same.err
    )
    built.push("scripts/evaluate.py", EVALUATE + "# other\n")
    assert built.stage("build", cause=ONE[:-1] + "3").code == 0
    assert built.run("run", "--select", "churn-Metrics").code == 0  # has seen the change, and what depends on it hasn't
    ended = built.stage("train", cause=ONE[:-1] + "3", **push)
    assert (ended.code, [package["version"] for package in built.record["packages"]]) == (0, [2]), ended.err


def test_a_decision_is_about_what_waits_or_a_named_execution(built: Service, tmp_path: Path) -> None:
    built.say("go")
    other = ("--build-dir", str(tmp_path / "other"))
    refused = built.run("promote", *other)
    assert (refused.code, "PB440 nothing has run yet" in refused.err) == (1, True), refused.err
    assert built.stage("train").code == 0
    name = built.record["execution"].rsplit("/", 1)[-1]
    assert built.record["packages"][0]["status"] == "PendingManualApproval"
    # Without a record of a run it is judged by the evidence that is kept.
    assert built.run("reject", "--comment", "too low", *other).code == 0
    assert built.run("reject", name, "--comment", "too low", *other).code == 0
    refused = built.run("promote", name, *other)
    assert (refused.code, "PB454 tiny-churn version 1 is rejected since" in refused.err) == (3, True), refused.err


# --- two at once, on this machine


@pytest.mark.long
def test_two_that_go_on_are_not_guessed_between(built: Service) -> None:
    processes = [built.start("run", "--rerun", *more) for more in ((), ("--select", "late-Check"))]
    try:
        until(lambda: len([1 for _, status in built.executions() if status == "Executing"]) == 2)
        names = [name for name, _ in built.executions()]
        for command in (("stop",), ("run", "--resume")):
            refused = built.run(*command)
            assert (refused.code, "PB450 2 executions can be meant" in refused.err) == (1, True), refused.err
            assert all(name in refused.err for name in names)
        assert built.run("stop", names[1]).out == f"{names[1]} Stopped\n"
        assert dict(built.executions()) == {names[0]: "Executing", names[1]: "Stopped"}
        assert built.run("stop").out == f"{names[0]} Stopped\n"  # the only one
        assert "nothing to stop: execution" in built.run("stop").err
    finally:
        end(*processes)


# --- on SageMaker, as `serve` has it


@pytest.fixture
def served(tmp_path: Path, built: Service) -> Iterator[Served]:
    with serving(tmp_path, jobs=4, **{"local/churn": built.root / "data"}) as found:
        assert [built.run(name, **found.environment).code for name in ("checkout", "apply")] == [0, 0]
        yield found


def status_of(served: Served, arn: str) -> str:
    return str(served.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])


def listed(served: Served) -> list[str]:
    """Return the ARNs of the executions, newest first."""
    found = served.sagemaker.list_pipeline_executions(PipelineName="tiny", SortOrder="Descending")
    return [item["PipelineExecutionArn"] for item in found["PipelineExecutionSummaries"]]


@pytest.mark.long
@pytest.mark.parametrize("command", [("run",), ("stage", "train"), ("run", "--resume")], ids=lambda words: words[-1])
def test_a_time_that_is_up_stops_its_own_execution(built: Service, served: Served, command: tuple[str, ...]) -> None:
    cause = {"SMP_CODEPIPELINE_EXECUTION": ONE} if "train" in command else {}
    if "--resume" in command:
        assert built.run("run", "--no-wait", **served.environment).code == 0
        command = (*command, *listed(served))
    process = built.start(*command, "--timeout", "0.1", **served.environment, **cause)
    try:
        own = until(lambda: listed(served)[:1])[0]
        until(lambda: "late-Check" in served.steps(own))
        other = served.start("tiny")
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, "PB444 the time that the run may take is over" in errors) == (5, True), errors
        assert [status_of(served, arn) for arn in (own, other)] == ["Stopped", "Executing"], errors
    finally:
        end(process)


@pytest.mark.long
def test_a_time_that_is_up_before_anything_is_started_stops_nothing(built: Service, served: Served) -> None:
    other = served.start("tiny")
    for command in (("run",), ("stage", "train")):
        ended = built.run(*command, "--timeout", "0.00001", **served.environment)
        assert (ended.code, "PB444" in ended.err) == (5, True), ended.err
        assert (status_of(served, other), listed(served)) == ("Executing", [other])


@pytest.mark.long
def test_a_time_that_is_up_leaves_what_codepipeline_has_started(built: Service, served: Served) -> None:
    process = built.start("stage", "train", SMP_CODEPIPELINE_EXECUTION=ONE, **served.environment)
    try:
        (own,) = until(lambda: listed(served))
        until(lambda: "late-Check" in served.steps(own))
        for command in (("run",), ("run", "--resume", own)):
            ended = built.run(*command, "--timeout", "0.05", **served.environment)
            assert (ended.code, "goes on: somebody else has started it" in ended.err) == (5, True), ended.err
        assert status_of(served, own) == "Executing"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        name = own.rsplit("/", 1)[-1]
        assert (process.returncode, f"execution {name} goes on; 'pipeline-builder stop {name}' ends it" in errors) == (
            130,
            True,
        ), errors
    finally:
        end(process)


@pytest.mark.long
def test_a_stage_on_sagemaker_is_retried_from_its_failure(built: Service, served: Served) -> None:
    """Killed, stopped, failed, through: one execution, and each model is registered once."""
    train = ("stage", "train")
    service = {**served.environment, "SMP_CODEPIPELINE_EXECUTION": ONE, "SMP_CACHE": "skip"}
    process = built.start(*train, **service)
    (own,) = until(lambda: listed(served))
    end(process)
    assert status_of(served, own) == "Executing"
    timed = built.run(*train, "--timeout", "0.05", **service)
    assert (timed.code, status_of(served, own)) == (5, "Stopped"), timed.err
    built.say("no")
    failed = built.run(*train, **service)
    assert (failed.code, "the word is no" in failed.err) == (0, True), failed.err  # the other model waits
    assert "pipeline-builder retry" in failed.err
    other = served.start("tiny")  # a newest one that is somebody else's
    built.say("go")
    again = built.run(*train, **service)
    assert (again.code, built.record["execution"]) == (0, own), again.err
    registered = [package["version"] for package in built.record["packages"]]
    assert len(registered) == 1
    served.end(other)
    assert listed(served) == [other, own]
    assert (built.run(*train, **service).code, listed(served)) == (0, [other, own])
    assert [package["version"] for package in built.record["packages"]] == registered


@pytest.mark.long
def test_a_retry_after_somebody_else_has_begun_is_asked_about(built: Service, served: Served) -> None:
    built.say("no")
    assert built.run("run", **served.environment).code == 5
    (own,) = listed(served)
    built.hush()
    other = served.start("tiny")
    refused = built.run("retry", **served.environment)
    assert (refused.code, "PB450 2 executions can be meant" in refused.err) == (1, True), refused.err
    assert (status_of(served, own), status_of(served, other)) == ("Failed", "Executing")
    built.say("go")
    assert built.run("retry", own.rsplit("/", 1)[-1], **served.environment).code == 0
    assert built.record["execution"] == own


def end(*processes: Process) -> None:
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
