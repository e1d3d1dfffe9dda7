"""How work grows with its size: each row at 10, 100 and 1,000, in CPU seconds, with the exponent from 10 to 1,000.

`--before COMMIT` measures that commit beside this one, turn by turn in the same run; `--only WORD` measures one row.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from beside import environment_of, trees_of
from figures import Figure, Seen, exponent, note
from table import ROOT

SIZES = (10, 100, 1000)
ROWS = ("cached", "logs", "report", "show", "status", "serve", "progress", "predict", "validate", "same", "one")
GOALS = {"cached": "1 s", "logs": "1 s", "report": "1 s", "show": "1 s", "validate": "1.5 s", "same": "0.3 s"}


def measure(root: Path, row: str, size: int) -> tuple[float, float]:
    """Return the CPU seconds of one go, and the peak memory in MB, in a process of its own on that tree's code."""
    command = [sys.executable, str(ROOT / "benchmarks" / "growth_work.py"), row, str(size)]
    done = subprocess.run(command, cwd=root, env=environment_of(root), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{row} of {size} failed:\n{done.stderr}")
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)


def show_row(row: str, trees: dict[str, Path], sizes: list[int], runs: int) -> None:
    """Measure a row, turn by turn of each tree, and print its lines."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for size in sizes:
        for _ in range(runs):
            for name, root in trees.items():
                found.setdefault((name, size), []).append(measure(root, row, size))
    for name in trees:
        middle = [statistics.median(seconds for seconds, _ in found[name, size]) for size in sizes]
        peak = max(peak for _, peak in found[name, sizes[-1]])
        power = exponent(sizes, middle) if len(sizes) > 1 else 0.0
        figures = "".join(f"{seconds:9.3f}" for seconds in middle)
        goal = f"  goal {GOALS[row]}" if row in GOALS else ""
        for size in sizes:
            seen = [Seen(wall=seconds, cpu=seconds, peak=peak) for seconds, peak in found[name, size]]
            note(Figure(work=row, of=name, size=size, seen=seen, goal=GOALS.get(row, "") if size == 1000 else ""))
        print(f"  {row:<9} {name:<7}{figures}   n^{power:.2f}  {peak:5.0f} MB  n={runs}{goal}", flush=True)
    if len(trees) > 1:
        ratios = [
            statistics.median(
                before / after for (before, _), (after, _) in zip(found["before", s], found["now", s], strict=True)
            )
            for s in sizes
        ]
        print(f"  {'':<9} {'ratio':<7}{''.join(f'{ratio:8.1f}x' for ratio in ratios)}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="", metavar="COMMIT")
    parser.add_argument("--only", action="append", choices=ROWS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    given = parser.parse_args()
    print(f"growth, CPU seconds ({os.cpu_count()} cores)   " + "".join(f"{size:9,}" for size in given.sizes))
    with trees_of(given.before) as trees:
        for row in given.only or ROWS:
            show_row(row, trees, given.sizes, given.runs)


if __name__ == "__main__":
    main()
