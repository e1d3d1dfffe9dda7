"""Objects belong to the dates that the addresses of a conf's inputs name."""

from __future__ import annotations

import pytest

from pipeline_builder.gitops.days import dates_of

DAY = "s3://b/landing/dt=${date}/"
PARTS = "s3://b/in/${year}/${month}/${day}/"


@pytest.mark.parametrize(
    ("uri", "templates", "dates"),
    [
        ("s3://b/landing/dt=2026-11-29/part-0.csv", [DAY], ("2026-11-29",)),
        ("s3://b/landing/dt=2026-11-29/part-0.csv", [PARTS, DAY], ("2026-11-29",)),
        ("s3://b/in/2026/02/28/rows.csv", [PARTS], ("2026-02-28",)),
        ("s3://b/in/2026/02/30/rows.csv", [PARTS], ()),
        ("s3://b/h/2026-11-29/07/x", ["s3://b/h/${date}/${hour}/"], ("2026-11-29T07",)),
        ("s3://b/h/2026-11-29/24/x", ["s3://b/h/${date}/${hour}/"], ()),
        ("s3://b/2026/a-2026/02/01", ["s3://b/${year}/a-${year}/${month}/${day}"], ("2026-02-01",)),
        ("s3://b/2026/a-2025/02/01", ["s3://b/${year}/a-${year}/${month}/${day}"], ()),
        ("s3://b/landing/other.csv", [DAY], ()),
        ("s3://b/in/2026/x", ["s3://b/in/${year}/"], ()),
        ("s3://b/rows.csv", ["s3://b/"], ()),
        ("s3://b/l.nding/dt=2026-11-29/x", ["s3://b/l+nding/dt=${date}/"], ()),
    ],
)
def test_the_dates_of(uri: str, templates: list[str], dates: tuple[str, ...]) -> None:
    assert dates_of([uri], templates) == dates


def test_what_names_a_day_is_about_all_hours_where_dates_are_hours() -> None:
    uris = ["s3://b/landing/dt=2026-11-29/labels.csv", "s3://b/h/2026-11-30/07/x"]
    dates = dates_of(uris, [DAY, "s3://b/h/${date}/${hour}/"], hourly=True)
    assert dates == (*(f"2026-11-29T{hour:02}" for hour in range(24)), "2026-11-30T07")
