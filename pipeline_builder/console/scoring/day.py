"""A day's page: what came of each model's data on a logical date, as its report has it, and where it is now."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import Asking
from pipeline_builder.console.pages import Query
from pipeline_builder.console.scoring.asked import Request, requests_of
from pipeline_builder.console.scoring.calendar import tone_of
from pipeline_builder.console.scoring.pipeline import days_known, named
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.past.keeping import read_kept
from pipeline_builder.release.record import RunRecord, ScoreRecord
from pipeline_builder.release.scoring.ledger import LedgerDay, PublishedObject, read_day
from pipeline_builder.release.scoring.recalling import recall_published
from pipeline_builder.views.days import day_of
from pipeline_builder.views.scored import ScoreView, score_views

_MOST_OBJECTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What the ledger has of a model's date; `known` says that its group has the version here."""

    model: str
    status: str
    tone: str
    run: str
    group: str
    version: int
    known: bool
    rows_in: int | None
    rows_out: int | None
    reasons: tuple[str, ...]
    addresses: tuple[str, ...]
    count: int
    fingerprint: str
    evidence: str
    to: str
    pointer: str
    manifest: str
    objects: tuple[PublishedObject, ...]
    objects_left: int
    published: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPage:
    """The page; `scores` are what the report of its run shows, where that is known, `missing` why not."""

    title: str
    pipeline: str
    handle: str
    date: str
    before: str
    after: str
    models: tuple[Noted, ...]
    requests: tuple[Request, ...]
    missing: tuple[str, ...]
    scores: tuple[ScoreView, ...] = field(default=(), metadata={"json": False})


def day_view(look: Look, query: Query, pipeline: str, date: str) -> DayPage:
    """Return a logical date of an inference pipeline.

    Raises:
        InputProblems: PB037 where there is no such pipeline, PB038 where nothing is noted of the date.
    """
    del query
    pipeline = named(look, pipeline)
    days, handle = days_known(look, pipeline)
    dates = sorted({day.date for day in days})
    if date not in dates:
        known = ", ".join(reversed(dates[-5:]))
        hint = f"the newest are: {known}" if known else "'pipeline-builder up --date' scores one"
        message = f"nothing is noted of the logical date '{date}' of '{pipeline}'"
        raise InputProblems(Problem(id="PB038", message=message, hint=hint))
    at = dates.index(date)
    own = [_whole(look, day) for day in days if day.date == date]
    scores, missing = _scores(look, own)
    asked = requests_of(look, {day.package.group for day in own})
    return DayPage(
        title=f"{handle or pipeline}: {date}",
        pipeline=pipeline,
        handle=handle,
        date=date,
        before=dates[at - 1] if at else "",
        after=dates[at + 1] if at + 1 < len(dates) else "",
        models=tuple(_noted(look, day) for day in own),
        requests=tuple(one for one in asked if one.date == date),
        missing=missing,
        scores=scores,
    )


def _whole(look: Look, day: LedgerDay) -> LedgerDay:
    """Return a date with the objects that it names, which lists leave out."""
    return look.attempt(lambda: read_day(look.target, day.pipeline, day.model, day.date), None) or day


def _noted(look: Look, day: LedgerDay) -> Noted:
    publication = day.publication
    objects = publication.objects if publication else ()
    versions = Asking(look).packages(day.package.group) if day.package.group else ()
    return Noted(
        model=day.model,
        status=day.status,
        tone=tone_of(day_of(day)),
        run=day.execution.rsplit("/", 1)[-1],
        group=day.package.group,
        version=day.package.version,
        known=any(package.version == day.package.version for package in versions),
        rows_in=day.rows.input,
        rows_out=day.rows.predictions,
        reasons=day.reasons,
        addresses=day.input.addresses,
        count=day.input.count,
        fingerprint=day.input.fingerprint,
        evidence=day.evidence,
        to=publication.to if publication else "",
        pointer=publication.pointer if publication else "",
        manifest=publication.manifest if publication else "",
        objects=objects[:_MOST_OBJECTS],
        objects_left=max((publication.count if publication else 0) - len(objects[:_MOST_OBJECTS]), 0),
        published=day.published,
    )


def _scores(look: Look, days: list[LedgerDay]) -> tuple[tuple[ScoreView, ...], tuple[str, ...]]:
    """Return what the reports of the runs show of these dates, each model's of the run that the ledger names."""
    found: list[ScoreRecord] = []
    missing: list[str] = []
    known: RunRecord | None = None
    for execution in dict.fromkeys(day.execution for day in days):
        models = [day.model for day in days if day.execution == execution]
        record = _record(look, days[0].pipeline, execution)
        known = record or known
        scores = {score.model: score for score in (record.scores if record else ())}
        found += [scores[model] for model in models if model in scores]
        missing += [
            f"{model}: what its monitor has found, column by column: the record of its run is not known"
            for model in models
            if model not in scores
        ]
    shown = known.model_copy(update={"scores": tuple(found)}) if known else None
    return tuple(score_views(shown)) if shown else (), tuple(missing)


def _record(look: Look, pipeline: str, execution: str) -> RunRecord | None:
    """Return the record of a run; of one that nobody has kept as its evidence tells."""
    if kept := look.attempt(lambda: read_kept(look.target, pipeline, execution), None):
        return kept
    remade = look.attempt(lambda: look.session.runs.record(execution), None)
    return look.attempt(lambda: recall_published(remade, look.target), None) if remade else None
