"""Commands that run what is deployed, and the whole job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from pipeline_builder.cli.completion import executions_of_the_state, groups_of_the_manifest
from pipeline_builder.cli.dates import date_option
from pipeline_builder.cli.deciding import ask_decisions, conclude
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import (
    accept_stubs_option,
    common,
    isolation_option,
    parameters_option,
    stubs_option,
    timeout_option,
)
from pipeline_builder.cli.output import eyes, show
from pipeline_builder.cli.pipelines import Answer, answer_each, failed_of, owner_of
from pipeline_builder.cli.selecting import meant_in_each, parse_selection, select_options
from pipeline_builder.machine.deadline import TimeIsUpError, time_limit

if TYPE_CHECKING:
    from pipeline_builder.release.narrowing import Wanted
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.session import Session


Done = TypeVar("Done")


def in_time(session: Session, timeout: float | None, run: Callable[[], Done], *, leave: bool = False) -> Done:
    """Return what a run gives; when the time is up it ends, on AWS too, unless it is to be left going on."""
    try:
        with time_limit(timeout):
            return run()
    except TimeIsUpError:
        if not leave:
            session.stop_own()
        raise


def build_and_run(session: Session, *, force: bool, rerun: bool, timeout: float | None) -> RunRecord:
    """Take what is checked out through all stages to the end of its run."""
    session.validate()
    session.refuse_unrunnable()
    session.build()
    plan = session.plan()
    session.apply(plan, force=force)
    if not rerun and (taken := session.take(plan, eyes())):
        return taken
    left = None if rerun else session.leave_whole(plan)
    if left and not left.selection:
        return session.judge(left.last, planned=session.deployed(), reused=True)
    selection = left.selection if left else None
    return in_time(session, timeout, lambda: session.run(session.deployed(), eyes(), rerun=rerun, selection=selection))


@main.command()
@common
@date_option
@isolation_option
@click.option("--locked", is_flag=True, help="Take exactly the commits of the lock.")
@click.option("--rerun", is_flag=True, help="Run anew, even where nothing changed; nothing comes from the step cache.")
@click.option("--approve", "answer", flag_value="approve", help="Approve the models that pass the gate.")
@click.option("--reject", "answer", flag_value="reject", help="Reject the models.")
@click.option("--comment", default="", help="Why, for the record.")
@click.option("--force", is_flag=True, help="Apply a plan that 'plan' calls unsafe.")
@timeout_option
@stubs_option
@accept_stubs_option
@parameters_option
def up(
    session: Session,
    *,
    as_json: bool,
    locked: bool,
    rerun: bool,
    answer: str | None,
    comment: str,
    force: bool,
    timeout: float | None,
    given: Mapping[str, str],
) -> None:
    """The whole job, from checkout to report; asks before it promotes.

    The stages: checkout, validate, build, plan, apply, run, gate, approval, promote, report.

    \b
    Example: pipeline-builder up --approve --comment "AUC is up by 2 points"
    """
    session.given = given
    session.checkout(locked=locked)

    def whole_job(one: Session) -> Answer:
        record = build_and_run(one, force=force, rerun=rerun, timeout=timeout)
        decided = ask_decisions(one, record, answer, comment)
        if decided.failure:
            one.report(decided.record)
            raise decided.failure
        return conclude(one, decided.record, as_json=as_json)

    answer_each(session, whole_job, as_json=as_json)


_LAST = "last"


def _lock_or_last(_: click.Context, __: click.Parameter, given: str | None) -> str:
    """Return the lock's path, or the word that stands for the last execution that succeeded."""
    if given and given != _LAST and not Path(given).is_file():
        raise click.BadParameter(f"'{given}' is no file, and not the word 'last'")
    return given or ""


@main.command("run")
@common
@date_option
@isolation_option
@click.option("--rerun", is_flag=True, help="Run anew, even where nothing changed; nothing comes from the step cache.")
@click.option("--no-wait", is_flag=True, help="Start only; a later run follows the same execution (AWS).")
@click.option(
    "--resume",
    is_flag=False,
    flag_value=_LAST,
    metavar="[EXECUTION]",
    shell_complete=executions_of_the_state,
    help="Follow that execution, the only one that goes on, or the last, whatever it runs, and judge it.",
)
@click.option("--leave", is_flag=True, help="After --timeout leave the execution going on (AWS); else it is stopped.")
@select_options("Run")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    shell_complete=groups_of_the_manifest,
    help="Run that group's repositories; may be repeated.",
)
@click.option(
    "--changed-since",
    "since",
    metavar="LOCK",
    callback=_lock_or_last,
    help="Run only what changed since that lock, or since the 'last' success, and what depends on it.",
)
@timeout_option
@stubs_option
@parameters_option
def run_command(
    session: Session,
    *,
    as_json: bool,
    rerun: bool,
    no_wait: bool,
    resume: str | None,
    leave: bool,
    names: tuple[str, ...],
    exclude: tuple[str, ...],
    groups: tuple[str, ...],
    since: str,
    timeout: float | None,
    given: Mapping[str, str],
) -> None:
    """Run what is deployed, and judge it.

    With --select, --exclude, --group or --changed-since other steps don't run: their results are taken from the last
    execution that succeeded. --select "churn+" means all of the model or step churn and all after it, "+churn" all
    before it, "2+churn" at most two steps before it, "@churn" all after it with what that needs, "state:modified+" what
    has changed since the last success.

    \b
    Example: pipeline-builder run --rerun --parameter epochs=20
    """
    from pipeline_builder.release.narrowing import Wanted

    session.given = given
    if session.workspace.target == "local" and (no_wait or leave):
        raise click.UsageError("--no-wait and --leave are for --target aws: here this command itself runs the jobs")
    if resume is not None:
        if names or exclude or groups or since or rerun:
            raise click.UsageError("--resume follows what is running already: leave out what says what to run")
        name = "" if resume == _LAST else resume
        owner, name = owner_of(session, session.runs.running, name)
        record = in_time(owner, timeout, lambda: owner.resume(name, eyes()), leave=leave)
        conclude(owner, record, as_json=as_json).show(as_json=as_json)
        return
    if bool(names or exclude) + bool(groups) + bool(since) > 1:
        raise click.UsageError("give one of --select (with --exclude), --group and --changed-since")
    wanted = Wanted(steps=names, exclude=exclude, groups=groups, since=since)
    own: dict[str, Wanted] = {}

    def chosen(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
        own.update(wanted_of_each(sessions, wanted))
        return tuple(one for one in sessions if one.manifest.entry.name in own)

    def run(one: Session) -> Answer:
        asked = own.get(one.manifest.entry.name, wanted)
        selection = one.select(asked).selection if asked else None
        if selection and not selection.steps:
            return Answer(result={"execution": None}, text="nothing to run")
        if no_wait:
            started = one.begin(one.deployed(), rerun=rerun, selection=selection).execution
            return Answer(result={"execution": started.arn}, text=started.arn)
        do = partial(one.run, one.deployed(), eyes(), rerun=rerun, selection=selection)
        return conclude(one, in_time(one, timeout, do, leave=leave), as_json=as_json)

    answer_each(session, run, as_json=as_json, chosen=chosen)


def wanted_of_each(sessions: tuple[Session, ...], wanted: Wanted) -> dict[str, Wanted]:
    """Return what of the wish is about each pipeline, by its handle; what is about none is the first one's problem."""
    from pipeline_builder.release.narrowing import Wanted

    found: dict[str, Wanted] = {}
    expression = parse_selection(wanted.steps, wanted.exclude)
    meant = meant_in_each(sessions, expression) if expression else {}
    for one in sessions:
        name, own = one.manifest.entry.name, one.composed.definition.repositories
        repos = {repo.name for repo in one.manifest.repos if set(repo.groups) & set(wanted.groups)}
        if expression:
            mine = meant[name]
            whole = not wanted.steps and len(mine.steps) == len(own)
            if mine.steps:
                found[name] = Wanted() if whole else Wanted(steps=mine.steps, exclude=mine.excluded)
        elif not wanted or wanted.since or repos & set(own.values()):
            found[name] = wanted
    return found or {one.manifest.entry.name: wanted for one in sessions[:1]}


@main.command()
@common
@isolation_option
@click.argument("execution", required=False, default="", shell_complete=executions_of_the_state)
def retry(session: Session, *, as_json: bool, execution: str) -> None:
    """Go on with a failed or stopped execution.

    What has succeeded stays; the rest is done again with the same definition. What has a reason that is
    still there, such as a mistake in a script, fails again: 'up' runs what was changed since.

    \b
    Example: pipeline-builder retry
    """
    owner, name = owner_of(session, partial(failed_of, session), execution)
    record = owner.retry(name, eyes())
    conclude(owner, record, as_json=as_json).show(as_json=as_json)


@main.command()
@common
@click.argument("execution", required=False, default="", shell_complete=executions_of_the_state)
def stop(session: Session, *, as_json: bool, execution: str) -> None:
    """Stop an execution and its jobs, by default the only one that goes on.

    \b
    Example: pipeline-builder stop
    """
    found = session.stop(execution)
    result = {"execution": found.arn, "status": found.status.value}
    show(result, as_json=as_json, text=f"{found.id} {found.status.value}")
