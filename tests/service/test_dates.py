"""What an execution of CodePipeline was started for: days of people, times of schedules, causes of retrainings."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.release.record import RunRecord, ScoreRecord
from pipeline_builder.service.counting import is_counted
from pipeline_builder.service.dates import read_started
from pipeline_builder.service.setting import MOST_CAUSE, read_setting


class Nobody:
    """CodePipeline, which isn't asked."""

    def find_start(self, pipeline: str, execution: str) -> str:
        raise AssertionError((pipeline, execution))

    def find_approval(self, pipeline: str, execution: str) -> Any:
        raise AssertionError((pipeline, execution))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ""),
        ("2026-11-29", "2026-11-29"),
        ("2026-11-29T13", "2026-11-29T13"),
        ("2026-11-29T13:00:00Z", "2026-11-29T13:00:00Z"),
        # A schedule's time is in UTC; its day is that of its own zone, on both sides of midnight.
        ("2026-11-29T23:30:00Z[Europe/Berlin]", "2026-11-30T00:30:00+01:00"),
        ("2026-11-29T03:30:00Z[America/New_York]", "2026-11-28T22:30:00-05:00"),
        ("2026-11-29T02:00:00Z[UTC]", "2026-11-29T02:00:00+00:00"),
        ("2026-06-29T22:30:00Z[Europe/Berlin]", "2026-06-30T00:30:00+02:00"),
    ],
)
def test_the_day_that_is_scored(given: str, expected: str) -> None:
    assert read_started(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "yesterday", "2026-13-01", "2026-11-29T", "29.11.2026", "2026-11-29T02:00:00Z[Mars/Base]", "2026-11-29 02:00",
        "<aws.scheduler.scheduled-time>[UTC]", "2026-11-29T02:00:00[UTC]", "2026-11-29T02:00:00Z[../../etc/passwd]", "[UTC]",
    ],
)  # fmt: skip
def test_what_is_no_day(given: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_started(given)
    with pytest.raises(InputProblems) as raised:
        read_setting({"SMP_DATE": given}, Nobody())
    assert [problem.id for problem in raised.value.problems] == ["PB985"]


def test_the_setting_of_a_scheduled_day_and_of_a_retraining() -> None:
    day = read_setting({"SMP_TRIGGER": "schedule:daily", "SMP_DATE": "2026-11-29T02:00:00Z[UTC]"}, Nobody())
    assert (day.date, day.is_push) == ("2026-11-29T02:00:00+00:00", False)
    assert day.words == "schedule:daily for 2026-11-29T02:00:00+00:00"
    assert read_setting({"SMP_TRIGGER": "data", "SMP_DATE": "none"}, Nobody()).date == ""
    asked = read_setting({"SMP_TRIGGER": "retraining", "SMP_CAUSE": 'drift of "a"\n$(x)' + "y" * 900}, Nobody())
    assert not asked.is_push
    assert len(asked.cause) == MOST_CAUSE
    assert "\n" not in asked.cause
    assert asked.words.startswith("retraining: drift of ")
    assert read_setting({"SMP_CAUSE": "none"}, Nobody()).cause == ""


def record_of(date: str, *statuses: str) -> RunRecord:
    scores: list[Any] = [{"model": f"m{number}", "status": status} for number, status in enumerate(statuses)]
    given: Any = {"date": date, "scores": tuple(ScoreRecord.model_construct(**one) for one in scores)}
    return RunRecord.model_construct(**given)


@pytest.mark.parametrize(
    ("date", "statuses", "counted"),
    [
        ("2026-11-30", ("published",), True),
        ("2026-11-30T13", ("published", "scored"), True),
        ("2026-11-29", ("published",), True),
        ("2026-11-20", ("published",), False),
        ("2026-11-30", ("published", "blocked"), False),
        ("2026-11-30", (), False),
        ("", ("published",), False),
    ],
)
def test_a_day_counts_when_all_of_it_is_published_and_it_is_about_now(
    date: str, statuses: tuple[str, ...], *, counted: bool
) -> None:
    now = datetime(2026, 11, 30, 3, tzinfo=timezone.utc)
    assert is_counted(record_of(date, *statuses), now) == counted
