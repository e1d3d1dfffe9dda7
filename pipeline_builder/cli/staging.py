"""The command that CodeBuild runs: one stage of the service's pipeline."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.deciding import show_run
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import Duration, common, isolation_option, time_is_up
from pipeline_builder.cli.output import eyes, say, show
from pipeline_builder.cli.running import in_time
from pipeline_builder.cli.watching import poll_service
from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Problem, RunFailed
from pipeline_builder.machine.deadline import TimeIsUpError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_builder.descriptions import JSON, Approval
    from pipeline_builder.service.setting import Setting
    from pipeline_builder.service.stage import Staged
    from pipeline_builder.session import Session

_EXPORTS = "stage.env"
_ACTION = "Approve"
# Minutes: a build of CodePipeline ends after eight hours, and says why before.
_MOST_FOLLOWED = 450.0
_STAGES = ("build", "train", "start", "judge", "score", "publish", "promote", "reject", "watch")
_JUDGING = ("train", "judge", "score", "publish")


@main.command("stage")
@common
@isolation_option
@click.argument("name", type=click.Choice(_STAGES), envvar="STAGE")
@click.option(
    "--timeout",
    type=Duration(),
    metavar="MINUTES",
    envvar="SMP_TIMEOUT",
    help="End a run that takes longer.",
)
def stage_command(session: Session, *, as_json: bool, name: str, timeout: float | None) -> None:
    """Do one stage of the service's pipeline; buildspec.yml calls it, and so can you.

    \b
    build    checkout, validate, look at the account, build, plan, apply
    train    run, gate, report
    start    begin the run and leave it going on
    judge    gate and report of what start has begun
    score    of an inference pipeline: run, gate, report
    publish  publish what score has judged, and note its day
    promote  promote what was approved in CodePipeline
    reject   reject what was rejected there
    watch    look at the repositories that are polled, start CodePipeline for what moved

    What it hands on stands in build/stage.env, as lines for a shell. SMP_TRIGGER, SMP_REPOSITORY, SMP_COMMIT,
    SMP_GROUPS, SMP_CACHE, SMP_DATE and SMP_CAUSE say what it was started for, SMP_PIPELINE which pipeline.

    \b
    Example: pipeline-builder stage build && pipeline-builder stage train && cat build/stage.env
    """
    from pipeline_builder.machine.streams import write_file
    from pipeline_builder.release.junit import render_junit_problems
    from pipeline_builder.release.promote import waiting
    from pipeline_builder.service.scoring import publishable
    from pipeline_builder.service.stage import render_exports
    from pipeline_builder.workspace import JUNIT, REPORT

    session = session.of("") if session.several else session
    # Where buildspec.yml looks, whichever pipeline it is about.
    build, shown = session.workspace.build, session.workspace.shared
    for stale in (shown / _EXPORTS, shown / JUNIT, build / JUNIT):
        stale.unlink(missing_ok=True)
    try:
        staged = _do(session, name, timeout)
    except PipelineBuilderError as error:
        write_file(shown / JUNIT, render_junit_problems(name, error.problems).encode())
        write_file(shown / _EXPORTS, render_exports(_failed(error.problems)).encode())
        raise
    write_file(shown / _EXPORTS, render_exports(staged.exports).encode())
    # A stage that runs nothing has none of a run, and CodeBuild's report wants one.
    found = (build / JUNIT).read_bytes() if (build / JUNIT).is_file() else render_junit_problems(name, ()).encode()
    write_file(shown / JUNIT, found)
    if staged.record and name in _JUDGING:
        # What waits for a person, or for the next stage, keeps this one from failing.
        waits = waiting(staged.record) or (name != "publish" and publishable(staged.record))
        show_run(staged.record, build / REPORT, as_json=as_json, ends=not waits)
        return
    text = "\n".join(f"{variable}={value}" for variable, value in staged.exports.items())
    show(dict(staged.exports), as_json=as_json, text=text or f"{name}: nothing to hand on")


def _do(session: Session, name: str, timeout: float | None) -> Staged:
    from pipeline_builder.service.setting import read_setting

    if name == "watch":
        return _watch(session)
    service = _CodePipeline(session)
    setting = read_setting(os.environ, service)
    session.date = setting.date or session.date
    say(f"stage {name}, started by {setting.words}")
    return _begin(session, setting, service, name, timeout)


def _begin(session: Session, setting: Setting, service: _CodePipeline, name: str, timeout: float | None) -> Staged:
    from pipeline_builder.service import stage, train

    match name:
        case "build":
            _note_polled(session)
            _look_at_landing(session)
            return stage.run_build(session, setting)
        case "train" | "score":
            return _train(session, setting, timeout)
        case "start":
            return train.run_start(session, setting, service, timeout)
        case "judge":
            return _judge(session, setting, service, timeout)
        case _:
            return _conclude(session, setting, service, name)


def _conclude(session: Session, setting: Setting, service: _CodePipeline, name: str) -> Staged:
    from pipeline_builder.service import scoring, stage

    if name == "publish":
        staged = scoring.run_publish(session, setting)
        _count(session, setting, staged)
        return staged
    run = stage.run_promote if name == "promote" else stage.run_reject
    return run(session, setting, service)


def _count(session: Session, setting: Setting, staged: Staged) -> None:
    """Count the day for the alarm on late ones; what can't be counted is published all the same."""
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.metrics import count_published
    from pipeline_builder.service.counting import is_counted

    if session.workspace.target != "aws" or not setting.pipeline or staged.record is None:
        return
    if not is_counted(staged.record, datetime.now(timezone.utc)):
        return
    try:
        count_published(Aws(session.workspace.region), setting.pipeline)
    except OutsideFailure as error:
        for problem in error.problems:
            session.warn(replace(problem, warning=True))


def _look_at_landing(session: Session) -> None:
    """Warn of buckets whose data is to start this pipeline, and that tell nobody of it."""
    landing = session.manifest.entry.landing
    if session.workspace.target != "aws" or not landing:
        return
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.landing import find_silent

    session.warn_of(find_silent(Aws(session.workspace.region), landing))


def _note_polled(session: Session) -> None:
    """Note which repositories are polled, where the service has a first look; a stack of before has none."""
    values = session.workspace.values
    if session.workspace.target != "aws" or not values.get("SMP_LOOK"):
        return
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.triggers import open_poller
    from pipeline_builder.gitops.poll import note_asked

    note_asked(session.manifest, open_poller(values, Aws(session.workspace.region)))


def _watch(session: Session) -> Staged:
    from pipeline_builder.service.stage import Staged

    polled = poll_service(session)
    if polled.failures:
        raise OutsideFailure(*(problem for failure in polled.failures for problem in failure.problems))
    return Staged(exports={})


def _train(session: Session, setting: Setting, timeout: float | None) -> Staged:
    from pipeline_builder.service.train import run_train

    try:
        return in_time(session, timeout, lambda: run_train(session, setting, eyes()))
    except TimeIsUpError as error:
        raise RunFailed(time_is_up()) from error


def _judge(session: Session, setting: Setting, service: _CodePipeline, timeout: float | None) -> Staged:
    """Judge; what goes on is followed no longer than a build takes, however long the run may be."""
    from pipeline_builder.service.train import is_late, run_judge

    short = bool(setting.wait_machine) and (timeout is None or timeout > _MOST_FOLLOWED)
    limit = _MOST_FOLLOWED if short else timeout
    try:
        staged = in_time(session, limit, lambda: run_judge(session, setting, eyes(), service), leave=short)
    except TimeIsUpError as error:
        raise RunFailed(_goes_on() if short else time_is_up()) from error
    if is_late(staged.record, setting, service):
        raise RunFailed(time_is_up())
    return staged


def _goes_on() -> Problem:
    message = "the execution goes on, and this build follows it no longer"
    return Problem(id="PB743", message=message, hint="retry all actions of the stage: then nothing but a wait is open")


class _CodePipeline:
    """CodePipeline as a stage asks it; nothing is called before it does."""

    def __init__(self, session: Session) -> None:
        # On the local target the Region has no name that boto3 would know: a rehearsal names one in the environment.
        self._region = session.workspace.region if session.workspace.target == "aws" else ""

    def find_start(self, pipeline: str, execution: str) -> str:
        from pipeline_builder.aws.client import Aws
        from pipeline_builder.aws.codepipeline import find_start

        return find_start(Aws(self._region), pipeline, execution)

    def find_approval(self, pipeline: str, execution: str) -> Approval | None:
        if not (pipeline and execution):
            message = "without SMP_CODEPIPELINE and SMP_CODEPIPELINE_EXECUTION nobody can be asked who has decided"
            hint = "the service's builds have both; elsewhere take 'pipeline-builder promote' or 'reject'"
            raise InputProblems(Problem(id="PB446", message=message, hint=hint))
        from pipeline_builder.aws.client import Aws
        from pipeline_builder.aws.codepipeline import find_approval

        return find_approval(Aws(self._region), pipeline, execution, _ACTION)

    def was_judged(self, pipeline: str, execution: str) -> bool:
        from pipeline_builder.aws.client import Aws
        from pipeline_builder.aws.codepipeline import was_done

        return bool(pipeline) and was_done(Aws(self._region), pipeline, execution, action="Judge", after="Start")

    def find_answer(self, pipeline: str, execution: str) -> str:
        from pipeline_builder.aws.client import Aws
        from pipeline_builder.aws.codepipeline import find_words

        return find_words(Aws(self._region), pipeline, execution, "Wait")

    def begin_wait(self, machine: str, given: Mapping[str, JSON]) -> str:
        from pipeline_builder.aws.client import Aws
        from pipeline_builder.aws.stepfunctions import begin_wait

        return begin_wait(Aws(self._region), machine, str(given["cause"]), given)


def _failed(problems: tuple[Problem, ...]) -> dict[str, str]:
    return {"VERDICT": "failed", "SUMMARY": problems[0].message}
