"""The acceptance against emulators, all of it: whole, and killed at many moments and gone on with; minutes each."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from acceptance.points import load_points
from tests.acceptance.emulation import SUFFIX, Account, accounting
from tests.acceptance.pipeline_api import piping

# The one that `serve` knows: its one Region is another than that of the other emulators.
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ASKED = ("--yes", "--suffix", SUFFIX, "--image", IMAGE)
# What isn't played here: hours, a git host, another partition, a state machine, which nothing here makes.
ASIDE = (
    "build-over-8-hours",
    "webhook-filters",
    "old-connections",
    "other-partitions",
    "wait-answered",
    "wait-words",
    "wait-error-names",
    "retried-judge",
)
QUICK = ("answers", "event-variables", "long-text", "arn-letter-case", "removal")


def play(folder: Path, only: tuple[str, ...], kill_after: int) -> tuple[bool, int, str]:
    """Play it, killed after so many answers (0: never), and go on; return whether, how many, and what is wrong."""
    with accounting(folder) as account, piping(account, folder / "pipelines"):
        calls = folder / "calls"
        calls.touch()
        ran = account.run(*ASKED, *only, CALLS=str(calls), KILL_AFTER=str(kill_after))
        killed = ran.code == -signal.SIGKILL
        if killed:
            ran = account.run("--resume")
        return killed, len(calls.read_text()), wrong(account, ran.code, ran.err)


def wrong(account: Account, code: int, said: str) -> str:
    """Return what is not as it should be: all is confirmed or skipped, and nothing is left."""
    answers = account.report()["answers"]
    bad = [
        f"{one['id']} {one['verdict']}: {one['seen'] or one['why']}"
        for one in answers
        if one["verdict"] not in _fine(one["id"])
    ]
    left = [f"left: {account.left()}"] if account.left() else []
    return "; ".join([*bad, *left]) or ("" if code == 0 else f"exit code {code}: {said[-500:]}")


def _fine(point: str) -> tuple[str, ...]:
    unasked = {one.id for one in load_points() if not one.scenario}
    return ("skipped",) if point in ASIDE or point in unasked else ("confirmed",)


def main() -> int:
    """Play it whole, then killed; print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=12, help="kills of the quick scenarios, evenly spread")
    parser.add_argument("--whole", type=int, default=2, help="kills of the whole, evenly spread; two minutes each")
    asked = parser.parse_args()
    failed = 0
    for title, only, kills in (("quick", ("--only", *QUICK), asked.kills), ("whole", (), asked.whole)):
        count = 0
        for number in range(kills + 1):
            begun, after = time.monotonic(), count * number // (kills + 1)
            with tempfile.TemporaryDirectory(prefix="acceptance-") as folder:
                killed, calls, found = play(Path(folder), only, after)
            count = count or calls
            how = f"killed after {after} of {count} answers" if killed else f"{calls} answers"
            print(f"{title}: {how}, {time.monotonic() - begun:.0f} s: {found or 'all well'}", flush=True)
            failed += bool(found)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
