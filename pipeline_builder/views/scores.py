"""Scores of a day in words, for the terminal: what came in and out, what has drifted, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_builder.inert import inert_line
from pipeline_builder.release.record import ScoreRecord
from pipeline_builder.views.drift import STATISTICS, Violation, Watched, read_watched
from pipeline_builder.views.formats import format_bound, format_found, format_short

_MOST_SCORES = 20
_MOST_VIOLATIONS = 8


def score_words(score: ScoreRecord) -> str:
    """Say in a line what came in and out of a model, how far it has drifted, and what follows from that."""
    watched = read_watched(score.monitor)
    others = dict.fromkeys(one.kind for one in watched.violations if one.kind != "drift")
    also = f"also {', '.join(inert_line(kind[:20]) for kind in others)}" if others else ""
    found = ", ".join(filter(None, (_of_rows(score), _drift(watched), also)))
    why = "; ".join(score.reasons[:2]) if score.status in ("blocked", "failed") and not watched.violations else ""
    follows = f": {', '.join(score.actions)}" if score.actions else ""
    told = "; ".join(filter(None, (found, why))) or score.status
    return inert_line(f"{score.model} {score.date} {told}{follows}")


def _drift(watched: Watched) -> str:
    """Say how many columns have drifted, and which most; nothing where nobody has looked."""
    count = len(watched.columns) + watched.columns_left
    if not count:
        return ""
    drifted = [column for column in watched.columns if column.violated]
    worst = f", {format_short(drifted[0].name, 40)} most" if drifted else ""
    return f"{len(drifted) or 'none'} of {count:,} {'column' if count == 1 else 'columns'} beyond a bound{worst}"


def _of_rows(score: ScoreRecord) -> str:
    if score.rows_in is None and score.rows_out is None:
        return ""
    if score.rows_in == score.rows_out:
        return f"{score.rows_in:,} rows"
    known = ["unknown" if rows is None else f"{rows:,}" for rows in (score.rows_in, score.rows_out)]
    return f"{known[1]} predictions of {known[0]} rows"


def render_scores(scores: Sequence[ScoreRecord]) -> str:
    """Return what a run made of each model's data, with the worst that was found; nothing where there are none."""
    blocks = ["\n".join(_block(score)) for score in scores[:_MOST_SCORES]]
    if (left := len(scores) - _MOST_SCORES) > 0:
        blocks.append(f"and {left:,} more models: the report has them")
    return "\n".join(blocks)


def _block(score: ScoreRecord) -> Iterator[str]:
    version = f" by {score.group} version {score.package_version}" if score.package_version else ""
    yield inert_line(f"{score.model} {score.date}: {score.status}, {_of_rows(score) or 'rows not counted'}{version}")
    found = read_watched(score.monitor).violations
    names = [format_short(inert_line(one.column) or "-", 40) for one in found[:_MOST_VIOLATIONS]]
    width = max(map(len, names), default=0)
    for name, one in zip(names, found, strict=False):
        yield f"  {name:<{width}}  {inert_line(_beyond(one))}"
    if (left := len(found) - _MOST_VIOLATIONS) > 0:
        yield f"  and {left:,} more"
    if not found and score.status in ("blocked", "failed"):
        yield from (f"  {inert_line(reason)}" for reason in score.reasons[:_MOST_VIOLATIONS])
    if score.actions:
        yield f"  {', '.join(map(inert_line, score.actions))}"
    if score.retraining:
        yield f"  {format_short(inert_line(score.retraining), 160)}"
    if score.pointer:
        yield f"  published: {inert_line(score.pointer)}"
    if score.kept:
        yield f"  published before, and still in place: {inert_line(score.kept)}"


def _beyond(one: Violation) -> str:
    what = STATISTICS.get(one.statistic, one.statistic or one.kind)
    if one.value is None or one.bound is None:
        return f"{one.kind}: {format_short(one.message, 120)}"
    kind = "" if one.kind in {"drift", one.statistic} else f"{one.kind}: "
    return f"{kind}{what} {format_found(one.value)}, at most {format_bound(one.bound)}"
