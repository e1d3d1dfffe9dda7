"""What all benchmarks share: what a process tree takes, medians, ratios, exponents, and the figures for `scale.py`."""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

FIGURES = "BENCHMARK_FIGURES"
"""Names the file that `note` adds to; `scale.py` sets it for the scripts that it starts."""
PAUSE = 0.03
"""Between two looks at a tree's memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One go: seconds of the clock, CPU seconds and peak megabytes of the process and all that it started."""

    wall: float
    cpu: float
    peak: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one side of a pair took. `of` is "now", "before", or who else did the same; sizes make a row of growth."""

    work: str
    of: str
    seen: Sequence[Seen]
    size: int | None = None
    goal: str = ""
    bound: str = ""
    """Whose figure it is held against: the `of` of another figure of the same work and size."""
    judged: str = field(default="cpu")
    """Which of the three the goal is about."""


def note(*figures: Figure) -> None:
    """Add figures to the file that is asked for, if one is."""
    if named := os.environ.get(FIGURES):
        with Path(named).open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(asdict(figure))}\n" for figure in figures)


def read(file: Path) -> list[Figure]:
    """Return the figures that scripts left in the file."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = [json.loads(line) for line in lines]
    return [Figure(**{**row, "seen": [Seen(**seen) for seen in row["seen"]]}) for row in rows]


def middle(seen: Sequence[Seen], part: str = "cpu") -> float:
    """Return the median of one of the three."""
    return statistics.median(getattr(one, part) for one in seen)


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return the power of the size that the values grow by, from the first to the last; of one size there is none."""
    if sizes[0] == sizes[-1]:
        return math.nan
    return math.log(values[-1] / values[0]) / math.log(sizes[-1] / sizes[0])


def ratio(these: Sequence[Seen], those: Sequence[Seen], part: str = "cpu") -> float:
    """Return the median of what pairs, measured turn by turn, have to each other."""
    return statistics.median(getattr(a, part) / getattr(b, part) for a, b in zip(these, those, strict=True))


def meter(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None, given: str = ""
) -> Seen:
    """Return what a command takes with all that it starts; one that fails ends the benchmark with its words.

    CPU seconds are the kernel's count of the process and of those it waited for; memory is the most that the tree
    had resident at one of many looks, and never less than its largest process had.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as words:
        words.write(given.encode())
        words.seek(0)
        began = time.perf_counter()
        child = subprocess.Popen(
            list(map(str, command)), cwd=folder, env=environment, stdin=words, stdout=said, stderr=subprocess.STDOUT
        )
        with watch(child.pid) as peaks:
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(map(str, command))} ended with {child.returncode}:\n{said.read().decode()[-4000:]}")
    peak = max(peaks[0], usage.ru_maxrss / 1024)
    return Seen(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=peak)


@contextmanager
def watch(root: int) -> Iterator[list[float]]:
    """Look at a process and all below it until the block ends; the list then has the most megabytes that they had."""
    ended, peaks = threading.Event(), [0.0]

    def look() -> None:
        while not ended.wait(PAUSE):
            peaks[0] = max(peaks[0], sum(map(_resident, _tree(root))))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield peaks
    finally:
        ended.set()
        looker.join()


def _tree(root: int) -> list[int]:
    found = [root]
    for process in found:
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{process}/task").glob("*/children"):
                found += map(int, file.read_text().split())
    return found


def _resident(process: int) -> float:
    """Return the megabytes that are the process's own share: pages of several are counted once over all of them."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
