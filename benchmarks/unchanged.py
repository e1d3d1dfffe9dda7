"""A second `up` with nothing changed, of 17 and 167 units on this machine: CPU seconds of the command with its git.

`--before COMMIT` measures that commit on the same workspaces, turn by turn; `--folder` keeps them, for another time.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from beside import environment_of, trees_of
from figures import Figure, Seen, meter, note
from table import ROOT

sys.path.insert(0, str(ROOT))

from tests.engine.environments import share_environment
from tests.tiny import CONF, DATA, SCRIPTS

GOALS = {17: "0.6 s", 167: "1.5 s"}
GIT = ["git", "-c", "user.name=b", "-c", "user.email=b@example.com", "-c", "init.defaultBranch=main"]


def make_workspace(folder: Path, units: int) -> None:
    """Write a manifest, a git repository for each unit, and the data of each."""
    head, steps = CONF.split("  sagemakerPipeline:\n")
    pipeline = ["  sagemakerPipeline:\n    pipelineName: many\n    models:\n"]
    names = [f"unit{number:04d}" for number in range(units)]
    pipeline += [steps.split("    models:\n")[1].replace("churn", name) for name in names]
    for name in names:
        remote = folder / "remotes" / name
        (remote / "conf").mkdir(parents=True)
        (remote / "scripts").mkdir()
        conf = head.replace("churn", name) + ("".join(pipeline) if name == names[0] else "")
        (remote / "conf" / "conf.yaml").write_text(conf)
        for script, text in SCRIPTS.items():
            own = text.replace("churn", name).replace("CHURN", name.upper())
            (remote / "scripts" / script).write_text(own)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Begin"]):
            subprocess.run([*GIT, *words], cwd=remote, check=True)
        data = folder / ".pipeline_builder" / "store" / "local" / name
        data.mkdir(parents=True)
        (data / "numbers.csv").write_text(DATA)
    repos = "".join(f"  - url: {folder / 'remotes' / name}\n" for name in names)
    (folder / "model_repos.yaml").write_text(f"version: 1\nrepos:\n{repos}")
    share_environment(folder / ".pipeline_builder")


def up(root: Path, folder: Path) -> Seen:
    """Return what an `up` takes, its git's part with it."""
    command = [sys.executable, "-m", "pipeline_builder", "up", "--approve"]
    return meter(command, folder=folder, environment=environment_of(root))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="", metavar="COMMIT")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(GOALS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, trees_of(given.before) as trees:
        for size in given.sizes:
            folder = (given.folder or Path(name)) / str(size)
            if not folder.exists():
                make_workspace(folder, size)
                up(ROOT, folder)
            for root in trees.values():
                up(root, folder)  # its bytecode is there from then on
            found: dict[str, list[Seen]] = {which: [] for which in trees}
            for _ in range(given.runs):
                for which, root in trees.items():
                    found[which].append(up(root, folder))
            for which, seen in found.items():
                note(Figure(work="no-change up", of=which, size=size, seen=seen, goal=GOALS.get(size, "")))
                values = [one.cpu for one in seen]
                middle = statistics.median(values)
                spread = f"({min(values):.2f} to {max(values):.2f}, n={len(values)})"
                print(
                    f"  {size:4} units  {which:<7} {middle:6.2f} s CPU  {spread}  goal {GOALS.get(size, '')}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
