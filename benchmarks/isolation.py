"""What isolation costs a job: the same job isolated and plain, in pairs; with another checkout, its jobs as third."""

from __future__ import annotations

import argparse
import tempfile

from beside import Worker, add_old
from table import ROOT, seconds, show

ONE = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.sandbox import run_job
for line in sys.stdin:
    job = Job(name="j", folder=Path(sys.argv[2]), command=("true",), environment={}, python=Path(sys.executable),
              workdir="/opt/ml", timeout=60)
    began = time.perf_counter()
    assert run_job(job, stop=threading.Event(), private=sys.argv[3] == "private").exit_code == 0
    print(time.perf_counter() - began, flush=True)
"""


def main() -> None:
    """Print the table; each round runs one job of each kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    add_old(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workers = {
            "a job of `true`, plain": Worker(ONE, ROOT, f"{folder}/plain", "plain"),
            "a job of `true`, isolated": Worker(ONE, ROOT, f"{folder}/private", "private"),
        }
        if given.old:
            other = Worker(ONE, given.old.resolve(), f"{folder}/old", "private")
            workers["a job of `true`, isolated by the other checkout"] = other
        found: dict[str, list[float]] = {name: [] for name in workers}

        def turn() -> None:
            for name, worker in workers.items():
                found[name].append(worker.ask())

        turn()  # what is found out once isn't measured
        for values in found.values():
            values.clear()
        took = seconds(lambda: [turn() for _ in range(given.rounds)])
        show(f"isolation, {took:.0f} s", [(name, values, "0.04 s") for name, values in found.items()])
        for worker in workers.values():
            worker.close()


main()
