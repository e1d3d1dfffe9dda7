"""The timeline: what the whole run had to wait for, and where the time went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline_builder.release.record import StepRecord
from pipeline_builder.views.gantt import critical_path, gantt_of
from tests.release.records import BEGIN


def step(name: str, start: float | None, end: float | None, *before: str, **changes: Any) -> StepRecord:
    when = [None if moment is None else BEGIN + timedelta(seconds=moment) for moment in (start, end)]
    facts: dict[str, Any] = {
        "type": "Training",
        "step_class": "Training",
        "model": "m",
        "status": "Succeeded",
        **changes,
    }
    return StepRecord(name=name, depends_on=before, started=when[0], ended=when[1], **facts)


STEPS = (
    step("read", 0, 10),
    step("train", 12, 60, "read"),
    step("profile", 10, 20, "read"),
    step("register", 60, 61, "profile", "train"),
    step("never", None, None, "register", status="Waiting"),
)


def test_the_way_that_the_whole_run_had_to_wait_for() -> None:
    drawn = gantt_of(STEPS, BEGIN)
    assert drawn.path == ("read", "train", "register")
    assert [bar.critical for bar in drawn.bars] == [True, True, False, True, False]
    assert (drawn.path_seconds, drawn.seconds) == (59.0, 61.0)
    assert [bar.waited for bar in drawn.bars] == [0.0, 2.0, 0.0, 0.0, None]
    assert [(round(bar.offset), round(bar.length)) for bar in drawn.bars[:3]] == [(0, 16), (20, 79), (16, 16)]
    assert [word for _, word in drawn.ticks] == ["0.0 s", "15.2 s", "30.5 s", "45.8 s", "1 min 01 s"]


def test_what_the_cache_had_took_no_time() -> None:
    drawn = gantt_of([step("read", 0, 0.5, cache_hit="arn:x/abc"), step("train", 1, 2, "read", stub="ab")], BEGIN)
    assert [(bar.state, bar.seconds) for bar in drawn.bars] == [("cached", None), ("stub", None)]


def test_what_goes_on_ends_now() -> None:
    steps = [step("read", 0, 10), step("train", 10, None, "read", status="Executing")]
    drawn = gantt_of(steps, BEGIN, BEGIN + timedelta(seconds=100))
    assert (drawn.path, drawn.bars[1].seconds, round(drawn.bars[1].length)) == (("read", "train"), 90.0, 90)
    assert gantt_of(steps, BEGIN).path == ("read",)


@pytest.mark.parametrize("steps", [(), (step("never", None, None),), (step("a", 5, 1, "a", "gone"),)])
def test_odd_times_make_a_timeline_too(steps: tuple[StepRecord, ...]) -> None:
    drawn = gantt_of(steps, BEGIN)
    assert all(0 <= bar.offset <= 100 and 0 < bar.length <= 100 for bar in drawn.bars)
    assert critical_path(steps) == tuple(one.name for one in steps if one.started)
