"""Commands that look at what ran."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.completion import executions_of_the_state, models_of_the_last_run
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import show, show_line
from pipeline_builder.cli.pipelines import Answer, look_at_each, owner_of

if TYPE_CHECKING:
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.release.scoring.requests import Request
    from pipeline_builder.session import Session
    from pipeline_builder.views.days import Day


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
    """Show the steps of an execution.

    \b
    Example: pipeline-builder status
    """
    from pipeline_builder.views.summary import execution_json, render_status

    def seen(one: Session) -> Answer:
        found = one.runs.find(execution)
        steps = one.target.pipelines.list_steps(found.arn)
        return Answer(result=execution_json(found, steps), text=render_status(found, steps))

    if execution:
        seen(session).show(as_json=as_json)
        return
    look_at_each(session, seen, as_json=as_json)


@main.command()
@common
@click.option("--audit", "audited", is_flag=True, help="Every decision with its evidence, one JSON object a line.")
def history(session: Session, *, as_json: bool, audited: bool) -> None:
    """List runs and promotions, newest first.

    With --audit: who has decided what, when and why, and all that it was decided by, oldest first. On AWS it is the
    last decision about each version; CloudTrail has those before. Of an inference pipeline also its days: rows, worst
    drift, and what became of them; where there is one, also the retrainings that scores have asked for.

    \b
    Example: pipeline-builder history --audit > decisions.jsonl
    """
    from pipeline_builder.views.summary import history_json, render_history

    if audited:
        from pipeline_builder.release.audit import audit

        local = session.target.name == "local"
        making = [one for one in session.each if not (local or one.manifest.entry.is_inference)]
        groups = [group for one in making for group in one.composed.definition.groups]
        for line in audit(session.target, groups):
            show_line(line)
        return
    executions = session.runs.listed()
    approvals = session.target.registry.list_approvals()
    result, text = history_json(executions, approvals), render_history(executions, approvals)
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
