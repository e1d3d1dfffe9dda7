"""Commands about logical dates: publish what a run has scored, and work off those that are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from pipeline_builder.cli.completion import executions_of_the_state
from pipeline_builder.cli.deciding import show_run
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common, isolation_option, parameters_option
from pipeline_builder.cli.output import say
from pipeline_builder.cli.pipelines import Answer, answer_each, owner_of
from pipeline_builder.errors import ExitCode, InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.release.scoring.backfill import Backfill, WorkedDay
    from pipeline_builder.session import Session

_MOST_PARALLEL = 4


def inferring(session: Session) -> Session:
    """Return the session of the pipeline that scores: the one that was asked for, or the only one.

    Raises:
        InputProblems: PB898 where it trains, where there is none, or where there are several.
    """
    entries = [entry for entry in session.manifest.pipelines if entry.is_inference]
    if session.named:
        if session.manifest.entry.is_inference:
            return session
        message = f"the pipeline '{session.manifest.entry.name}' makes models, and has no logical dates"
    elif len(entries) == 1:
        return session.of(entries[0].name)
    else:
        message = "the manifest has no pipeline of the kind inference" if not entries else "several pipelines score"
    names = ", ".join(f"'{entry.name}'" for entry in entries)
    hint = f"take --pipeline with one of {names}" if entries else "add one to 'pipelines' in the manifest"
    raise InputProblems(Problem(id="PB898", message=message, hint=hint))


def _of_execution(session: Session, execution: str) -> tuple[Session, str]:
    """Return the session of the pipeline that an execution is of, whichever it is, and the execution's name for it.

    Raises:
        InputProblems: PB898 where that pipeline trains.
    """
    one, name = owner_of(session, session.runs.find, execution)
    if not one.manifest.entry.is_inference:
        pipeline = one.manifest.entry.name
        message = f"the execution '{execution}' is of the pipeline '{pipeline}', which makes models, and no predictions"
        raise InputProblems(Problem(id="PB898", message=message, hint="'promote' decides about what it has made"))
    return one, name


@main.command("publish")
@common
@click.argument("execution", required=False, default="", shell_complete=executions_of_the_state)
@click.option("--force", is_flag=True, help="Also where a later run's predictions are there.")
def publish_command(session: Session, *, as_json: bool, execution: str, force: bool) -> None:
    """Publish what an inference run has scored and the gate has passed, by default the last one.

    It is what 'run' does last. Repeated, it writes nothing.

    \b
    Example: pipeline-builder publish --pipeline scoring
    """
    one, name = _of_execution(session, execution) if execution else (inferring(session), "")
    record = one.publish(one.scored(name), force=force)
    show_run(record, one.report(record), as_json=as_json)


@main.command()
@common
@isolation_option
@click.option("--from", "first", required=True, metavar="DATE", help="The first logical date.")
@click.option("--to", "last", default="", metavar="DATE", help="The last one; default: now, UTC.")
@click.option("--parallel", type=click.IntRange(1, 64), help="Dates at once; default: 4, here at most as many as jobs.")
@click.option("--changed", is_flag=True, help="Also dates whose data, models or definition are others by now.")
@click.option("--force", is_flag=True, help="All dates, whatever has been done; nothing comes from the step cache.")
@parameters_option
def backfill(
    session: Session,
    *,
    as_json: bool,
    first: str,
    last: str,
    parallel: int | None,
    changed: bool,
    force: bool,
    given: Mapping[str, str],
) -> None:
    """Score the logical dates that haven't been yet, several at once.

    It runs what is deployed. A date that fails stops no other. Repeated, also after a kill, it goes on where it was: no
    date is scored twice. Where dates ask for a model to be trained anew, that is asked for once, as by a run. Without
    --pipeline it is about each pipeline that scores, one after the other.

    \b
    Example: pipeline-builder backfill --pipeline scoring --from 2026-11-01 --to 2026-11-29
    """
    session.given = given

    def worked(one: Session) -> Answer:
        return _work_off(one, first.strip(), last.strip(), parallel, changed=changed, force=force)

    if session.several and sum(entry.is_inference for entry in session.manifest.pipelines) > 1:
        answer_each(session, worked, as_json=as_json, chosen=_those_that_score)
        return
    one = inferring(session)
    one.given = given
    worked(one).show(as_json=as_json)


def _those_that_score(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    return tuple(one for one in sessions if one.manifest.entry.is_inference)


def _work_off(one: Session, first: str, last: str, parallel: int | None, *, changed: bool, force: bool) -> Answer:
    """Score the dates of one pipeline that haven't been yet."""
    from pipeline_builder.release.scoring.backfill import Backfill, work_off
    from pipeline_builder.release.scoring.dates import dates_between

    jobs, here = one.workspace.jobs, one.workspace.target == "local"
    parallel = parallel or _MOST_PARALLEL
    if here:  # each date runs so many jobs at once that all of them keep the limit
        parallel = min(parallel, jobs)
        one.workspace = replace(one.workspace, jobs=max(1, jobs // parallel))
    definition = one.composed.definition
    hourly = "hour" in definition.dates.values()
    dates = dates_between(first, last, hourly=hourly, now=datetime.now(timezone.utc))
    work = Backfill(
        target=one.target, composed=one.composed, lock=one.lock, pipeline=one.deployed(), given=one.given,
        changed=changed, force=force, closed=one.closed, noted=one.with_commits, keep=one.keep,
    )  # fmt: skip
    before = work.find_done(dates)
    missing = [date for date in dates if date not in before]
    many = f"{len(dates):,} date{'s' if len(dates) > 1 else ''} of '{definition.pipeline}'"
    say(f"backfill  {many}, {len(missing):,} to work off, {parallel} at once")
    told = _Told(len(missing))
    worked = {day.date: day for day in work_off(work, missing, parallel, told)}
    days = tuple(worked.get(date) or before[date] for date in dates)
    problems = tuple(_unpublished(days))
    code = ExitCode.FAILED if problems else ExitCode.OK
    return Answer(result=_result(work, days), text=_table(days), problems=problems, code=code)


class _Told:
    """Says each date that has ended, and how many are left."""

    def __init__(self, total: int) -> None:
        self._total, self._count = total, 0

    def __call__(self, day: WorkedDay) -> None:
        self._count += 1
        why = f": {day.reasons[0]}" if day.reasons else ""
        words = f"{day.date} {day.status}{_rows(day)}{why}"
        say(f"backfill  [{self._count}/{self._total}] {words}  {day.seconds:.1f} s")


def _rows(day: WorkedDay) -> str:
    if day.rows_in is None and day.rows_out is None:
        return ""
    counts = [f"{count:,}" if count is not None else "?" for count in (day.rows_out, day.rows_in)]
    return f", {counts[0]} of {counts[1]} rows"


def _result(work: Backfill, days: Sequence[WorkedDay]) -> dict[str, Any]:
    listed = [
        {
            "date": day.date, "status": day.status, "before": day.before, "execution": day.execution,
            "rows": {"input": day.rows_in, "predictions": day.rows_out}, "seconds": day.seconds,
            "reasons": list(day.reasons),
        }
        for day in days
    ]  # fmt: skip
    counts = Counter(day.status for day in days)
    return {"pipeline": work.pipeline.name, "counts": dict(sorted(counts.items())), "days": listed}


def _table(days: Sequence[WorkedDay]) -> str:
    lines = [
        f"{day.date:<14}{day.status:<11}{'before' if day.before else f'{day.seconds:.1f} s':<9}"
        f"{_rows(day).removeprefix(', '):<24}{'; '.join(day.reasons[:2])}".rstrip()
        for day in days
    ]
    counts = Counter(day.status for day in days)
    return "\n".join([*lines, ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))])


def _unpublished(days: Sequence[WorkedDay]) -> Iterator[Problem]:
    """Yield what is said where a date isn't published."""
    bad = [day for day in days if not day.is_well]
    if not bad:
        return
    shown = ", ".join(day.date for day in bad[:5])
    more = f" and {len(bad) - 5:,} more" if len(bad) > 5 else ""
    message = f"{len(bad):,} of {len(days):,} dates aren't published: {shown}{more}"
    hint = "why, the table says; repeated, the command works off those that have failed"
    yield Problem(id="PB899", message=message, hint=hint)
