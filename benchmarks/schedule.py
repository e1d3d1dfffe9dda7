"""A DAG of sleeps, some at once, against the same schedule played without any overhead; another checkout beside it."""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from beside import add_old, checkouts
from figures import Figure, Seen, note, watch
from table import show

ONE = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.engine.definitions import definition, run, script, target
target = target(Path(sys.argv[2]), jobs=int(sys.argv[3]))
dag = json.load(open(sys.argv[4]))
content = definition(*(script(name, f"sleep {seconds}", DependsOn=before) for name, seconds, before in dag))
for line in sys.stdin:
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    run(target, content, rerun=True)
    print(json.dumps([time.perf_counter() - began, sum(os.times()[:4]) - cpu]), flush=True)
"""
Dag = list[tuple[str, float, list[str]]]


def make(count: int, shortest: float, longest: float) -> Dag:
    """Return steps that wait for up to two of the thirty before them."""
    chance = random.Random(7)
    names = [f"s{n}" for n in range(count)]
    return [
        (
            name,
            round(chance.uniform(shortest, longest), 2),
            chance.sample(names[max(0, n - 30) : n], min(n, chance.randint(0, 2))),
        )
        for n, name in enumerate(names)
    ]


def played(dag: Dag, workers: int, *, longest_first: bool) -> float:
    """Return how long the DAG takes where nothing but sleeping takes time."""
    rest: dict[str, float] = {}
    for name, seconds, before in reversed(dag):
        rest[name] = rest.get(name, 0.0) + seconds
        for earlier in before:
            rest[earlier] = max(rest.get(earlier, 0.0), rest[name])
    todo, done, running, clock = list(dag), set[str](), list[tuple[float, str]](), 0.0
    while todo or running:
        ready = [step for step in todo if done.issuperset(step[2])]
        for step in sorted(ready, key=lambda step: -rest[step[0]] if longest_first else 0)[: workers - len(running)]:
            todo.remove(step)
            heapq.heappush(running, (clock + step[1], step[0]))
        clock, name = heapq.heappop(running)
        done.add(name)
    return clock


def bound(dag: Dag, workers: int) -> float:
    """Return the longer of the critical path and the work's part of each worker."""
    return max(played(dag, len(dag), longest_first=True), sum(seconds for _, seconds, _ in dag) / workers)


def main() -> None:
    """Print the tables; each checkout runs the DAG once before anything is measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=8)
    add_old(parser)
    given = parser.parse_args()
    dag = make(given.steps, 0.3, 3.0)
    roots = checkouts(given.old)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in roots}
    peaks: dict[str, list[float]] = {name: [] for name in roots}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "dag").write_text(json.dumps(dag), encoding="utf-8")
        for number in range(given.rounds + 1):
            for name, root in roots.items():
                command = [
                    sys.executable,
                    "-c",
                    ONE,
                    str(root),
                    f"{folder}/{name}",
                    str(given.jobs),
                    f"{folder}/dag",
                ]
                pipe = subprocess.PIPE
                one = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd="/")
                with watch(one.pid) as most:
                    said, _ = one.communicate("\n")
                if number:
                    found[name].append(tuple(json.loads(said)))
                    peaks[name].append(most[0])
    best = played(dag, given.jobs, longest_first=True)
    least = bound(dag, given.jobs)
    print(f"max(critical path, work / {given.jobs}) {least:.2f} s; played without overhead: longest way first")
    print(f"{best:.2f} s, in the definition's order {played(dag, given.jobs, longest_first=False):.2f} s")
    show("seconds", [(name, [wall for wall, _ in rows], f"{1.05 * best:.2f} s") for name, rows in found.items()])
    show("CPU seconds", [(name, [cpu for _, cpu in rows], "-") for name, rows in found.items()])
    work = f"{given.steps} sleeps, {given.jobs} at once"
    note(Figure(work=work, of="played", seen=[Seen(wall=best, cpu=0.0)]))
    for name, rows in found.items():
        seen = [Seen(wall=wall, cpu=cpu, peak=peak) for (wall, cpu), peak in zip(rows, peaks[name], strict=True)]
        note(Figure(work=work, of=name, seen=seen, goal="1.05 x", bound="played", judged="wall"))
        wall = statistics.median(wall for wall, _ in rows)
        print(f"  {name}: {wall / best:.3f} times what is played without overhead, {wall / least:.3f} times the bound")


main()
