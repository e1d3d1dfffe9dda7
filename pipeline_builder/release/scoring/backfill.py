"""Backfill: the logical dates that have not been scored yet are worked off, several at once, each by itself.

What the ledger says of a date is all that is kept between two goes: a killed backfill that is repeated finds what has
been done there, and what was going on by its fingerprint.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.run import Start, follow, start
from pipeline_builder.release.scoring.before import is_delivered, is_same
from pipeline_builder.release.scoring.delivery import deliver
from pipeline_builder.release.scoring.holding import hold_day
from pipeline_builder.release.scoring.ledger import LedgerDay, read_day
from pipeline_builder.release.starting import Starting
from pipeline_builder.release.verdict import judge_execution
from pipeline_builder.release.witness import at_once

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.descriptions import DeployedPipeline
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.target import Target

Status = Literal["published", "scored", "blocked", "failed", "stopped"]
_WORST: tuple[Status, ...] = ("failed", "blocked", "scored", "published")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedDay:
    """What became of a logical date: of several models the worst. `before` says that it had been done before."""

    date: str
    status: Status
    before: bool = False
    execution: str = ""
    rows_in: int | None = None
    rows_out: int | None = None
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        return self.status in ("published", "scored")


def _as_it_is(record: RunRecord) -> RunRecord:
    return record


def _keep_none(record: RunRecord) -> None:
    del record


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """What dates are worked off with: the deployed pipeline, what is checked out, and values that were given.

    With `changed` a date whose data, models or definition are others is worked off again, with `force` every one.
    `closed` is told of each judged record, whose scores may ask for a retraining; `noted` adds its commits, and `keep`
    gets it when its scores are where they are to be.
    """

    target: Target
    composed: Composed
    lock: Lock
    pipeline: DeployedPipeline
    given: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    force: bool = False
    closed: Callable[[RunRecord], RunRecord] = _as_it_is
    noted: Callable[[RunRecord], RunRecord] = _as_it_is
    keep: Callable[[RunRecord], None] = _keep_none
    ended: threading.Event = field(default_factory=threading.Event)
    going: dict[str, str] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self.composed.graph.by_unit)

    def find_done(self, dates: Sequence[str]) -> Mapping[str, WorkedDay]:
        """Return those of the dates that need no work, as the ledger has them."""
        if self.force:
            return {}
        found = at_once(self._done, dates)
        return {day.date: day for day in found if day}

    def _done(self, date: str) -> WorkedDay | None:
        days = [read_day(self.target, self.pipeline.name, model, date) for model in self.models]
        known = [day for day in days if day and day.is_done and is_delivered(day, self.composed, self.target)]
        if len(known) < len(days) or not known:
            return None
        if self.changed and not self._is_unchanged(known, date):
            return None
        return WorkedDay(
            date=date,
            status=_worst(day.status for day in known),
            before=True,
            execution=known[0].execution,
            rows_in=_sum(day.rows.input for day in known),
            rows_out=_sum(day.rows.predictions for day in known),
            reasons=tuple(f"{d.model}: {reason}" for d in known if d.status == "blocked" for reason in d.reasons),
        )

    def _is_unchanged(self, days: Sequence[LedgerDay], date: str) -> bool:
        """Tell whether a date would be scored with what it was scored with, and be judged as it was."""
        starting = self._starting(date)
        try:
            return all(is_same(day, starting, self.pipeline) for day in days)
        except PipelineBuilderError:  # which is said when it is worked off
            return False

    def _starting(self, date: str) -> Starting:
        return Starting(
            composed=self.composed, target=self.target, lock=self.lock, given=self.given, date=date, say=_nobody
        )

    def work(self, date: str) -> WorkedDay:
        """Run, judge and publish a date; what goes wrong is in the result."""
        began = time.monotonic()
        try:
            with hold_day(self.target, self.pipeline.name, date):
                day = self._worked(date)
        except PipelineBuilderError as error:
            reasons = tuple(f"{problem.id} {problem.message}" for problem in error.problems)
            day = WorkedDay(date=date, status="failed", reasons=reasons)
        finally:
            self.going.pop(date, None)
        return replace(day, seconds=round(time.monotonic() - began, 3))

    def _worked(self, date: str) -> WorkedDay:
        def note(begun: Start) -> None:
            self.going[date] = begun.execution.arn

        pipelines = self.target.pipelines
        starting = self._starting(date)
        parameters = starting.parameters
        starting.check_inputs()
        begun = start(pipelines, self.pipeline, parameters, rerun=self.force, note=note)
        note(begun)
        execution = follow(pipelines, begun, lambda _: None)
        if self.ended.is_set() and execution.status is ExecutionStatus.STOPPED:
            return WorkedDay(date=date, status="stopped", execution=execution.arn)
        record = judge_execution(
            execution, self.target, self.composed, self.lock,
            planned=self.pipeline, reused=begun.origin == "unchanged", date=date, noted=self.noted,
        )  # fmt: skip
        delivered = deliver(self.closed(record), self.composed, self.target, force=record.reused)
        self.keep(delivered.record)
        return _day_of(delivered.record, date)

    def stop(self) -> None:
        """Stop what goes on here; on AWS it goes on by itself, and the next backfill follows it."""
        self.ended.set()
        if self.target.name == "local":
            for arn in tuple(self.going.values()):
                self.target.pipelines.stop_execution(arn)


def work_off(
    backfill: Backfill, dates: Sequence[str], parallel: int, told: Callable[[WorkedDay], None]
) -> tuple[WorkedDay, ...]:
    """Work off dates, so many at once, and return what became of each, in their order; `told` gets each as it ends.

    Raises:
        KeyboardInterrupt: what went on has been stopped then.
    """
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[WorkedDay | BaseException] = queue.SimpleQueue()
    for date in dates:
        todo.put(date)
    # They don't keep the process: on AWS what they follow goes on without them.
    threads = [
        threading.Thread(target=_work, args=(backfill, todo, done), name=f"backfill-{number}", daemon=True)
        for number in range(min(parallel, len(dates)))
    ]
    found: dict[str, WorkedDay] = {}
    try:
        for thread in threads:
            thread.start()
        while len(found) < len(dates):
            day = _ended(done)
            found[day.date] = day
            told(day)
    except BaseException:
        backfill.stop()
        for thread in threads if backfill.target.name == "local" else ():
            if thread.is_alive():  # one that hasn't begun yet finds that it is to begin nothing
                thread.join()
        raise
    return tuple(found[date] for date in dates)


def _work(backfill: Backfill, todo: queue.SimpleQueue[str], done: queue.SimpleQueue[WorkedDay | BaseException]) -> None:
    with contextlib.suppress(queue.Empty):
        while not backfill.ended.is_set():
            date = todo.get_nowait()
            try:
                done.put(backfill.work(date))
            except BaseException as error:  # noqa: BLE001 - it is raised where the command is
                done.put(error)


def _ended(done: queue.SimpleQueue[WorkedDay | BaseException]) -> WorkedDay:
    """Return the next date that has ended, or raise what has kept one from it."""
    one = done.get()
    if isinstance(one, BaseException):
        raise one
    return one


def _day_of(record: RunRecord, date: str) -> WorkedDay:
    verdict = record.verdict
    status = _worst(score.status for score in record.scores)
    bad = [score for score in record.scores if score.status in ("failed", "blocked")]
    reasons = tuple(f"{score.model}: {reason}" for score in bad for reason in score.reasons)
    if not record.scores and verdict:
        reasons = verdict.reasons
    return WorkedDay(
        date=date,
        status=status,
        execution=record.execution,
        rows_in=_sum(score.rows_in for score in record.scores),
        rows_out=_sum(score.rows_out for score in record.scores),
        reasons=reasons,
    )


def _worst(statuses: Iterable[str]) -> Status:
    found = {*statuses}
    return next((status for status in _WORST if status in found), "failed")


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _nobody(words: str) -> None:
    del words
