"""Records of runs of before logical dates are read as they were; the date of a run is what its parameters say."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.release.record import load_record
from pipeline_builder.release.scoring.collecting import date_of

BEFORE = b"""{"format": 1, "tool_version": "0", "target": "local", "pipeline": "p", "pipeline_version": 1, "execution": "a",
"status": "Succeeded", "started": "2026-11-29T00:00:00Z", "definition_sha256": "d", "fingerprint": "f"}"""


def test_a_record_of_before(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(BEFORE)
    found = load_record(tmp_path / "run.json")
    assert found
    assert (found.kind, found.date, found.scores) == ("training", "", ())


@pytest.mark.parametrize(
    ("dates", "values", "date"),
    [
        ({"LogicalDate": "date"}, {"LogicalDate": "2026-11-29"}, "2026-11-29"),
        ({"Y": "year", "M": "month", "D": "day"}, {"Y": "2026", "M": "11", "D": "29"}, "2026-11-29"),
        ({"LogicalDate": "date", "H": "hour"}, {"LogicalDate": "2026-11-29", "H": "07"}, "2026-11-29T07"),
        ({"Y": "year"}, {"Y": "2026"}, ""),
        ({"LogicalDate": "date", "H": "hour"}, {"LogicalDate": "2026-11-29"}, ""),
        ({}, {}, ""),
    ],
)
def test_the_date_of_an_execution(dates: dict[str, str], values: dict[str, str], date: str) -> None:
    assert date_of(dates, values) == date
