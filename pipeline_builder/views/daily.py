"""A model's days as a table, newest first, for the terminal and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from pipeline_builder.inert import inert_line
from pipeline_builder.views.days import Day, moment_of
from pipeline_builder.views.formats import format_number, format_statistic

_HEAD = ("day", "version", "rows", "worst drift", "violations", "status", "published")
_NUMBERS = (1, 2, 3, 4)


def render_days(days: Sequence[Day]) -> str:
    """Return a table for each model, newest day first; days between that nobody has scored have a line as well."""
    models = dict.fromkeys(day.model for day in days)
    tables = [_table(model, [day for day in days if day.model == model]) for model in models]
    return "\n\n".join(tables)


def _table(model: str, days: Sequence[Day]) -> str:
    newest = sorted(days, key=lambda day: day.date, reverse=True)
    rows: list[tuple[str, ...]] = [_HEAD]
    for day, before in zip(newest, [*newest[1:], None], strict=True):
        rows.append(_cells(day))
        if before and (missing := days_between(before.date, day.date)):
            rows.append(("", *[""] * 4, f"{missing:,} not scored", ""))
    widths = [max(len(row[index]) for row in rows) for index in range(len(_HEAD))]
    lines = [
        "  "
        + "  ".join(_aligned(cell, width, index) for index, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return "\n".join([inert_line(model), *(line.rstrip() for line in lines)])


def days_between(before: str, after: str) -> int:
    """Return how many logical dates are between two, by the hour where either is one."""
    first, last = moment_of(before), moment_of(after)
    if first is None or last is None:
        return 0
    return (last - first) // timedelta(**{"hours" if "T" in before + after else "days": 1}) - 1


def _aligned(cell: str, width: int, index: int) -> str:
    return cell.rjust(width) if index in _NUMBERS else cell.ljust(width)


def _cells(day: Day) -> tuple[str, ...]:
    actions = f" ({', '.join(day.actions)})" if day.actions else ""
    return (
        inert_line(day.date),
        str(day.version or ""),
        format_number(day.rows) if day.rows is not None else "",
        format_statistic(day.drift),
        str(day.violations or ""),
        inert_line(day.status + actions),
        inert_line(day.published),
    )


def days_json(days: Sequence[Day]) -> list[Mapping[str, Any]]:
    """Return the same for machines, oldest first."""
    return [asdict(day) for day in days]
