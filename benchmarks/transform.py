"""A batch transform of many records, one a request: handlers that do nothing, so that all of it is ours."""

from __future__ import annotations

import argparse
import tempfile

from beside import Worker, add_old, checkouts
from figures import Figure, Seen, exponent, middle, note, watch

ONE = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
folder = Path(sys.argv[2])
from pipeline_builder.engine.inside import batch, handlers
for name in ("code", "model"):
    (folder / name).mkdir(parents=True)
text = "def model_fn(d): return 1" + chr(10) + "def input_fn(b, t): return b" + chr(10)
text += "def predict_fn(x, m): return x" + chr(10) + "def output_fn(p, a): return p, a" + chr(10)
(folder / "code" / "inference.py").write_text(text)
spec = {**batch.DEFAULTS, "model_dir": str(folder / "model"), "code_dir": str(folder / "code"), "image": "",
        "program": "inference.py", "content_type": "text/csv", "accept": "text/csv", "split": "Line",
        "strategy": "SingleRecord", "assemble": "Line", "files": [[str(folder / "in"), str(folder / "out")]]}
container = handlers.open_container(spec)
for line in sys.stdin:
    (folder / "in").write_bytes(b"1,2,3,4\\n" * int(line))
    began, cpu = time.perf_counter(), time.process_time()
    assert batch.run_files(container, spec) == 0
    print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]), flush=True)
"""


def main() -> None:
    """Print a line for each number of records and side; the sides take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    add_old(parser)
    given = parser.parse_args()
    found: dict[tuple[str, int], list[Seen]] = {}
    with tempfile.TemporaryDirectory() as folder:
        sides = {name: Worker(ONE, root, f"{folder}/{name}") for name, root in checkouts(given.old).items()}
        for count in given.records:
            for _ in range(given.rounds):
                for name, worker in sides.items():
                    with watch(worker.process) as peaks:
                        wall, cpu = worker.ask(str(count))
                    found.setdefault((name, count), []).append(Seen(wall=wall, cpu=cpu, peak=peaks[0]))
        for worker in sides.values():
            worker.close()
    for (name, count), seen in found.items():
        note(Figure(work="transform, records one a request", of=name, size=count, seen=seen))
        each = 1e6 * middle(seen) / count
        print(f"  {count:9,} records  {name:<7} {middle(seen):7.3f} CPU s, {each:.2f} µs each, n={len(seen)}")
    for name in sides:
        values = [middle(found[name, count]) for count in given.records]
        print(f"  {name}: n^{exponent(given.records, values):.2f}")


if __name__ == "__main__":
    main()
