"""The list of models: what each has in use, what waits, when it ran last, and how its main metric goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import Asking, champion_of
from pipeline_builder.console.models.history import Ran, metric_names
from pipeline_builder.console.models.sparks import spark
from pipeline_builder.console.pages import Query
from pipeline_builder.console.paging import Pages, page_of
from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.release.metrics import main_metric
from pipeline_builder.release.standing import AT, BY
from pipeline_builder.release.witness import at_once

_MOST, _MOST_ON_AWS = 50, 25
"""Rows of a page: on AWS each takes two calls, once a minute at most."""
_MOST_POINTS = 60
STATES = ("waiting", "without a champion", "last run failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The newest run that has registered a version."""

    pipeline: str
    id: str
    status: str
    started: datetime
    passed: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A model; `champion` is 0 where none is in use, `waits` has the versions that wait for a word.

    `values` are those of its main metric, the oldest first; `spark` draws them.
    """

    group: str
    versions: int
    champion: int
    since: str
    by: str
    stage: str
    waits: tuple[int, ...]
    newest: int
    owner: str
    metric: str
    value: float | None
    last: LastRun | None
    values: tuple[float, ...] = ()
    spark: str = field(default="", metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The page: some of the models, and how they were chosen."""

    rows: tuple[Row, ...]
    all: int
    text: str
    state: str
    pages: Pages
    states: tuple[str, ...] = STATES


def models_view(look: Look, query: Query) -> Models:
    """Return the models, those that wait for a word first."""
    asking = Asking(look)
    text, state = query.get("text").strip(), query.get("state")
    every = asking.groups()
    waiting = {group: _waits(look, group) for group in every}
    chosen = sorted(
        (group for group in every if text.casefold() in group.casefold() and _fits(look, group, state)),
        key=lambda group: (not waiting[group], group.casefold()),
    )
    most = _MOST if look.target.name == "local" else _MOST_ON_AWS
    shown, pages = page_of(chosen, query, most=most)
    return Models(rows=tuple(filter(None, at_once(lambda group: _row(asking, group), shown))), all=len(every),
                  text=text, state=state if state in STATES else "", pages=pages)  # fmt: skip


def _waits(look: Look, group: str) -> bool:
    return any(model.waits for _, model in look.index.of_model(group))


def _fits(look: Look, group: str, state: str) -> bool:
    found = look.index.of_model(group)
    match state:
        case "waiting":
            return _waits(look, group)
        case "without a champion":
            return not any(model.status == ApprovalStatus.APPROVED.value for _, model in found)
        case "last run failed":
            return bool(found) and (found[-1][0].status == "Failed" or found[-1][1].passed is False)
    return True


def _row(asking: Asking, group: str) -> Row | None:
    packages = asking.look.attempt(lambda: asking.packages(group), ())
    if not packages:
        return None
    ran = asking.ran(group)
    number = champion_of(packages)
    champion = next((asking.described(one) for one in packages if one.version == number), None)
    judged = champion or packages[0]
    gated = tuple(asking.gates(judged, ran.get(judged.version)))
    metric, values = _metric(packages, ran, gated)
    newest = max(ran.values(), key=lambda one: one.started, default=None)
    last = LastRun(pipeline=newest.pipeline, id=newest.run, status=newest.status, started=newest.started,
                   passed=newest.passed) if newest else None  # fmt: skip
    return Row(
        group=group,
        versions=len(packages),
        champion=number,
        since=_since(champion),
        by=champion.metadata.get(BY, "") if champion else "",
        stage=champion.stage if champion else "",
        waits=tuple(waiting_of(packages, ran)),
        newest=packages[0].version,
        owner=asking.owner(group),
        metric=metric,
        value=_value(ran.get(judged.version), metric),
        last=last,
        values=values,
        spark=spark(metric, values),
    )


def waiting_of(packages: Sequence[ModelPackage], ran: Mapping[int, Ran]) -> Iterator[int]:
    """Yield the versions that somebody may approve: one that the gate has blocked never gets a word."""
    for package in packages:
        run = ran.get(package.version)
        if package.status is ApprovalStatus.PENDING and not (run and run.passed is False):
            yield package.version


def _metric(packages: Sequence[ModelPackage], ran: Any, gated: Sequence[str]) -> tuple[str, tuple[float, ...]]:
    """Return the main metric of a model, and its values by version."""
    runs: list[Ran] = [ran[one.version] for one in reversed(packages) if one.version in ran]
    metric = main_metric(metric_names(runs[::-1], gated), gated)
    return metric, tuple(run.metrics[metric] for run in runs if metric in run.metrics)[-_MOST_POINTS:]


def _value(ran: Ran | None, metric: str) -> float | None:
    return ran.metrics.get(metric) if ran else None


def _since(champion: ModelPackage | None) -> str:
    if champion is None:
        return ""
    changed = champion.modified or champion.created
    return champion.metadata.get(AT, "") or (f"{changed:%Y-%m-%d %H:%M} UTC" if changed else "")
