"""A tuning of trainings that sleep, so many at once, against the time that sleeping alone takes."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import Figure, Seen, note

ONE = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.engine.definitions import definition, run, target, tuning
count, parallel, seconds = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
step = tuning("tune", "", {"x": (0.0, 1.0)}, jobs=count, parallel=parallel)
command = ["/bin/sh", "-c", f"sleep {seconds}; echo loss=1"]
step["Arguments"]["TrainingJobDefinition"]["AlgorithmSpecification"]["ContainerEntrypoint"] = command
local = target(Path(sys.argv[2]), jobs=parallel)
for line in sys.stdin:
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    run(local, definition(step), rerun=True)
    print(json.dumps([time.perf_counter() - began, sum(os.times()[:4]) - cpu]), flush=True)
"""


def main() -> None:
    """Print the medians, and the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=24)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    root = str(Path(__file__).resolve().parent.parent)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", ONE, root, folder, *map(str, (given.trainings, given.parallel, given.seconds))]
        asked = "\n" * (given.times + 1)
        said = subprocess.run(command, input=asked, stdout=subprocess.PIPE, text=True, check=True).stdout
    walls, cpus = zip(*(json.loads(line) for line in said.splitlines()[1:]), strict=True)  # the first warms up
    bound = math.ceil(given.trainings / given.parallel) * given.seconds
    wall, each = statistics.median(walls), statistics.median(cpus) / given.trainings * 1000
    what = f"{given.trainings} trainings of {given.seconds:g} s, {given.parallel} at once, medians of {given.times}"
    work = f"tuning, {given.trainings} trials, {given.parallel} at once"
    note(Figure(work=work, of="slept", seen=[Seen(wall=bound, cpu=0.0)]))
    seen = [Seen(wall=one, cpu=cpu) for one, cpu in zip(walls, cpus, strict=True)]
    note(Figure(work=work, of="now", seen=seen, goal="1.10 x", bound="slept", judged="wall"))
    print(f"tuning: {what}: {wall:.2f} s, {wall / bound:.2f} of the bound; CPU {each:.0f} ms each")


if __name__ == "__main__":
    main()
