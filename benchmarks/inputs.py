"""What an input of many files costs a plan: looked at for the first time, and again; another checkout beside it."""

from __future__ import annotations

import argparse
import json
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from beside import add_old, checkouts
from figures import Figure, Seen, note
from table import show

ONE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from tests.engine.definitions import CACHED, definition, script
target = open_local_target(Path(sys.argv[2]), LocalSettings(mounts={"data": Path(sys.argv[3])}))
content = definition(script("a", "true", inputs={"x": "s3://data/"}, **CACHED))
began, cpu = time.perf_counter(), time.process_time()
target.pipelines.fingerprint(content, {})
target.pipelines.predict_cache("p", content, {})
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - began, time.process_time() - cpu, memory]))
"""


def look(checkout: Path, state: Path, data: Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and megabytes of what a plan does with the data, in a process of its own."""
    command = [sys.executable, "-c", ONE, str(checkout), str(state), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    wall, cpu, memory = json.loads(done.stdout)
    return wall, cpu, memory


def fill(data: Path, count: int) -> None:
    """Write so many small files, 500 a folder."""
    for number in range(count):
        folder = data / str(number // 500)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.csv").write_bytes(b"%d,1,2,3\n" % number * 20)


def measure(roots: dict[str, Path], count: int, rounds: int) -> dict[str, list[tuple[float, float, float]]]:
    """Return what each round found, by the name of its row; the checkouts take turns."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        fill(data, count)
        for _ in range(rounds):
            for name, root in roots.items():
                for way in ("cold", "warm"):
                    seen = look(root, Path(folder, "state"), data)
                    found.setdefault(f"{count:,} files, {way}, {name}", []).append(seen)
                shutil.rmtree(Path(folder, "state"))
    return found


def main() -> None:
    """Print tables of seconds and CPU seconds, ratios, peak memory, and how the work grows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", default="1000,10000,100000", help="numbers of files")
    parser.add_argument("--rounds", type=int, default=5)
    add_old(parser)
    given = parser.parse_args()
    counts = [int(count) for count in given.files.split(",")]
    found: dict[str, list[tuple[float, float, float]]] = {}
    for count in counts:
        found |= measure(checkouts(given.old), count, given.rounds)
    for title, part in (("seconds", 0), ("CPU seconds", 1)):
        goals = {name: "1 s of 10,000" if "cold" in name else "0.2 s of 10,000" for name in found}
        show(title, [(name, [seen[part] for seen in rows], goals[name]) for name, rows in found.items()])
    for count in counts:
        for way, goal in (("cold", "1 s"), ("warm", "0.2 s")):
            for name in checkouts(given.old):
                rows = found[f"{count:,} files, {way}, {name}"]
                seen = [Seen(wall=wall, cpu=cpu, peak=peak) for wall, cpu, peak in rows]
                told = goal if count == 10_000 else f"{10 * float(goal[:-2]):g} s" if count == 100_000 else ""
                note(Figure(work=f"plan, input of many files, {way}", of=name, size=count, seen=seen, goal=told))
    middle = {name: statistics.median(cpu for _, cpu, _ in rows) for name, rows in found.items()}
    for name, cpu in middle.items():
        before = middle.get(name.replace(", now", ", before"))
        ratio = f", {before / cpu:.1f} times less CPU than before" if before and ", now" in name else ""
        print(f"  {name}: at most {max(memory for _, _, memory in found[name]):.0f} MB{ratio}")
    for way in ("cold", "warm"):
        few, many = (middle[f"{count:,} files, {way}, now"] for count in (counts[0], counts[-1]))
        if counts[0] != counts[-1]:
            power = math.log(many / few) / math.log(counts[-1] / counts[0])
            print(f"  {way}: grows as files to the power of {power:.2f}")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"  all in {children.ru_utime + children.ru_stime:.0f} s of CPU")


if __name__ == "__main__":
    main()
