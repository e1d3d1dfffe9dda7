"""The rendered state machine, interpreted: how a run ends, what is answered, and with which rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.serve.protocol import ServiceError
from pipeline_builder.service.cloudformation.access.waiting import TOO_LONG
from tests.serve.serving import refused
from tests.service.rehearsal.waiting.waits import CAUSE, MACHINE, Wait, rendered, waiting
from tests.service.services import ACCOUNT, REGION


@pytest.fixture
def wait(tmp_path: Path) -> Iterator[Wait]:
    with waiting(tmp_path) as found:
        yield found


@pytest.mark.long
@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped"])
def test_it_answers_when_the_run_has_ended(wait: Wait, status: str) -> None:
    wait.at_look[4] = wait.becomes(ExecutionStatus(status))
    ended = wait.begin()
    assert (ended.status, ended.message) == ("SUCCEEDED", "")
    assert wait.clock.pauses == [30, 60, 90]
    decision = wait.decision
    assert decision is not None
    assert decision.approved
    assert decision.comment == f"The execution {wait.execution} of SageMaker is {status}."
    assert decision.principal.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/")
    assert ended.calls == {
        "codepipeline:GetPipelineState": 1, "sagemaker:DescribePipelineExecution": 4, "codepipeline:PutApprovalResult": 1,
    }  # fmt: skip
    assert not ended.denied


@pytest.mark.long
def test_a_run_that_is_not_there_any_more_is_answered(wait: Wait) -> None:
    gone = wait.execution.replace("abcdefabcdef", "gonegonegone")
    assert wait.begin(execution=gone).status == "SUCCEEDED"
    assert wait.decision is not None
    assert wait.decision.comment == f"The execution {gone} of SageMaker is deleted."


@pytest.mark.long
def test_over_its_time_it_is_stopped_and_waited_for(wait: Wait) -> None:
    ended = wait.begin(limit=300)
    # SageMaker stops it in the background: how often is looked until it has, this machine's load decides.
    assert wait.clock.pauses[:4] == [30, 60, 90, 120]
    assert ended.calls["sagemaker:StopPipelineExecution"] == 1
    assert (ended.status, wait.status) == ("SUCCEEDED", ExecutionStatus.STOPPED)
    assert wait.decision is not None
    assert wait.decision.comment.endswith(f" is Stopped: {TOO_LONG}.")


@pytest.mark.long
def test_somebody_elses_run_goes_on_over_the_time(wait: Wait) -> None:
    ended = wait.begin(limit=300, own=False)
    assert "sagemaker:StopPipelineExecution" not in ended.calls
    assert (ended.status, wait.status) == ("SUCCEEDED", ExecutionStatus.EXECUTING)
    assert wait.decision is not None
    assert not wait.decision.approved


@pytest.mark.long
@pytest.mark.parametrize("approved", [True, False])
def test_a_person_may_be_faster(wait: Wait, *, approved: bool) -> None:
    client = boto3.client(
        "codepipeline", endpoint_url=wait.url, region_name=REGION, aws_access_key_id="ada", aws_secret_access_key="x"
    )
    stages = client.get_pipeline_state(name="model-service")["stageStates"]
    token = stages[2]["actionStates"][1]["latestExecution"]["token"]
    word = "Approved" if approved else "Rejected"
    asked = {
        "pipelineName": "model-service", "stageName": "Train", "actionName": "Wait", "token": token,
        "result": {"summary": "I have seen it", "status": word},
    }  # fmt: skip

    def answer() -> None:
        client.put_approval_result(**asked)
        wait.becomes(ExecutionStatus.SUCCEEDED)()

    wait.at_look[2] = answer
    assert wait.begin().status == "SUCCEEDED"
    assert wait.decision is not None
    assert (wait.decision.approved, wait.decision.by, wait.decision.comment) == (approved, "ada", "I have seen it")
    assert wait.decision.principal == f"arn:aws:iam::{ACCOUNT}:user/ada"
    with refused("ApprovalAlreadyCompletedException"):
        client.put_approval_result(**asked)
    with refused("InvalidApprovalTokenException"):
        client.put_approval_result(**{**asked, "token": "0f8fad5b-d9cb-469f-a165-70867728950e"})
    with refused("ActionNotFoundException"):
        client.put_approval_result(**{**asked, "actionName": "Wiat"})
    with refused("StageNotFoundException"):
        client.put_approval_result(**{**asked, "stageName": "Trian"})
    with refused("PipelineNotFoundException"):
        client.get_pipeline_state(name="other")


@pytest.mark.long
def test_what_passes_is_tried_again(wait: Wait) -> None:
    def throttled() -> None:
        raise ServiceError("ThrottlingException", "Rate exceeded")

    wait.at_look = {1: throttled, 2: throttled, 3: wait.becomes(ExecutionStatus.SUCCEEDED)}
    ended = wait.begin()
    assert ended.status == "SUCCEEDED"
    assert len(wait.clock.pauses) == 2  # of the retries, with a jitter
    assert (ended.states["Look"], ended.states.get("Pause")) == (1, None)


@pytest.mark.long
def test_the_rule_leaves_it_to_the_machine_of_start(wait: Wait) -> None:
    wait.at_look[2] = lambda: asked.append(wait.ask())
    wait.at_look[3] = wait.becomes(ExecutionStatus.SUCCEEDED)
    asked = list[object]()
    assert wait.begin().status == "SUCCEEDED"
    (second,) = wait.book.state.machines[:1]
    assert (second.rule, second.status, second.calls) == (
        "model-service-wait",
        "SUCCEEDED",
        {"states:DescribeExecution": 4},  # the one of Start, whether there is a second, and both once more
    )


@pytest.mark.long
def test_asked_again_the_rule_waits_for_what_start_has_said(wait: Wait) -> None:
    wait.at_look[1] = wait.becomes(ExecutionStatus.FAILED)
    wait.begin()
    wait.open()  # rejected, say, and tried again
    ended = wait.ask()
    assert (ended.status, ended.calls["codepipeline:PutApprovalResult"]) == ("SUCCEEDED", 1)
    assert wait.decision is not None
    assert wait.decision.comment.endswith(" is Failed.")
    assert wait.looks == 2


@pytest.mark.long
def test_asked_again_while_the_first_goes_on(wait: Wait) -> None:
    def again() -> None:
        wait.open()  # rejected by hand, and the stage tried again
        wait.ask()

    wait.at_look = {2: again, 3: wait.becomes(ExecutionStatus.SUCCEEDED)}
    assert wait.begin().status == "SUCCEEDED"
    assert wait.decision is not None
    assert wait.decision.comment.endswith(" is Succeeded.")


@pytest.mark.long
def test_asked_again_after_two_starts_the_rule_takes_what_the_last_has_said(wait: Wait) -> None:
    wait.at_look = {1: wait.becomes(ExecutionStatus.FAILED)}
    wait.begin()
    wait.open()
    gone = wait.execution.replace("abcdefabcdef", "gonegonegone")
    given = {"cause": CAUSE, "execution": gone, "limit": 300, "own": True}
    wait.end_of(wait.machines.begin(MACHINE, given, name=f"{CAUSE}-2", stage="Train"))
    wait.open()
    assert wait.ask().calls["states:DescribeExecution"] == 3
    assert wait.decision is not None
    assert wait.decision.comment == f"The execution {gone} of SageMaker is deleted."


def test_without_a_start_the_rule_says_so(wait: Wait) -> None:
    ended = wait.ask()
    assert (ended.status, ended.message.split(":")[0]) == ("FAILED", "Unknown")
    assert wait.decision is None


@pytest.mark.long
def test_it_waits_until_it_is_asked(wait: Wait) -> None:
    wait.book.put_action("Train", "Wait", status="Waiting")
    pause = wait.clock.pause

    def opened(who: str, seconds: float) -> None:
        pause(who, seconds)
        wait.open()

    wait.at_look[1] = wait.becomes(ExecutionStatus.SUCCEEDED)
    wait.clock.pause = opened  # type: ignore[method-assign] # Start has ended meanwhile
    assert wait.begin().status == "SUCCEEDED"
    assert wait.clock.pauses == [30]


@pytest.mark.long
def test_another_execution_of_the_pipeline_is_not_answered(wait: Wait) -> None:
    wait.at_look[1] = wait.becomes(ExecutionStatus.SUCCEEDED)
    given = {"cause": CAUSE.replace("0f8fad5b", "11111111"), "execution": wait.execution, "limit": 300, "own": True}
    ended = wait.end_of(wait.machines.begin(MACHINE, given, name="other", stage="Train"))
    assert (ended.status, len(wait.clock.pauses)) == ("SUCCEEDED", 60)
    assert wait.decision is None


@pytest.mark.long
def test_its_role_is_held_to(tmp_path: Path) -> None:
    service = rendered()
    machine = service.machines[MACHINE]
    assert machine.policies
    narrowed = [
        {**policy, "Statement": [one for one in policy["Statement"] if one["Sid"] != "Answer"]}
        for policy in machine.policies
    ]
    machines = {MACHINE: machine.model_copy(update={"policies": tuple(narrowed)})}
    with waiting(tmp_path, service=service.model_copy(update={"machines": machines})) as wait:
        wait.at_look[1] = wait.becomes(ExecutionStatus.SUCCEEDED)
        ended = wait.begin()
    assert ended.status == "FAILED"
    assert "is not authorized to perform: codepipeline:PutApprovalResult" in ended.message
    what = f"codepipeline:PutApprovalResult on arn:aws:codepipeline:{REGION}:{ACCOUNT}:model-service/Train/Wait"
    assert set(ended.denied) == {what}


@pytest.mark.long
def test_executions_are_started_once_by_their_name(wait: Wait) -> None:
    client = boto3.client(
        "stepfunctions", endpoint_url=wait.url, region_name=REGION, aws_access_key_id="b", aws_secret_access_key="x"
    )
    given = f'{{"cause": "{CAUSE}", "execution": "{wait.execution}", "limit": 300, "own": true}}'
    wait.at_look[2] = lambda: ends.append(client.start_execution(stateMachineArn=MACHINE, name="one", input=given))
    wait.at_look[3] = wait.becomes(ExecutionStatus.SUCCEEDED)
    ends = list[object]()
    first = client.start_execution(stateMachineArn=MACHINE, name="one", input=given)
    assert first["executionArn"] == MACHINE.replace("stateMachine", "execution") + ":one"
    record = wait.machines.find("model-service-wait", "one")
    assert record is not None
    assert wait.end_of(record).status == "SUCCEEDED"
    assert len(ends) == 1
    assert len(wait.book.state.machines) == 1
    described = client.describe_execution(executionArn=first["executionArn"])
    assert (described["status"], described["input"]) == ("SUCCEEDED", record.given)
    with refused("ExecutionAlreadyExists"):
        client.start_execution(stateMachineArn=MACHINE, name="one", input=given)
    with refused("StateMachineDoesNotExist"):
        client.start_execution(stateMachineArn=MACHINE + "r", name="one")
    with refused("ExecutionDoesNotExist"):
        client.describe_execution(executionArn=first["executionArn"] + "2")
    with refused("InvalidExecutionInput"):
        client.start_execution(stateMachineArn=MACHINE, name="two", input="{")
