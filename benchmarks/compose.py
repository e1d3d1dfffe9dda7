"""Composing many units: validate and build of 1, 10, 100 and 1,000 units of six steps, as commands on files on disk.

With `--sdk` the SageMaker SDK composes the same 10 and 100 units in the same run, as a process of its own too;
`--old FOLDER` is another checkout, which takes turns with this one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

from beside import add_old, checkouts, environment_of
from figures import Figure, Seen, exponent, meter, middle, note, ratio
from table import ROOT

sys.path.insert(0, str(ROOT))

from tests.tiny import CONF, write_model

SDK_SIZES = (10, 100)
SIZES = (1, 10, 100, 1000)
GOALS = {("validate", 1): "0.35 s", ("validate", 1000): "1.5 s"}
UNITS = ("seconds", "processor", "ms a unit", "MB")
Found = dict[tuple[str, str], list[Seen]]


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


def measure(folder: Path, root: Path, command: str) -> Seen:
    """Return what a command takes on the workspace, by the code of a tree."""
    words = [sys.executable, "-m", "pipeline_builder", command]
    return meter(words, folder=folder, environment=environment_of(root))


def measure_sdk(folder: Path, units: int) -> Seen:
    """Return what the SDK takes for the units; its environment is there already."""
    from tests.definition.oracle.environment import sdk_python

    words = [sdk_python("v2"), "-m", "benchmarks.compose_sdk", folder, str(units)]
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    return meter(words, folder=ROOT, environment=own)


def round_of(folder: Path, units: int, trees: dict[str, Path], found: Found, *, with_sdk: bool) -> None:
    """Measure every command once, turn by turn of the trees."""
    for command in ("validate", "validate again", "build", "build again"):
        for name, root in trees.items():
            if "again" not in command:  # nothing that the command before has kept
                shutil.rmtree(folder / ".pipeline_builder", ignore_errors=True)
            if command == "build":
                shutil.rmtree(folder / "build" / "code", ignore_errors=True)
                (folder / "build" / "pipeline_definition.json").unlink(missing_ok=True)
            found.setdefault((command, name), []).append(measure(folder, root, command.split()[0]))
    if with_sdk and units in SDK_SIZES:
        found.setdefault(("build", "SDK v2"), []).append(measure_sdk(folder, units))


def show(units: int, found: Found) -> None:
    """Print the rows of one size."""
    for (command, name), seen in found.items():
        note(Figure(work=command, of=name, size=units, seen=seen, goal=GOALS.get((command, units), "")))
        wall, cpu, peak = middle(seen, "wall"), middle(seen), max(one.peak for one in seen)
        print(
            f"  {command:<12} {name:<8} {units:>6} {wall:>8.2f} {cpu:>10.2f} {1000 * cpu / units:>10.2f} {peak:>8.0f}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdk", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--runs", type=int, default=3)
    add_old(parser)
    given = parser.parse_args()
    if given.sdk:
        from tests.definition.oracle.environment import sdk_python

        sdk_python("v2")
    print("  {:<12} {:<8} {:>6} {:>8} {:>10} {:>10} {:>8}".format("command", "", "units", *UNITS))
    used: dict[tuple[str, int], float] = {}
    for units in given.sizes:
        with tempfile.TemporaryDirectory() as name:
            folder, found = Path(name), Found()
            make_workspace(folder, units)
            for _ in range(given.runs):
                round_of(folder, units, checkouts(given.old), found, with_sdk=given.sdk)
            show(units, found)
            content = (folder / "build" / "pipeline_definition.json").read_bytes()
            print(
                f"  definition   {len(content) / units / 1000:.1f} kB a unit, {len(json.loads(content)['Steps'])} steps"
            )
        used |= {(command, units): middle(seen) for (command, name), seen in found.items() if name == "now"}
        if ("build", "SDK v2") in found:
            times = ratio(found["build", "SDK v2"], found["build", "now"])
            print(f"  the SDK takes {times:.0f} times as long for {units} units as build")
    for command in ("validate", "build"):
        if len(given.sizes) > 1:
            power = exponent(given.sizes, [used[command, units] for units in given.sizes])
            print(f"{command}: CPU seconds grow by n^{power:.2f}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
