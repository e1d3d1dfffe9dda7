"""A model of 1.5 GB goes through `up`, from training to promotion, with 1.5 GB of addresses; says what it took."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.tiny import variant
from tests.workspaces import Workspace, make_workspace

TRAIN = """\
import os
from pathlib import Path

folder = Path(os.environ["SM_MODEL_DIR"])
(folder / "mean.txt").write_text("2.0")
with (folder / "weights.bin").open("wb") as file:
    for _ in range({blocks}):
        file.write(os.urandom(1 << 20))
"""
REPACKED = variant(('ModelRepack: "False"', 'ModelRepack: "True"'))


def main() -> int:
    """Make the model repository, run it under the limit, and print time and memory of the tool's own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1500, help="size of the model")
    parser.add_argument("--addresses", type=int, default=1500, help="megabytes of addresses for every process")
    parser.add_argument("--folder", help="where the workspace is made (default: the folder for temporary files)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        workspace = make_workspace(Path(folder), conf=REPACKED)
        workspace.push("scripts/train.py", TRAIN.format(blocks=asked.megabytes))
        for title, arguments in (("trains, repacks, promotes", ("--approve",)), ("all from the cache", ())):
            code, seconds, resident = _run(workspace, ("up", *arguments), asked.addresses << 10)
            print(f"{title}: exit code {code}, {seconds:.0f} s, {resident} MB resident at most", flush=True)
            if code:
                return code
        size = sum(path.stat().st_size for path in (workspace.root / ".pipeline_builder/store").rglob("*.tar.gz"))
        print(f"archives in the store: {size >> 20} MB")
    return 0


def _run(workspace: Workspace, arguments: tuple[str, ...], limit: int) -> tuple[int, float, int]:
    """Return exit code, seconds, and the most memory that the tool's own process, not its jobs, had at once, in MB."""
    started, most = time.monotonic(), 0
    process = subprocess.Popen(
        ["sh", "-c", f'ulimit -v {limit} && exec "$@"', "sh", *workspace.command(*arguments)],
        cwd=workspace.root,
        env=workspace.environment(),
        stdin=subprocess.DEVNULL,
    )
    while process.poll() is None:
        most = max(most, _peak(process.pid))
        time.sleep(0.05)
    return process.returncode, time.monotonic() - started, most // 1024


def _peak(pid: int) -> int:
    """Return a process's largest resident set in kB; 0 of one that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


sys.exit(main())
