"""What the local engine itself costs: a step that runs `true`, isolated; another checkout beside it."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from table import ROOT, show

ONE = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.engine.definitions import definition, run, script, target
target = target(Path(sys.argv[2]), jobs=8)
def chain(length):
    return definition(*(script(f"s{n}", "true", DependsOn=[f"s{n - 1}"] if n else []) for n in range(length)))
run(target, chain(1))
for line in sys.stdin:
    content, length = chain(int(line)), int(line)
    began, cpu = time.perf_counter(), os.times()
    run(target, content, rerun=True)
    now = os.times()
    print(json.dumps([(time.perf_counter() - began) / length, (sum(now[:2]) - sum(cpu[:2])) / length,
                      (sum(now[2:4]) - sum(cpu[2:4])) / length]), flush=True)
"""
Seen = tuple[float, float, float]


class Engine:
    """A process with an engine of a checkout, which runs a chain whenever it is asked."""

    def __init__(self, checkout: Path, folder: str) -> None:
        command = [sys.executable, "-c", ONE, str(checkout), folder]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")

    def run(self, length: int) -> Seen:
        """Return the seconds of a step, and the CPU seconds of the engine and of all that it starts."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{length}\n")
        self._process.stdin.flush()
        wall, own, others = json.loads(self._process.stdout.readline())
        return wall, own, others

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Print the tables; the checkouts take turns, so that both find the machine as busy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lengths", default="20,100", help="steps of a chain")
    parser.add_argument("--old", type=Path, help="another checkout, such as one of a version before")
    given = parser.parse_args()
    checkouts = {**({"before": given.old.resolve()} if given.old else {}), "now": ROOT}
    found: dict[str, list[Seen]] = {}
    with tempfile.TemporaryDirectory() as folder:
        engines = {name: Engine(checkout, f"{folder}/{name}") for name, checkout in checkouts.items()}
        for length in map(int, given.lengths.split(",")):
            for _ in range(given.rounds):
                for name, engine in engines.items():
                    found.setdefault(f"a step of {length}, {name}", []).append(engine.run(length))
        for engine in engines.values():
            engine.close()
    for title, part in (("seconds", 0), ("CPU seconds of the engine", 1), ("CPU seconds of launcher and job", 2)):
        show(title, [(name, [seen[part] for seen in rows], "0.02 s in all") for name, rows in found.items()])
    cost = {name: statistics.median(own + others for _, own, others in rows) for name, rows in found.items()}
    for name, cpu in cost.items():
        if before := cost.get(name.replace(", now", ", before")) if ", now" in name else None:
            print(f"  {name}: {cpu / before:.2f} of the CPU of before")


main()
