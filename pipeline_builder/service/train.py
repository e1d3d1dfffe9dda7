"""The stage Train: runs what the build applied and judges it; in one build, or in two with a wait between them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline_builder.descriptions import JSON, DeployedPipeline, ExecutionStatus
from pipeline_builder.errors import InputProblems, Problem, RunFailed
from pipeline_builder.machine.streams import write_file
from pipeline_builder.release.narrowing import LAST, Wanted
from pipeline_builder.release.run import Start, describe_start
from pipeline_builder.service.cloudformation.access.waiting import NO_EXECUTION, TOO_LONG
from pipeline_builder.service.setting import RETRAINING, Setting
from pipeline_builder.service.stage import Staged, publish
from pipeline_builder.session import Session
from pipeline_builder.views.following import Eyes

if TYPE_CHECKING:
    from pipeline_builder.descriptions import Execution, Selection
    from pipeline_builder.release.record import RunRecord

STARTED = "started.json"
LONGEST_WAIT = 60 * 24 * 3600
"""In seconds, where nobody says how long a run may take: as long as an approval of CodePipeline is open."""
_ARN = re.compile(r"arn:[a-z-]+:sagemaker:[a-z0-9-]+:[0-9]{12}:pipeline/[A-Za-z0-9-]+/execution/[A-Za-z0-9-]+")
_ANEW = "let the pipeline run anew"
_GOING = (ExecutionStatus.EXECUTING, ExecutionStatus.STOPPING)


class Waiting(Protocol):
    """What waits for a run without a build, and what CodePipeline knows of that."""

    def was_judged(self, pipeline: str, execution: str) -> bool:
        """Tell whether Judge has run since what it judges was started."""
        ...

    def find_answer(self, pipeline: str, execution: str) -> str:
        """Return the words of the last answer that the wait got."""
        ...

    def begin_wait(self, machine: str, given: Mapping[str, JSON]) -> str:
        """Start the state machine that waits for a run, and return the name of that."""
        ...


def run_train(session: Session, setting: Setting, eyes: Eyes) -> Staged:
    """Run what the build applied, judge it, and publish record and report.

    One execution of CodePipeline starts one of SageMaker at most: a stage that is retried goes on with that. Where it
    is too early for scores, nothing runs.
    """
    pipeline = session.deployed()
    if own := _own(session, setting, pipeline):
        return _published(session, setting, session.go_on(own, pipeline, eyes))
    chosen = _choose(session, setting)
    if chosen.judged:
        record = session.judge(chosen.judged, planned=pipeline, reused=True)
    else:
        rerun = not setting.use_cache
        try:
            record = session.run(pipeline, eyes, rerun=rerun, selection=chosen.selection, cause=setting.execution)
        except InputProblems as error:
            return _too_early(session, setting, error)
    return _published(session, setting, record)


def _too_early(session: Session, setting: Setting, error: InputProblems) -> Staged:
    """Return what a start comes to that is too early for scores, as everything starts by itself; or raise the error."""
    if session.composed.definition.kind == "inference":
        from pipeline_builder.service.scoring import staged_early

        return staged_early(session, setting, error)
    raise error


def run_start(session: Session, setting: Setting, service: Waiting, minutes: float | None) -> Staged:
    """Start what `run_train` would run, and what waits for it; where nothing is to be run, the wait is over at once."""
    (session.workspace.build / STARTED).unlink(missing_ok=True)
    try:
        begun, reused = _begin(session, setting)
    except InputProblems as error:
        early = _too_early(session, setting, error)
        _hand_on(session, {"execution": None, "why": early.exports["SUMMARY"]})
        _wait(session, setting, service, {"execution": early.exports["EXECUTION_ARN"], "limit": 0, "own": False})
        return early
    arn = begun.execution.arn
    left: dict[str, JSON] = {"left": [*sorted(session.left_whole)]} if session.left_whole else {}
    _hand_on(session, {"execution": arn, "reused": reused, **left})
    seconds = int(minutes * 60) if minutes else LONGEST_WAIT
    _wait(session, setting, service, {"execution": arn, "limit": seconds, "own": not begun.foreign})
    return Staged(exports={"EXECUTION_ARN": arn, "SUMMARY": describe_start(begun)})


def _hand_on(session: Session, handed: Mapping[str, JSON]) -> None:
    write_file(session.workspace.build / STARTED, f"{json.dumps(handed, indent=2)}\n".encode())


def _wait(session: Session, setting: Setting, service: Waiting, given: Mapping[str, JSON]) -> None:
    if setting.wait_machine and setting.execution:
        waits = service.begin_wait(setting.wait_machine, {"cause": setting.execution, **given})
        session.say(f"          waits in {waits}")


def _begin(session: Session, setting: Setting) -> tuple[Start, bool]:
    """Return what is waited for, and whether that has been run before; an earlier run isn't this one's to stop."""
    pipeline = session.deployed()
    if mine := _own(session, setting, pipeline):
        return session.begin_again(mine, pipeline), False
    chosen = _choose(session, setting)
    if chosen.judged:
        return Start(execution=chosen.judged, origin="unchanged", foreign=True), True
    rerun = not setting.use_cache
    begun = session.begin(pipeline, rerun=rerun, selection=chosen.selection, cause=setting.execution)
    return begun, begun.origin == "unchanged"


def run_judge(session: Session, setting: Setting, eyes: Eyes, service: Waiting) -> Staged:
    """Judge what `run_start` has started, and publish record and report.

    What goes on, as a person has answered the wait, is followed to its end: nothing is judged before. Where this
    stage's judgement alone is retried, it goes on with a failed execution as `run_train` does.

    Raises:
        InputProblems: PB740 where nothing says what was started, PB746 where that is no execution of this pipeline.
        RunFailed: PB741 where that is gone.
    """
    pipeline = session.deployed()
    if session.composed.definition.kind == "inference" and (why := _why_not(session)):
        return Staged(exports={"EXECUTION_ARN": NO_EXECUTION, "VERDICT": "nothing", "SUMMARY": why})
    arn, reused, session.left_whole = _handed(session, pipeline)
    execution = session.target.pipelines.describe_execution(arn)
    if execution is None:
        raise RunFailed(Problem(id="PB741", message=f"the execution '{arn}' that was started is gone", hint=_ANEW))
    if execution.status in _GOING:
        session.say(f"          execution {execution.id} goes on, and is followed: somebody has ended the wait for it")
        return _published(session, setting, session.resume(arn, eyes, mine=_is_own(execution, setting)))
    unfinished = execution.status in (ExecutionStatus.FAILED, ExecutionStatus.STOPPED)
    if unfinished and setting.execution and service.was_judged(setting.pipeline, setting.execution):
        return run_train(session, setting, eyes)
    return _published(session, setting, session.judge(execution, planned=pipeline, reused=reused))


def is_late(record: RunRecord | None, setting: Setting, service: Waiting) -> bool:
    """Tell whether a run was stopped because its time was up, as the state machine says that did so; not a person."""
    waited = setting.wait_machine and setting.pipeline and setting.execution
    if not (record and waited and record.status == ExecutionStatus.STOPPED):
        return False
    return f"{TOO_LONG}." in service.find_answer(setting.pipeline, setting.execution)


def _why_not(session: Session) -> str:
    """Return why Start has started nothing; empty where it has."""
    try:
        handed = json.loads((session.workspace.build / STARTED).read_bytes())
        return str(handed["why"]) if handed["execution"] is None else ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""  # which is said as of every start


def _handed(session: Session, pipeline: DeployedPipeline) -> tuple[str, bool, frozenset[str]]:
    """Return the execution that was started, whether it is an earlier one, and the groups whose models were left out;
    the file comes from a bucket.
    """
    path = session.workspace.build / STARTED
    left: frozenset[str] = frozenset()
    try:
        handed = json.loads(path.read_bytes())
        arn, reused = _ARN.fullmatch(handed["execution"]), handed["reused"] is True
        left = frozenset(map(str, handed.get("left", ())))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        arn, reused = None, False
    if arn is None:
        message = f"'{path}' doesn't say which execution was started"
        raise InputProblems(Problem(id="PB740", message=message, hint="run 'stage start' before"))
    # SageMaker writes names in ARNs in small letters.
    if not arn[0].lower().startswith(f"{pipeline.arn}/execution/".lower()):
        message = f"'{path}' names '{arn[0]}', which is no execution of the pipeline '{pipeline.name}'"
        raise InputProblems(Problem(id="PB746", message=message, hint=_ANEW))
    return arn[0], reused, left


def _own(session: Session, setting: Setting, pipeline: DeployedPipeline) -> Execution | None:
    """Return what this execution of CodePipeline has started before."""
    found = session.target.pipelines.find_caused(pipeline.name, setting.execution) if setting.execution else None
    return session.dated(found) if found else None


def _is_own(execution: Execution, setting: Setting) -> bool:
    return bool(setting.execution) and execution.cause == setting.execution


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """What a run is about: an execution of before that is judged again, or what is limited to a selection."""

    judged: Execution | None = None
    selection: Selection | None = None


def _choose(session: Session, setting: Setting) -> _Chosen:
    """Limit the run to what the trigger is about; where it changed nothing, to the run that it was compared with.

    Scores are of a date: what another date's have been made of stands for none of them.
    """
    if session.composed.definition.kind == "inference":
        return _Chosen()
    wanted = Wanted(groups=setting.groups)
    if not setting.groups and setting.is_push and setting.use_cache:
        wanted = Wanted(since=LAST)
    found = session.select(wanted) if wanted else None
    if found and found.selection and not found.selection.steps:
        return _Chosen(judged=session.runs.find(found.last))
    if not wanted and setting.use_cache and (left := session.leave_whole(session.plan())):
        return _Chosen(selection=left.selection) if left.selection else _Chosen(judged=left.last)
    return _Chosen(selection=found.selection if found else None)


def _started_by(setting: Setting, record: RunRecord) -> str:
    """Return what started the pipeline, with the requests for retraining that the run has answered."""
    if setting.trigger == RETRAINING and record.trigger:
        return record.trigger  # which says all that the event could, and more
    return "; ".join(filter(None, (setting.words, record.trigger)))


def _published(session: Session, setting: Setting, record: RunRecord) -> Staged:
    record = record.model_copy(update={"trigger": _started_by(setting, record)})
    session.write_record(record)
    if record.kind == "inference":
        from pipeline_builder.service.scoring import staged_scores

        return staged_scores(session, setting, record)
    return publish(session, setting, record)
