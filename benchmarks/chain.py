"""A chain of steps that run `true`: ours, and doit and luigi with the same work; cold, and with nothing changed.

The peers are installed by uv into an environment of the benchmark's own, and what can't be had is said. Ours keeps jobs
apart, logs, evidence and a cache by content; a peer's task starts `true` and touches a file, which is all it keeps.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import Figure, Seen, exponent, meter, middle, note
from table import ROOT

PEERS = ("doit==0.36.0", "luigi==3.5.1")
OURS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.engine.definitions import CACHED, definition, run, script, target
local = target(Path(sys.argv[2]))
size = int(sys.argv[3])
steps = [script(f"s{n}", "true", **CACHED, **({"DependsOn": [f"s{n - 1}"]} if n else {})) for n in range(size)]
_, ended, states = run(local, definition(*steps), again=bool(sys.argv[4:]))
assert ended.status.value == "Succeeded"
assert not sys.argv[4:] or all(state.cache_hit for state in states.values())
"""
DOIT = """
def task_s():
    for n in range({size}):
        yield {{"name": str(n), "actions": [f"true && touch out{{n}}"], "targets": [f"out{{n}}"],
               "file_dep": [f"out{{n - 1}}"] if n else ["first"]}}
"""
LUIGI = """
import subprocess, sys
import luigi
class S(luigi.Task):
    n = luigi.IntParameter()
    def requires(self):
        return [S(self.n - 1)] if self.n else []
    def output(self):
        return luigi.LocalTarget(f"out{self.n}")
    def run(self):
        subprocess.run("true", shell=True, check=True)
        self.output().open("w").close()
sys.setrecursionlimit(100_000)
assert luigi.build([S(int(sys.argv[1]) - 1)], local_scheduler=True, log_level="ERROR")
"""


def peers_python() -> Path | None:
    """Return the peers' own interpreter; None, which is said, where they can't be installed."""
    folder = Path(tempfile.gettempdir()) / "benchmark-peers"
    python, uv = folder / "bin" / "python", Path(sys.executable).with_name("uv")
    if python.exists() and subprocess.run([python, "-c", "import doit, luigi"], check=False).returncode == 0:
        return python
    for words in (["venv", "--quiet", "--clear", folder], ["pip", "install", "--quiet", "--python", python, *PEERS]):
        done = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"  doit and luigi are not measured: {done.stderr.strip().splitlines()[-1:]}")
            return None
    return python


def ways(size: int, folder: Path, peers: Path | None) -> dict[str, list[str | Path]]:
    """Return the commands by who they are of; each is run in its folder, for the chain, and again for no change."""
    found: dict[str, list[str | Path]] = {"now": [sys.executable, "-c", OURS, ROOT, folder / "now", str(size)]}
    if peers:
        (folder / "doit").mkdir()
        (folder / "doit" / "dodo.py").write_text(DOIT.format(size=size))
        (folder / "doit" / "first").touch()
        (folder / "luigi").mkdir()
        (folder / "luigi" / "chain.py").write_text(LUIGI)
        found |= {
            "doit": [peers, "-m", "doit", "--verbosity", "0"],
            "luigi": [peers, "chain.py", str(size)],
        }
    (folder / "now").mkdir()
    return found


def main() -> None:
    """Print a line for each length, way and side; the sides take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100])
    given = parser.parse_args()
    peers, found = peers_python(), dict[tuple[str, str, int], list[Seen]]()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    for size in given.sizes:
        for _ in range(given.rounds):
            with tempfile.TemporaryDirectory() as name:
                for who, command in ways(size, Path(name), peers).items():
                    for way in ("cold", "nothing changed"):
                        words = [*command, "again"] if who == "now" and way != "cold" else command
                        seen = meter(words, folder=Path(name, who), environment=environment)
                        found.setdefault((way, who, size), []).append(seen)
                    assert who == "now" or len(list(Path(name, who).glob("out*"))) == size, who
    for (way, who, size), seen in found.items():
        note(Figure(work=f"chain of `true`, {way}", of=who, size=size, seen=seen))
        peak = max(one.peak for one in seen)
        cpu, wall = middle(seen), middle(seen, "wall")
        print(f"  {size:5} steps, {way:<16} {who:<6} {cpu:7.2f} CPU s, {wall:7.2f} s, {peak:4.0f} MB, n={len(seen)}")
    for way, who in dict.fromkeys((way, who) for way, who, _ in found):
        values = [middle(found[way, who, size]) for size in given.sizes]
        print(f"  {way:<16} {who:<6} n^{exponent(given.sizes, values):.2f}")


if __name__ == "__main__":
    main()
