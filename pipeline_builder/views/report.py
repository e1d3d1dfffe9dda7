"""The report of a run: one HTML file with everything that an approver, or the person on call, has to see."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline_builder.dag.outline import Node
from pipeline_builder.inert import inert_text
from pipeline_builder.layout import TEMPLATES
from pipeline_builder.release.approval import failure_text
from pipeline_builder.release.machines import machine_times
from pipeline_builder.release.metrics import (
    Compared,
    Confusion,
    Curve,
    compare_metrics,
    find_confusion,
    find_curves,
)
from pipeline_builder.release.promote import waiting
from pipeline_builder.release.record import PackageRecord, RunRecord, StepRecord
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.views import days as over_time
from pipeline_builder.views import distributions
from pipeline_builder.views.bounds import MOST_LABELS, MOST_METRICS, MOST_POINTS, bounded, corner, left_out
from pipeline_builder.views.days import Day, timelines, with_this
from pipeline_builder.views.drawing import render_svg
from pipeline_builder.views.drift import STATISTICS
from pipeline_builder.views.formats import (
    format_bound,
    format_duration,
    format_found,
    format_machines,
    format_moment,
    format_number,
    format_percent,
    format_short,
    format_since,
    format_statistic,
)
from pipeline_builder.views.holdings import size_text
from pipeline_builder.views.scored import bounds_of, days_of, score_views, scored_sentence, scored_word
from pipeline_builder.views.trials import HEIGHT, WIDTH, tuned_of, unquoted

if TYPE_CHECKING:
    from jinja2 import Template

_PLOT = 205
"""Width and height of a curve's axes, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A curve as SVG coordinates; `champion` is the other model's line, empty where there is none."""

    curve: Curve
    line: str
    area: str
    champion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageView:
    """A model package with what is drawn of its metrics."""

    package: PackageRecord
    compared: tuple[Compared, ...]
    compared_left: int
    confusion: Confusion | None
    labels_left: int
    plots: tuple[Plot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A step in the timeline: where its bar begins and how long it is, in percent of the whole run."""

    step: StepRecord
    offset: float
    length: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the run came to, in a word and a sentence; `tone` is good, wait, bad or idle."""

    word: str
    sentence: str
    tone: str


def render_report(
    record: RunRecord, days: Sequence[Day] = (), prices: Mapping[str, float] = MappingProxyType({})
) -> str:
    """Return the report as HTML: one file, no script, nothing from the network.

    `days` are what the ledger has; `prices` are USD of an hour, by type of machine.
    """
    whole, record = record, bounded(record)
    failed = [step for step in record.steps if step.status == "Failed"]
    return _template().render(
        record=record,
        headline=_headline(record, failed),
        packages=[_package(package) for package in record.packages],
        failed=failed,
        bars=_bars(record),
        tuned=[tuned_of(step) for step in record.steps if step.trials],
        wide=WIDTH,
        high=HEIGHT,
        left=left_out(whole, record),
        # The drawing escapes every name itself.
        svg=_safe(render_svg(_nodes(record.steps))),
        execution_id=record.execution.rsplit("/", 1)[-1],
        seconds=_seconds(record.started, record.ended),
        plot=_PLOT,
        machines=machine_times(record.steps, prices),
        scores=score_views(record),
        statistic_names=STATISTICS,
        shape_width=distributions.WIDTH,
        shape_height=distributions.HEIGHT,
        **_over_time(record, days),
    )


def _over_time(record: RunRecord, days: Sequence[Day]) -> dict[str, Any]:
    """Return what the drawing of the days needs; only an inference run has days."""
    shown = with_this(days, days_of(record)) if record.kind == "inference" else []
    sizes = {"days_width": over_time.WIDTH, "days_high": over_time.HIGH, "days_low": over_time.LOW}
    return {"days": timelines(shown, now=record.date, bounds=bounds_of(record)), **sizes}


@functools.lru_cache(maxsize=1)
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
    )
    environment.filters |= {
        "number": format_number,
        "duration": format_duration,
        "moment": format_moment,
        "unquoted": unquoted,
        "statistic": format_statistic,
        "machines": format_machines,
        "bound": format_bound,
        "found": format_found,
        "percent": format_percent,
        "short": format_short,
        "since": format_since,
        "size": size_text,
    }
    return environment.get_template("report.html.j2")


def _inert(value: object) -> object:
    """Let nothing turn the reading direction of a page, or hide in it; what is markup already is our own."""
    return inert_text(value) if type(value) is str else value


def _safe(html: str) -> str:
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - made by drawing.py, which escapes


def _headline(record: RunRecord, failed: Sequence[StepRecord]) -> Headline:  # noqa: PLR0911 - one line per outcome
    statuses = {package.status for package in record.packages}
    if models := waiting(record):
        return _waits(record, models)
    if failed and all(step.type == "Fail" for step in failed):
        return Headline(word="Blocked", sentence="; ".join(step.failure_reason for step in failed), tone="bad")
    if failed:
        names = ", ".join(step.name for step in failed)
        return Headline(word="Failed", sentence=f"{names} failed; nothing may be promoted.", tone="bad")
    if record.status != "Succeeded":
        return Headline(word=record.status, sentence="The execution did not come to its end.", tone="idle")
    if record.scores:
        word, tone = scored_word(record.scores)
        return Headline(word=word, sentence=scored_sentence(record.scores, record.date), tone=tone)
    if record.verdict and not record.verdict.passed:
        return Headline(word="Blocked", sentence="; ".join(record.verdict.reasons), tone="bad")
    if not record.packages:
        return Headline(word="Succeeded", sentence="The run registered no model.", tone="good")
    if unsigned := [package.model for package in record.packages if standing(package) is Standing.UNSIGNED]:
        sentence = f"Nobody has decided about {', '.join(unsigned)}: registered so, or approved elsewhere."
        return Headline(word="Approved by nobody", sentence=sentence, tone="bad")
    if "Rejected" in statuses:
        return Headline(word="Rejected", sentence=_decision(record), tone="bad")
    return Headline(word="Approved", sentence=_decision(record), tone="good")


def _waits(record: RunRecord, models: Sequence[PackageRecord]) -> Headline:
    """Say who waits, and before that what failed for others."""
    name, failed = record.execution.rsplit("/", 1)[-1], failure_text(record)
    passed = ", ".join(package.model for package in models) if failed else "The run"
    sentence = f"{passed} passed the gate. A person decides now: pipeline-builder promote {name}, or reject {name}."
    return Headline(word="Waiting for approval", sentence=f"{failed}. {sentence}" if failed else sentence, tone="wait")


def _decision(record: RunRecord) -> str:
    return next((package.approval_description for package in record.packages if package.approval_description), "")


def _package(package: PackageRecord) -> PackageView:
    champions = {curve.name: curve for curve in find_curves(package.champion_metrics)}
    compared = compare_metrics(package.metrics, package.champion_metrics)
    confusion = find_confusion(package.metrics)
    return PackageView(
        package=package,
        compared=compared[:MOST_METRICS],
        compared_left=max(len(compared) - MOST_METRICS, 0),
        confusion=confusion and corner(confusion),
        labels_left=max(len(confusion.labels) - MOST_LABELS, 0) if confusion else 0,
        plots=tuple(_plot(curve, champions.get(curve.name)) for curve in find_curves(package.metrics)),
    )


def _plot(curve: Curve, champion: Curve | None) -> Plot:
    line = _line(curve)
    start, end = curve.points[0][0] * _PLOT, curve.points[-1][0] * _PLOT
    return Plot(
        curve=curve,
        line=line,
        area=f"M{start:.1f} {_PLOT} L{line[1:]} L{end:.1f} {_PLOT} Z",
        champion=_line(champion) if champion else "",
    )


def _line(curve: Curve) -> str:
    """Return a curve as a path; of very many points every so many are enough for a drawing, and the last."""
    every = -(-len(curve.points) // MOST_POINTS)
    chosen = (*curve.points[:-1:every], curve.points[-1])
    return "M" + " L".join(f"{x * _PLOT:.1f} {(1 - y) * _PLOT:.1f}" for x, y in chosen)


def _bars(record: RunRecord) -> list[Bar]:
    started = [step.started for step in record.steps if step.started]
    ended = [step.ended for step in record.steps if step.ended]
    begin = min(started, default=record.started)
    whole = max(((max(ended, default=begin)) - begin).total_seconds(), 0.001)
    bars = []
    for step in record.steps:
        seconds = _seconds(step.started, step.ended)
        offset = (step.started - begin).total_seconds() / whole * 100 if step.started else 0.0
        length = (seconds or 0.0) / whole * 100
        bars.append(
            Bar(step=step, offset=min(offset, 99.5), length=max(min(length, 100 - offset), 0.5), seconds=seconds)
        )
    return bars


def _nodes(steps: Sequence[StepRecord]) -> list[Node]:
    return [
        Node(
            name=step.name,
            type=step.type,
            step_class=step.step_class,
            model=step.model,
            depends_on=step.depends_on,
            status=step.status,
            seconds=_seconds(step.started, step.ended),
            given="cached" if step.cache_hit else "stub" if step.stub else "",
        )
        for step in steps
    ]


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return (ended - started).total_seconds() if started and ended else None
