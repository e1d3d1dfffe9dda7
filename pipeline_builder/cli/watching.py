"""The command that waits for pushes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.besides import Done, make_around
from pipeline_builder.cli.boundary import show_failure
from pipeline_builder.cli.deciding import ask_decisions
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import (
    Duration,
    common,
    isolation_option,
    parameters_option,
    reopen_session,
    timeout_option,
)
from pipeline_builder.cli.output import json_text, problems_json, say, show, show_all, show_line
from pipeline_builder.cli.pipelines import Answer, Answers, prepare
from pipeline_builder.cli.running import build_and_run
from pipeline_builder.errors import ExitCode, PipelineBuilderError, PlanRefused, Problem, render_problem
from pipeline_builder.machine.collector import collect_all
from pipeline_builder.machine.deadline import TimeIsUpError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_builder.checkout.heads import Inputs
    from pipeline_builder.gitops.poll import Polled
    from pipeline_builder.gitops.surroundings import Loaded, Ran
    from pipeline_builder.gitops.watch import Watch
    from pipeline_builder.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """How runs are to be: as the command was called."""

    approve: bool
    comment: str
    timeout: float | None
    given: Mapping[str, str]
    as_json: bool


@main.command()
@common
@isolation_option
@click.option(
    "--interval",
    type=Duration(),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two looks.",
)
@click.option("--once", is_flag=True, help="Look once, run if something moved, and end: for cron.")
@click.option("--retry-failed", is_flag=True, help="Try failed runs again, after longer and longer pauses.")
@click.option("--approve", is_flag=True, help="Approve the models that pass the gate; else they wait for 'promote'.")
@click.option("--comment", default="", help="Why, for the record.")
@timeout_option
@parameters_option
def watch(
    session: Session,
    *,
    as_json: bool,
    interval: float,
    once: bool,
    retry_failed: bool,
    approve: bool,
    comment: str,
    timeout: float | None,
    given: Mapping[str, str],
) -> None:
    """Wait for pushes: run the whole job whenever a repository's revision moves.

    Looks at the remotes of all repositories of the manifest, and at the manifest itself. What moves while a job runs is
    taken together into the next one. Data and approvals start the pipelines whose 'trigger' says so, and scores that
    ask for a training the one that trains. Exit codes with --once: that of the first run that didn't go well, 0 where
    nothing moved or another watch is at it.

    As the service on AWS calls it (--once --target aws, and SMP_CODEPIPELINE is set), it looks at the repositories with
    the trigger 'poll' only, and starts that CodePipeline.

    \b
    Example: pipeline-builder watch --interval 30 --approve
    """
    if "SMP_CODEPIPELINE" in session.workspace.values and session.workspace.target == "aws":
        if not once:
            raise click.UsageError("with SMP_CODEPIPELINE, --target aws starts that pipeline, and needs --once")
        if code := _poll(session, as_json=as_json):
            raise click.exceptions.Exit(code)
        return
    wishes = _Wishes(approve=approve, comment=comment, timeout=timeout, given=given, as_json=as_json)
    from pipeline_builder.gitops.alone import only_watch

    state = session.workspace.state
    who = f"process {os.getpid()} on {socket.gethostname()}, since {_now()}"
    try:
        with only_watch(state, who):
            found = _make_watch(session, wishes, interval=interval, retry_failed=retry_failed)
            code = _once(found, as_json=as_json) if once else _loop(found)
    except PlanRefused as error:
        if not once:
            raise
        say(f"nothing done: {error.problems[0].message}")
        code = ExitCode.OK
    if code:
        raise click.exceptions.Exit(code)


def poll_service(session: Session) -> Polled:
    """Start the service's CodePipeline once for all repositories that moved, and say which."""
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.triggers import open_poller
    from pipeline_builder.checkout.heads import render_move
    from pipeline_builder.gitops.poll import poll

    values = session.workspace.values
    polled = poll(session.workspace, session.manifest, open_poller(values, Aws(values.get("SMP_REGION", ""))))
    for move in polled.started.moves:
        _say(render_move(move))
    return polled


def _poll(session: Session, *, as_json: bool) -> int:
    polled = poll_service(session)
    for failure in polled.failures:
        _report(failure.problems)
    started = polled.started
    result = {"execution": started.execution, "moved": [move.name for move in started.moves]}
    text = f"started the execution {started.execution}" if started.execution else "nothing moved"
    click.echo(json_text(result, indent=None) if as_json else text)
    return polled.failures[0].exit_code if polled.failures else ExitCode.OK


def _make_watch(session: Session, wishes: _Wishes, *, interval: float, retry_failed: bool) -> Watch:
    from pipeline_builder.gitops.surroundings import Loaded, Surroundings
    from pipeline_builder.gitops.watch import Watch
    from pipeline_builder.manifest.framework import FILE as FRAMEWORK

    def load() -> Loaded:
        fresh = reopen_session()
        only = fresh.manifest.entry.name if fresh.named else ""
        return Loaded(workspace=fresh.workspace, manifest=fresh.manifest, only=only)

    root = session.workspace.root
    given: Path | None = click.get_current_context().params["env_file"]
    around = Surroundings(
        files=(session.workspace.manifest_path, root / FRAMEWORK),
        private=(given or root / ".env",),
        load=load,
        run=lambda loaded, inputs: _run(loaded, inputs, wishes),
        say=_say,
        report=_report,
        besides=make_around(lambda one: Done(*_job_of(one, wishes)), wishes.given, as_json=wishes.as_json),
    )
    return Watch(around, state=session.workspace.state, interval=interval, retry_failed=retry_failed)


def _once(watch: Watch, *, as_json: bool) -> int:
    code = watch.once()
    if not watch.ran and not watch.failed and not code:
        click.echo(json_text({"code": 0}, indent=None) if as_json else "nothing moved")
    elif not watch.ran and watch.failed and not code:
        _say(f"nothing moved since the last run, which failed with exit code {watch.failed.exit_code}")
    return code


def _loop(watch: Watch) -> int:
    """Watch until somebody ends it: with 0 while it waits, as any interrupted command in the middle of a run."""
    count = len(watch.loaded.manifest.repos)
    what = f"{count} repositories" if count > 1 else "1 repository"
    _say(f"{what}, every {watch.interval:g} s; Ctrl-C ends it")
    if watch.failed and not watch.retry_failed:
        _say(f"the last run failed with exit code {watch.failed.exit_code}; --retry-failed tries it again")
    try:
        watch.loop()
    except KeyboardInterrupt:
        if watch.running:
            raise
        _say("ended; what is pushed meanwhile is seen at the next start")
    return ExitCode.OK


def _run(loaded: Loaded, inputs: Inputs, wishes: _Wishes) -> Ran:
    """Do the whole job for these commits; however it ends, the watch goes on."""
    from pipeline_builder.gitops.surroundings import Ran

    text = ""
    try:
        code, result, text = _whole_job(loaded, inputs, wishes)
    except (Exception, TimeIsUpError) as error:  # noqa: BLE001 - each run is a command of its own
        code, result = show_failure(error, wants_json=False), _problems(error)
    finally:
        collect_all()
    heads = {name: head.commit for name, head in inputs.heads.items()}
    said = {"code": int(code), "heads": heads, **result}
    return Ran(code=code, tell=lambda: show_line(said) if wishes.as_json else show({}, as_json=False, text=text))


def _whole_job(loaded: Loaded, inputs: Inputs, wishes: _Wishes) -> tuple[int, dict[str, object], str]:
    """Return the exit code, and what is said of the run as JSON and as text."""
    from pipeline_builder.checkout.heads import lock_of
    from pipeline_builder.session import Session

    session = Session(loaded.workspace, say=say, warn=_warn, manifest=loaded.manifest)
    session.given = wishes.given
    session = session.of(loaded.only) if loaded.only else session
    session.checkout(locked=False, at=lock_of(inputs))
    if not session.several:
        return _job_of(session, wishes)
    found = Answers(as_json=wishes.as_json)
    for one in prepare(session, found, apart=True):
        found.take(one, partial(_answer_of, wishes=wishes))
    return next(iter(found.codes), ExitCode.OK), {"pipelines": found.results}, ""


def _answer_of(session: Session, wishes: _Wishes) -> Answer:
    code, result, text = _job_of(session, wishes)
    return Answer(result={"code": int(code), **result}, text=text, code=code)


def _job_of(session: Session, wishes: _Wishes) -> tuple[int, dict[str, object], str]:
    """Do the whole job of one pipeline; return the exit code, and what is said of the run as JSON and as text."""
    from pipeline_builder.views.summary import failure_code, failure_problems, render_result

    record = build_and_run(session, force=False, rerun=False, timeout=wishes.timeout)
    failure = None
    if wishes.approve:
        decided = ask_decisions(session, record, "approve", wishes.comment)
        record, failure = decided.record, decided.failure
    if failure:
        session.report(record)
        raise failure
    record = session.publish(record)
    path = session.report(record)
    problems = failure_problems(record)
    _report(problems)
    result: dict[str, object] = {
        "execution": record.execution,
        "status": record.status,
        "packages": [{"arn": package.arn, "status": package.status} for package in record.packages],
        "report": str(path),
    }
    code = failure_code(record) if problems else ExitCode.OK
    return code, result, render_result(record, os.path.relpath(path))


def _warn(problem: Problem) -> None:
    say(render_problem(problem))


def _problems(error: BaseException) -> dict[str, object]:
    return problems_json(error.problems if isinstance(error, PipelineBuilderError) else ())


def _say(words: str) -> None:
    say(f"{'watch':<9} {_now()}  {words}")


def _report(problems: Iterable[Problem]) -> None:
    show_all(tuple(problems))


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
