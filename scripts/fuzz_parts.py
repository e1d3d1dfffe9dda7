"""Runs parts of the fuzz test for a time, each time with other inputs; says what broke, and prints a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hypothesis import HealthCheck, given, seed, settings

from tests.security.fuzzing import PARTS

_BATCH = 200


def attack(name: str, seconds: float, first: int) -> tuple[int, list[str]]:
    """Return how many inputs the part was fed with, and each kind of failure with its smallest input."""
    part, count, begun, number = PARTS[name], 0, time.monotonic(), first
    broken: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while time.monotonic() - begun < seconds:

            @seed(number)
            @settings(max_examples=_BATCH, database=None, deadline=None, suppress_health_check=list(HealthCheck))
            @given(part.inputs)
            def answers(found: Any) -> None:
                nonlocal count
                count += 1
                part.check(Path(folder), found)

            try:
                answers()
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                _note(broken, error, number)
            number += 1
    return count, list(broken.values())


def _note(broken: dict[str, str], error: BaseException, number: int) -> None:
    """Keep one failure of each kind: a kind is where it was raised."""
    for one in getattr(error, "exceptions", (error,)):
        frames = traceback.extract_tb(one.__traceback__)
        where = next((f for f in reversed(frames) if "site-packages" not in f.filename), frames[-1])
        key = f"{type(one).__name__} at {Path(where.filename).name}:{where.lineno}"
        notes = "".join(getattr(one, "__notes__", ()))
        broken.setdefault(key, f"{key}: {str(one)[:300]}\n    seed {number}: {notes[:1500]}")


def main() -> int:
    """Run the parts; 1 where one of them broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("seconds", type=float, nargs="?", default=60, help="for each part (default: 60)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the first of the seeds, to do it again")
    asked = parser.parse_args()
    rows, failed = [], False
    for name in PARTS if asked.part == "all" else [asked.part]:
        begun = time.monotonic()
        count, broken = attack(name, asked.seconds, asked.seed)
        for words in broken:
            print(f"{name}: {words}", file=sys.stderr, flush=True)
        rows.append(f"{name:<10} {count:>8,} {time.monotonic() - begun:>8.0f} {len(broken):>7}")
        failed = failed or bool(broken)
    print(f"{'part':<10} {'inputs':>8} {'seconds':>8} {'broken':>7}", *rows, sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
