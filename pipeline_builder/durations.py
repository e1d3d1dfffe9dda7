"""Durations in ISO 8601, as cache expiries are written."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
)

_LONGEST = timedelta(days=365_000)


def duration(text: str) -> timedelta:
    """Return an ISO 8601 duration; a month counts 30 days and a year 365, as cache expiry needs no calendar.

    What is longer than a thousand years is as long as these: any moment of ours and that much is a moment yet.
    """
    match = _DURATION.fullmatch(text)
    try:
        parts = [int(part or 0) for part in match.groups()] if match else [0] * 7
        years, months, weeks, days, hours, minutes, seconds = parts
        days += years * 365 + months * 30 + weeks * 7
        return min(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds), _LONGEST)
    except (OverflowError, ValueError):  # Python reads no number of more than 4,300 digits
        return _LONGEST
