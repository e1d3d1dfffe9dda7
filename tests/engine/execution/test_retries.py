"""Retry policies on the local engine: what is tried again, how often, and what never is."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.document.document import Retry, load_definition
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.engine.execution.retries import SERVICE_FAULT, Patience
from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.installer import OutageError, find_uv
from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.records import list_jobs
from pipeline_builder.engine.local import LocalPipelines
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.target import Target
from tests.engine.definitions import definition, run, script, target, training

OUTAGE = OutageError(Problem(id="PB510", message="no network"))


def policy(**more: Any) -> dict[str, Any]:
    return {"ExceptionType": [SERVICE_FAULT, "Step.THROTTLING"], "IntervalSeconds": 0, "BackoffRate": 2.0, **more}


def retries(*policies: dict[str, Any]) -> tuple[Retry, ...]:
    return load_definition(definition(script("a", "true", RetryPolicies=list(policies)))).steps[0].retries


def test_waits_grow_until_the_tries_are_spent() -> None:
    patience = Patience(retries(policy(IntervalSeconds=2, BackoffRate=3, MaxAttempts=3)))
    assert [patience.wait_after(OUTAGE) for _ in range(4)] == [2, 6, 18, None]


def test_what_a_policy_leaves_open() -> None:
    patience = Patience(retries({"ExceptionType": [SERVICE_FAULT]}))
    assert [patience.wait_after(OUTAGE) for _ in range(6)] == [1, 2, 4, 8, 16, None]


def test_time_is_a_limit_too() -> None:
    now = [100.0]
    patience = Patience(retries(policy(IntervalSeconds=20, BackoffRate=1, ExpireAfterMin=1)), clock=lambda: now[0])
    waits = []
    for _ in range(4):
        waits.append(patience.wait_after(OUTAGE))
        now[0] += 20
    assert waits == [20, 20, 20, None]


def test_the_first_policy_that_names_the_failure_counts() -> None:
    capacity = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 9}
    patience = Patience(retries(capacity, policy(IntervalSeconds=5)))
    assert patience.wait_after(OUTAGE) == 5
    assert Patience(retries(capacity)).wait_after(OUTAGE) is None
    assert patience.wait_after(OutsideFailure(Problem(id="PB510", message="no such version"))) is None


def unreliable(tmp_path: Path, failures: int, words: str = "error: Connection refused") -> Target:
    """Return a target whose package installer fails so often before it works."""
    tries, uv = tmp_path / "tries", tmp_path / "uv"
    uv.write_text(
        f'#!/bin/sh\necho x >> {tries}\n[ "$(wc -l < {tries})" -gt {failures} ] || {{ echo "{words}" >&2; exit 2; }}\n'
        f'exec {find_uv()} "$@"\n'
    )
    uv.chmod(0o755)
    memory = State(tmp_path / "state" / "state.db")
    store = LocalStore(tmp_path / "state" / "store", {}, memory)
    registry = LocalRegistry(memory)
    engine = Engine(
        state=memory, store=store, registry=registry, environments=Environments(tmp_path / "envs", uv=uv), images=(),
        jobs_folder=tmp_path / "jobs", jobs=2, private=private_mounts_available(),
    )  # fmt: skip
    return Target(name="local", pipelines=LocalPipelines(engine, lambda: "0"), store=store, registry=registry)


@pytest.mark.long
def test_an_outage_is_tried_again(tmp_path: Path) -> None:
    local = unreliable(tmp_path, 2)
    _, ended, steps = run(local, definition(script("a", "true", RetryPolicies=[policy(MaxAttempts=2)])))
    assert (ended.status, steps["a"].attempts) == (ExecutionStatus.SUCCEEDED, 3)


def test_an_internal_error_of_a_job_is_what_a_policy_may_call_it_too() -> None:
    patience = Patience(retries(policy(ExceptionType=["SageMaker.JOB_INTERNAL_ERROR"], IntervalSeconds=3)))
    assert patience.wait_after(OUTAGE) == 3


@pytest.mark.long
def test_a_training_tries_again_by_itself_as_the_same_job(tmp_path: Path) -> None:
    local = unreliable(tmp_path, 1)
    step = training("a", "true", RetryStrategy={"MaximumRetryAttempts": 1})
    _, ended, steps = run(local, definition(step))
    assert (ended.status, steps["a"].attempts) == (ExecutionStatus.SUCCEEDED, 1)
    (job,) = list_jobs(State(tmp_path / "state" / "state.db"), "training-job")
    story = [part["Status"] for part in job.result["SecondaryStatusTransitions"]]
    once = ["Starting", "Downloading", "Training"]
    assert story == [*once, *once, "Uploading", "Completed"]
    assert "try 1 of 2 failed, the next one is in 1 s: PB510" in Path(job.log).read_text()


@pytest.mark.long
def test_its_policy_comes_after_its_own_tries_are_spent(tmp_path: Path) -> None:
    local = unreliable(tmp_path, 2)
    step = training("a", "true", RetryStrategy={"MaximumRetryAttempts": 1}) | {"RetryPolicies": [policy(MaxAttempts=1)]}
    _, ended, steps = run(local, definition(step))
    assert (ended.status, steps["a"].attempts) == (ExecutionStatus.SUCCEEDED, 2)


@pytest.mark.parametrize(
    ("more", "words", "attempts"),
    [
        ({}, "error: Connection refused", 1),
        ({"RetryPolicies": [policy(MaxAttempts=2)]}, "error: Connection refused", 3),
        ({"RetryPolicies": [policy(MaxAttempts=2)]}, "error: No solution found", 1),
    ],
)
def test_it_is_given_up(tmp_path: Path, more: dict[str, Any], words: str, attempts: int) -> None:
    _, ended, steps = run(unreliable(tmp_path, 100, words), definition(script("a", "true", **more)))
    assert (ended.status, steps["a"].attempts) == (ExecutionStatus.FAILED, attempts)
    assert words in steps["a"].failure_reason


def test_a_script_that_fails_is_never_tried_again(tmp_path: Path) -> None:
    kinds = [SERVICE_FAULT, "Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"]
    step = script("a", "exit 1", RetryPolicies=[policy(ExceptionType=kinds)])
    assert run(target(tmp_path), definition(step))[2]["a"].attempts == 1


@pytest.mark.long
def test_a_run_that_is_stopped_as_it_begins_has_no_thread_left(tmp_path: Path) -> None:
    """The interruption comes while the run waits for the thread of its first step to say that it is there.

    And once more while it waits for that to end.
    """
    local = unreliable(tmp_path, 100)
    deployed = local.pipelines.put_pipeline("p", definition(script("a", "true")))

    def observe(_: Any) -> None:
        import _thread

        _thread.interrupt_main()
        time.sleep(0.2)

    execution = local.pipelines.start_execution("p", deployed.version, {}, fingerprint="f")
    with pytest.raises(KeyboardInterrupt):
        local.pipelines.follow_execution(execution.arn, observe)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("step")]
    assert local.pipelines.list_steps(execution.arn)[0].status.value == "Stopped"


@pytest.mark.long
def test_a_run_that_is_stopped_waits_no_longer(tmp_path: Path) -> None:
    local = unreliable(tmp_path, 100)
    content = definition(script("a", "true", RetryPolicies=[policy(IntervalSeconds=60)]))
    deployed = local.pipelines.put_pipeline("p", content)
    execution = local.pipelines.start_execution("p", deployed.version, {}, fingerprint="f")
    notes = []

    def observe(state: Any) -> None:
        notes.append(state.note)
        if "the next one is in" in state.note:
            import _thread

            _thread.interrupt_main()

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        local.pipelines.follow_execution(execution.arn, observe)
    assert time.monotonic() - begun < 20
    assert "try 1 failed, the next one is in 60 s" in notes
    assert local.pipelines.list_steps(execution.arn)[0].status.value == "Stopped"
