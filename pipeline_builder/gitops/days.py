"""The logical dates that objects belong to, as the addresses of a conf's inputs name them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from pipeline_builder.documents.dates import FORMS, PLACEHOLDER


def dates_of(uris: Iterable[str], templates: Iterable[str], *, hourly: bool = False) -> tuple[str, ...]:
    """Return the dates, sorted, that objects are about by templates such as `s3://b/dt=${date}/`; none for others.

    Where dates are hours, what names a day is about all of its hours.
    """
    patterns = [pattern for template in templates if (pattern := _pattern(template))]
    found = {date for uri in uris for pattern in patterns if (date := _date(pattern.match(uri)))}
    return tuple(sorted({one for date in found for one in (_hours(date) if hourly else (date,))}))


def _hours(date: str) -> tuple[str, ...]:
    return (date,) if "T" in date else tuple(f"{date}T{hour:02}" for hour in range(24))


def _pattern(template: str) -> re.Pattern[str] | None:
    """Return what the addresses below a template begin with; a placeholder's second mention is as its first."""
    seen: set[str] = set()
    parts = []
    for index, part in enumerate(PLACEHOLDER.split(template)):
        if index % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>{FORMS[part]})")
            seen.add(part)
    return re.compile("".join(parts)) if "date" in seen or {"year", "month", "day"} <= seen else None


def _date(match: re.Match[str] | None) -> str:
    """Return the day or hour that a match names; empty where it is none of the calendar."""
    if match is None:
        return ""
    found = match.groupdict()
    date = found.get("date") or f"{found['year']}-{found['month']}-{found['day']}"
    text = f"{date}T{found['hour']}" if found.get("hour") else date
    try:
        datetime.strptime(text, "%Y-%m-%dT%H" if found.get("hour") else "%Y-%m-%d")  # noqa: DTZ007 - it is a day
    except ValueError:
        return ""
    return text
