"""Logical dates are said in one way, whatever they are given as."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.release.scoring.dates import dates_between, logical_date, partition

NOW = datetime(2026, 11, 30, 1, 59, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "hourly", "date"),
    [
        ("", False, "2026-11-29"),
        ("", True, "2026-11-29T23"),
        ("2026-11-29", False, "2026-11-29"),
        ("2026-11-29T13", False, "2026-11-29"),
        ("2026-11-29T13", True, "2026-11-29T13"),
        ("2026-11-29T13:45:12Z", True, "2026-11-29T13"),
        ("2126-01-01", False, "2126-01-01"),
        ("0999-01-01", False, "0999-01-01"),
        # A day is that of its zone; an hour, which a zone may have twice, is in UTC.
        ("2026-11-30T00:30:00+01:00", False, "2026-11-30"),
        ("2026-11-30T00:30:00+01:00", True, "2026-11-29T23"),
        ("2026-10-25T02:30:00+02:00", True, "2026-10-25T00"),
        ("2026-10-25T02:30:00+01:00", True, "2026-10-25T01"),
        ("2026-11-30T00:15:00+05:30", True, "2026-11-29T18"),
        ("2024-02-28T23:00:00-05:00", True, "2024-02-29T04"),
    ],
)
def test_a_date(text: str, hourly: bool, date: str) -> None:
    assert logical_date(text, hourly=hourly, now=NOW) == date


@pytest.mark.parametrize(
    ("text", "hourly"),
    [
        ("yesterday", False),
        ("2026-02-30", False),
        ("2026-11-29", True),
        ("2026-11-29T24", True),
        ("26-11-29", False),
        ("2026-11-29T13:75", True),
        ("0001-01-01T00:30+01:00", True),
    ],
)
def test_what_is_no_date(text: str, hourly: bool) -> None:
    with pytest.raises(InputProblems, match=rf"PB891 '{re.escape(text)}' is"):
        logical_date(text, hourly=hourly, now=NOW)


def test_dates_between() -> None:
    assert dates_between("2026-02-27", "2026-03-01", hourly=False, now=NOW) == (
        "2026-02-27", "2026-02-28", "2026-03-01",
    )  # fmt: skip
    assert len(dates_between("2026-11-28", "2026-11-29", hourly=True, now=NOW)) == 48
    assert dates_between("2026-11-28T23", "2026-11-29T00", hourly=True, now=NOW) == ("2026-11-28T23", "2026-11-29T00")
    assert dates_between("2026-11-29", "", hourly=False, now=NOW) == ("2026-11-29",)
    with pytest.raises(InputProblems, match="PB892 --from '2026-11-30' comes after --to '2026-11-29'"):
        dates_between("2026-11-30", "2026-11-29", hourly=False, now=NOW)
    with pytest.raises(InputProblems, match="PB891 '' is no date"):
        dates_between("", "2026-11-29", hourly=False, now=NOW)
    with pytest.raises(InputProblems, match="PB892 .* at most 10,000"):
        dates_between("1926-11-30", "2026-11-29", hourly=False, now=NOW)


def test_a_partition() -> None:
    assert (partition("2026-11-29"), partition("2026-11-29T13")) == ("dt=2026-11-29", "dt=2026-11-29/hour=13")
