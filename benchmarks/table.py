"""What the benchmarks share: running commands, medians, a table."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "pipeline_builder"]


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; a failure shows what it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done


def show(title: str, rows: Sequence[tuple[str, Sequence[float], str]]) -> None:
    """Print the median and the range of each row's seconds, and the target beside it."""
    print(f"{title} ({os.cpu_count()} cores, Python {platform.python_version()})")
    width = max(len(name) for name, _, _ in rows)
    for name, values, target in rows:
        middle, low, high = statistics.median(values), min(values), max(values)
        print(f"  {name:<{width}}  {middle:8.3f} s  ({low:.3f} to {high:.3f}, n={len(values)})  target {target}")
