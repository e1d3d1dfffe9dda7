"""Callback steps: they wait in the state, through kills and stops, until somebody answers their token."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import Execution, StepState, StepStatus, WaitingStep
from pipeline_builder.errors import InputProblems
from pipeline_builder.release.run import Start, follow, start
from pipeline_builder.target import Target
from tests.engine.definitions import definition, script, target
from tests.serve.serving import until

QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/answers"
OUTPUTS = {"approved": "Boolean", "share": "Float", "count": "Integer", "by": "String"}
ANSWER = {"approved": "true", "share": "0.5", "count": "3", "by": "a=b"}


def wait(name: str = "Wait", outputs: dict[str, str] | None = None, **inputs: Any) -> dict[str, Any]:
    declared = OUTPUTS if outputs is None else outputs
    return {
        "Name": name,
        "Type": "Callback",
        "SqsQueueUrl": QUEUE,
        "Arguments": {"model": "churn", **inputs},
        "OutputParameters": [{"OutputName": key, "OutputType": kind} for key, kind in declared.items()],
    }


class Going:
    """An execution that goes on in a thread of its own."""

    def __init__(self, local: Target, content: bytes) -> None:
        self.local = local
        deployed = local.pipelines.put_pipeline("p", content)
        self.arn = start(local.pipelines, deployed, {}, rerun=False).execution.arn
        self.seen: list[StepState] = []
        self.ended: Execution | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        found = self.local.pipelines.describe_execution(self.arn)
        assert found is not None
        self.ended = follow(self.local.pipelines, Start(execution=found, origin="started"), self.seen.append)

    def end(self) -> dict[str, StepState]:
        self._thread.join(60)
        assert self.ended is not None
        return {state.name: state for state in self.local.pipelines.list_steps(self.arn)}


def waiting(local: Target, count: int = 1) -> tuple[WaitingStep, ...]:
    def found() -> tuple[WaitingStep, ...]:
        listed = local.pipelines.list_waiting()
        return listed if len(listed) == count else ()

    return until(found)


def test_it_waits_says_how_to_answer_and_takes_no_place(tmp_path: Path) -> None:
    local = target(tmp_path, jobs=1)
    told = script("Told", 'test "$BY" = "a=b true 0.5 3"')
    values = [{"Get": f"Steps.Wait.OutputParameters['{name}']"} for name in ("by", "approved", "share", "count")]
    told["Arguments"]["Environment"] = {"BY": {"Std:Join": {"On": " ", "Values": values}}}
    going = Going(local, definition(wait(), wait("Wait2", {}), script("Beside", "true"), told))
    first, second = sorted(waiting(local, 2), key=lambda one: one.step)
    until(lambda: local.pipelines.list_steps(going.arn)[2].status is StepStatus.SUCCEEDED)  # with one place for jobs
    assert (first.step, dict(first.inputs), first.queue) == ("Wait", {"model": "churn"}, QUEUE)
    assert len(first.token) == 10
    said = f"pipeline-builder callback {first.token} --success approved=…"
    until(lambda: any(said in state.note for state in going.seen))
    assert local.pipelines.answer_step(first.token, outputs=ANSWER) == going.arn
    local.pipelines.answer_step(second.token, outputs={})
    assert {state.status for state in going.end().values()} == {StepStatus.SUCCEEDED}
    assert local.pipelines.list_waiting() == ()


def test_a_failure_is_the_steps_reason(tmp_path: Path) -> None:
    local = target(tmp_path)
    going = Going(local, definition(wait()))
    (one,) = waiting(local)
    local.pipelines.answer_step(one.token, outputs=None, reason="nobody likes it")
    assert going.end()["Wait"].failure_reason == "nobody likes it"
    with pytest.raises(InputProblems, match="it is failed already"):
        local.pipelines.answer_step(one.token, outputs=ANSWER)


@pytest.mark.long
def test_a_wrong_answer_is_refused_as_a_whole_and_the_step_still_waits(tmp_path: Path) -> None:
    local = target(tmp_path)
    going = Going(local, definition(wait()))
    (one,) = waiting(local)
    with pytest.raises(InputProblems) as raised:
        local.pipelines.answer_step(one.token, outputs={"approved": "maybe", "share": "x", "count": "1", "other": "1"})
    assert [problem.id for problem in raised.value.problems] == ["PB871"] * 4
    for share in ("nan", "-inf", "1e999"):  # which no JSON has
        with pytest.raises(InputProblems, match=f"'share' is '{share}', expected Float"):
            local.pipelines.answer_step(one.token, outputs={**ANSWER, "share": share})
    with pytest.raises(InputProblems, match="PB871 the output 'by' is "):
        local.pipelines.answer_step(one.token, outputs={**ANSWER, "by": "\udcff"})
    with pytest.raises(InputProblems, match="nobody has drawn it"):
        local.pipelines.answer_step("nobodys", outputs=ANSWER)
    local.pipelines.stop_execution(going.arn)
    assert going.end()["Wait"].status is StepStatus.STOPPED
    with pytest.raises(InputProblems, match="it is closed already"):
        local.pipelines.answer_step(one.token, outputs=ANSWER)


@pytest.mark.long
def test_time_is_up(tmp_path: Path) -> None:
    going = Going(target(tmp_path), definition(wait(smp_timeout=1)))
    assert "no answer to the callback token" in going.end()["Wait"].failure_reason


@pytest.mark.parametrize("seconds", ["soon", 1e300, -1, [1]])
def test_a_time_that_is_none_fails_the_step(tmp_path: Path, seconds: Any) -> None:
    going = Going(target(tmp_path), definition(wait(smp_timeout=seconds)))
    assert "'smp_timeout' is" in going.end()["Wait"].failure_reason


@pytest.mark.long
def test_a_failure_is_heard_once_and_the_next_try_waits_anew(tmp_path: Path) -> None:
    local = target(tmp_path)
    going = Going(local, definition(wait()))
    (one,) = waiting(local)
    local.pipelines.answer_step(one.token, outputs=None, reason="no")
    assert going.end()["Wait"].failure_reason == "no"
    local.pipelines.retry_execution(going.arn)
    again = threading.Thread(
        target=lambda: local.pipelines.follow_execution(going.arn, lambda _state: None), daemon=True
    )
    again.start()
    (two,) = waiting(local)
    assert two.token != one.token
    local.pipelines.answer_step(two.token, outputs=ANSWER)
    again.join(60)
    assert local.pipelines.list_steps(going.arn)[0].status is StepStatus.SUCCEEDED
