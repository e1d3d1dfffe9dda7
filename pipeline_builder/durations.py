"""Durations in ISO 8601, as cache expiries are written."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
)


def duration(text: str) -> timedelta:
    """Return an ISO 8601 duration; a month counts 30 days and a year 365, as cache expiry needs no calendar."""
    match = _DURATION.fullmatch(text)
    parts = [int(part or 0) for part in match.groups()] if match else [0] * 7
    years, months, weeks, days, hours, minutes, seconds = parts
    return timedelta(days=years * 365 + months * 30 + weeks * 7 + days, hours=hours, minutes=minutes, seconds=seconds)
