"""The state machine that waits for a run, walked through from its definition: what ends it, how long it is, what it costs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline_builder.manifest.quotas import AFTER_WAIT
from pipeline_builder.service.cloudformation.access.waiting import TOO_LONG
from pipeline_builder.service.cloudformation.description.waiting import wait_definition
from tests.service.walking import CAUSE, EXECUTION, TOKEN, Refused, Walk, asked, given, lasting

HOUR, DAY = 3600.0, 24 * 3600.0
LONGEST = 60 * DAY


def refusing(error: str) -> Any:
    def answer(*_: Any) -> Any:
        raise Refused(error)

    return answer


# --- its length, which decisions.md and deploy.md name


@pytest.mark.parametrize(
    ("seconds", "transitions", "events", "price"),
    [(HOUR, 78, 216, "0.002"), (8 * HOUR, 414, 1_140, "0.010"), (7 * DAY, 2_814, 7_740, "0.070"),
     (LONGEST, 7_902, 21_732, "0.198")],
)  # fmt: skip
def test_what_waiting_takes(seconds: float, transitions: int, events: int, price: str) -> None:
    walk = lasting(seconds)
    assert walk.go(given(LONGEST)) == "Done"
    assert (walk.transitions, walk.events, f"{walk.price:.3f}") == (transitions, events, price)
    assert walk.events <= 22_000  # a history takes 25,000; what is left is for calls that are tried again


def test_the_pause_grows_from_half_a_minute_to_five_and_from_the_third_day_on_it_is_an_hour() -> None:
    walk = lasting(3 * DAY)
    walk.go(given(LONGEST))
    assert walk.pauses[:11] == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300]
    assert {*walk.pauses[10:500]} == {300}
    assert walk.pauses[-1] == 3600
    assert walk.clock <= 3 * DAY + HOUR + 2 * len(walk.pauses)


# --- what ends it


@pytest.mark.parametrize("ends", ["Succeeded", "Failed", "Stopped"])
def test_an_execution_that_has_ended_is_answered_with_what_it_is(ends: str) -> None:
    walk = lasting(100, ends=ends)
    assert walk.go(given(HOUR)) == "Done"
    ((call, request),) = walk.calls[-1:]
    summary = f"The execution {EXECUTION} of SageMaker is {ends}."
    assert (call, request) == (
        "codepipeline:putApprovalResult",
        {
            "PipelineName": "models", "StageName": "Train", "ActionName": "Wait", "Token": TOKEN,
            "Result": {"Status": "Approved", "Summary": summary},
        },
    )  # fmt: skip
    assert walk.called("sagemaker:stopPipelineExecution") == []


def test_what_has_ended_before_is_answered_without_a_pause() -> None:
    walk = lasting(0)
    assert (walk.go(given(HOUR)), walk.pauses) == ("Done", [])


def test_a_deleted_execution_is_answered() -> None:
    walk = lasting(HOUR, sagemaker__describePipelineExecution=refusing("SageMaker.ResourceNotFoundException"))
    assert (walk.go(given(HOUR)), walk.retries) == ("Done", 0)
    assert walk.called("codepipeline:putApprovalResult")[0]["Result"]["Summary"].endswith("is deleted.")


@pytest.mark.parametrize("limit", [5 * 60, 8 * HOUR, 14 * DAY])
def test_a_run_that_takes_too_long_is_stopped_and_then_answered(limit: float) -> None:
    walk = lasting(LONGEST)
    assert walk.go(given(limit)) == "Done"
    (stop,) = walk.called("sagemaker:stopPipelineExecution")
    assert (stop["PipelineExecutionArn"], len(stop["ClientRequestToken"])) == (EXECUTION, 36)
    assert limit <= walk.clock <= limit + AFTER_WAIT * 60  # before Wait is over
    # Judge knows by these words that it was no person who stopped it.
    assert walk.called("codepipeline:putApprovalResult")[0]["Result"]["Summary"].endswith(f"is Stopped: {TOO_LONG}.")


@pytest.mark.parametrize("ends", ["Succeeded", "Failed"])
def test_what_ends_by_itself_after_its_time_was_not_stopped_for_it(ends: str) -> None:
    walk = lasting(HOUR, ends=ends, sagemaker__stopPipelineExecution=lambda *_: {})
    assert walk.go(given(20 * 60)) == "Done"
    assert walk.called("sagemaker:stopPipelineExecution")
    assert walk.called("codepipeline:putApprovalResult")[0]["Result"]["Summary"].endswith(f"is {ends}.")


def test_an_execution_of_somebody_else_goes_on_and_the_wait_ends_red() -> None:
    walk = lasting(LONGEST)
    assert walk.go(given(HOUR, own=False)) == "Done"
    assert walk.called("sagemaker:stopPipelineExecution") == []
    result = walk.called("codepipeline:putApprovalResult")[0]["Result"]
    assert (result["Status"], "goes on" in result["Summary"]) == ("Rejected", True)


def test_a_stop_that_is_refused_is_tried_again_with_the_next_look_and_no_end_is_missed() -> None:
    walk = lasting(HOUR, sagemaker__stopPipelineExecution=refusing("SageMaker.SageMakerException"))
    assert (walk.go(given(20 * 60)), walk.retries) == ("Done", 0)
    assert len(walk.called("sagemaker:stopPipelineExecution")) == 8  # one in five minutes
    assert walk.called("codepipeline:putApprovalResult")[0]["Result"]["Summary"].endswith("is Succeeded.")


# --- what it waits for before, and whom it leaves alone


def test_it_begins_while_start_still_runs() -> None:
    def state(walk: Walk, _: Any) -> Any:
        return asked() if walk.clock > 90 else asked(wait="Succeeded") if walk.clock > 40 else asked(cause="another")

    walk = lasting(HOUR, codepipeline__getPipelineState=state)
    assert walk.go(given(DAY)) == "Done"
    assert walk.called("codepipeline:putApprovalResult")[0]["Token"] == TOKEN


@pytest.mark.parametrize(
    "now",
    [
        asked(wait="Failed", stage="Failed"),  # Start has failed after it started the machine
        asked(wait="Succeeded", stage="Stopped"),  # a person has stopped the execution of CodePipeline meanwhile
        asked(wait="Succeeded", judge="InProgress"),  # a person was faster than the machine's first look
    ],
)
def test_where_wait_will_not_be_asked_any_more_it_ends_quietly_and_at_once(now: Any) -> None:
    walk = lasting(HOUR, codepipeline__getPipelineState=lambda *_: now)
    assert (walk.go(given(DAY)), walk.pauses) == ("Done", [])


def test_the_next_execution_of_the_pipeline_is_no_reason_for_an_alarm() -> None:
    walk = lasting(HOUR, codepipeline__getPipelineState=lambda *_: asked("other", cause="another"))
    assert walk.go(given(DAY)) == "Done"
    assert walk.called("codepipeline:putApprovalResult") == []


@pytest.mark.parametrize("now", [asked(wait="Succeeded"), {"StageStates": [{"StageName": "Train"}] * 4}])
def test_a_wait_that_is_not_asked_in_half_an_hour_is_loud(now: Any) -> None:
    """Start goes on too long, or the pipeline isn't what the template says."""
    walk = lasting(HOUR, codepipeline__getPipelineState=lambda *_: now)
    assert walk.go(given(DAY)) == "NeverAsked"
    assert 20 * 60 < walk.clock < HOUR


@pytest.mark.parametrize(
    "error", ["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException", "ActionNotFoundException"]
)
def test_what_a_person_or_a_deployment_has_ended_is_left_alone(error: str) -> None:
    walk = lasting(HOUR, codepipeline__putApprovalResult=refusing(f"CodePipeline.{error}"))
    assert (walk.go(given(DAY)), walk.retries) == ("Done", 0)


@pytest.mark.parametrize("ends", ["Succeeded", "Stopped"])
def test_a_wait_that_was_rejected_and_is_asked_again_is_answered_too(ends: str) -> None:
    """By the machine that still runs, which the rule's leaves it to; with a limit anew."""
    answered: list[str] = []

    def state(walk: Walk, _: Any) -> Any:
        return asked() if walk.clock < 60 else asked("again")

    def put(_: Walk, request: Any) -> Any:
        answered.append(request["Token"])
        if request["Token"] == TOKEN:
            raise Refused("CodePipeline.InvalidApprovalTokenException")

    seconds = HOUR if ends == "Succeeded" else LONGEST
    walk = lasting(seconds, codepipeline__getPipelineState=state, codepipeline__putApprovalResult=put)
    assert walk.go(given(2 * HOUR)) == "Done"
    assert answered[-1] == "again"
    assert len(walk.called("sagemaker:stopPipelineExecution")) == (ends == "Stopped")
    assert ends == "Succeeded" or walk.clock > 4 * HOUR


@pytest.mark.parametrize("now", [asked("other", cause="another"), asked(wait="Failed"), {"StageStates": []}])
def test_an_execution_that_nobody_waits_for_any_more_is_not_stopped(now: Any) -> None:
    walk = lasting(DAY, codepipeline__getPipelineState=lambda walk, _: asked() if walk.clock < 60 else now)
    assert walk.go(given(HOUR)) == "Done"
    assert walk.called("sagemaker:stopPipelineExecution") == walk.called("codepipeline:putApprovalResult") == []


def test_calls_that_fail_are_tried_again() -> None:
    failures = ["SageMaker.SageMakerException"] * 6

    def describe(*_: Any) -> Any:
        if failures:
            raise Refused(failures.pop())
        return {"PipelineExecutionStatus": "Failed"}

    walk = lasting(HOUR, sagemaker__describePipelineExecution=describe)
    assert (walk.go(given(HOUR)), walk.retries) == ("Done", 6)


# --- what the rule on Wait starts


def described(*statuses: str, limits: tuple[float, ...] = (8 * HOUR,) * 9) -> Any:
    """Machines of the cause: the first has its name, the others a number behind it."""
    names = [CAUSE, *(f"{CAUSE}-{number}" for number in range(2, 9))]
    known = dict(zip(names, statuses, strict=False))

    def describe(_: Walk, request: Any) -> Any:
        name = request["ExecutionArn"].rpartition(":execution:models-wait:")[2]
        if name not in known:
            raise Refused("Sfn.ExecutionDoesNotExistException")
        return {"Status": known[name], "Input": json.dumps(given(limits[names.index(name)]))}

    return describe


def test_the_rule_leaves_a_wait_to_the_machine_that_runs() -> None:
    walk = lasting(0, sfn__describeExecution=described("RUNNING"))
    assert (walk.go({"cause": CAUSE}), walk.pauses) == ("Done", [30])
    assert {call for call, _ in walk.calls} == {"sfn:describeExecution"}
    assert walk.transitions <= 16


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
def test_the_rule_serves_a_wait_that_no_start_does(status: str) -> None:
    walk = lasting(0, sfn__describeExecution=described(status))
    assert (walk.go({"cause": CAUSE}), walk.pauses) == ("Done", [])
    assert len(walk.called("codepipeline:putApprovalResult")) == 1


def test_of_several_starts_the_last_counts() -> None:
    """After a retry of all actions: one that runs serves it alone, and of an ended one it is what was given then."""
    walk = lasting(0, sfn__describeExecution=described("SUCCEEDED", "SUCCEEDED", "RUNNING"))
    assert walk.go({"cause": CAUSE}) == "Done"
    assert {call for call, _ in walk.calls} == {"sfn:describeExecution"}
    ended = described("FAILED", "SUCCEEDED", limits=(DAY, 5 * 60))
    walk = lasting(LONGEST, sfn__describeExecution=ended)
    assert walk.go({"cause": CAUSE}) == "Done"
    assert walk.clock < HOUR  # stopped by the limit of the second


def test_one_that_was_about_to_end_is_looked_at_again() -> None:
    """DescribeExecution may be some seconds behind: a Wait that nobody serves would be open to its end."""

    def describe(walk: Walk, request: Any) -> Any:
        return described("RUNNING" if walk.clock < 20 else "SUCCEEDED")(walk, request)

    walk = lasting(0, sfn__describeExecution=describe)
    assert walk.go({"cause": CAUSE}) == "Done"
    assert len(walk.called("codepipeline:putApprovalResult")) == 1


def test_one_that_is_not_seen_at_once_is_seen_then() -> None:
    def describe(walk: Walk, request: Any) -> Any:
        return described(*(["RUNNING"] if walk.clock > 20 else []))(walk, request)

    assert lasting(0, sfn__describeExecution=describe).go({"cause": CAUSE}) == "Done"


def test_the_rule_is_no_reason_for_an_alarm_where_the_answer_was_faster_than_its_event() -> None:
    walk = lasting(0, sfn__describeExecution=described("SUCCEEDED"))
    walk.answers = {**walk.answers, "codepipeline:getPipelineState": lambda *_: asked(wait="Succeeded")}
    assert (walk.go({"cause": CAUSE}), walk.pauses) == ("Done", [30])
    assert walk.called("codepipeline:putApprovalResult") == []


def test_a_wait_of_which_nothing_is_known_ends_loudly() -> None:
    walk = lasting(0, sfn__describeExecution=refusing("Sfn.ExecutionDoesNotExistException"))
    assert (walk.go({"cause": CAUSE}), walk.pauses) == ("Unknown", [30])


def test_every_state_is_led_to() -> None:
    definition: Any = wait_definition("models", "Train")
    seen, ahead = set(), [definition["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            state = definition["States"][name]
            ahead += [state[key] for key in ("Next", "Default") if key in state]
            ahead += [one["Next"] for one in (*state.get("Choices", ()), *state.get("Catch", ()))]
    assert seen == definition["States"].keys()
