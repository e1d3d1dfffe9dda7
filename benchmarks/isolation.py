"""What isolation costs a job: the same job isolated and plain, in pairs; with another checkout, its jobs as third."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

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


class Runner:
    """A process that runs a job whenever it is asked: imports, and what is found out once, are not measured."""

    def __init__(self, checkout: Path, folder: str, mode: str) -> None:
        command = [sys.executable, "-c", ONE, str(checkout), folder, mode]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        self.values: list[float] = []
        self.run()
        self.values.clear()

    def run(self) -> None:
        """Run one job and keep how long it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.values.append(float(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Print the table; each round runs one job of each kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--old", type=Path, help="another checkout, such as one of a version before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runners = {
            "a job of `true`, plain": Runner(ROOT, f"{folder}/plain", "plain"),
            "a job of `true`, isolated": Runner(ROOT, f"{folder}/private", "private"),
        }
        if given.old:
            runners["a job of `true`, isolated by the other checkout"] = Runner(given.old, f"{folder}/old", "private")
        took = seconds(lambda: [runner.run() for _ in range(given.rounds) for runner in runners.values()])
        show(f"isolation, {took:.0f} s", [(name, runner.values, "0.04 s") for name, runner in runners.items()])
        for runner in runners.values():
            runner.close()


main()
