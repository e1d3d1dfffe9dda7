"""CodePipeline as a scenario looks at it: executions, actions, stages; and as a person who answers, or retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from acceptance.ground import Ground, Otherwise

ENDS = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
APPROVE = "Approve"
"""The stage, and the action in it, that asks a person."""
Found = Mapping[str, Any]


def executions(ground: Ground, pipeline: str) -> tuple[Found, ...]:
    """Return the summaries of a pipeline's executions, the newest first."""
    found = ground.pages(
        "codepipeline", "list_pipeline_executions", "pipelineExecutionSummaries", pipelineName=pipeline
    )
    return tuple(found)


def start(ground: Ground, pipeline: str, key: str, variables: Mapping[str, str]) -> str:
    """Start an execution, once for the key; return its id."""

    def make() -> str:
        given = [{"name": name, "value": value} for name, value in variables.items()]
        more = {"variables": given} if given else {}  # the API takes no empty list
        token = ground.token(key)
        started = ground.call(
            "codepipeline", "start_pipeline_execution", name=pipeline, clientRequestToken=token, **more
        )
        return str(started["pipelineExecutionId"])

    return ground.book.once(key, make)


def status(ground: Ground, pipeline: str, execution: str) -> Found:
    """Return the execution's description."""
    found = ground.call("codepipeline", "get_pipeline_execution", pipelineName=pipeline, pipelineExecutionId=execution)
    described: Found = found["pipelineExecution"]
    return described


def actions(ground: Ground, pipeline: str, execution: str) -> tuple[Found, ...]:
    """Return what is known of an execution's actions, the newest first."""
    only = {"pipelineExecutionId": execution}
    found = ground.pages(
        "codepipeline", "list_action_executions", "actionExecutionDetails", pipelineName=pipeline, filter=only
    )
    return tuple(sorted(found, key=lambda detail: detail["lastUpdateTime"], reverse=True))


def action(ground: Ground, pipeline: str, execution: str, name: str) -> Found | None:
    """Return the newest attempt of an action; None before it begins."""
    return next((one for one in actions(ground, pipeline, execution) if one["actionName"] == name), None)


def stage_status(ground: Ground, pipeline: str, execution: str, stage: str) -> str:
    """Return the stage's status, empty where another execution is in it, or none."""
    found = ground.call("codepipeline", "get_pipeline_state", name=pipeline)
    for state in found["stageStates"]:
        latest = state.get("latestExecution", {})
        if state.get("stageName") == stage and latest.get("pipelineExecutionId") == execution:
            return str(latest.get("status", ""))
    return ""


def wait_end(ground: Ground, pipeline: str, execution: str, *, minutes: float) -> Found:
    """Wait for the end of an execution."""

    def look() -> Found | None:
        found = status(ground, pipeline, execution)
        return found if found["status"] in ENDS else None

    return ground.wait(f"the end of the execution {execution}", look, minutes=minutes)


def wait_failure(ground: Ground, pipeline: str, execution: str, stage: str, *, minutes: float) -> None:
    """Wait until a stage has failed.

    Raises:
        Otherwise: the execution ended without that.
    """

    def look() -> bool:
        if stage_status(ground, pipeline, execution, stage) == "Failed":
            return True
        ended = status(ground, pipeline, execution)["status"]
        if ended in ("Succeeded", "Stopped", "Superseded"):
            raise Otherwise(f"the execution is {ended}, and was to fail in {stage}")
        return False

    ground.wait(f"the stage {stage} of {execution} to fail", look, minutes=minutes)


def token_of(ground: Ground, pipeline: str, execution: str, name: str) -> str:
    """Return the token with which the open question of an action is answered; empty where it isn't asked."""
    found = ground.call("codepipeline", "get_pipeline_state", name=pipeline)
    for state in found["stageStates"]:
        if state.get("latestExecution", {}).get("pipelineExecutionId") != execution:
            continue
        for one in state.get("actionStates", ()):
            latest = one.get("latestExecution", {})
            if one["actionName"] == name and latest.get("status") == "InProgress":
                return str(latest.get("token", ""))
    return ""


def wait_question(ground: Ground, pipeline: str, execution: str, name: str, *, minutes: float) -> str:
    """Wait until an action asks; return the token of the answer.

    Raises:
        Otherwise: the execution ended before.
    """

    def look() -> str:
        if found := token_of(ground, pipeline, execution, name):
            return found
        ended = status(ground, pipeline, execution)
        if ended["status"] in ENDS:
            why = _why(ground, pipeline, execution)
            raise Otherwise(f"the execution {execution} is {ended['status']} before '{name}' asks: {why}")
        return ""

    return ground.wait(f"the question of '{name}' in {execution}", look, minutes=minutes)


def _why(ground: Ground, pipeline: str, execution: str) -> str:
    failed = [one for one in actions(ground, pipeline, execution) if one["status"] == "Failed"]
    words = [
        f"{one['actionName']}: {one.get('output', {}).get('executionResult', {}).get('externalExecutionSummary', '')}"
        for one in failed
    ]
    return "; ".join(words) or "no action has failed"


def answer(ground: Ground, pipeline: str, execution: str, verdict: str, comment: str) -> Found:
    """Answer an execution's approval where nobody has, and return what CodePipeline says of the action then."""
    given = action(ground, pipeline, execution, APPROVE)
    if not (given and given["status"] in ("Succeeded", "Failed")):
        found = wait_question(ground, pipeline, execution, APPROVE, minutes=60)
        ground.call(
            "codepipeline", "put_approval_result",
            pipelineName=pipeline, stageName=APPROVE, actionName=APPROVE, token=found,
            result={"summary": comment, "status": verdict},
        )  # fmt: skip
    return wait_answered(ground, pipeline, execution, APPROVE, minutes=5)


def wait_answered(ground: Ground, pipeline: str, execution: str, name: str, *, minutes: float) -> Found:
    """Wait until an action has ended, one way or another."""

    def look() -> Found | None:
        found = action(ground, pipeline, execution, name)
        return found if found and found["status"] in ("Succeeded", "Failed", "Abandoned") else None

    return ground.wait(f"the end of '{name}' in {execution}", look, minutes=minutes)


def retry(ground: Ground, pipeline: str, execution: str, stage: str, mode: str) -> None:
    """Retry a stage that failed; one that isn't failed any more was retried before a kill."""
    if stage_status(ground, pipeline, execution, stage) == "Failed":
        ground.call(
            "codepipeline", "retry_stage_execution",
            pipelineName=pipeline, stageName=stage, pipelineExecutionId=execution, retryMode=mode,
        )  # fmt: skip


def stop(ground: Ground, pipeline: str, execution: str) -> None:
    """Stop an execution that goes on; whatever it waits for is given up."""
    if status(ground, pipeline, execution)["status"] not in ENDS:
        ground.call(
            "codepipeline", "stop_pipeline_execution",
            pipelineName=pipeline, pipelineExecutionId=execution, abandon=True, reason="the acceptance has seen enough",
        )  # fmt: skip


def wait_new(ground: Ground, pipeline: str, key: str, is_it: Callable[[Found], bool], *, minutes: float) -> str:
    """Wait for an execution that something else has started; return its id, noted under the key."""

    def make() -> str:
        def look() -> str:
            return next((str(one["pipelineExecutionId"]) for one in executions(ground, pipeline) if is_it(one)), "")

        return ground.wait(f"an execution of {pipeline} ({key})", look, minutes=minutes)

    return ground.book.once(key, make)
