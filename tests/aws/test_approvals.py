"""The service's question about a run: found, answered in its own words, and what is said where somebody was faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.approvals import CodePipelineApprovals
from pipeline_builder.aws.client import Aws
from pipeline_builder.descriptions import Approval, ApprovalStatus, OpenApproval
from pipeline_builder.errors import InputProblems, OutsideFailure, PlanRefused
from pipeline_builder.release.answering import answer_question, find_question, repeat_answer, summarize
from pipeline_builder.release.answers import read_answer
from pipeline_builder.release.promote import Decision
from pipeline_builder.release.record import RunRecord, VerdictRecord
from tests.aws.asking import CALLER, SINCE, Asking, asking
from tests.release.records import package, run_record

KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "eu-west-1"}
TOKEN = "0f7c1f3c-9ab0-4c2d-8e1f-00000000000a"
EXECUTION = "0f7c1f3c-9ab0-4c2d-8e1f-000000000001"
APPROVE = Decision(status=ApprovalStatus.APPROVED, by="ada", comment="looks right")


@pytest.fixture
def record() -> RunRecord:
    found = run_record("churn", "price", "fraud")
    return found.model_copy(update={"evidence": "e" * 64})


@pytest.fixture
def asked(record: RunRecord) -> Iterator[Asking]:
    with asking(Asking(run=record.execution, approval=record.evidence)) as found:
        yield found


@dataclass
class Caller(CodePipelineApprovals):
    """The questions with somebody who asks: the server that plays CodePipeline has no STS."""

    def __init__(self, url: str, *pipelines: str, now: datetime = SINCE) -> None:
        aws = Aws("eu-west-1")
        aws._clients["codepipeline"] = boto3.client("codepipeline", endpoint_url=url, **KEYS)
        super().__init__(aws, pipelines, lambda: now)

    def caller(self) -> str:
        return CALLER


def chosen(record: RunRecord, *models: str) -> list[Any]:
    return [one for one in record.packages if one.model in models]


@pytest.mark.long
def test_the_requests_are_those_of_the_service() -> None:
    """Held by botocore against the service model, as CodePipeline documents them."""
    client = boto3.client("codepipeline", **KEYS)
    aws = Aws("eu-west-1")
    aws._clients["codepipeline"] = client
    latest = {"status": "InProgress", "token": TOKEN, "lastStatusChange": SINCE}
    state = {
        "stageStates": [
            {"stageName": "Build", "actionStates": [{"actionName": "Approve", "latestExecution": latest}]},
            {
                "stageName": "Approve",
                "latestExecution": {"pipelineExecutionId": EXECUTION, "status": "InProgress"},
                "actionStates": [{"actionName": "Other"}, {"actionName": "Approve", "latestExecution": latest}],
            },
        ]
    }
    variables = {"EXECUTION_ARN": "arn:run", "APPROVAL": "sha"}
    details = [{"actionName": "Judge", "startTime": SINCE, "output": {"outputVariables": variables}}]
    with Stubber(client) as stubber:
        stubber.add_client_error("get_pipeline_state", "PipelineNotFoundException", expected_params={"name": "gone"})
        stubber.add_response("get_pipeline_state", state, {"name": "models"})
        stubber.add_response(
            "list_action_executions",
            {"actionExecutionDetails": details},
            {"pipelineName": "models", "filter": {"pipelineExecutionId": EXECUTION}},
        )
        questions = CodePipelineApprovals(aws, ["gone", "models"])
        (question,) = questions.list_open()
        assert question == OpenApproval(
            pipeline="models", execution=EXECUTION, stage="Approve", action="Approve", token=TOKEN, since=SINCE,
            run="arn:run", approval="sha",
        )  # fmt: skip
        assert TOKEN not in repr(question)
        expected = {
            "pipelineName": "models", "stageName": "Approve", "actionName": "Approve", "token": TOKEN,
            "result": {"status": "Rejected", "summary": "only churn: too low"},
        }  # fmt: skip
        stubber.add_response("put_approval_result", {"approvedAt": SINCE}, expected)
        assert questions.answer(question, approved=False, summary="only churn: too low")
        for code in ("ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"):
            stubber.add_client_error("put_approval_result", code, expected_params=expected)
            assert not questions.answer(question, approved=False, summary="only churn: too low")
        stubber.add_client_error("put_approval_result", "AccessDeniedException", expected_params=expected)
        with pytest.raises(OutsideFailure) as failure:
            questions.answer(question, approved=False, summary="only churn: too low")
        assert failure.value.problems[0].id == "PB704"


def test_an_answer_for_all_and_one_for_some(record: RunRecord, asked: Asking) -> None:
    questions = Caller(asked.url, "others", "models")
    question = find_question(record, questions)
    assert question
    answered = answer_question(record, record.packages, APPROVE, question, questions)
    assert answered.words == "the service's pipeline 'models' is answered, and writes it into the registry"
    assert asked.answers == [("Approved", "looks right")]
    asked.ask_anew()
    question = find_question(record, questions)
    assert question
    rejection = replace(APPROVE, status=ApprovalStatus.REJECTED, comment="not convinced")
    answer_question(record, chosen(record, "price"), rejection, question, questions)
    assert asked.answers[-1] == ("Rejected", "only price: not convinced")


def test_a_run_that_nobody_asks_about(record: RunRecord, asked: Asking) -> None:
    questions = Caller(asked.url, "models")
    assert find_question(record.model_copy(update={"execution": "arn:other"}), questions) is None
    asked.open = False
    assert find_question(record, questions) is None
    assert find_question(record, Caller(asked.url, "others")) is None


def test_a_question_about_other_evidence_is_not_answered(record: RunRecord, asked: Asking) -> None:
    questions = Caller(asked.url, "models")
    question = find_question(record, questions)
    assert question
    other = record.model_copy(update={"evidence": "2f0a44a8c1de" * 4})
    with pytest.raises(PlanRefused) as refused:
        answer_question(other, record.packages, APPROVE, question, questions)
    (problem,) = refused.value.problems
    assert problem.id == "PB021"
    assert problem.message == (
        "the service's pipeline 'models' asks about the evidence eeeeeeeeeeee, and the record of the run names "
        "2f0a44a8c1de"
    )
    assert not asked.answers


@pytest.mark.parametrize(
    ("faster", "said"),
    [
        (lambda one: one.answer("Rejected", "too low"),
         "the question of the service's pipeline 'models' was rejected meanwhile by ada (Approvers): too low"),
        (lambda one: one.answer("Approved", "only churn"),
         "the question of the service's pipeline 'models' was approved meanwhile by ada (Approvers): only churn"),
        (lambda one: setattr(one, "open", False),
         "the question of the service's pipeline 'models' isn't open any more, and nobody has answered it: its time ran "
         "out, or it is asked anew"),
        (lambda one: one.ask_anew(),
         "the question of the service's pipeline 'models' isn't open any more, and nobody has answered it: its time ran "
         "out, or it is asked anew"),
    ],
)  # fmt: skip
def test_somebody_was_faster(record: RunRecord, asked: Asking, faster: Callable[[Asking], None], said: str) -> None:
    questions = Caller(asked.url, "models")
    question = find_question(record, questions)
    assert question
    asked.before_answer = lambda: faster(asked)
    with pytest.raises(PlanRefused) as refused:
        answer_question(record, record.packages, APPROVE, question, questions)
    assert [(one.id, one.message) for one in refused.value.problems] == [("PB020", said)]
    assert len(asked.answers) <= 1


@pytest.mark.parametrize("comment", ["looks right", ""])
def test_the_same_answer_twice_is_one(record: RunRecord, asked: Asking, comment: str) -> None:
    questions, decision = Caller(asked.url, "models"), replace(APPROVE, comment=comment)
    question = find_question(record, questions)
    assert question
    answer_question(record, record.packages, decision, question, questions)
    again = answer_question(record, record.packages, decision, question, questions)
    assert again.words == "it was answered so already, by ada (Approvers)"
    assert len(asked.answers) == 1


@pytest.mark.parametrize(
    ("models", "status", "comment", "summary"),
    [
        ("churn price fraud", "Approved", "", f"Approved by {CALLER}"),
        ("churn price fraud", "Approved", "only as a test", "only churn price fraud: only as a test"),
        ("churn price fraud", "Rejected", "not convinced", "only churn price fraud: not convinced"),
        ("churn price fraud", "Approved", "onl churn is new", "only churn price fraud: onl churn is new"),
        ("churn", "Approved", "", "only churn"),
        ("churn price", "Rejected", "a\nb", "only churn price: a b"),
    ],
)
def test_what_is_written_is_read_as_it_is_meant(
    record: RunRecord, models: str, status: str, comment: str, summary: str
) -> None:
    decision = Decision(status=ApprovalStatus(status), by="ada", comment=comment)
    found = summarize(record, chosen(record, *models.split()), decision, f"{status} by {CALLER}")
    assert found == summary
    assert set(read_answer(found, record).arns) == {one.arn for one in chosen(record, *models.split())}


def test_what_the_gate_blocks_is_not_meant_by_an_approval_of_all_that_waits(record: RunRecord) -> None:
    blocked = package("fraud", verdict=VerdictRecord(passed=False, reasons=("too low",)))
    record = record.model_copy(update={"packages": (*record.packages[:2], blocked)})
    both = chosen(record, "churn", "price")
    assert summarize(record, both, APPROVE, "") == "looks right"
    rejection = replace(APPROVE, status=ApprovalStatus.REJECTED)
    assert summarize(record, both, rejection, "") == "only churn price: looks right"


def test_many_models_are_named_by_those_that_are_left_out_and_a_comment_that_is_too_long_is_refused() -> None:
    names = [f"model-with-a-long-name-{number}" for number in range(40)]
    record = run_record(*names)
    assert summarize(record, chosen(record, *names[1:]), APPROVE, "") == f"not {names[0]}: looks right"
    with pytest.raises(InputProblems) as refused:
        summarize(record, chosen(record, *names[1:]), replace(APPROVE, comment="x" * 500), "")
    (problem,) = refused.value.problems
    assert problem.id == "PB022"
    assert problem.message == "CodePipeline takes 512 characters with an answer, which this would not fit into"
    assert problem.hint == "a comment of at most 482 characters fits; nothing was answered"
    fits = replace(APPROVE, comment="x" * 482)
    assert len(summarize(record, chosen(record, *names[1:]), fits, "")) == 512
    with pytest.raises(InputProblems) as refused:
        summarize(record, chosen(record, *names[:20]), APPROVE, "")
    assert refused.value.problems[0].hint == "answer for all models, or decide in the registry; nothing was answered"


def test_an_answer_of_nobodys_is_found(record: RunRecord, asked: Asking) -> None:
    questions = Caller(asked.url, "models")
    question = find_question(record, questions)
    assert question
    assert questions.find_answer(question) is None
    asked.answer("Approved", "fine")
    assert questions.find_answer(question) == Approval(approved=True, by="ada (Approvers)", comment="fine")


# --- an answer that isn't written into the registry yet


def test_an_answer_is_on_its_way_until_its_stage_has_ended(record: RunRecord, asked: Asking) -> None:
    questions, run = Caller(asked.url, "others", "models"), record.execution
    assert questions.find_given(run) is None  # it is open
    asked.open = False
    assert questions.find_given(run) is None  # its time ran out
    asked.answer("Rejected", "only churn: too low")
    found = questions.find_given(run)
    assert found
    assert found[1] == Approval(approved=False, by="ada (Approvers)", comment="only churn: too low")
    assert questions.find_given("arn:other") is None
    assert Caller(asked.url, "models", now=SINCE + timedelta(hours=1)).find_given(run) is None  # nobody writes it
    asked.promoted = asked.answered - timedelta(minutes=2)  # after an answer of before
    assert questions.find_given(run)
    asked.promoted = asked.answered + timedelta(seconds=1)
    assert questions.find_given(run) is None


@pytest.mark.parametrize(
    ("said", "wished", "words"),
    [
        (("Approved", "fine"), ("churn price fraud", "Approved"), "so already, by ada (Approvers): the service's stage"),
        (("Approved", "only churn"), ("churn", "Approved"), "so already, by ada (Approvers): the service's stage"),
        (("Approved", "only churn"), ("price fraud", "Approved"), ""),
        (("Approved", "only churn"), ("price", "Rejected"), ""),
        (("Rejected", "only chrun"), ("churn", "Approved"), ""),  # which its stage can't read, and refuses
        (("Approved", "only churn"), ("churn", "Rejected"),
         "PB020 churn: the service's pipeline 'models' was answered, approved by ada (Approvers): only churn, and hasn't"),
        (("Rejected", "no"), ("churn", "Approved"), "PB020 churn: the service's pipeline 'models' was answered, rejected"),
        (("Approved", "only churn"), ("churn price", "Approved"), "PB020 churn: the service's pipeline"),
    ],
)  # fmt: skip
def test_what_is_on_its_way_is_not_written_by_somebody_else(
    record: RunRecord, asked: Asking, said: tuple[str, str], wished: tuple[str, str], words: str
) -> None:
    models, status = wished
    asked.answer(*said)
    given = Caller(asked.url, "models").find_given(record.execution)
    assert given
    decision = replace(APPROVE, status=ApprovalStatus(status))
    packages = chosen(record, *models.split())
    if words.startswith("PB020"):
        with pytest.raises(PlanRefused) as refused:
            repeat_answer(record, packages, decision, given)
        (problem,) = refused.value.problems
        assert f"{problem.id} {problem.message}".startswith(words)
    else:
        found = repeat_answer(record, packages, decision, given)
        assert (words in found.words) if words and found else (words, found) == ("", None)
