"""Composing many units: validate and build of 1, 10, 100 and 1,000 units of six steps, as commands on files on disk.

With `--sdk` the SageMaker SDK composes the same 10 and 100 units in the same run, as a process of its own too.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.tiny import CONF, write_model  # noqa: E402 - the repository isn't installed

SDK_SIZES = (10, 100)
SIZES = (1, 10, 100, 1000)
RUNS = 3


def make_workspace(folder: Path, units: int) -> None:
    """Write a manifest, its checkouts with one conf file each, and the lock, as 'checkout' leaves them."""
    head, steps = CONF.split("  sagemakerPipeline:\n")
    pipeline = ["  sagemakerPipeline:\n    pipelineName: many\n    models:\n"]
    manifest = ["version: 1\nrepos:\n"]
    lock = ["version: 1\nmanifest_commit: ''\nmanifest_dirty: false\nrepos:\n"]
    for number in range(units):
        name = f"unit{number:04d}"
        write_model(folder / "aws-train" / name, head.replace("churn", name))
        pipeline.append(steps.split("    models:\n")[1].replace("churn", name))
        manifest.append(f"  - url: https://git.example.com/{name}.git\n")
        lock.append(
            f"  - {{name: {name}, url: 'https://git.example.com/{name}.git', revision: main, commit: {'a' * 40}, "
            f"tree: {'b' * 40}, committed: '2026-01-01T00:00:00Z'}}\n"
        )
    first = folder / "aws-train" / "unit0000" / "conf" / "conf.yaml"
    first.write_text(first.read_text() + "".join(pipeline))
    (folder / "model_repos.yaml").write_text("".join(manifest))
    (folder / "build").mkdir()
    (folder / "build" / "model_repos.lock.yaml").write_text("".join(lock))


def measure(folder: Path, command: str) -> tuple[float, float, float]:
    """Return the seconds, those of the processor (medians of RUNS), and the peak memory in MB of a command.

    One that isn't said to be done again finds nothing of what commands keep for the next one.
    """
    name, *again = command.split()
    seconds = []
    used = []
    peak = 0.0
    for _ in range(RUNS):
        if not again:
            shutil.rmtree(folder / ".pipeline_builder", ignore_errors=True)
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "pipeline_builder", name],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert child.stderr
        errors = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds.append(time.perf_counter() - started)
        used.append(usage.ru_utime + usage.ru_stime)
        peak = max(peak, usage.ru_maxrss / 1024)
        if child.returncode:
            sys.exit(errors.decode())
    return statistics.median(seconds), statistics.median(used), peak


def measure_sdk(folder: Path, units: int) -> float:
    """Return the seconds (median of RUNS) that the SDK takes for the units; its environment is there already."""
    from tests.definition.oracle.environment import run_in_sdk

    def compose() -> float:
        started = time.perf_counter()
        run_in_sdk("v2", "benchmarks.compose_sdk", str(folder), str(units), home=folder)
        return time.perf_counter() - started

    return statistics.median(compose() for _ in range(RUNS))


def main(*, with_sdk: bool) -> None:
    """Print the table."""
    if with_sdk:
        from tests.definition.oracle.environment import sdk_python

        sdk_python("v2")
    sdk: dict[int, float] = {}
    rows = []
    per_unit: dict[tuple[str, int], float] = {}
    per_unit_used: dict[tuple[str, int], float] = {}
    for units in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_workspace(folder, units)
            for command in ("validate", "validate again", "build", "build again"):
                seconds, used, peak = measure(folder, command)
                per_unit[command, units] = seconds / units
                per_unit_used[command, units] = used / units
                figures = (f"{seconds:.2f}", f"{used:.2f}", f"{1000 * seconds / units:.2f}", f"{peak:.0f}")
                rows.append((command, str(units), *figures))
            if with_sdk and units in SDK_SIZES:
                sdk[units] = measure_sdk(folder, units)
                rows.append(("SDK", str(units), f"{sdk[units]:.2f}", "", f"{1000 * sdk[units] / units:.2f}", ""))
            size = (folder / "build" / "pipeline_definition.json").stat().st_size
            steps = len(json.loads((folder / "build" / "pipeline_definition.json").read_text())["Steps"])
            rows.append(("definition", str(units), "", "", f"{size / units / 1000:.1f} kB", f"{steps} steps"))
    for row in (("command", "units", "seconds", "processor", "ms a unit", "MB"), *rows):
        print("  {:<14} {:>6} {:>8} {:>10} {:>10} {:>11}".format(*row))
    for command in ("validate", "build"):
        ratio = per_unit[command, 1000] / per_unit[command, 100]
        used = per_unit_used[command, 1000] / per_unit_used[command, 100]
        print(f"{command}: time a unit at 1,000 is {ratio:.2f} times that at 100; of the processor's {used:.2f} times")
    for units, seconds in sdk.items():
        ratio = seconds / (per_unit["build", units] * units)
        print(f"the SDK takes {ratio:.0f} times as long for {units} units as build")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main(with_sdk="--sdk" in sys.argv[1:])
