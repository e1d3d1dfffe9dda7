"""The first `scripts/run --approve` in a fresh clone with its parts, and the second with nothing changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from table import ROOT, run, seconds, show


def main() -> None:
    """Print both, and what the first said of its parts."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        run(["git", "clone", "--quiet", str(ROOT), str(clone)], Path(folder))
        said: list[str] = []
        first = seconds(lambda: said.append(run(["scripts/run", "--approve"], clone).stderr))
        again = [seconds(lambda: run(["scripts/run", "--approve"], clone)) for _ in range(5)]
        show("the main job", [("first, set-up included", [first], "180 s"), ("nothing changed", again, "5 s")])
        print("  parts of the first:")
        for line in said[0].splitlines():
            if line.startswith("set up") or (line[:1].isalpha() and line.endswith(" s")):
                print(f"    {line}")


main()
