"""What the local engine itself costs: a step that runs `true`, isolated; another checkout beside it."""

from __future__ import annotations

import argparse
import statistics
import tempfile

from beside import Worker, add_old, checkouts
from figures import Figure, Seen, note, watch
from table import show

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
Parts = tuple[float, float, float]
"""Seconds of a step, and the CPU seconds of the engine and of all that it starts."""


def main() -> None:
    """Print the tables; the checkouts take turns, so that both find the machine as busy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lengths", default="20,100", help="steps of a chain")
    add_old(parser)
    given = parser.parse_args()
    found: dict[str, list[Parts]] = {}
    seen: dict[tuple[str, int], list[Seen]] = {}
    with tempfile.TemporaryDirectory() as folder:
        engines = {name: Worker(ONE, root, f"{folder}/{name}") for name, root in checkouts(given.old).items()}
        for length in map(int, given.lengths.split(",")):
            for _ in range(given.rounds):
                for name, engine in engines.items():
                    with watch(engine.process) as peaks:
                        found.setdefault(f"a step of {length}, {name}", []).append(engine.ask(str(length)))
                    wall, own, others = found[f"a step of {length}, {name}"][-1]
                    seen.setdefault((name, length), []).append(Seen(wall=wall, cpu=own + others, peak=peaks[0]))
        for engine in engines.values():
            engine.close()
    for (name, length), took in seen.items():
        note(Figure(work=f"a step, `true`, of a chain of {length}", of=name, seen=took, goal="0.02 s"))
    for title, part in (("seconds", 0), ("CPU seconds of the engine", 1), ("CPU seconds of launcher and job", 2)):
        show(title, [(name, [row[part] for row in rows], "0.02 s in all") for name, rows in found.items()])
    cost = {name: statistics.median(own + others for _, own, others in rows) for name, rows in found.items()}
    for name, cpu in cost.items():
        if before := cost.get(name.replace(", now", ", before")) if ", now" in name else None:
            print(f"  {name}: {cpu / before:.2f} of the CPU of before")


main()
