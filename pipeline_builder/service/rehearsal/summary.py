"""A rehearsal in words: the table at its end, and what failed in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline_builder.engine.jobs.logs import log_tail
from pipeline_builder.errors import Problem
from pipeline_builder.service.rehearsal.codebuild import OWN
from pipeline_builder.service.rehearsal.record import ActionRecord, Rehearsal, StageRecord

_TAIL = 20
_LOOKED_AT = 1000
_LONGEST = 60
_HEAD = ("stage", "action", "status", "time", "artifacts", "tests")


def render_rehearsal(record: Rehearsal, folder: Path) -> str:
    """Return the table of stages and actions, the variables that they handed on, and where everything is."""
    rows = [_HEAD, *(row for stage in record.stages for row in _rows(stage, failed=record.status == "Failed"))]
    rows += [("event", event.rule, event.status, "", "", "") for event in record.events]
    rows += [("machine", one.machine, one.status, "", f"{one.transitions} transitions", "") for one in record.machines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    handed = [
        f"  {action.namespace}.{name} = {_short(value)}"
        for stage in record.stages
        for action in stage.actions
        for name, value in action.variables.items()
        if action.build and action.namespace
    ]
    lines += ["", "handed on:", *handed] if handed else []
    lines += ["", f"rehearsal {record.id}: {record.status}", f"logs, artifacts and record: {folder}"]
    if record.status == "Pending":
        lines.append(
            "an approval waits for an answer: 'pipeline-builder rehearse --resume --approve' or "
            "'pipeline-builder rehearse --resume --reject', with --comment 'why'"
        )
    return "\n".join(lines)


def _rows(stage: StageRecord, *, failed: bool) -> list[tuple[str, ...]]:
    if stage.status in ("Waiting", "Skipped"):
        status = "not run" if failed and stage.status == "Waiting" else stage.status
        return [(stage.name, "", status, "", "", "")]
    return [(stage.name, *_row(action)) for action in stage.actions]


def _row(action: ActionRecord) -> tuple[str, ...]:
    seconds = "" if action.seconds is None else f"{action.seconds:.1f} s"
    sizes = ", ".join(f"{name} {_size(size)}" for name, size in action.artifacts.items())
    reports = action.build.reports if action.build else ()
    tests = ", ".join(f"{report.tests}, {report.failed} failed" for report in reports)
    return action.name, action.status, seconds, sizes, tests


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def rehearsal_problems(record: Rehearsal) -> tuple[Problem, ...]:
    """Return what makes the command fail: failed actions with the end of their logs, conditions, and events."""
    if record.status != "Failed":
        return ()
    problems = [
        _failed_action(stage, action)
        for stage in record.stages
        for action in stage.actions
        if stage.status == "Failed" and action.status == "Failed"
    ]
    problems += [
        Problem(id="PB662", message=f"a condition of the stage '{stage.name}' is not met: {stage.message}")
        for stage in record.stages
        if stage.status == "Failed" and stage.message
    ]
    problems += [
        _with_log("PB656", f"the build that the rule '{event.rule}' started failed: {event.message}", event.build.log)
        for event in record.events
        if event.status == "Failed"
    ]
    return tuple(problems)


def _failed_action(stage: StageRecord, action: ActionRecord) -> Problem:
    message = f"the action '{action.name}' of the stage '{stage.name}' failed: {action.message}"
    if action.build is None:
        return Problem(id=action.problem, message=message)
    return _with_log(action.problem, message, action.build.log, folder=action.build.folder)


def _with_log(problem: str, message: str, log: str, *, folder: str = "") -> Problem:
    tail = "".join(f"\n    {line}" for line in _tail(Path(log)))
    hints = [f"the whole log: {log}", *([f"the build's folder is kept: {folder}"] if folder else [])]
    hints.append("mend it, commit, and rehearse anew; 'rehearse --resume' tries this stage again on the same files")
    return Problem(id=problem, message=f"{message}{tail}", hint="\n        ".join(hints))


def _tail(log: Path) -> Sequence[str]:
    return [line for line in log_tail(log, _LOOKED_AT) if not line.startswith(OWN)][-_TAIL:]  # what commands have said
