"""All figures of scale in one table: each script measures both sides turn by turn, and this one shows them together.

`--before COMMIT` is the other side of each pair (the newest tag, where there is one); `--only SECTION` one part of it.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from beside import trees_of
from figures import FIGURES, Figure, exponent, middle, ratio, read
from table import ROOT

SECTIONS = {
    "checkout": ("checkout.py", "--only cold --rounds {pairs} --peers {peers} --before {before}"),
    "looks": ("checkout.py", "--only unchanged --rounds {pairs} --before {before}"),
    "folders": ("checkout.py", "--only folders --rounds {pairs} --before {before}"),
    "repositories": ("checkout.py", "--only growth --before {before}"),
    "unchanged": ("unchanged.py", "--runs {pairs} --before {before}"),
    "validate": ("compose.py", "--sdk --sizes 10 100 1000 --runs {pairs} --old {old}"),
    "growth": ("growth.py", "--runs {pairs} --before {before}"),
    "steps": ("steps.py", "--rounds {pairs} --lengths 20 --old {old}"),
    "schedule": ("schedule.py", "--rounds {pairs} --old {old}"),
    "inputs": ("inputs.py", "--files 1000,10000 --rounds {pairs} --old {old}"),
    "passing": ("passing.py", "--rounds {pairs} --megabytes 256 --old {old}"),
    "transform": ("transform.py", "--rounds {pairs} --old {old}"),
    "scoring": ("scoring.py", "--rounds {pairs}"),
    "chain": ("chain.py", "--rounds {pairs}"),
    "tuning": ("tuning.py", "--rounds {pairs}"),
}
"""What each part of the table starts, and with which words; without a tree of before, its option is left out."""
PARTS = {"cpu": "CPU s", "wall": "s"}


def command_of(section: str, *, pairs: int, before: str, old: Path | None) -> list[str]:
    """Return the command line of a part."""
    script, words = SECTIONS[section]
    if old is None:
        words = words.partition(" --before")[0].partition(" --old")[0]
    peers = Path(tempfile.gettempdir()) / "benchmark-checkout-peers"
    given = words.format(pairs=pairs, before=before, old=old, peers=peers).split()
    return [sys.executable, str(ROOT / "benchmarks" / script), *given]


def newest_tag() -> str:
    """Return the tag of the release before, "" where there is none."""
    words = ["git", "-C", str(ROOT), "describe", "--tags", "--abbrev=0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def line(row: str, sides: dict[str, Figure]) -> str:
    """Return one line: what was before, what is now, the goal, what others take, and peak memory."""
    now = sides["now"]
    before = sides.get("before")
    found = middle(now.seen, now.judged)
    less = f"{1 / ratio(now.seen, before.seen, now.judged):6.2f}x" if before else f"{'':7}"
    earlier = f"{middle(before.seen, now.judged):9.3f}" if before else f"{'':9}"
    others = [side for side in sides.values() if side.of not in ("now", "before")]
    held = ", ".join(f"{found / middle(one.seen, now.judged):.2f} x {one.of}" for one in others)
    peak = max(one.peak for one in now.seen)
    memory = f"{peak:6.0f} MB" if peak else f"{'':9}"
    goal = f"{now.goal}{' ' + now.bound if now.bound else ''}"
    spread = (
        f"({min(getattr(s, now.judged) for s in now.seen):.3f}-{max(getattr(s, now.judged) for s in now.seen):.3f})"
    )
    unit = PARTS[now.judged]
    return (
        f"  {row:<48}{earlier}{found:9.3f} {unit:<5} {spread:<17}{less}  {goal:<12}{memory} n={len(now.seen)}  {held}"
    )


def growth_of(work: str, rows: dict[int, dict[str, Figure]]) -> str:
    """Return the exponents of a work that was measured at several sizes."""
    sizes = sorted(rows)
    said = []
    for side in ("before", "now"):
        seen = {size: rows[size][side].seen for size in sizes if side in rows[size]}
        if len(seen) > 1:
            power = exponent(list(seen), [middle(one) for one in seen.values()])
            said.append(f"{side} n^{power:.2f}")
    return f"  {work}, from {sizes[0]:,} to {sizes[-1]:,}: {', '.join(said)} (CPU seconds)"


Rows = dict[str, dict[int | None, dict[str, Figure]]]


def rows_of(figures: Sequence[Figure]) -> Rows:
    """Return the figures by work, size and side."""
    rows: Rows = {}
    for figure in figures:
        rows.setdefault(figure.work, {}).setdefault(figure.size, {})[figure.of] = figure
    return rows


def show(rows: Rows) -> None:
    """Print a line for each work and size."""
    for work, sizes in rows.items():
        for size, sides in sizes.items():
            if "now" in sides:
                print(line(work if size is None else f"{work}, {size:,}", sides), flush=True)


def show_growth(rows: Rows) -> None:
    """Print how the works grow that were measured at several sizes."""
    print("growth")
    for work, sizes in rows.items():
        measured = {size: sides for size, sides in sizes.items() if size is not None}
        if len(measured) > 1:
            print(growth_of(work, measured))


def main() -> None:
    """Run the parts one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default=newest_tag(), metavar="COMMIT")
    parser.add_argument("--only", action="append", choices=list(SECTIONS))
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, trees_of(given.before) as trees:
        file = Path(folder, "figures")
        print(f"scale: in turns, medians of {given.pairs} ({os.cpu_count()} cores, Python {platform.python_version()})")
        print(
            f"  {'work':<48}{'before':>9}{'now':>9} {'':<5} {'range':<17}{'':>7}  {'goal':<12}{'peak':>9}", flush=True
        )
        for section in given.only or SECTIONS:
            known = len(read(file))
            command = command_of(section, pairs=given.pairs, before=given.before, old=trees.get("before"))
            print(f"... {' '.join(command[1:])}", file=sys.stderr, flush=True)
            done = subprocess.run(command, env={**os.environ, FIGURES: str(file)}, stdout=sys.stderr, check=False)
            show(rows_of(read(file)[known:]))
            if done.returncode:
                print(f"  {section} has failed: what it had measured is shown")
        show_growth(rows_of(read(file)))


if __name__ == "__main__":
    main()
