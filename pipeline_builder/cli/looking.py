"""Commands that look at what ran."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.completion import executions_of_the_state, models_of_the_last_run
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import show, show_line
from pipeline_builder.cli.past import open_index, run_of, waiting_of
from pipeline_builder.cli.pipelines import Answer, look_at_each, owner_of

if TYPE_CHECKING:
    from pipeline_builder.descriptions import ApprovalChange
    from pipeline_builder.release.past.summary import RunSummary
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.release.scoring.requests import Request
    from pipeline_builder.release.waits import Waiting
    from pipeline_builder.session import Session
    from pipeline_builder.views.days import Day
    from pipeline_builder.views.history import Row


@main.command()
@common
@click.argument("execution", required=False, default="", shell_complete=executions_of_the_state)
def report(session: Session, *, as_json: bool, execution: str) -> None:
    """Write the HTML report of a run.

    \b
    Example: pipeline-builder report && xdg-open build/report.html
    """

    def reported(one: Session, name: str = "") -> Answer:
        path = one.report(_judged(one, one.runs.record(name)))
        return Answer(result={"report": str(path)}, text=os.path.relpath(path))

    if execution:
        owner, name = owner_of(session, session.runs.find, execution)
        reported(owner, name).show(as_json=as_json)
        return
    look_at_each(session, reported, as_json=as_json)


def _judged(session: Session, record: RunRecord) -> RunRecord:
    """Return the record with its scores, where it is one of an inference pipeline that was judged before the last."""
    if record.scores or not session.manifest.entry.is_inference:
        return record
    from pipeline_builder.release.scoring.recalling import recall_published

    return recall_published(record, session.target) or record


@main.command()
@common
@click.argument("execution", required=False, default="", shell_complete=executions_of_the_state)
def status(session: Session, *, as_json: bool, execution: str) -> None:
    """Show the steps of an execution, what the gate made of it, and what waits for a decision.

    \b
    Example: pipeline-builder status
    """
    from pipeline_builder.views.history import render_verdict, render_waiting, waiting_json
    from pipeline_builder.views.summary import execution_json, render_status

    def seen(one: Session) -> Answer:
        found = one.runs.find(execution)
        steps = one.target.pipelines.list_steps(found.arn)
        run = run_of(one, found)
        waiting = () if execution else waiting_of(one, open_index(one, [found]))
        text = "\n".join([render_status(found, steps), *render_verdict(found, run), *render_waiting(waiting)])
        judged = {"passed": run.passed, "reasons": list(run.reasons)} if run else {}
        more = {} if execution else {"waiting": waiting_json(waiting)}
        return Answer(result={**execution_json(found, steps), **judged, **more}, text=text)

    if execution:
        seen(session).show(as_json=as_json)
        return
    look_at_each(session, seen, as_json=as_json)


@main.command()
@common
@click.option("--audit", "audited", is_flag=True, help="Every decision with its evidence, one JSON object a line.")
@click.option(
    "--model",
    default="",
    metavar="MODEL",
    shell_complete=models_of_the_last_run,
    help="Only runs that registered this model.",
)
@click.option("--last", type=click.IntRange(1), metavar="N", help="So many runs; default: 20, with --json all.")
def history(session: Session, *, as_json: bool, audited: bool, model: str, last: int | None) -> None:
    """List runs and promotions, newest first, and what waits for a decision.

    A run has the version of the pipeline that it ran; each model that it registered has a version of its own.

    With --audit: who has decided what, when and why, and all that it was decided by, oldest first. On AWS it is the
    last decision about each version; CloudTrail has those before. Of an inference pipeline also its days: rows, worst
    drift, and what became of them; where there is one, also the retrainings that scores have asked for.

    \b
    Example: pipeline-builder history --audit > decisions.jsonl
    """
    from pipeline_builder.views.history import LAST, history_json, render_history

    if audited:
        if model or last:
            raise click.UsageError("--audit lists every decision: leave --model and --last out")
        _show_audit(session)
        return
    executions = session.runs.listed()
    index = open_index(session, executions, whole=True)
    waiting, approvals = waiting_of(session, index), session.target.registry.list_approvals()
    rows = [(execution, index.run(execution.pipeline, execution.id)) for execution in executions]
    if model:
        rows, waiting, approvals = _of_model(model, rows, waiting, approvals)
    most = last or (len(rows) if as_json else LAST)
    changes = approvals[: most if last or not as_json else len(approvals)]
    result = history_json(rows[:most], changes, waiting)
    text = render_history(
        rows[:most], changes, waiting,
        older=len(rows[most:]), earlier=len(approvals) - len(changes), kept=session.target.name == "local",
    )  # fmt: skip
    if days := _days(session):
        from pipeline_builder.views.daily import days_json, render_days

        several = session.several
        listed = [{**({"pipeline": name} if several else {}), **day}
                  for name, found in days.items() for day in days_json(found)]  # fmt: skip
        result = {**result, "days": listed}
        text = "\n\n".join(filter(None, (*map(render_days, days.values()), text)))
    if asked := _asked(session):
        from pipeline_builder.views.asked import render_requests, requests_json

        result = {**result, "retraining": requests_json(asked)}
        text = f"{text}\n{render_requests(asked)}"
    show(result, as_json=as_json, text=text)


def _show_audit(session: Session) -> None:
    from pipeline_builder.release.audit import audit

    local = session.target.name == "local"
    making = [one for one in session.each if not (local or one.manifest.entry.is_inference)]
    groups = [group for one in making for group in one.composed.definition.groups]
    for line in audit(session.target, groups):
        show_line(line)


def _of_model(
    model: str, rows: list[Row], waiting: tuple[Waiting, ...], approvals: tuple[ApprovalChange, ...]
) -> tuple[list[Row], tuple[Waiting, ...], tuple[ApprovalChange, ...]]:
    """Return what is about a model, by its name or that of its group.

    Raises:
        InputProblems: PB031 where no run has registered it.
    """
    made = [one for _, run in rows if run for one in run.models]
    groups = {one.group for one in made if model in (one.model, one.group)}
    if not groups:
        from pipeline_builder.documents.schema import did_you_mean
        from pipeline_builder.errors import InputProblems, Problem

        hint = did_you_mean(model, {one.model for one in made})
        raise InputProblems(Problem(id="PB031", message=f"no run has registered a model '{model}'", hint=hint))
    own = [(execution, run and _about(run, groups)) for execution, run in rows]
    return (
        [(execution, run) for execution, run in own if run and run.models],
        tuple(one for one in waiting if one.group in groups),
        tuple(one for one in approvals if one.group in groups),
    )


def _about(run: RunSummary, groups: set[str]) -> RunSummary:
    return replace(run, models=tuple(one for one in run.models if one.group in groups))


def _asked(session: Session) -> tuple[Request, ...]:
    """Return the requests for retraining that were made; who only looks at runs may have no manifest."""
    from pipeline_builder.errors import InputProblems
    from pipeline_builder.views.asked import noted_requests

    try:
        names = session.names if session.manifest.infers else {}
    except InputProblems:
        return ()
    return noted_requests(session.target, dict.fromkeys(names.values()))


def _days(session: Session) -> dict[str, tuple[Day, ...]]:
    """Return the days that each inference pipeline has noted; who only looks at runs may have no manifest."""
    from pipeline_builder.errors import InputProblems
    from pipeline_builder.views.reported import noted_days

    try:
        found = [entry for entry in session.manifest.pipelines if entry.is_inference]
    except InputProblems:
        return {}
    own = session.manifest.entry if session.named else None
    names = session.names if found else {}
    return {
        entry.name: noted_days(session.target, names[entry.name])
        for entry in found
        if entry.name in names and own in (None, entry)
    }


@main.command()
@common
@click.argument("model", shell_complete=models_of_the_last_run)
@click.argument("version", required=False, type=click.IntRange(1))
def verify(session: Session, *, as_json: bool, model: str, version: int | None) -> None:
    """Check that a model is what was approved: its bytes, its evidence and its approval agree.

    MODEL is a model's name, that of its model package group, GROUP/VERSION, or a model package's ARN; VERSION by
    default the champion's. Exit code 0 where all agrees; 3 where anything has moved, has no evidence or isn't approved;
    1 where there is no such model or version.

    \b
    Example: pipeline-builder verify churn && ./serve-it
    """
    from pipeline_builder.release.verification import read_name
    from pipeline_builder.release.verification import verify as verify_package

    name, own = read_name(model) if version is None else (model, None)
    verified = verify_package(session.decisions.find_group(name), version or own, session.target, named=model)
    show(verified.json, as_json=as_json, text="\n".join(verified.lines))
