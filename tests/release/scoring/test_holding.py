"""A logical date is worked on by one, and by nobody who is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline_builder.errors import PlanRefused
from pipeline_builder.release.scoring.holding import LEASE, Clock, hold_day, holding_uri
from pipeline_builder.target import Target
from tests.engine import definitions

DATE = "2026-11-29"


@dataclass
class Ticking:
    """A clock that only passes where somebody sleeps; `then` is called at each sleep."""

    at: float = 1_000_000.0
    slept: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.slept += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, sleep=self.sleep)


def held(target: Target) -> dict[str, object]:
    found: dict[str, object] = json.loads(target.store.get(holding_uri(target, "p", DATE)))
    return found


def pretend(target: Target, **changes: object) -> None:
    """Let somebody else hold the date."""
    content = {"format": 1, "token": "x", "who": "ada on there", "machine": "there", "process": 7, "begun": "1"}
    target.store.put(holding_uri(target, "p", DATE), json.dumps({**content, **changes}).encode())


def test_one_at_a_time_and_other_days_beside_it(tmp_path: Path) -> None:
    target = definitions.target(tmp_path)
    with hold_day(target, "p", DATE):
        with pytest.raises(PlanRefused, match=r"PB975 2026-11-29 of 'p' is worked on already, by .* \(process "):
            hold_day(target, "p", DATE).__enter__()
        with hold_day(target, "p", "2026-11-30"), hold_day(target, "q", DATE):
            pass
    assert held(target)["until"] == 0
    with hold_day(target, "p", DATE):
        assert held(target)["process"] == os.getpid()


@pytest.mark.long
def test_who_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.engine import definitions; "
        "from pipeline_builder.release.scoring.holding import hold_day\n"
        f"with hold_day(definitions.target(Path(sys.argv[1])), 'p', '{DATE}'):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(PlanRefused, match=f"process {process.pid}"):
            hold_day(definitions.target(tmp_path), "p", DATE).__enter__()
        process.send_signal(signal.SIGKILL)
        process.wait()
    ticking = Ticking()
    with hold_day(definitions.target(tmp_path), "p", DATE, clock=ticking.clock):
        assert ticking.slept == 0


def test_another_machine_is_waited_for_as_long_as_it_may_live(tmp_path: Path) -> None:
    target, ticking = definitions.target(tmp_path), Ticking()
    pretend(target, until=ticking.at + 30)
    with hold_day(target, "p", DATE, clock=ticking.clock):
        assert 30 < ticking.slept < 40  # a sign of life comes each 30 seconds
    pretend(target, until=ticking.at - 300)  # over by this machine's clock
    ticking.slept = 0
    with hold_day(target, "p", DATE, clock=ticking.clock):
        assert 30 < ticking.slept < 40
    pretend(target, until=ticking.at - 3600)
    ticking.slept = 0
    with hold_day(target, "p", DATE, clock=ticking.clock):
        assert ticking.slept == 0
    pretend(target, until=ticking.at + 1e9)  # a clock that is wrong
    ticking.slept = 0
    with hold_day(target, "p", DATE, clock=ticking.clock):
        assert ticking.slept == LEASE
    pretend(target, until=ticking.at + 30)

    def renews(seconds: float) -> None:
        ticking.sleep(seconds)
        if ticking.slept > 10:
            pretend(target, until=ticking.at + 60)

    ticking.slept = 0
    with pytest.raises(PlanRefused, match="PB975 .* by ada on there"):
        hold_day(target, "p", DATE, clock=Clock(now=lambda: ticking.at, sleep=renews)).__enter__()
    assert ticking.slept < 15


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"until": "x", "process": true}',
        b'{"until": null}',
        b'{"until": NaN}',
        b'{"until": 1%s}' % (b"0" * 400),
    ],
)
def test_what_is_damaged_holds_nothing(tmp_path: Path, content: bytes) -> None:
    target, ticking = definitions.target(tmp_path), Ticking()
    target.store.put(holding_uri(target, "p", DATE), content)
    with hold_day(target, "p", DATE, clock=ticking.clock):
        assert ticking.slept == 0


def test_who_has_lost_the_date_takes_it_from_nobody(tmp_path: Path) -> None:
    target = definitions.target(tmp_path)
    with hold_day(target, "p", DATE):
        pretend(target, until=9e9)
    assert held(target)["who"] == "ada on there"
