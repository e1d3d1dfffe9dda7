"""Runs and promotions so far, as people and machines look at them: what each run made, of what, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pipeline_builder.descriptions import ApprovalChange, ApprovalStatus, Execution, ExecutionStatus
from pipeline_builder.inert import inert_line
from pipeline_builder.release.metrics import short_name
from pipeline_builder.release.past.summary import ModelSummary, RunSummary
from pipeline_builder.release.waits import Waiting
from pipeline_builder.views.formats import format_moment, format_number, format_utc
from pipeline_builder.views.summary import execution_json
from pipeline_builder.views.uses import date_taken

LAST = 20
"""Runs that people are shown without being asked how many."""
_MOST_MODELS = 12
_MOST_METRICS = 3
_MOST_REASON = 160
_DIGITS = 7

Row = tuple[Execution, RunSummary | None]


def render_history(
    rows: Sequence[Row],
    approvals: Sequence[ApprovalChange],
    waiting: Sequence[Waiting] = (),
    *,
    older: int = 0,
    earlier: int = 0,
    kept: bool = True,
) -> str:
    """Return runs and promotions, newest first; `older` runs and `earlier` promotions are left out.

    Of a registry in which promotions aren't `kept` nothing is said of them but who has them.
    """
    if not rows and not older:
        return "nothing has run yet"
    marked = {one.arn for one in waiting}
    lines = ["runs, newest first"]
    for execution, run in rows:
        lines += [_run_line(execution, run), *_run_lines(execution, run, marked)]
    lines += _unkept(rows)
    lines += [f"  {count(older, 'older run')} left out: --last {len(rows) + older} shows all"] if older else []
    changes = [
        f"  {format_utc(a.when)}  {inert_line(a.group)} model version {a.version}: {_stood(a.before)} -> "
        f"{_stood(a.after)}, {inert_line(a.description)}"
        for a in approvals
    ]
    none = "  none" if kept else "  SageMaker has the last decision about each version, which 'history --audit' lists"
    lines += ["promotions", *(changes or [none])]
    lines += [f"  {count(earlier, 'older promotion')} left out"] if earlier else []
    return "\n".join([*lines, *render_waiting(waiting)])


def _unkept(rows: Sequence[Row]) -> Iterator[str]:
    """Say that more can be known of the runs of which there is no record, or one that a later version has written."""
    if bare := [execution.id for execution, run in rows if not (run and run.kept) and execution.ended]:
        yield (
            f"  no record can be read of {', '.join(bare[:3])}{f' and {len(bare) - 3:,} more' if len(bare) > 3 else ''}"
            f": 'pipeline-builder report {bare[0]}' tells what is known of it"
        )


def _stood(status: ApprovalStatus) -> str:
    return "waiting" if status is ApprovalStatus.PENDING else status.value


def _run_line(execution: Execution, run: RunSummary | None) -> str:
    date = date_taken(execution.parameters)
    version = f" version {execution.version}" if execution.version else ""  # which AWS doesn't list
    verdict = _VERDICTS[_judged(execution, run)]
    return (
        f"  {format_utc(execution.started)}  {execution.id}  {execution.status.value:<9}  pipeline "
        f"{inert_line(execution.pipeline)}{version}{f'  of {date}' if date else ''}"
        f"{f'  {verdict}' if verdict else ''}"
    )


_VERDICTS = {True: "the gate passed it", False: "the gate blocked it", None: ""}


def _judged(execution: Execution, run: RunSummary | None) -> bool | None:
    return run.passed if run and execution.status is ExecutionStatus.SUCCEEDED else None


def render_verdict(execution: Execution, run: RunSummary | None) -> list[str]:
    """Return what the gate made of an execution, and why it blocked it; no lines where it has not been judged."""
    judged = _judged(execution, run)
    why = f": {inert_line('; '.join(run.reasons))}" if run and judged is False and run.reasons else ""
    return [] if judged is None else [f"{_VERDICTS[judged]}{why}"]


def _run_lines(execution: Execution, run: RunSummary | None, marked: Collection[str]) -> Iterator[str]:
    """Yield what is known of a run below its line: what it made, or why it made nothing, and of which commits."""
    commits = dict(run.commits) if run else {}
    if run and run.failed_steps:
        yield f"      failed: {inert_line(', '.join(run.failed_steps), _MOST_REASON)}"
    elif run and run.passed is False:
        yield f"      {inert_line('; '.join(run.reasons), _MOST_REASON)}"
    models = run.models if run else ()
    width = max((len(inert_line(model.model)) for model in models), default=0)
    yield from (f"      {_model_line(model, width, marked)}" for model in models[:_MOST_MODELS])
    if (more := len(models) - _MOST_MODELS) > 0:
        yield f"      and {more:,} more models"
    if commits:
        named = [f"{name}@{commit[:_DIGITS]}" for name, commit in commits.items()][:_MOST_MODELS]
        more = len(commits) - len(named)
        yield f"      commits {inert_line(', '.join(named))}{f' and {more:,} more' if more > 0 else ''}"
    elif (commit := execution.parameters.get("ManifestCommit", "")) not in ("", "unknown"):
        yield f"      commit of the manifest {inert_line(commit[:_DIGITS])}"


def _model_line(model: ModelSummary, width: int, marked: Collection[str]) -> str:
    state = "waits for a decision" if model.arn in marked else _WORDS.get(model.status, model.status)
    if model.passed is False and model.status == "PendingManualApproval":
        state = "blocked by the gate"
    head = f"{inert_line(model.model):<{width}}  model version {model.version:<3}  {inert_line(state):<20}"
    return f"{head}  {inert_line(_metrics(model), _MOST_REASON)}".rstrip()


def count(number: int, what: str) -> str:
    """Return how many there are, in words that fit one and many."""
    return f"{number:,} {what}{' is' if number == 1 else 's are'}"


_WORDS = {"PendingManualApproval": "not decided", "Approved": "approved", "Rejected": "rejected"}


def _metrics(model: ModelSummary) -> str:
    """Return the metrics that the gate looks at, or else the first ones."""
    paths = [path for path in model.gated if path in model.metrics] or list(model.metrics)
    return ", ".join(f"{short_name(path)} {format_number(model.metrics[path])}" for path in paths[:_MOST_METRICS])


def render_waiting(waiting: Sequence[Waiting]) -> list[str]:
    """Return what waits for a decision, since when, and how it is given; no lines where nothing does."""
    if not waiting:
        return []
    lines = ["waiting for a decision"]
    for one in waiting:
        since = f", since {format_moment(one.since)}" if one.since else ""
        lines.append(f"  {inert_line(one.model)} model version {one.version}{since} (execution {one.execution})")
        lines.append(f"      '{inert_line(one.answers[0])}' or '{inert_line(one.answers[1])}'")
    return lines


def waiting_json(waiting: Sequence[Waiting]) -> list[dict[str, Any]]:
    """Return the same as JSON."""
    return [
        {
            "model": one.model,
            "group": one.group,
            "version": one.version,
            "package": one.arn,
            "pipeline": one.pipeline,
            "execution": one.execution,
            "since": format_utc(one.since),
            "answers": list(one.answers),
        }
        for one in waiting
    ]


def history_json(
    rows: Sequence[Row], approvals: Sequence[ApprovalChange], waiting: Sequence[Waiting] = ()
) -> dict[str, Any]:
    """Return runs, promotions and what waits as JSON."""
    marked = {one.arn for one in waiting}
    return {
        "executions": [{**execution_json(execution), **_run_json(run, marked)} for execution, run in rows],
        "approvals": [
            {
                "package": change.package,
                "before": change.before.value,
                "after": change.after.value,
                "by": change.by,
                "description": change.description,
                "when": format_utc(change.when),
            }
            for change in approvals
        ],
        "waiting": waiting_json(waiting),
    }


def _run_json(run: RunSummary | None, marked: Collection[str]) -> Mapping[str, Any]:
    if run is None or not (run.kept or run.steps):  # only that there is one is known
        return {}
    return {
        "commits": dict(run.commits),
        "passed": run.passed,
        "reasons": list(run.reasons),
        "failed_steps": list(run.failed_steps),
        "models": [
            {
                "model": model.model,
                "group": model.group,
                "version": model.version,
                "package": model.arn,
                "status": model.status,
                "passed": model.passed,
                "waits": model.arn in marked,
                "metrics": dict(model.metrics),
                "champion_version": model.champion_version,
            }
            for model in run.models
        ],
    }
