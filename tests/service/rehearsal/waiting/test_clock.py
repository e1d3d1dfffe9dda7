"""Pauses on a rehearsal's clock: as long as they say, faster, or over as something has changed."""

from __future__ import annotations

import threading
import time

from pipeline_builder.service.rehearsal.waiting.clock import Clock


def test_a_pause_is_as_long_as_it_says_at_its_pace() -> None:
    started = time.monotonic()
    Clock(100).pause("one", 20)
    assert 0.2 <= time.monotonic() - started < 16


def test_a_change_ends_each_pause_once_also_one_that_comes_later() -> None:
    clock = Clock(100)
    clock.change()
    clock.enter("one")
    clock.enter("two")
    threading.Timer(0.05, clock.change).start()
    clock.pause("one", 6000)
    clock.pause("two", 6000)  # it looks again at what has changed meanwhile
    for who in ("one", "late"):  # who has begun since has seen it
        started = time.monotonic()
        clock.pause(who, 5)
        assert time.monotonic() - started >= 0.05


def test_nothing_lasts_longer_than_the_rehearsal() -> None:
    clock = Clock()
    clock.end()
    clock.pause("one", 6000)
    clock.wait(6000)
