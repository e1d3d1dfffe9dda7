"""What a job leaves, brought into the store: copied, and moved, which only reads it for its digest."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from table import ROOT, show

sys.path.insert(0, str(ROOT))

from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.machine.tree import Tree, survey


def fill(folder: Path, files: int, size: int) -> Tree:
    """Write so many files of so many bytes."""
    folder.mkdir(parents=True)
    content = os.urandom(size)
    for number in range(files):
        (folder / f"{number}").write_bytes(content)
    return Tree(root=folder)


def main() -> None:
    """Print seconds and CPU seconds of both ways, which take turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(dir=ROOT) as work:
        folder = Path(work)
        store = LocalStore(folder / "store", {}, State(folder / "state.db"))
        for number in range(given.rounds):
            for files, size in ((1, 256 << 20), (2000, 4096)):
                for last in (False, True):
                    tree = fill(folder / f"{number}-{files}-{last}", files, size)
                    began, cpu = time.perf_counter(), time.process_time()
                    store.upload(tree, survey(tree), f"s3://b/{number}/{files}/{last}", last=last)
                    name = f"{files:,} files of {size:,} bytes, {'moved' if last else 'copied'}"
                    took = (time.perf_counter() - began, time.process_time() - cpu)
                    found.setdefault(name, []).append(took)
    for title, part in (("seconds", 0), ("CPU seconds", 1)):
        show(title, [(name, [row[part] for row in rows], "-") for name, rows in found.items()])
    for name, rows in found.items():
        if "moved" in name:
            copied = statistics.median(cpu for _, cpu in found[name.replace("moved", "copied")])
            print(f"  {name}: {statistics.median(cpu for _, cpu in rows) / copied:.2f} of the CPU of copying")


main()
