"""The question that a service's pipeline asks a person: found as it waits, and answered with PutApprovalResult."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline_builder.aws.client import Aws, ChangedError, NotFoundError, UnservedError
from pipeline_builder.aws.codepipeline import find_approval
from pipeline_builder.descriptions import Approval, OpenApproval

_STAGE = _ACTION = "Approve"


class CodePipelineApprovals:
    """The questions of pipelines of CodePipeline, the service's; nothing is called before somebody asks."""

    def __init__(self, aws: Aws, pipelines: Sequence[str]) -> None:
        self._aws, self._pipelines = aws, tuple(pipelines)

    def list_open(self) -> tuple[OpenApproval, ...]:
        """Return what waits for an answer now, with what its run came to; a pipeline that isn't there asks nothing."""
        return tuple(self._open())

    def find_answer(self, question: OpenApproval) -> Approval | None:
        """Return the answer that a question has got meanwhile."""
        return find_approval(self._aws, question.pipeline, question.execution, question.action)

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
            try:
                state = self._aws.call("codepipeline", "get_pipeline_state", name=pipeline)
            except (NotFoundError, UnservedError):
                continue
            for stage in state.get("stageStates", ()):
                execution = str(stage.get("latestExecution", {}).get("pipelineExecutionId", ""))
                for action in stage.get("actionStates", ()) if stage.get("stageName") == _STAGE else ():
                    latest = action.get("latestExecution", {})
                    if action.get("actionName") == _ACTION and _asks(latest) and execution:
                        variables = self._variables(pipeline, execution)
                        yield OpenApproval(
                            pipeline=pipeline,
                            execution=execution,
                            stage=_STAGE,
                            action=_ACTION,
                            token=str(latest["token"]),
                            since=latest.get("lastStatusChange"),
                            run=variables.get("EXECUTION_ARN", ""),
                            approval=variables.get("APPROVAL", ""),
                        )

    def _variables(self, pipeline: str, execution: str) -> Mapping[str, str]:
        """Return what the newest action that has judged a run has exported: the question is about that."""
        only = {"pipelineExecutionId": execution}
        pages = self._aws.pages("codepipeline", "list_action_executions", pipelineName=pipeline, filter=only)
        details = [detail for page in pages for detail in page["actionExecutionDetails"]]
        judged = [detail for detail in details if "APPROVAL" in _exported(detail)]
        return _exported(max(judged, key=lambda detail: detail["startTime"])) if judged else {}


def _asks(latest: Mapping[str, Any]) -> bool:
    """Tell whether an action waits: only then it has a token that is of use."""
    return latest.get("status") == "InProgress" and bool(latest.get("token"))


def _exported(detail: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = detail.get("output", {}).get("outputVariables", {})
    return found
