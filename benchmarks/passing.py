"""What data cost that pass through a step: large and many, brought in each way, and kept; another checkout beside it.

Beside CPU seconds: bytes that the engine and the job read and wrote, as the kernel counts them, and peak memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from pathlib import Path

from beside import Worker, add_old, checkouts
from figures import Figure, Seen, note, watch
from inputs import fill
from table import ROOT

ONE = """
import json, os, shutil, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.engine.definitions import definition, run, script, target, training
work = Path(sys.argv[2])
local = target(work)
run(local, definition(script("a", "true")))
store = work / "state" / "store"
def channel(mode, uri):
    return {"InputDataConfig": [{"ChannelName": "c", "InputMode": mode, "DataSource": {"S3DataSource": {
        "S3DataType": "S3Prefix", "S3Uri": uri}}}]}
def io():
    return [int(line.split()[1]) for line in open("/proc/self/io").readlines()[:2]]
make = "import os, sys; n, s = map(int, sys.argv[1:3]); b = os.urandom(min(s, 1 << 20))"
make += chr(10) + "for i in range(n):" + chr(10) + "  f = open(f'{sys.argv[3]}/{i}', 'wb')" + chr(10)
make += "  for _ in range(max(1, s >> 20)): f.write(b)"
def python(n, size, folder):
    lines = [f"mkdir -p {folder}; cat > /tmp/m.py <<'E'", make, "E", f"python /tmp/m.py {n} {size} {folder}"]
    return chr(10).join(lines)
for line in sys.stdin:
    what, kind, n, size = line.split()
    n, size = int(n), int(size)
    if what == "in":
        uri = f"s3://{kind.partition('-')[2] or 'data'}/{n}-{size}/"
        mode = kind.partition("-")[0]
        if mode == "Processing":
            step = script("a", "true", inputs={"x": uri})
        else:
            step = training("a", "true", **channel(mode, uri))
    elif what == "out":
        step = script("a", python(n, size, "/opt/ml/processing/output"))
    else:
        step = training("a", python(n, size, "/opt/ml/model"))
    content = definition(step)
    before, began, cpu = io(), time.perf_counter(), sum(os.times()[:4])
    ended = run(local, content, rerun=True)[1]
    wall, cpu, after = time.perf_counter() - began, sum(os.times()[:4]) - cpu, io()
    assert ended.status.value == "Succeeded", ended
    print(json.dumps([wall, cpu, *(now - then for now, then in zip(after, before))]), flush=True)
    shutil.rmtree(store / "local", ignore_errors=True)
"""
WAYS = (
    ("File", "a channel, File"), ("FastFile", "a channel, FastFile"), ("Processing", "a processing input"),
)  # fmt: skip


def works(size: int, many: int) -> dict[str, str]:
    """Return what is asked of a worker, by what it is called."""
    large, files = f"1 {size}", f"{many} 180"
    bytes_of = f"{size >> 20:,} MB"
    found = {}
    for what, name in ((large, bytes_of), (files, f"{many:,} files")):
        for kind, words in WAYS:
            found[f"{name}: {words}"] = f"in {kind} {what}"
        found[f"{name}: outputs"] = f"out - {what}"
        found[f"{name}: model.tar.gz"] = f"model - {what}"
    return found


def main() -> None:
    """Print a line for each work and side; the sides take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--only", default="")
    add_old(parser)
    given = parser.parse_args()
    size = given.megabytes << 20
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as folder:
        sides = {}
        for name, root in checkouts(given.old).items():
            store = Path(folder, name, "state", "store", "data")
            fill(store / f"{given.files}-180", given.files)
            (store / f"1-{size}").mkdir()
            with (store / f"1-{size}" / "large").open("wb") as file:
                block = os.urandom(1 << 20)
                for _ in range(given.megabytes):
                    file.write(block)
            sides[name] = Worker(ONE, root, Path(folder, name))
        for work, line in works(size, given.files).items():
            if given.only in work:
                one(work, line, sides, given.rounds)
        for worker in sides.values():
            worker.close()
        shutil.rmtree(folder, ignore_errors=True)


def one(work: str, line: str, sides: dict[str, Worker], rounds: int) -> None:
    """Measure one work."""
    found: dict[str, list[tuple[Seen, float, float]]] = {}
    for _ in range(rounds):
        for name, worker in sides.items():
            with watch(worker.process) as peaks:
                wall, cpu, read, wrote = worker.ask(line)
            seen = Seen(wall=wall, cpu=cpu, peak=peaks[0])
            found.setdefault(name, []).append((seen, read / 1e6, wrote / 1e6))
    for name, rows in found.items():
        note(Figure(work=f"a step, {work}", of=name, seen=[seen for seen, _, _ in rows]))
        wall, cpu = (statistics.median(getattr(seen, part) for seen, _, _ in rows) for part in ("wall", "cpu"))
        read, wrote = (statistics.median(row[part] for row in rows) for part in (1, 2))
        peak = max(seen.peak for seen, _, _ in rows)
        print(
            f"  {work:<40} {name:<7}{wall:7.2f} s {cpu:7.2f} CPU s  read {read:6.0f} MB, wrote {wrote:6.0f} MB, "
            f"{peak:5.0f} MB at most, n={len(rows)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
