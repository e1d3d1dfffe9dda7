"""One contract for both targets: the local one, and the AWS target over real HTTP against `serve`.

What stands on what: the AWS target's calls go through boto3, so their form is botocore's; what they are answered is the
local engine's, whose answers are checked against botocore's service model. Neither is proof of what AWS itself does.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.connect import AwsSettings, open_aws_target
from pipeline_builder.aws.polling import Clock
from pipeline_builder.aws.store import S3Store
from pipeline_builder.canonical import canonical
from pipeline_builder.dag.caching import FIRST, PARAMETER, VARIABLE
from pipeline_builder.descriptions import (
    HEAD,
    ApprovalStatus,
    Execution,
    ExecutionStatus,
    Selection,
    StepState,
    StepStatus,
)
from pipeline_builder.errors import InputProblems, OutsideFailure, PlanRefused
from pipeline_builder.release.outcome import collect
from pipeline_builder.release.parameters import cached_parameters
from pipeline_builder.release.run import find_unchanged, follow, go_on, start
from pipeline_builder.release.selection import select_steps
from pipeline_builder.release.superseded import is_superseded
from pipeline_builder.target import Media, Target
from tests.engine import definitions
from tests.engine.definitions import (
    CACHED,
    compare,
    condition,
    definition,
    fail,
    measured,
    output_of,
    read_report,
    script,
)
from tests.serve.serving import ROLE, serving, until
from tests.serve.test_packages import SPECIFICATION

# Before the reason of an execution that `serve` answers.
OF_THE_SERVICE = "Step failure: One or multiple steps failed"  # which says no more than that
WRITE = "echo hello; echo hello > /opt/ml/processing/output/word.txt"
READ = "cat /opt/ml/processing/input/word/word.txt"
REGISTER: dict[str, Any] = {
    "Name": "Register",
    "Type": "RegisterModel",
    "Arguments": {
        "ModelPackageGroupName": "g",
        "InferenceSpecification": SPECIFICATION,
        "CustomerMetadataProperties": {"rows": "5"},
        "ModelMetrics": {
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://local/metrics.json"}}
        },
    },
}


def content(*steps: dict[str, Any], **more: Any) -> bytes:
    """Return a definition in canonical form, which is what both targets give back."""
    return canonical(json.loads(definition(*steps, **more)))


@pytest.fixture(params=["local", "aws"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    if request.param == "local":
        yield definitions.target(tmp_path)
        return
    with serving(tmp_path) as served:
        served.s3.create_bucket(Bucket="local")
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        aws = Aws("us-east-1", session=boto3.session.Session(**served.keys))
        clock = Clock(sleep=lambda _: time.sleep(0.05))
        yield open_aws_target(AwsSettings(region="us-east-1", role=ROLE, bucket="local"), aws=aws, clock=clock)
        for service in ("sagemaker", "s3", "logs"):
            aws.client(service).close()


def run(target: Target, definition: bytes, **parameters: str) -> tuple[Execution, dict[str, StepState]]:
    """Deploy and run a definition; return the execution at its end, and its steps."""
    deployed = target.pipelines.put_pipeline("p", definition)
    ended = follow(target.pipelines, start(target.pipelines, deployed, parameters, rerun=False), lambda _: None)
    return ended, {state.name: state for state in target.pipelines.list_steps(ended.arn)}


class Following(threading.Thread):
    """Follows an execution in the background, as another process would."""

    def __init__(self, target: Target, arn: str) -> None:
        super().__init__()
        self._target = target
        self._arn = arn
        self.ended: list[Execution] = []
        self.start()

    def run(self) -> None:
        self.ended.append(self._target.pipelines.follow_execution(self._arn, lambda _: None))


def status_of(target: Target, arn: str, step: str) -> StepStatus:
    return next(state.status for state in target.pipelines.list_steps(arn) if state.name == step)


# --- pipelines


def test_a_pipeline_that_is_not_there(target: Target) -> None:
    assert target.pipelines.describe_pipeline("p") is None
    assert target.pipelines.list_executions("p") == ()


def test_a_pipeline_is_what_was_put(target: Target) -> None:
    first, second = content(script("A", "echo 1")), content(script("A", "echo 'zwei: ü'"))
    made = target.pipelines.put_pipeline("p", first)
    assert (made.name, made.version, made.definition) == ("p", 1, first)
    assert target.pipelines.put_pipeline("p", first).version == 1
    assert target.pipelines.put_pipeline("p", second).version == 2
    found = target.pipelines.describe_pipeline("p")
    assert found is not None
    assert (found.version, found.definition, found.arn, found.drifted) == (2, second, made.arn, False)


def test_a_definition_of_no_steps_is_refused(target: Target) -> None:
    with pytest.raises(Exception, match="."):
        target.pipelines.put_pipeline("p", b'{"Version": "1999-01-01", "Steps": []}')
    assert target.pipelines.describe_pipeline("p") is None


# --- executions


@pytest.mark.long
def test_an_execution_is_run_to_its_end(target: Target) -> None:
    wanted = content(
        script("Write", WRITE),
        script("Read", READ, inputs={"word": output_of("Write")}),
        Parameters=[{"Name": "Word", "Type": "String", "DefaultValue": "a"}],
    )
    seen: list[StepState] = []
    deployed = target.pipelines.put_pipeline("p", wanted)
    begun = start(target.pipelines, deployed, {"Word": "b"}, rerun=False)
    assert begun.origin == "started"
    ended = follow(target.pipelines, begun, seen.append)
    assert (ended.status, ended.pipeline, ended.version) == (ExecutionStatus.SUCCEEDED, "p", 1)
    assert ended.parameters == {"Word": "b"}
    assert ended.ended is not None
    assert ended.ended >= ended.started
    assert target.pipelines.definition_of(ended.arn) == wanted
    assert target.pipelines.describe_execution(ended.arn) == ended
    steps = target.pipelines.list_steps(ended.arn)
    assert [(s.name, s.type, s.status, s.attempts) for s in steps] == [
        ("Write", "Processing", StepStatus.SUCCEEDED, 1),
        ("Read", "Processing", StepStatus.SUCCEEDED, 1),
    ]
    assert all(":processing-job/" in state.metadata["ProcessingJob"] for state in steps)
    assert {(s.name, s.status) for s in seen} >= {("Write", StepStatus.SUCCEEDED), ("Read", StepStatus.SUCCEEDED)}


def test_an_execution_that_is_not_there(target: Target) -> None:
    arn = target.pipelines.put_pipeline("p", content(fail("A"))).arn
    assert target.pipelines.describe_execution(f"{arn}/execution/000000000000") is None


@pytest.mark.long
def test_a_failed_step_has_its_reason_and_log(target: Target) -> None:
    ended, steps = run(
        target,
        content(
            script("Bad", "echo 'about to fail'; echo 'the disk is full' >&2; exit 7"),
            script("After", "true", DependsOn=["Bad"]),
        ),
    )
    assert ended.status is ExecutionStatus.FAILED
    assert ended.failure_reason in ("steps failed: Bad", OF_THE_SERVICE)
    assert steps["Bad"].status is StepStatus.FAILED
    assert (
        steps["Bad"].failure_reason.removeprefix("ClientError: AlgorithmError: ") == "about to fail\nthe disk is full"
    )
    assert (steps["After"].status, steps["After"].attempts) == (StepStatus.WAITING, 0)
    log = target.pipelines.read_log(ended.arn, "Bad")
    assert "about to fail\n" in log
    assert "the disk is full\n" in log
    assert target.pipelines.read_log(ended.arn, "After") == ""
    assert target.pipelines.read_log(ended.arn, "None") == ""


@pytest.mark.long
def test_the_same_again_is_the_same_execution(target: Target) -> None:
    wanted = content(script("A", WRITE, **CACHED))
    first, _ = run(target, wanted)
    deployed = target.pipelines.describe_pipeline("p")
    assert deployed is not None
    again = start(target.pipelines, deployed, {}, rerun=False)
    assert (again.origin, again.execution.arn) == ("unchanged", first.arn)
    fingerprint = target.pipelines.fingerprint(wanted, {})
    arns = {
        target.pipelines.start_execution("p", 1, {}, fingerprint=fingerprint).arn for _ in range(2)
    }  # repeated by somebody who hasn't looked
    assert arns == {first.arn}


@pytest.mark.long
def test_after_a_failure_another_one_starts(target: Target, tmp_path: Path) -> None:
    wanted = content(script("A", f"test -e {tmp_path}/open"))
    first, _ = run(target, wanted)
    (tmp_path / "open").touch()
    second, _ = run(target, wanted)
    assert [first.status, second.status] == [ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED]
    listed = target.pipelines.list_executions("p")
    assert [execution.arn for execution in listed] == [second.arn, first.arn]
    assert {execution.fingerprint for execution in listed} == {first.fingerprint}


@pytest.mark.long
def test_a_cause_starts_one_execution_and_goes_on_with_it(target: Target, tmp_path: Path) -> None:
    wanted = content(script("Before", "true"), script("A", f"test -e {tmp_path}/open", DependsOn=["Before"]))
    deployed = target.pipelines.put_pipeline("p", wanted)
    assert target.pipelines.find_caused("p", "c-1") is None
    begun = start(target.pipelines, deployed, {}, rerun=True, cause="c-1")
    assert follow(target.pipelines, begun, lambda _: None).status is ExecutionStatus.FAILED
    # Somebody who hasn't looked, and to whom data, selection or cache are others by now, starts no second one.
    for more in ({"fingerprint": "0" * 64}, {"fingerprint": "1" * 64, "use_cache": False}):
        with suppress(OutsideFailure):  # the same token with another request may be refused
            again = target.pipelines.start_execution("p", 1, {}, cause="c-1", **more)
            assert again.arn == begun.execution.arn
    start(target.pipelines, deployed, {}, rerun=True, cause="c-2")
    own = target.pipelines.find_caused("p", "c-1")
    assert own is not None
    assert (own.arn, own.cause, own.status) == (begun.execution.arn, "c-1", ExecutionStatus.FAILED)
    assert [e.cause for e in target.pipelines.list_executions("p")] == ["c-2", "c-1"]
    (tmp_path / "open").touch()
    going = go_on(target.pipelines, own, deployed)
    assert going.origin == "continued"
    ended = follow(target.pipelines, going, lambda _: None)
    assert (ended.arn, ended.status) == (own.arn, ExecutionStatus.SUCCEEDED)
    attempts = {state.name: state.attempts for state in target.pipelines.list_steps(own.arn)}
    assert attempts == {"Before": 1, "A": 2}
    assert go_on(target.pipelines, ended, deployed).origin == "done"
    with pytest.raises(PlanRefused, match="PB451"):
        go_on(target.pipelines, ended, replace(deployed, definition=content(script("B", "true"))))


@pytest.mark.long
def test_a_stop_that_goes_on_is_waited_for(target: Target, tmp_path: Path) -> None:
    wanted = content(script("A", f"while [ ! -e {tmp_path}/open ]; do sleep 0.1; done"))
    deployed = target.pipelines.put_pipeline("p", wanted)
    own = start(target.pipelines, deployed, {}, rerun=False, cause="c").execution
    following = Following(target, own.arn)
    until(lambda: status_of(target, own.arn, "A") is StepStatus.EXECUTING)
    stopping = threading.Thread(target=target.pipelines.stop_execution, args=(own.arn,))
    stopping.start()
    asked = replace(own, status=ExecutionStatus.STOPPING)  # as it may have been seen at that moment
    following.join(60)
    stopping.join(60)
    going = go_on(target.pipelines, asked, deployed)
    assert (going.origin, going.execution.status) == ("continued", ExecutionStatus.EXECUTING)
    (tmp_path / "open").touch()
    assert follow(target.pipelines, going, lambda _: None).status is ExecutionStatus.SUCCEEDED


@pytest.mark.long
@pytest.mark.parametrize("cause", ["", "c"])
def test_a_cause_goes_on_with_nobody_elses_stopped_execution(target: Target, tmp_path: Path, cause: str) -> None:
    """It would bear no trace of the cause: the next try of the cause would start another one."""
    wanted = content(script("A", f"while [ ! -e {tmp_path}/open ]; do sleep 0.1; done"))
    deployed = target.pipelines.put_pipeline("p", wanted)
    theirs = start(target.pipelines, deployed, {}, rerun=False).execution
    following = Following(target, theirs.arn)
    until(lambda: status_of(target, theirs.arn, "A") is StepStatus.EXECUTING)
    target.pipelines.stop_execution(theirs.arn)
    following.join(60)
    (tmp_path / "open").touch()
    begun = start(target.pipelines, deployed, {}, rerun=False, cause=cause)
    assert (begun.origin, begun.execution.arn == theirs.arn) == (("started", False) if cause else ("continued", True))
    assert begun.execution.cause == cause
    assert follow(target.pipelines, begun, lambda _: None).status is ExecutionStatus.SUCCEEDED


@pytest.mark.long
def test_a_cached_step_names_its_source_and_has_its_log(target: Target) -> None:
    first, _ = run(target, content(script("A", WRITE, **CACHED)))
    second, steps = run(target, content(script("A", WRITE, **CACHED), script("B", "true")))
    assert steps["A"].cache_hit == first.arn
    assert steps["B"].cache_hit == ""
    assert "hello\n" in target.pipelines.read_log(second.arn, "A")


@pytest.mark.long
def test_a_step_tells_what_it_asked_for_and_why_it_ran(target: Target) -> None:
    first, _ = run(target, content(script("A", WRITE, **CACHED), script("Later", "true", DependsOn=["A"])))
    made = target.pipelines.describe_job(first.arn, "A")
    assert made is not None
    assert (made.kind, made.status, made.execution) == ("ProcessingJob", "Completed", first.arn)
    assert made.request["AppSpecification"] == script("A", WRITE)["Arguments"]["AppSpecification"]
    assert made.missed in ("has not run before", "it has not run before")
    assert not made.result.keys() & {"ResponseMetadata", "ProcessingJobArn"}
    assert made.started
    assert made.ended
    assert made.started <= made.ended
    later = target.pipelines.describe_job(first.arn, "Later")
    assert later is not None
    assert later.missed == "the cache is off for this step"
    assert target.pipelines.describe_job(first.arn, "None") is None
    if target.name == "local":
        assert made.used["cpu"] > 0
        assert 1 << 20 < made.used["memory"] < 1 << 30
    second, steps = run(target, content(script("A", WRITE, **CACHED), script("B", "true")))
    assert steps["A"].cache_hit == first.arn
    again = target.pipelines.describe_job(second.arn, "A")
    assert again is not None
    assert (again.execution, again.name) == (first.arn, made.name)
    third, _ = run(target, content(script("A", f"{WRITE}; echo more", **CACHED)))
    changed = target.pipelines.describe_job(third.arn, "A")
    assert changed is not None
    assert changed.missed.startswith("changed: ")
    assert target.pipelines.why_ran(third.arn)["A"] == changed.missed
    assert "A" not in target.pipelines.why_ran(second.arn)


@pytest.mark.long
def test_a_package_tells_what_was_registered(target: Target) -> None:
    ended, _ = run(target, content(REGISTER))
    package = target.pipelines.describe_job(ended.arn, "Register")
    assert package is not None
    assert (package.kind, package.name) == ("ModelPackage", "g/1")
    assert package.request["CustomerMetadataProperties"] == {"rows": "5"}


@pytest.mark.long
def test_a_log_is_followed_from_a_mark_on(target: Target) -> None:
    ended, _ = run(target, content(script("A", "for n in 1 2 3; do echo line $n; done")))
    end = target.pipelines.read_log_part(ended.arn, "A")
    assert end.text.endswith("line 1\nline 2\nline 3\n")
    assert "\n" not in end.mark
    assert target.pipelines.read_log_part(ended.arn, "A", mark=end.mark).text == ""
    assert "line 1\n" in target.pipelines.read_log_part(ended.arn, "A", mark=HEAD).text
    assert target.pipelines.read_log_part(ended.arn, "A", mark="no mark").text == end.text
    assert target.pipelines.read_log_part(ended.arn, "None").text == ""


@pytest.mark.long
def test_the_cache_is_foretold(target: Target) -> None:
    wanted = content(script("A", WRITE, **CACHED), script("B", READ, inputs={"word": output_of("A")}, **CACHED))
    before = target.pipelines.predict_cache("p", wanted, {})
    assert [(item.step, item.hit) for item in before] == [("A", False), ("B", False)]
    run(target, wanted)
    changed = content(script("A", WRITE, **CACHED), script("B", f"{READ}; echo", inputs={"word": output_of("A")}))
    after = {item.step: item.hit for item in target.pipelines.predict_cache("p", changed, {})}
    assert after == {"A": True, "B": False}


def carrying(*steps: dict[str, Any]) -> bytes:
    """Return a definition as we compose it: cached steps carry their generation."""
    for step in steps:
        step["Arguments"]["Environment"] = {VARIABLE: {"Get": f"Parameters.{PARAMETER}"}}
    return content(*steps, Parameters=[{"Name": PARAMETER, "Type": "String", "DefaultValue": FIRST}])


def cached_by(target: Target, definition: bytes, **how: Any) -> tuple[Execution, dict[str, str]]:
    """Deploy and run; return the execution at its end, and of each step whose result it has taken."""
    deployed = target.pipelines.put_pipeline("p", definition)
    begun = start(target.pipelines, deployed, {}, **{"rerun": False, **how})
    ended = follow(target.pipelines, begun, lambda _: None)
    assert ended.status is ExecutionStatus.SUCCEEDED
    return ended, {state.name: state.cache_hit for state in target.pipelines.list_steps(ended.arn)}


def foretold(target: Target, definition: bytes) -> dict[str, bool]:
    values = cached_parameters(target.pipelines, "p", definition, {})
    return {item.step: item.hit for item in target.pipelines.predict_cache("p", definition, values)}


@pytest.mark.long
def test_a_rerun_takes_nothing_from_the_cache_and_those_after_it_take_its_results(target: Target) -> None:
    def wanted(comment: str = "") -> bytes:
        read = script("B", f"{READ}{comment}", inputs={"word": output_of("A")}, **CACHED)
        return carrying(script("A", WRITE, **CACHED), read)

    nothing = {"A": "", "B": ""}
    first, hits = cached_by(target, wanted())
    assert hits == nothing
    anew, hits = cached_by(target, wanted(), rerun=True)
    assert (hits, anew.arn != first.arn) == (nothing, True)
    once_more, hits = cached_by(target, wanted(), rerun=True)
    assert (hits, once_more.arn != anew.arn) == (nothing, True)
    # Nothing has changed since, and a plan says what a run would do if something had.
    assert cached_by(target, wanted())[0].arn == once_more.arn
    assert find_unchanged(target.pipelines, "p", wanted(), {}) is not None
    assert foretold(target, wanted()) == {"A": True, "B": True}
    assert foretold(target, wanted("; true")) == {"A": True, "B": False}
    changed, hits = cached_by(target, wanted("; true"))
    assert hits == {"A": once_more.arn, "B": ""}
    # And so do those after that.
    _, hits = cached_by(target, wanted("; true; true"))
    assert hits == {"A": once_more.arn, "B": ""}
    generations = [execution.parameters[PARAMETER] for execution in target.pipelines.list_executions("p")]
    assert len(set(generations)) == 3
    assert generations[:3] == [generations[0]] * 3
    assert (generations[-1], changed.parameters[PARAMETER]) == (FIRST, generations[0])


@pytest.mark.long
def test_a_rerun_of_some_steps_begins_no_generation(target: Target) -> None:
    def wanted(comment: str = "") -> bytes:
        read = script("B", f"{READ}{comment}", inputs={"word": output_of("A")}, **CACHED)
        return carrying(script("A", WRITE, **CACHED), read)

    first, _ = cached_by(target, wanted())
    selection = Selection(steps=("B",), source=first.arn)
    limited, hits = cached_by(target, wanted(), rerun=True, selection=selection)
    assert hits["B"] == ""
    again, hits = cached_by(target, wanted(), rerun=True, selection=selection)
    assert (hits["B"], again.arn != limited.arn) == ("", True)
    assert foretold(target, wanted("; true")) == {"A": True, "B": False}
    assert cached_by(target, wanted("; true"), selection=selection)[1]["B"] == ""
    assert foretold(target, wanted("; true; true")) == {"A": True, "B": False}  # A was left out, and has its result
    assert cached_by(target, wanted("; true; true"))[1] == {"A": first.arn, "B": ""}


@pytest.mark.long
def test_a_rerun_that_is_asked_for_twice_is_one(target: Target, tmp_path: Path) -> None:
    """As by somebody who was killed before the answer came."""
    wanted = carrying(script("A", f"while [ ! -e {tmp_path}/open ]; do sleep 0.1; done", **CACHED))
    deployed = target.pipelines.put_pipeline("p", wanted)
    begun = [start(target.pipelines, deployed, {}, rerun=True).execution for _ in range(2)]
    assert (begun[0].arn, begun[0].parameters) == (begun[1].arn, begun[1].parameters)
    (tmp_path / "open").touch()
    ended = target.pipelines.follow_execution(begun[0].arn, lambda _: None)
    assert ended.status is ExecutionStatus.SUCCEEDED


@pytest.mark.long
def test_a_rerun_beside_a_run_is_one_of_its_own(target: Target, tmp_path: Path) -> None:
    wanted = carrying(script("A", f"while [ ! -e {tmp_path}/open ]; do sleep 0.1; done", **CACHED))
    deployed = target.pipelines.put_pipeline("p", wanted)
    begun = [start(target.pipelines, deployed, {}, rerun=rerun).execution.arn for rerun in (False, True)]
    assert len(set(begun)) == 2
    (tmp_path / "open").touch()
    ended = [target.pipelines.follow_execution(arn, lambda _: None).status for arn in begun]
    assert ended == [ExecutionStatus.SUCCEEDED] * 2
    assert target.pipelines.list_steps(begun[1])[0].cache_hit == ""


@pytest.mark.long
def test_a_failed_rerun_is_gone_on_with_without_the_cache(target: Target, tmp_path: Path) -> None:
    wanted = carrying(
        script("A", WRITE, **CACHED), script("B", f"test ! -e {tmp_path}/shut", DependsOn=["A"], **CACHED)
    )
    cached_by(target, wanted)
    (tmp_path / "shut").touch()
    deployed = target.pipelines.put_pipeline("p", wanted)
    failed = follow(target.pipelines, start(target.pipelines, deployed, {}, rerun=True), lambda _: None)
    assert failed.status is ExecutionStatus.FAILED
    (tmp_path / "shut").unlink()
    retried = target.pipelines.retry_execution(failed.arn)
    ended = target.pipelines.follow_execution(retried.arn, lambda _: None)
    assert (ended.arn, ended.status) == (failed.arn, ExecutionStatus.SUCCEEDED)
    assert {state.cache_hit for state in target.pipelines.list_steps(ended.arn)} == {""}


@pytest.mark.long
def test_a_run_after_a_failed_rerun_takes_what_that_has_made(target: Target, tmp_path: Path) -> None:
    wanted = carrying(
        script("A", WRITE, **CACHED), script("B", f"test ! -e {tmp_path}/shut", DependsOn=["A"], **CACHED)
    )
    cached_by(target, wanted)
    (tmp_path / "shut").touch()
    deployed = target.pipelines.put_pipeline("p", wanted)
    failed = follow(target.pipelines, start(target.pipelines, deployed, {}, rerun=True), lambda _: None)
    (tmp_path / "shut").unlink()
    assert foretold(target, wanted) == {"A": True, "B": False}
    assert cached_by(target, wanted)[1] == {"A": failed.arn, "B": ""}


@pytest.mark.long
def test_a_definition_that_can_t_do_without_the_cache(target: Target) -> None:
    """One that was applied by an older version, or by other means."""
    inside = condition("If", compare("Equals", 1, 1), then=[script("C", WRITE, **CACHED)])
    wanted = content(script("A", WRITE, **CACHED), script("B", WRITE), inside)
    first, _ = run(target, wanted)
    deployed = target.pipelines.describe_pipeline("p")
    assert deployed is not None
    if target.name == "local":
        _, hits = cached_by(target, wanted, rerun=True)
        assert set(hits.values()) == {""}
        return
    with pytest.raises(InputProblems) as caught:
        start(target.pipelines, deployed, {}, rerun=True)
    (problem,) = caught.value.problems
    assert (problem.id, problem.message, problem.hint) == (
        "PB460",
        "version 1 of 'p' can't run without the step cache: nothing in it keeps SageMaker's from answering 'A', 'C'",
        "run 'pipeline-builder apply', and then run again",
    )
    assert [execution.arn for execution in target.pipelines.list_executions("p")] == [first.arn]
    other = content({"Name": "E", "Type": "EMR", "Arguments": {"ClusterId": "j-1"}, **CACHED})
    with pytest.raises(InputProblems) as caught:
        start(target.pipelines, replace(deployed, definition=other), {}, rerun=True)
    (problem,) = caught.value.problems
    assert (
        problem.hint
        == "first take 'enable_cache' out of 'E' (PB890); then run 'pipeline-builder apply', and then run again"
    )
    _, hits = cached_by(target, content(script("B", WRITE)), rerun=True)  # nothing of it is cached
    assert hits == {"B": ""}


@pytest.mark.long
def test_conditions_show_their_outcome(target: Target) -> None:
    check = compare("LessThanOrEqualTo", read_report("Measure", "mae"), 0.1)
    good = condition("Good", check, then=[script("Then", "true")], otherwise=[fail("Else", "too bad")])
    ended, steps = run(target, content(measured("Measure", '{"mae": 0.2}'), good))
    assert ended.status is ExecutionStatus.FAILED
    assert ended.failure_reason in ("too bad", OF_THE_SERVICE)
    assert steps["Good"].metadata == {"Condition": "False"}
    assert (steps["Else"].status, steps["Else"].failure_reason) == (StepStatus.FAILED, "too bad")
    assert steps["Then"].status in (StepStatus.SKIPPED, StepStatus.WAITING)  # the service doesn't list skipped steps


@pytest.mark.long
def test_stop_and_retry(target: Target, tmp_path: Path) -> None:
    wanted = content(
        script("Before", "true"),
        script("Wait", f"while [ ! -e {tmp_path}/open ]; do sleep 0.1; done", DependsOn=["Before"]),
        script("After", "true", DependsOn=["Wait"]),
    )
    deployed = target.pipelines.put_pipeline("p", wanted)
    arn = start(target.pipelines, deployed, {}, rerun=False).execution.arn
    following = Following(target, arn)
    until(lambda: status_of(target, arn, "Wait") is StepStatus.EXECUTING)
    assert target.pipelines.retry_execution(arn).status is ExecutionStatus.EXECUTING  # as it is
    target.pipelines.stop_execution(arn)
    following.join(60)
    assert [execution.status for execution in following.ended] == [ExecutionStatus.STOPPED]
    statuses = [state.status for state in target.pipelines.list_steps(arn)]
    assert statuses == [StepStatus.SUCCEEDED, StepStatus.STOPPED, StepStatus.WAITING]
    target.pipelines.stop_execution(arn)  # one that has ended stays as it is
    assert not target.pipelines.retry_execution(arn).status.ended
    following = Following(target, arn)
    until(lambda: status_of(target, arn, "Wait") is StepStatus.EXECUTING)
    target.pipelines.stop_execution(arn)  # another stop is another one
    following.join(60)
    assert [execution.status for execution in following.ended] == [ExecutionStatus.STOPPED]
    (tmp_path / "open").touch()
    target.pipelines.retry_execution(arn)
    ended = target.pipelines.follow_execution(arn, lambda _: None)
    assert ended.status is ExecutionStatus.SUCCEEDED
    states = {state.name: state for state in target.pipelines.list_steps(arn)}
    assert {name: state.attempts for name, state in states.items()} == {"Before": 1, "Wait": 3, "After": 1}


@pytest.mark.long
def test_selected_steps_take_the_rest_from_an_earlier_execution(target: Target) -> None:
    wanted = content(script("Write", WRITE), script("Read", READ, inputs={"word": output_of("Write")}))
    source, _ = run(target, wanted)
    deployed = target.pipelines.describe_pipeline("p")
    assert deployed is not None
    selection = Selection(steps=("Read",), source=source.arn)
    begun = start(target.pipelines, deployed, {}, rerun=False, selection=selection)
    ended = follow(target.pipelines, begun, lambda _: None)
    assert (ended.status, ended.arn != source.arn) == (ExecutionStatus.SUCCEEDED, True)
    assert "hello\n" in target.pipelines.read_log(ended.arn, "Read")
    assert ended.selected == ("Read",)
    taken = {state.name: state.taken_from for state in target.pipelines.list_steps(ended.arn)}
    assert taken == {"Write": source.arn, "Read": ""}


@pytest.mark.long
def test_selected_steps_that_need_nobodys_results_run_before_anything_else_has(target: Target) -> None:
    target.pipelines.put_pipeline("p", content(script("Write", WRITE), script("Other", WRITE)))
    deployed = target.pipelines.describe_pipeline("p")
    assert deployed is not None
    found = select_steps(target.pipelines, "p", deployed.definition, ["Other"])
    begun = start(target.pipelines, deployed, {}, rerun=False, selection=found.selection)
    ended = follow(target.pipelines, begun, lambda _: None)
    assert (ended.status, ended.selected) == (ExecutionStatus.SUCCEEDED, ("Other",))


@pytest.mark.long
def test_a_model_of_a_selections_source_is_not_registered_by_the_execution(target: Target) -> None:
    """What comes after the registration is selected: the package is the source's, and nobody decides about it again."""
    target.registry.put_group("g", "")
    wanted = content(REGISTER, script("After", "true", DependsOn=["Register"]))
    source, _ = run(target, wanted)
    deployed = target.pipelines.describe_pipeline("p")
    assert deployed is not None
    selection = Selection(steps=("After",), source=source.arn)
    begun = start(target.pipelines, deployed, {}, rerun=False, selection=selection)
    ended = follow(target.pipelines, begun, lambda _: None)
    assert [len(collect(execution, target).packages) for execution in (source, ended)] == [1, 0]


# --- runs that others have come after


WORK = [
    {"Name": "Data", "Type": "String", "DefaultValue": "unknown"},
    {"Name": "Epochs", "Type": "String", "DefaultValue": "1"},
    {"Name": PARAMETER, "Type": "String", "DefaultValue": FIRST},
]


def model(script: str) -> bytes:
    """Return a definition that registers a model of this code, of some data, by a value that may be given."""
    told = {"Std:Join": {"On": " ", "Values": [script, *({"Get": f"Parameters.{one['Name']}"} for one in WORK)]}}
    arguments = {**REGISTER["Arguments"], "ModelPackageDescription": told}
    return content({**REGISTER, "Arguments": arguments}, Parameters=WORK)


class Registering:
    """Runs of such definitions: each is told to which version it has led, and whether it has made that."""

    def __init__(self, target: Target) -> None:
        self.target = target
        target.registry.put_group("g", "")

    def __call__(self, script: str, *, rerun: bool = False, limited: bool = False, **given: str) -> tuple[int, bool]:
        pipelines, superseded = self.target.pipelines, partial(is_superseded, self.target)
        deployed = pipelines.put_pipeline("p", model(script))
        selection = Selection(steps=(REGISTER["Name"],), source="") if limited else None
        foreseen = find_unchanged(pipelines, "p", deployed.definition, given, superseded)
        begun = start(pipelines, deployed, given, rerun=rerun, selection=selection, superseded=superseded)
        assert rerun or limited or (foreseen and foreseen.arn) == (begun.execution.arn if begun.ended else None)
        follow(pipelines, begun, lambda _: None)
        (state,) = pipelines.list_steps(begun.execution.arn)
        return int(state.metadata["RegisterModel"].rpartition("/")[2]), begun.origin == "started"

    def decide(self, version: int, status: ApprovalStatus) -> None:
        arn = next(one.arn for one in self.target.registry.list_packages("g") if one.version == version)
        self.target.registry.set_approval(arn, status, description="by ada", metadata={}, by="ada")


@pytest.mark.long
def test_who_goes_back_gets_what_was_asked_for(target: Target) -> None:
    """What is in use by then is of other code: a run of before changes nothing of that."""
    run_of = Registering(target)
    assert [run_of("a"), run_of("a")] == [(1, True), (1, False)]
    run_of.decide(1, ApprovalStatus.APPROVED)
    assert run_of("b", rerun=True) == (2, True)  # of a later generation of the cache
    assert run_of("a") == (1, False)  # which is in use yet
    run_of.decide(2, ApprovalStatus.APPROVED)
    assert [run_of("a"), run_of("a")] == [(3, True), (3, False)]
    assert run_of("b") == (2, False)  # in use until the third one is approved
    run_of.decide(3, ApprovalStatus.APPROVED)
    assert [run_of("b"), run_of("b")] == [(4, True), (4, False)]
    run_of.decide(4, ApprovalStatus.REJECTED)
    assert [run_of("a"), run_of("a")] == [(3, False), (3, False)]


@pytest.mark.long
def test_who_goes_back_to_what_waits_yet_is_not_led_to_what_came_after(target: Target) -> None:
    run_of = Registering(target)
    assert [run_of("a", Data="old"), run_of("a", Data="new"), run_of("a", Data="old")] == [
        (1, True),
        (2, True),
        (3, True),
    ]
    run_of.decide(3, ApprovalStatus.REJECTED)
    # Nobody is asked about the second any more, as a newer one is decided.
    assert [run_of("a", Data="new"), run_of("a", Data="new")] == [(4, True), (4, False)]
    run_of.decide(4, ApprovalStatus.REJECTED)
    assert run_of("a", Data="old") == (3, False)  # which was rejected, and stays it


@pytest.mark.long
def test_a_run_of_some_steps_takes_the_place_of_what_it_has_made_otherwise(target: Target) -> None:
    run_of = Registering(target)
    assert run_of("a", Data="old") == (1, True)
    assert run_of("a", limited=True, Data="old") == (2, True)
    run_of.decide(2, ApprovalStatus.APPROVED)
    assert run_of("a", Data="old") == (1, False)  # the same was made
    for version, code, data in ((3, "a", "new"), (5, "b", "old")):
        assert run_of(code, limited=True, Data=data) == (version, True)
        run_of.decide(version, ApprovalStatus.APPROVED)
        assert run_of("a", Data="old") == (version + 1, True)
        run_of.decide(version + 1, ApprovalStatus.APPROVED)


@pytest.mark.long
def test_a_trial_takes_nobodys_place(target: Target) -> None:
    run_of = Registering(target)
    assert [run_of("a"), run_of("a", Epochs="9"), run_of("a")] == [(1, True), (2, True), (1, False)]
    run_of.decide(2, ApprovalStatus.APPROVED)
    assert run_of("a") == (1, False)


def test_what_others_have_registered_takes_nobodys_place(target: Target) -> None:
    run_of = Registering(target)
    assert run_of("a") == (1, True)
    other = target.pipelines.put_pipeline("q", model("q"))
    follow(target.pipelines, start(target.pipelines, other, {}, rerun=False), lambda _: None)
    run_of.decide(2, ApprovalStatus.APPROVED)
    assert run_of("a") == (1, False)


# --- objects


def test_an_object_is_what_was_put(target: Target, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a file")
    target.store.put("s3://local/a/1", b"\x00\xff")
    target.store.put("s3://local/a/2", tmp_path / "file")
    target.store.put("s3://local/a/1", b"again")
    assert target.store.get("s3://local/a/1") == b"again"
    assert target.store.get("s3://local/a/2") == b"from a file"
    with pytest.raises(KeyError):
        target.store.get("s3://local/a/3")
    wanted = ("s3://local/a/3", "s3://local/a/1", f"s3://local/b/{'0' * 64}.tar.gz")
    assert target.store.missing(wanted) == (wanted[0], wanted[2])
    assert target.store.missing(()) == ()


@pytest.mark.long
def test_of_two_writers_with_one_mark_one_writes(target: Target) -> None:
    store, uri = target.store, "s3://local/once.json"
    assert store.read(uri) is None
    assert [store.put_if(uri, b"1", mark=""), store.put_if(uri, b"2", mark="")] == [True, False]
    found = store.read(uri)
    assert found
    assert found[0] == b"1"
    assert [store.put_if(uri, b"3", mark=found[1]), store.put_if(uri, b"4", mark=found[1])] == [True, False]
    assert store.get(uri) == b"3"
    assert not store.put_if("s3://local/none.json", b"", mark=found[1])
    with ThreadPoolExecutor(8) as pool:
        for turn in range(20 if target.name == "local" else 2):
            known = store.read("s3://local/race")
            mark, words = known[1] if known else "", [f"{turn}.{number}".encode() for number in range(8)]
            written = [*pool.map(lambda word, mark=mark: store.put_if("s3://local/race", word, mark=mark), words)]
            assert written.count(True) == 1
            assert store.get("s3://local/race") == words[written.index(True)]


def test_entries_are_the_objects_below_a_prefix_with_what_changes(target: Target) -> None:
    for name in ("b/1", "a/1", "ab", "c"):
        target.store.put(f"s3://local/{name}", b"1")
    first = target.store.entries("s3://local/a")
    assert [*first] == ["s3://local/a/1", "s3://local/ab"]
    assert target.store.entries("s3://local/a") == first
    target.store.put("s3://local/ab", b"22")
    second = target.store.entries("s3://local/a")
    assert [uri for uri in second if second[uri] != first[uri]] == ["s3://local/ab"]
    assert target.store.entries("s3://local/none/") == {}


@pytest.mark.long
def test_a_large_object_is_a_file_on_both_ends(target: Target, tmp_path: Path) -> None:
    content = b"0123456789abcdef" * (20 << 16)  # more than one part
    (tmp_path / "file").write_bytes(content)
    target.store.put("s3://local/large", tmp_path / "file")
    target.store.fetch("s3://local/large", tmp_path / "new" / "back")
    assert (tmp_path / "new" / "back").read_bytes() == content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["back"]
    with pytest.raises(InputProblems, match="PB529 's3://local/large' is too large"):
        target.store.get("s3://local/large")
    with pytest.raises(KeyError):
        target.store.fetch("s3://local/none", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_bytes(b"smaller")
    target.store.put("s3://local/large", tmp_path / "file")
    assert target.store.get("s3://local/large") == b"smaller"


@pytest.mark.long
def test_an_object_is_copied(target: Target, tmp_path: Path) -> None:
    content = b"0123456789abcdef" * (8 << 16)
    (tmp_path / "file").write_bytes(content)
    target.store.put("s3://local/from/large", tmp_path / "file", Media.HTML)
    target.store.put("s3://local/to/large", b"older")
    made = target.store.copy("s3://local/from/large", "s3://local/to/large")
    assert made.size == len(content)
    assert made == target.store.look("s3://local/to/large")
    target.store.put("s3://local/from/large", b"another")
    with target.store.reading("s3://local/to/large") as body:
        assert body.read(20) + body.read(1 << 30) == content
    for name in ("a b/ü%20+.csv", "x#y?.csv", "per%2Fcent", "a&b=c'*\".csv", "x?versionId=1"):
        target.store.put(f"s3://local/from/{name}", name.encode())
        target.store.copy(f"s3://local/from/{name}", f"s3://local/to/{name}")
        assert target.store.get(f"s3://local/to/{name}") == name.encode()
    with pytest.raises(KeyError):
        target.store.copy("s3://local/from/none", "s3://local/to/none")
    with pytest.raises(KeyError), target.store.reading("s3://local/to/none"):
        pass


@pytest.mark.long
def test_s3_copies_a_large_object_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * (41 << 10)
    with serving(tmp_path) as served:
        served.s3.create_bucket(Bucket="local")
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        aws = Aws("us-east-1", session=boto3.session.Session(**served.keys))
        aws.most_copied = 5 << 20
        store = S3Store(aws)
        store.put("s3://local/from", content)
        made = store.copy("s3://local/from", "s3://local/to/it")
        assert (made.size, made.etag.rsplit("-", 1)[-1]) == (len(content), "3")
        store.fetch("s3://local/to/it", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content
        aws.client("s3").close()


def test_an_address_that_is_none(target: Target) -> None:
    for address in ("file:///etc/passwd", "s3://local", "local/key"):
        with pytest.raises(InputProblems) as caught:
            target.store.put(address, b"")
        assert [problem.id for problem in caught.value.problems] == ["PB521"]


def test_data_has_a_fingerprint(target: Target) -> None:
    target.store.put("s3://local/data/1", b"1")
    first = target.store.data_fingerprint(["s3://local/data/"])
    assert target.store.data_fingerprint(["s3://local/data/"]) == first
    target.store.put("s3://local/data/2", b"2")
    second = target.store.data_fingerprint(["s3://local/data/"])
    target.store.put("s3://local/data/2", b"3")
    third = target.store.data_fingerprint(["s3://local/data/"])
    assert len({first, second, third}) == 3


# --- the registry


def register(target: Target, *, times: int) -> None:
    target.store.put("s3://local/model.tar.gz", b"")
    for number in range(times):
        ended, steps = run(target, content(script("A", f"echo {number}"), REGISTER))
        assert ended.status is ExecutionStatus.SUCCEEDED, (ended, steps)
        assert steps["Register"].metadata["RegisterModel"].endswith(f":model-package/g/{number + 1}")


@pytest.mark.long
def test_packages_are_listed_newest_first_and_described(target: Target) -> None:
    target.registry.put_group("g", "what for")
    target.registry.put_group("g", "what for")
    assert target.registry.list_packages("g") == ()
    assert target.registry.list_packages("none") == ()
    register(target, times=2)
    listed = target.registry.list_packages("g")
    assert [(item.group, item.version, item.status) for item in listed] == [
        ("g", 2, ApprovalStatus.PENDING),
        ("g", 1, ApprovalStatus.PENDING),
    ]
    found = target.registry.describe_package(listed[1].arn)
    assert (found.version, found.image, found.model_data_url) == (1, "image:1", "s3://local/model.tar.gz")
    assert (found.metrics_uri, found.metadata["rows"]) == ("s3://local/metrics.json", "5")


@pytest.mark.long
def test_approval(target: Target) -> None:
    register(target, times=1)
    (package,) = target.registry.list_packages("g")
    changed = target.registry.set_approval(
        package.arn, ApprovalStatus.APPROVED, description="fine", metadata={"decided": "yes"}, by="ada"
    )
    assert (changed.status, changed.approval_description) == (ApprovalStatus.APPROVED, "fine")
    assert (changed.metadata["decided"], changed.metadata["rows"]) == ("yes", "5")
    again = target.registry.set_approval(
        package.arn, ApprovalStatus.APPROVED, description="fine", metadata={"decided": "other"}, by="ada"
    )
    assert again == changed
    assert [item.status for item in target.registry.list_packages("g")] == [ApprovalStatus.APPROVED]
    rejected = target.registry.set_approval(
        package.arn, ApprovalStatus.REJECTED, description="worse", metadata={}, by="ada"
    )
    assert (rejected.status, rejected.metadata["decided"]) == (ApprovalStatus.REJECTED, "yes")


@pytest.mark.long
def test_a_stage_of_the_life_cycle(target: Target) -> None:
    """It says nothing of the approval, which stays as it is."""
    register(target, times=2)
    newest, other = target.registry.list_packages("g")
    target.registry.set_approval(newest.arn, ApprovalStatus.APPROVED, description="fine", metadata={}, by="ada")
    for _ in range(2):
        target.registry.set_stage(newest.arn, "production", "Approved", description="by ada")
    target.registry.set_stage(other.arn, "production", "Replaced", description="")
    assert [(p.stage, p.stage_status, p.status) for p in target.registry.list_packages("g")] == [
        ("production", "Approved", ApprovalStatus.APPROVED), ("production", "Replaced", ApprovalStatus.PENDING),
    ]  # fmt: skip
    found = target.registry.describe_package(newest.arn)
    assert (found.stage, found.stage_status, found.approval_description) == ("production", "Approved", "fine")


@pytest.mark.long
def test_a_package_that_is_not_there(target: Target) -> None:
    register(target, times=1)
    (package,) = target.registry.list_packages("g")
    with pytest.raises(InputProblems) as caught:
        target.registry.describe_package(f"{package.arn}7")
    assert [problem.id for problem in caught.value.problems] == ["PB531"]
