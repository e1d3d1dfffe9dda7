"""Which publications count for the alarm on late days: whole ones, of a day that is still about now."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pipeline_builder.release.record import RunRecord

_OLD = timedelta(days=2)
"""A day that is filled in later doesn't stand for one that is missing today."""


def is_counted(record: RunRecord, now: datetime) -> bool:
    """Tell whether every model's day is in place, and it isn't one of long ago; `now` has a zone."""
    if not record.scores or not record.date:
        return False
    day = datetime.fromisoformat(record.date[:10]).replace(tzinfo=timezone.utc)
    whole = all(score.status in ("published", "scored") for score in record.scores)
    return whole and day > now - _OLD - timedelta(days=1)
