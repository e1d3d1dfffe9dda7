"""The list of runs: what is looked for, as chips that can be taken off, and the rows of one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.runs.reading import is_left
from pipeline_builder.release.metrics import main_metric, short_name

if TYPE_CHECKING:
    from pipeline_builder.release.past.query import RunQuery
    from pipeline_builder.release.past.summary import ModelSummary, RunSummary

PER_PAGE = 100
STATES = (
    ("executing", "goes on"), ("waiting", "waits for a decision"), ("promoted", "promoted"), ("rejected", "rejected"),
    ("blocked", "blocked by the gate"), ("failed", "failed"), ("stopped", "stopped"), ("succeeded", "succeeded"),
)  # fmt: skip
KINDS = (("training", "training"), ("inference", "inference"))
_WORDS: Mapping[str, str] = {
    "pipeline": "pipeline", "model": "model", "state": "state", "kind": "kind", "trigger": "started by",
    "commit": "commit", "text": "has", "since": "since", "until": "until",
}  # fmt: skip
_MOST_MODELS = 3
_MOST_CHOICES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """Something that is looked for; `without` is what is asked for once it is taken off."""

    name: str
    word: str
    value: str
    without: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCell:
    """A model of a run as its row shows it: its main metric, and what became of it."""

    model: str
    group: str
    version: int
    metric: str
    value: float | None
    champion_version: int
    verdict: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run. `word` and `tone` say its state; `why` what went wrong, shortly."""

    pipeline: str
    id: str
    word: str
    tone: str
    why: str
    kind: str
    date: str
    trigger: str
    commits: tuple[tuple[str, str], ...]
    models: tuple[ModelCell, ...]
    more_models: int
    started: datetime
    seconds: float | None
    steps: int
    cached: int
    going_on: bool
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """One page of the runs that are looked for. `asked` is what the form shows again, `faults` what it can't mean.

    `total` counts the runs that fit, `known` all. `pages` are (number, whether it is this one), 0 where some are left.
    """

    title: str
    asked: Mapping[str, str]
    chips: tuple[Chip, ...]
    faults: tuple[str, ...]
    rows: tuple[Row, ...]
    total: int
    known: int
    page: int
    last: int
    pipelines: tuple[str, ...]
    models: tuple[str, ...]
    states: tuple[tuple[str, str], ...] = STATES
    kinds: tuple[tuple[str, str], ...] = KINDS

    @property
    def more_asked(self) -> bool:
        """Tell whether something is asked for that few ask for, whose fields are folded."""
        return bool(self.asked.keys() & {"commit", "since", "until", "kind", "trigger"})

    @property
    def pages(self) -> tuple[tuple[int, bool], ...]:
        """The numbers of the pages that are linked, 0 for those between."""
        near = sorted({1, self.last, *range(max(1, self.page - 2), min(self.last, self.page + 2) + 1)})
        found: list[tuple[int, bool]] = []
        for number in near:
            if found and number > found[-1][0] + 1:
                found.append((0, False))
            found.append((number, number == self.page))
        return tuple(found)


def runs_view(look: Look, query: Query) -> RunsView:
    """Return the runs that an address asks for, the newest first."""
    from pipeline_builder.release.past.query import RunQuery

    asked = {name: value for name in _WORDS if (value := query.get(name).strip())}
    wanted, faults = parse_query(asked)
    page = max(1, query.number("page", 1))
    _, total = look.index.runs(wanted, offset=0, limit=0)
    last = max(1, -(-total // PER_PAGE))
    found, _ = look.index.runs(wanted, offset=(min(page, last) - 1) * PER_PAGE, limit=PER_PAGE)
    everything, known = look.index.runs(RunQuery(), offset=0, limit=_MOST_CHOICES)
    return RunsView(
        title="Runs",
        asked=asked,
        chips=tuple(_chips(asked)),
        faults=faults,
        rows=tuple(_as_it_is(look, run) for run in found),
        total=total,
        known=known,
        page=min(page, last),
        last=last,
        pipelines=tuple(sorted({run.pipeline for run in everything})),
        models=tuple(sorted({one.model for run in everything for one in run.models})),
    )


def parse_query(asked: Mapping[str, str]) -> tuple[RunQuery, tuple[str, ...]]:
    """Return what is looked for, and what of it can't be understood, in words; that isn't looked for."""
    from pipeline_builder.release.past.query import RunQuery

    faults, times = [], {}
    for name, later in (("since", timedelta(0)), ("until", timedelta(days=1))):
        if text := asked.get(name, ""):
            try:
                times[name] = _moment(text, later)
            except (ValueError, OverflowError):
                faults.append(f"{name}: '{text}' is no date, which is written as 2026-11-30")
    words = {name: asked.get(name, "") for name in ("pipeline", "model", "state", "kind", "trigger", "commit", "text")}
    if words["state"] and words["state"] not in dict(STATES):
        faults.append(f"state: no run is ever '{words['state']}'")
    return RunQuery(**words, since=times.get("since"), until=times.get("until")), tuple(faults)


def _moment(text: str, later: timedelta) -> datetime:
    """Return a time in UTC; a day alone is its beginning, or as an end its own end."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    found = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    return found + (later if len(text) == len("2026-11-30") else timedelta(0))


def _chips(asked: Mapping[str, str]) -> Iterator[Chip]:
    said = dict(STATES)
    for name, value in asked.items():
        without = {other: one for other, one in asked.items() if other != name}
        shown = said.get(value, value) if name == "state" else value
        yield Chip(name=name, word=_WORDS[name], value=shown, without=without)


def _as_it_is(look: Look, run: RunSummary) -> Row:
    """Return a run's row; of one that goes on, and that nobody works on any more, it says so."""
    row = row_of(run)
    if row.going_on and look.attempt(lambda: is_left(look, run.execution, run.started), False):
        return replace(row, word="Left", tone="bad", why="nobody works on it any more", going_on=False)
    return row


def row_of(run: RunSummary) -> Row:
    """Return a run as its row shows it."""
    word, tone = state_of(run)
    return Row(
        pipeline=run.pipeline,
        id=run.id,
        word=word,
        tone=tone,
        why=_why(run, tone),
        kind=run.kind,
        date=run.date,
        trigger=run.trigger,
        commits=tuple(run.commits.items()),
        models=tuple(map(_cell, run.models[:_MOST_MODELS])),
        more_models=max(0, len(run.models) - _MOST_MODELS),
        started=run.started,
        seconds=run.seconds,
        steps=run.steps,
        cached=run.cached,
        going_on=run.ended is None,
        kept=run.kept,
    )


def state_of(run: RunSummary) -> tuple[str, str]:
    """Return in a word what a run came to, and its tone."""
    states = run.states
    if run.goes_on:
        return ("Runs" if run.status == "Executing" else "Stopping"), "now"
    if run.status != "Succeeded":
        return run.status, "bad" if run.status != "Stopped" else "idle"
    for state, word, tone in (
        ("waiting", "Waits", "wait"), ("blocked", "Blocked", "bad"), ("rejected", "Rejected", "bad"),
        ("promoted", "Promoted", "good"),
    ):  # fmt: skip
        if state in states:
            return word, tone
    return "Succeeded", "good"


def _why(run: RunSummary, tone: str) -> str:
    if run.failed_steps:
        return f"failed: {', '.join(run.failed_steps[:3])}"
    return next(iter(run.reasons), "") if tone == "bad" else ""


def _cell(model: ModelSummary) -> ModelCell:
    main = main_metric(model.metrics, model.gated)
    verdict, tone = _verdict(model)
    return ModelCell(
        model=model.model,
        group=model.group,
        version=model.version,
        metric=short_name(main),
        value=model.metrics.get(main),
        champion_version=model.champion_version,
        verdict=verdict,
        tone=tone,
    )


def _verdict(model: ModelSummary) -> tuple[str, str]:
    if model.status == "Approved":
        return "approved", "good"
    if model.status == "Rejected":
        return "rejected", "bad"
    if model.passed is False:
        return "blocked", "bad"
    return ("waits", "wait") if model.waits else ("passed" if model.passed else "", "idle")
