"""The local engine's own cost: a chain of jobs that do nothing, and eight that sleep at once."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from table import ROOT, seconds, show

sys.path.insert(0, str(ROOT))

from tests.engine.definitions import definition, run, script, target


def chain(command: str, length: int) -> bytes:
    """Return a definition whose steps wait for each other."""
    steps = [script(f"s{n}", command, **({"DependsOn": [f"s{n - 1}"]} if n else {})) for n in range(length)]
    return definition(*steps)


def main() -> None:
    """Print the table; the environment is made before anything is timed."""
    with tempfile.TemporaryDirectory() as folder:
        local = target(Path(folder), jobs=8)
        run(local, chain("true", 1))
        nothing = [seconds(lambda: run(local, chain("true", 20), rerun=True)) / 20 for _ in range(5)]
        python = [seconds(lambda: run(local, chain("python -c pass", 20), rerun=True)) / 20 for _ in range(5)]
        sleeping = definition(*(script(f"s{n}", "sleep 1") for n in range(8)))
        parallel = [seconds(lambda: run(local, sleeping, rerun=True)) for _ in range(3)]
        rows = [
            ("a step of a chain of 20, `true`", nothing, "0.1 s"),
            ("a step of a chain of 20, `python -c pass`", python, "0.1 s"),
            ("8 sleeps of 1 s, 8 jobs", parallel, "2 s"),
        ]
        show("engine", rows)


main()
