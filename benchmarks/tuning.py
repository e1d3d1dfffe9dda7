"""A tuning of trainings that sleep, so many at once, against the time that sleeping alone takes."""

from __future__ import annotations

import argparse
import math
import tempfile

from beside import Worker
from figures import Figure, Seen, middle, note, watch
from table import ROOT

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
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    seen: list[Seen] = []
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(ONE, ROOT, folder, *map(str, (given.trainings, given.parallel, given.seconds)))
        worker.ask()  # warms up
        for _ in range(given.rounds):
            with watch(worker.process) as peaks:
                wall, cpu = worker.ask()
            seen.append(Seen(wall=wall, cpu=cpu, peak=peaks[0]))
        worker.close()
    bound = math.ceil(given.trainings / given.parallel) * given.seconds
    work = f"{given.trainings} trainings of {given.seconds:g} s, {given.parallel} at once"
    note(
        Figure(work=work, of="sleeping alone", seen=[Seen(wall=bound, cpu=0.0)]),
        Figure(work=work, of="now", seen=seen, judged="wall", goal="1.10 x", bound="sleeping alone"),
    )
    wall, each = middle(seen, "wall"), middle(seen) / given.trainings * 1000
    print(f"tuning: {work}, n={given.rounds}: {wall:.2f} s, {wall / bound:.2f} of the bound; CPU {each:.0f} ms each")


if __name__ == "__main__":
    main()
