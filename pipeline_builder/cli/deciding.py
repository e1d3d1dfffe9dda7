"""Commands that decide about models, and how a person is asked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from pipeline_builder.cli.asking import ask
from pipeline_builder.cli.completion import executions_of_the_state, models_of_the_last_run
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import accept_stubs_option, common, stubs_accepted
from pipeline_builder.cli.output import say, show, terminal
from pipeline_builder.cli.pipelines import Answer
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.machine.people import login_name

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_builder.release.decisions import ToDecide
    from pipeline_builder.release.promote import Decided, Decision
    from pipeline_builder.release.record import PackageRecord, RunRecord
    from pipeline_builder.session import Session


_LONGEST_STAGE = 63


class _Stage(click.ParamType[str]):
    """A stage of a model package's life cycle, as SageMaker takes it."""

    name = "stage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", value) or len(value) > _LONGEST_STAGE:
            self.fail("a stage has letters, digits and '-', at most 63, the first and last none of '-'", param, ctx)
        return str(value)


again_option = click.option("--again", is_flag=True, help="Take back how a model was decided; needs --comment.")
run_option = click.option(
    "--run",
    metavar="EXECUTION",
    default="",
    shell_complete=executions_of_the_state,
    help="The run that is meant: its id, or its ARN.",
)


@main.command()
@common
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=models_of_the_last_run)
@run_option
@click.option("--comment", default="", help="Why, for the record.")
@again_option
@accept_stubs_option
@click.option("--to-account", "role", metavar="ROLE_ARN", help="Copy them to that role's account too (AWS).")
@click.option("--stage", metavar="STAGE", type=_Stage(), help="Put them into that stage of their life cycle too.")
def promote(
    session: Session,
    *,
    as_json: bool,
    models: tuple[str, ...],
    run: str,
    comment: str,
    again: bool,
    role: str | None,
    stage: str | None,
) -> None:
    """Approve models: those that are named, or all that wait, of the newest run that has any.

    What was approved already stays as it is. What was rejected, or rolled back, is refused (exit code 3) and comes back
    with --again only. A model that the gate blocks can't be approved (exit code 5). The ARN or the id of an execution
    in the place of a model means that run.

    On AWS, where the service waits for a word about that run, the command answers its question, and the service's stage
    approves in the name of who runs the command.

    With --stage production they take the place of the version that is in that stage of SageMaker's ModelLifeCycle,
    which an inference conf asks for by 'stage: production'. 'churn/3' names a version, so that an older one can come
    back.

    \b
    Example: pipeline-builder promote churn --comment "looks right"
    """
    decision = make_decision(session, "approve", comment, again=again)
    _decide(session, models, run, decision, as_json=as_json, role=role, stage=stage)


@main.command()
@common
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=models_of_the_last_run)
@run_option
@click.option("--comment", required=True, help="Why, for the record.")
@again_option
def reject(session: Session, *, as_json: bool, models: tuple[str, ...], run: str, comment: str, again: bool) -> None:
    """Reject models: those that are named, or all that wait, of the newest run that has any.

    What was approved already is refused (exit code 3): 'rollback' takes that out of use.

    \b
    Example: pipeline-builder reject churn --comment "recall is too low"
    """
    _decide(session, models, run, make_decision(session, "reject", comment, again=again), as_json=as_json)


def _decide(
    session: Session,
    models: tuple[str, ...],
    run: str,
    decision: Decision,
    *,
    as_json: bool,
    role: str | None = None,
    stage: str | None = None,
) -> None:
    """Decide about every run that is meant; show the last, and end with what could not be done."""
    if decision.again and not (models and decision.comment.strip()):
        raise click.UsageError("--again takes back how a model was decided: name the model, and say why with --comment")
    only = models[0] if len(models) == 1 and not run else ""
    if only and session.decisions.is_run(only):
        models, run = (), only
    failure: PipelineBuilderError | None = None
    for one in session.decisions.to_decide(models, run, again=decision.again):
        owner = session.owner(one.record.pipeline)
        if _answer(owner, one, decision, further=bool(stage or role), as_json=as_json):
            continue
        decided = owner.decide(one.record, decision, one.models)
        failure = failure or decided.failure
        if stage:
            _put_in_stage(owner, decided.record, one.models, stage, decision)
        if role:
            _copy(owner, decided.record, one.models, role)
        show_decided(owner, decided.record, as_json=as_json)
    if failure:
        raise failure


def _answer(session: Session, about: ToDecide, decision: Decision, *, further: bool, as_json: bool) -> bool:
    """Answer the service where it waits for a word about the run, and tell whether it does: its stage decides then.

    What is taken back is decided already, so no question is open about it.
    """
    if decision.again or not (answered := session.answer(about.record, decision, about.models)):
        return False
    question = answered.question
    if further:
        message = "--stage and --to-account are for models that are approved, which the service's stage does first"
        session.warn(Problem(id="PB023", message=message, hint="repeat the command when it has", warning=True))
    result = {"answered": question.pipeline, "execution": question.execution, "summary": answered.summary}
    show(result, as_json=as_json, text=f"{answered.words}: execution {question.execution}")
    return True


def _put_in_stage(session: Session, record: RunRecord, models: tuple[str, ...], stage: str, decision: Decision) -> None:
    with session.stage("stage") as words:
        words.append(
            ", ".join(session.decisions.put_in_stage(record, models, stage, decision)) or "nothing is approved"
        )


def _copy(session: Session, record: RunRecord, models: tuple[str, ...], role: str) -> None:
    """Copy what is approved to another account."""
    from pipeline_builder.release.choosing import pick

    with session.stage("copy") as words:
        approved = [package for package in pick(record, models) if package.status == "Approved"]
        session.decisions.use([package.arn for package in approved])
        words.append(", ".join(session.target.registry.copy_package(package.arn, role) for package in approved))


@main.command()
@common
@click.argument("model", shell_complete=models_of_the_last_run)
@click.option("--comment", required=True, help="Why, for the record.")
def rollback(session: Session, *, as_json: bool, model: str, comment: str) -> None:
    """Reject a model's champion; the approved version before it is the champion again.

    With its version, churn/4, it is that one or nothing: of two people at once who mean the same one takes it out of
    use, and the other is told.

    \b
    Example: pipeline-builder rollback churn --comment "complaints about false alarms"
    """
    from pipeline_builder.views.lines import rollback_line

    decision, (group, seen) = make_decision(session, "reject", comment), session.decisions.find_version(model)
    with session.stage("rollback") as words:
        done = session.decisions.rollback(group, decision, champion=seen)
        gone, new = done.gone, done.champion
        for package in (*done.passed, gone):
            session.keep_decided(package)
        words.append(rollback_line(done))
    result = {"rejected": gone.arn, "champion": new.arn if new else None, "passed": [one.arn for one in done.passed]}
    now = f"champion version {new.version}" if new else "no champion"
    show(result, as_json=as_json, text=f"{gone.group}: version {gone.version} rejected, {now}")


def ask_decisions(session: Session, record: RunRecord, answer: str | None, comment: str) -> Decided:
    """Decide about what waits as was answered, or ask for each model on a terminal; without either nothing is decided.

    What has been decided stays decided when a later answer is never given.
    """
    from pipeline_builder.release.promote import Decided, waiting

    models = waiting(record)
    decided = Decided(record=record)
    if answer and models:
        return _try(session, decided, make_decision(session, answer, comment), models)
    if not models or not terminal():
        return decided
    from pipeline_builder.views.evidence import render_evidence

    report = session.report(record)
    say(render_evidence(record))
    say(f"with everything that there is to look at: {os.path.relpath(report)}")
    for package, asked, why in _ask_each(models, comment):
        decided = _try(session, decided, make_decision(session, asked, why), (package,))
        if decided.failure:
            break
    return decided


def _try(session: Session, so_far: Decided, decision: Decision, packages: tuple[PackageRecord, ...]) -> Decided:
    """Decide; what is refused is kept for when the report of the run is written."""
    from pipeline_builder.release.promote import Decided

    try:
        return session.decide(so_far.record, decision, [package.arn for package in packages], named=False)
    except PipelineBuilderError as error:
        return Decided(record=so_far.record, failure=error)


def _ask_each(packages: tuple[PackageRecord, ...], comment: str) -> Iterator[tuple[PackageRecord, str, str]]:
    """Yield each package that is decided about, with the answer, and why."""
    several = len(packages) > 1
    words = {"yes": "", "no": "reject", "later": ""}
    words |= {"all": "yes to the rest", "quit": "later for the rest"} if several else {}
    asked = why = ""
    for package in packages:
        if asked == "all":
            yield package, "approve", why
            continue
        asked = ask(f"Approve {package.model} version {package.version}?", words)
        if asked == "quit":
            return
        if asked != "later":
            why = comment or _ask_why(asked)
            yield package, "reject" if asked == "no" else "approve", why


def _ask_why(asked: str) -> str:
    """Ask for a comment; a rejection has a reason."""
    while True:
        why: str = click.prompt("Comment", default="", show_default=False, err=True)
        if why.strip() or asked != "no":
            return why
        say("a rejection needs a reason")


def make_decision(session: Session, answer: str, comment: str, *, again: bool = False) -> Decision:
    """Return the answer, `approve` or `reject`, as that of whoever runs the command, or of SMP_APPROVER."""
    by = os.environ.get("SMP_APPROVER") or login_name()
    return session.make_decision(answer, comment, by=by, again=again, stubs=stubs_accepted())


def show_decided(session: Session, record: RunRecord, *, as_json: bool) -> None:
    """Write the report of a run that was decided about, and print the run; what failed in it is told by who ran it."""
    from pipeline_builder.views.summary import render_result

    report = session.report(record)
    show(json.loads(record.model_dump_json()), as_json=as_json, text=render_result(record, os.path.relpath(report)))


def conclude(session: Session, record: RunRecord, *, as_json: bool) -> Answer:
    """Publish what an inference run has scored, write the report of a run, and return what the run came to."""
    record = session.publish(record)
    return answer_of(record, session.report(record), as_json=as_json)


def show_run(record: RunRecord, report: Path, *, as_json: bool, ends: bool = True) -> None:
    """Print the result of a run and where its report is.

    What failed in it, or was blocked, `ends` the command.
    """
    answer = answer_of(record, report, as_json=as_json)
    (answer if ends else replace(answer, code=0)).show(as_json=as_json)


def answer_of(record: RunRecord, report: Path, *, as_json: bool) -> Answer:
    """Return the result of a run and where its report is.

    What failed in it, or was blocked, is exit code 5, also where other models wait; 4 where this machine is to blame.
    """
    from pipeline_builder.views.summary import failure_code, failure_problems, render_result

    problems = tuple(failure_problems(record))
    return Answer(
        result=json.loads(record.model_dump_json()) if as_json else None,
        text=render_result(record, os.path.relpath(report)),
        problems=problems,
        code=failure_code(record) if problems else 0,
    )
