"""Commands that decide about models, and how a person is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import login_name, say, show, terminal
from pipeline_builder.errors import render_problem

if TYPE_CHECKING:
    from pipeline_builder.release.promote import Decision
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.session import Session


@main.command()
@common
@click.argument("execution", required=False, default="")
@click.option("--comment", default="", help="Why, for the record.")
@click.option("--to-account", "role", metavar="ROLE_ARN", help="Copy them to that role's account too (AWS).")
def promote(session: Session, *, as_json: bool, execution: str, comment: str, role: str | None) -> None:
    """Approve the models of a run, by default the last.

    \b
    Example: pipeline-builder promote --comment "looks right"
    """
    record = session.decide(session.runs.record(execution, to_decide=True), make_decision("approve", comment))
    if role:
        with session.stage("copy") as words:
            copies = [session.target.registry.copy_package(package.arn, role) for package in record.packages]
            words.append(", ".join(copies))
    conclude(session, record, as_json=as_json)


@main.command()
@common
@click.argument("execution", required=False, default="")
@click.option("--comment", default="", help="Why, for the record.")
def reject(session: Session, *, as_json: bool, execution: str, comment: str) -> None:
    """Reject the models of a run, by default the last.

    \b
    Example: pipeline-builder reject --comment "recall is too low"
    """
    record = session.decide(session.runs.record(execution, to_decide=True), make_decision("reject", comment))
    conclude(session, record, as_json=as_json)


@main.command()
@common
@click.argument("model")
@click.option("--comment", required=True, help="Why, for the record.")
def rollback(session: Session, *, as_json: bool, model: str, comment: str) -> None:
    """Reject a model's champion; the approved version before it is the champion again.

    \b
    Example: pipeline-builder rollback churn --comment "complaints about false alarms"
    """
    from pipeline_builder.release.overview import find_group
    from pipeline_builder.release.promote import rollback as roll_back
    from pipeline_builder.views.lines import rollback_line

    decision, group = make_decision("reject", comment), find_group(session.composed, model)
    with session.stage("rollback") as words:
        old, new = roll_back(group, decision, session.target.registry)
        words.append(rollback_line(group, old, new))
    result = {"rejected": old.arn, "champion": new.arn}
    show(result, as_json=as_json, text=f"{old.group}: version {old.version} rejected, champion version {new.version}")


def is_pending(record: RunRecord) -> bool:
    """Tell whether a model of the run waits for a decision."""
    return any(package.status == "PendingManualApproval" for package in record.packages)


def ask_decision(record: RunRecord, answer: str | None, comment: str) -> Decision | None:
    """Return the answer that was given, or ask for one on a terminal; without either there is none."""
    from pipeline_builder.views.summary import render_evidence

    if answer:
        return make_decision(answer, comment)
    if not terminal():
        return None
    say(render_evidence(record))
    asked: str = click.prompt(
        "Approve this model? yes / no (reject) / later", type=click.Choice(["yes", "no", "later"]), err=True
    )
    if asked == "later":
        return None
    why = comment or click.prompt("Comment", default="", show_default=False, err=True)
    return make_decision("approve" if asked == "yes" else "reject", why)


def make_decision(answer: str, comment: str) -> Decision:
    """Return the answer, `approve` or `reject`, as that of whoever runs the command, or of SMP_APPROVER."""
    from pipeline_builder.release.promote import Decision
    from pipeline_builder.target import ApprovalStatus

    status = ApprovalStatus.APPROVED if answer == "approve" else ApprovalStatus.REJECTED
    return Decision(status=status, by=os.environ.get("SMP_APPROVER") or login_name(), comment=comment)


def conclude(session: Session, record: RunRecord, *, as_json: bool) -> None:
    """Write the report of a run, and print what the run came to."""
    show_run(record, session.report(record), as_json=as_json)


def show_run(record: RunRecord, report: Path, *, as_json: bool) -> None:
    """Print the result of a run and where its report is; a run that failed or was blocked ends with exit code 5."""
    from pipeline_builder.views.summary import failure_code, failure_problems, render_result

    show(json.loads(record.model_dump_json()), as_json=as_json, text=render_result(record, os.path.relpath(report)))
    problems = failure_problems(record)
    for problem in problems:
        say(render_problem(problem))
    if problems:
        raise click.exceptions.Exit(failure_code(record))
