"""A model's page: its versions and how each metric went over them, with what was decided when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import Asking, champion_of
from pipeline_builder.console.models.bounds import Bound as Gate
from pipeline_builder.console.models.history import (
    Ran,
    Turn,
    Version,
    metric_names,
    turns_of,
    turns_told,
)
from pipeline_builder.console.pages import Query
from pipeline_builder.console.paging import Pages, page_of
from pipeline_builder.console.urls import Url
from pipeline_builder.descriptions import ModelPackage
from pipeline_builder.release.metrics import main_metric
from pipeline_builder.release.standing import Standing
from pipeline_builder.views.formats import format_number
from pipeline_builder.views.plots.lines import Bound, Mark, Point, Series, Tone, line_plot

_MOST, _MOST_ON_AWS = 50, 25
"""Versions of a page: on AWS each takes a call, once in ten minutes."""
_MOST_PLOTS, _FIRST_PLOTS = 12, 4
_MOST_POINTS = 400
_MOST_TURNS = 200
_MOST_COLUMNS = 3
_SIZE = (510, 190)
_BY_TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version as the page lists it; `values` are those of the metrics that have a column."""

    number: int
    word: str
    tone: str
    champion: bool
    made: datetime | None
    passed: bool | None
    reasons: tuple[str, ...]
    by: str
    at: str
    why: str
    stage: str
    repository: str
    commit: str
    link: str
    pipeline: str
    run: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPlot:
    """A metric over the versions; `gate` says in words what it has to keep."""

    name: str
    gate: str
    values: tuple[tuple[int, float], ...]
    group: str = field(metadata={"json": False})
    points: tuple[Point, ...] = field(default=(), metadata={"json": False})
    bounds: tuple[Bound, ...] = field(default=(), metadata={"json": False})
    marks: tuple[Mark, ...] = field(default=(), metadata={"json": False})

    def svg(self, url: Url) -> str:
        """Draw it; each point leads to its version."""
        numbers = (number for number, _ in self.values)
        points = tuple(
            replace(point, href=url("version", group=self.group, version=number))
            for point, number in zip(self.points, numbers, strict=True)
        )
        return line_plot(
            self.name, [Series(name=self.name, points=points)], bounds=self.bounds, marks=self.marks, size=_SIZE
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A metric that can be shown."""

    name: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The page; `columns` are the metrics that the list of versions has."""

    title: str
    group: str
    owner: str
    champion: VersionRow | None
    waits: tuple[int, ...]
    versions: tuple[VersionRow, ...]
    columns: tuple[str, ...]
    pages: Pages
    plots: tuple[MetricPlot, ...]
    choices: tuple[Choice, ...]
    by_time: bool
    points_left: int
    turns: tuple[Turn, ...]
    turns_left: int


def model_view(look: Look, query: Query, group: str) -> Model:
    """Return a model with some of its versions, the newest first.

    Raises:
        InputProblems: PB037 where nothing is registered under this name.
    """
    asking = Asking(look)
    packages = asking.refuse_unknown(group)
    number = champion_of(packages)
    shown, pages = page_of(packages, query, most=_MOST if look.target.name == "local" else _MOST_ON_AWS)
    wanted = {package.version for package in shown} | {number}
    versions = asking.versions(group, [one for one in packages if one.version in wanted], number)
    ran = asking.ran(group)
    judged = next((one for one in versions if one.champion), versions[0])
    gates = asking.gates(judged.package, judged.ran)
    names = metric_names((ran[one.version] for one in packages if one.version in ran), tuple(gates))
    columns = tuple(dict.fromkeys((main_metric(names, tuple(gates)), *names)))[:_MOST_COLUMNS] if names else ()
    rows = {one.number: _row(asking, one, columns) for one in versions}
    turns = turns_of(asking.approvals(), group) or turns_told(versions)
    chosen = _chosen(query, names)
    by_time = query.get("by") == _BY_TIME
    return Model(
        title=group,
        group=group,
        owner=asking.owner(group),
        champion=rows.get(number),
        waits=tuple(one.number for one in versions if one.standing is Standing.WAITING and not one.blocked),
        versions=tuple(rows[package.version] for package in shown),
        columns=columns,
        pages=pages,
        plots=tuple(_plots(asking, packages, ran, chosen, gates=gates, turns=turns, by_time=by_time)),
        choices=tuple(Choice(name=name, chosen=name in chosen) for name in names),
        by_time=by_time,
        points_left=max(len(packages) - _MOST_POINTS, 0),
        turns=turns[::-1][:_MOST_TURNS],
        turns_left=max(len(turns) - _MOST_TURNS, 0),
    )


def _chosen(query: Query, names: Sequence[str]) -> tuple[str, ...]:
    asked = [name for name in query.getlist("metric") if name in names]
    return tuple(dict.fromkeys(asked))[:_MOST_PLOTS] or tuple(names[:_FIRST_PLOTS])


def _row(asking: Asking, version: Version, columns: Sequence[str]) -> VersionRow:
    metadata, ran = version.package.metadata, version.ran
    repository = metadata.get("Repository", "") or next(iter(ran.commits if ran else ()), "")
    commit = metadata.get(f"commit-{repository}", "") or version.commit
    return VersionRow(
        number=version.number,
        word=version.word,
        tone=version.tone,
        champion=version.champion,
        made=version.when,
        passed=ran.passed if ran else None,
        reasons=ran.reasons if ran else (),
        by=version.by,
        at=version.at,
        why=version.package.approval_description,
        stage=" · ".join(filter(None, (version.package.stage, version.package.stage_status))),
        repository=repository,
        commit=commit,
        link=asking.commit_link(repository, commit) if commit else "",
        pipeline=ran.pipeline if ran else "",
        run=ran.run if ran else "",
        values=tuple(ran.metrics.get(name) if ran else None for name in columns),
    )


def _plots(
    asking: Asking,
    packages: Sequence[ModelPackage],
    ran: Mapping[int, Ran],
    chosen: Sequence[str],
    *,
    gates: Mapping[str, Gate],
    turns: Sequence[Turn],
    by_time: bool,
) -> Iterator[MetricPlot]:
    newest = packages[:_MOST_POINTS]
    drawn = asking.versions_listed(newest, ran)
    for name in chosen:
        found = [(one, one.ran.metrics[name]) for one in reversed(drawn) if one.ran and name in one.ran.metrics]
        points = tuple(_point(one, value, name, by_time=by_time) for one, value in found)
        known = {one.number for one, _ in found}
        last = {turn.version: turn for turn in turns if turn.version in known}
        said = [turn for turn in turns if turn.version in known] if by_time else [*last.values()]
        marks = [_mark(turn, by_time=by_time) for turn in said]
        gate = gates.get(name)
        yield MetricPlot(
            name=name,
            gate=gate.words if gate else "",
            values=tuple((one.number, value) for one, value in found),
            group=packages[0].group,
            points=points,
            bounds=tuple(_bounds(gate)),
            marks=tuple(marks),
        )


def _point(version: Version, value: float, name: str, *, by_time: bool) -> Point:
    when = version.when
    told = f"version {version.number}, {version.word}{f', {when:%Y-%m-%d %H:%M} UTC' if when else ''}"
    return Point(
        x=when if by_time and when else version.number,
        y=value,
        label=f"{told}: {name} {format_number(value)}",
        champion=version.champion,
        tone=_TONES[version.tone],
    )


_TONES: Mapping[str, Tone] = {"good": "good", "wait": "wait", "bad": "bad", "idle": ""}


def _mark(turn: Turn, *, by_time: bool) -> Mark:
    by = f" by {turn.by}" if turn.by else ""
    words = f"v{turn.version} {turn.what}" if by_time else turn.what
    told = f"{words}{by}" if by_time else words
    return Mark(x=turn.when if by_time else turn.version, words=told, tone=_TONES.get(turn.tone, ""))


def _bounds(gate: Gate | None) -> Iterator[Bound]:
    if gate and gate.min is not None:
        yield Bound(value=gate.min, kind="min")
    if gate and gate.max is not None:
        yield Bound(value=gate.max, kind="max")
