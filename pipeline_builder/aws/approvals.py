"""The question that a service's pipeline asks a person: found as it waits, and answered with PutApprovalResult."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from pipeline_builder.aws.client import Aws, ChangedError, NotFoundError, UnservedError
from pipeline_builder.aws.codepipeline import details_of, find_approval, read_answers
from pipeline_builder.descriptions import Approval, OpenApproval

_STAGE = _ACTION = "Approve"
_AFTER = "Promote"
_SOON = timedelta(minutes=30)
"""For so long after an answer it is still to be expected that the service writes it into the registry."""


def _utc() -> datetime:
    return datetime.now(timezone.utc)


class CodePipelineApprovals:
    """The questions of pipelines of CodePipeline, the service's; nothing is called before somebody asks."""

    def __init__(self, aws: Aws, pipelines: Sequence[str], now: Callable[[], datetime] = _utc) -> None:
        self._aws, self._pipelines, self._now = aws, tuple(pipelines), now

    def list_open(self) -> tuple[OpenApproval, ...]:
        """Return what waits for an answer now, with what its run came to; a pipeline that isn't there asks nothing."""
        return tuple(self._open())

    def find_answer(self, question: OpenApproval) -> Approval | None:
        """Return the answer that a question has got meanwhile."""
        return find_approval(self._aws, question.pipeline, question.execution, question.action)

    def find_given(self, run: str) -> tuple[OpenApproval, Approval] | None:
        """Return what was answered about a run lately, where the service hasn't written it into the registry yet."""
        for pipeline in self._pipelines:
            for execution, action in self._approvals(pipeline):
                details = [] if _asks(action) else details_of(self._aws, pipeline, execution)
                variables = _judged(details)
                given = self._lately(details) if variables.get("EXECUTION_ARN") == run else None
                if given:
                    return _question(pipeline, execution, action, variables), given
        return None

    def _lately(self, details: Sequence[Mapping[str, Any]]) -> Approval | None:
        """Return an answer of just now, after which no stage has ended that would have written it."""
        answers = [found for found in read_answers(details, _ACTION) if abs(self._now() - found[0]) < _SOON]
        when, given = max(answers, key=lambda found: found[0], default=(None, None))
        ended = (detail for detail in details if detail.get("status") not in (None, "InProgress"))
        done = when and any(one["actionName"] == _AFTER and one["startTime"] >= when for one in ended)
        return None if done else given

    def answer(self, question: OpenApproval, *, approved: bool, summary: str) -> bool:
        """Answer, and tell whether that was in time: somebody may have been faster, or its time may have run out."""
        try:
            self._aws.call(
                "codepipeline",
                "put_approval_result",
                pipelineName=question.pipeline,
                stageName=question.stage,
                actionName=question.action,
                result={"status": "Approved" if approved else "Rejected", "summary": summary},
                token=question.token,
            )
        except (ChangedError, NotFoundError):
            return False
        return True

    def caller(self) -> str:
        """Return the ARN of who answers."""
        return str(self._aws.call("sts", "get_caller_identity")["Arn"])

    def _open(self) -> Iterator[OpenApproval]:
        for pipeline in self._pipelines:
            for execution, action in self._approvals(pipeline):
                if _asks(action):
                    variables = _judged(details_of(self._aws, pipeline, execution))
                    yield _question(pipeline, execution, action, variables)

    def _approvals(self, pipeline: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the execution that is, or was last, at the approval, and how its action is."""
        try:
            state = self._aws.call("codepipeline", "get_pipeline_state", name=pipeline)
        except (NotFoundError, UnservedError):
            return
        for stage in state.get("stageStates", ()):
            execution = str(stage.get("latestExecution", {}).get("pipelineExecutionId", ""))
            for action in stage.get("actionStates", ()) if stage.get("stageName") == _STAGE else ():
                if action.get("actionName") == _ACTION and execution:
                    yield execution, action.get("latestExecution", {})


def _question(pipeline: str, execution: str, action: Mapping[str, Any], variables: Mapping[str, str]) -> OpenApproval:
    return OpenApproval(
        pipeline=pipeline,
        execution=execution,
        stage=_STAGE,
        action=_ACTION,
        token=str(action.get("token", "")),
        since=action.get("lastStatusChange"),
        run=variables.get("EXECUTION_ARN", ""),
        approval=variables.get("APPROVAL", ""),
    )


def _judged(details: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return what the newest action that has judged a run has exported: the question is about that."""
    judged = [detail for detail in details if "APPROVAL" in _exported(detail)]
    return _exported(max(judged, key=lambda detail: detail["startTime"])) if judged else {}


def _asks(latest: Mapping[str, Any]) -> bool:
    """Tell whether an action waits: only then it has a token that is of use."""
    return latest.get("status") == "InProgress" and bool(latest.get("token"))


def _exported(detail: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = detail.get("output", {}).get("outputVariables", {})
    return found
