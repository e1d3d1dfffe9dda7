"""What commands print: executions, history, evidence before an approval, the result of a run. Values in, text out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from pipeline_builder.descriptions import ApprovalStatus, Execution, StepState, StepStatus, reason_line
from pipeline_builder.errors import ExitCode, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.refusals import OWN
from pipeline_builder.release.record import PackageRecord, RunRecord, StepRecord
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.views.formats import format_utc
from pipeline_builder.views.uses import taken

_NEXT = "'pipeline-builder retry {}' does it again as it was, 'pipeline-builder up' with what has changed since"
_BETTER = (
    "the same again comes to the same: change the model, its data, or the bounds of 'gate' in its conf; commit that, "
    "and run 'pipeline-builder up'"
)
_LOST = (
    "bring the evidence back, or take that champion out of use: 'pipeline-builder rollback {} --comment WHY'; then "
    "'pipeline-builder up --rerun' is judged anew"
)
_GONE = "bring it back, or 'pipeline-builder up --rerun' makes and registers another"
_FAILURE_LINES = 20
_MOST_REASONS = 20
_MOST_REASONS_OF_SCORES = 2
"""The violations stand above them already."""


def render_status(execution: Execution, steps: Sequence[StepState]) -> str:
    """Return an execution and its steps as a table."""
    width = max((len(step.name) for step in steps), default=0)
    about = taken(execution.parameters)
    head = (
        f"{execution.pipeline} execution {execution.id}: {execution.status.value}, "
        f"started {format_utc(execution.started)}{f', of {about}' if about else ''}"
    )
    return "\n".join([head, *(_step_line(step, width, ended=execution.status.ended) for step in steps)])


def _step_line(step: StepState, width: int, *, ended: bool) -> str:
    # What was left out of a run, or was to come after its failure, waits for nothing.
    word = "Not run" if ended and step.status is StepStatus.WAITING else step.status.value
    took = f"{step.seconds:.1f} s" if step.seconds is not None else ""
    outcome = step.metadata.get("Condition")
    note = step.failure_reason or (f"comes out as {outcome}" if outcome else "")
    if step.cache_hit:
        note = f"cached (execution {step.cache_hit.rsplit('/', 1)[-1]})"
    elif step.stub:
        note = "a stub, it did not run"
    said = reason_line(note) if note else ""
    return f"  {inert_line(step.name):<{width}}  {word:<9}  {took:>8}  {inert_line(said)}".rstrip()


def execution_json(execution: Execution, steps: Sequence[StepState] = ()) -> dict[str, Any]:
    """Return an execution as JSON, with its steps where they are given."""
    result: dict[str, Any] = {
        "arn": execution.arn,
        "pipeline": execution.pipeline,
        "version": execution.version,
        "status": execution.status.value,
        "started": format_utc(execution.started),
        "ended": format_utc(execution.ended),
        "failure_reason": execution.failure_reason,
        "parameters": dict(execution.parameters),
    }
    if steps:
        result["steps"] = [_step_json(step) for step in steps]
    return result


def _step_json(step: StepState) -> dict[str, Any]:
    return {
        "name": step.name,
        "type": step.type,
        "status": step.status.value,
        "started": format_utc(step.started),
        "ended": format_utc(step.ended),
        "cache_hit": step.cache_hit,
        "failure_reason": step.failure_reason,
        "attempts": step.attempts,
        "metadata": dict(step.metadata),
        "log": step.log,
    }


def render_result(record: RunRecord, report: str) -> str:
    """Return the end of a run: evidence, approval, what is left to do, where the report is."""
    lines = [f"pipeline '{record.pipeline}' version {record.pipeline_version}: execution {_id(record)} {record.status}"]
    if record.packages or record.blocked:
        from pipeline_builder.views.evidence import render_evidence

        lines += ["", render_evidence(record), ""]
    from pipeline_builder.release.promote import waiting

    models = waiting(record)
    lines += [f"{inert_line(p.arn)}\n  {_state(p, waits=p in models)}{_why(p)}" for p in record.packages]
    if record.scores:
        from pipeline_builder.views.scores import render_scores

        lines += ["", render_scores(record.scores), ""]
    if models:
        names = f"{', '.join(package.model for package in models)}: " if len(record.packages) > 1 else ""
        lines.append(
            f"waits for your decision: {names}'pipeline-builder promote' or 'pipeline-builder reject --comment WHY'"
        )
    return "\n".join([*lines, f"report: {report}"])


def _state(package: PackageRecord, *, waits: bool) -> str:
    """Return where a package stands, in a word."""
    if package.status != ApprovalStatus.PENDING.value:
        return package.status
    return "Waits for your decision" if waits else "Not decided"


def _why(package: PackageRecord) -> str:
    if standing(package) is Standing.UNSIGNED:
        return ", and nobody has decided so: 'pipeline-builder promote' puts a name to it"
    return f": {inert_line(package.approval_description)}" if package.approval_description else ""


def failure_code(record: RunRecord) -> ExitCode:
    """Return how a command ends whose run came to nothing: where this machine is to blame, its failure is outside."""
    failed = [step.failure_reason for step in record.steps if step.status == "Failed"]
    outside = failed and all(reason.startswith(tuple(f"{name} " for name in OWN)) for reason in failed)
    return ExitCode.OUTSIDE if outside else ExitCode.FAILED


def failure_problems(record: RunRecord) -> tuple[Problem, ...]:
    """Return what makes the command fail: each failed step with the end of its log, or the gate's reasons."""
    failed = [step for step in record.steps if step.status == "Failed"]
    problems = []
    for step in failed:
        reason, tail = _told(step)
        message = "\n".join([f"step '{step.name}' failed: {reason}", *(f"    {line}" for line in tail)])
        where = [f"the whole log: {inert_line(step.log)}"] if step.log else []
        where += [f"in the console: {inert_line(step.link)}"] if step.link else []
        hint = "\n        ".join((*where, _BETTER if step.type == "Fail" else _NEXT.format(_id(record))))
        problems.append(Problem(id="PB500", message=message, hint=hint))
    if problems:
        return tuple(problems)
    if record.status != "Succeeded":
        return (Problem(id="PB500", message=f"the execution {_id(record)} is {record.status}"),)
    if record.verdict and not record.verdict.passed:
        most = _MOST_REASONS_OF_SCORES if record.scores else _MOST_REASONS
        left = len(record.verdict.reasons) - most
        reasons = "; ".join(record.verdict.reasons[:most]) + (f"; and {left:,} more" if left > 0 else "")
        return (Problem(id="PB431", message=inert_line(f"the gate blocks this run: {reasons}"), hint=_helps(record)),)
    return ()


def _helps(record: RunRecord) -> str | None:
    """Return what leads out of a gate that blocks."""
    if record.scores:
        return None
    compared = (one for one in record.packages if any(bound.max_regression is not None for bound in one.bounds))
    if lost := next((package.group for package in compared if package.champion_lost), None):
        return _LOST.format(shlex.quote(lost))
    return _GONE if any(package.artifact_gone for package in record.packages) else _BETTER


def _told(step: StepRecord) -> tuple[str, list[str]]:
    """Return why a step failed, and the end of its log; a reason that is that end is said once, by its last words."""
    tail = [inert_line(line) for line in step.log_tail[-_FAILURE_LINES:]]
    lines = [line.strip() for line in step.failure_reason.splitlines()]
    known = {line.strip() for line in step.log_tail} - {""}
    again = [number for number, line in enumerate(lines) if line in known]
    if not again:
        return step.failure_reason, tail
    reason = reason_line(step.failure_reason).strip()
    shown = [*tail, *(line for line in lines[again[-1] + 1 :] if line != reason)]
    return reason, [] if [line.strip() for line in shown] == [reason] else shown


def _id(record: RunRecord) -> str:
    return record.execution.rsplit("/", 1)[-1]
