"""`up` and `plan` with nothing changed, of 17 and 167 units on this machine: CPU seconds of the command with its git.

`--before COMMIT` measures that commit on workspaces of its own, turn by turn; `--folder` keeps them for later.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from beside import environment_of, trees_of
from figures import Figure, Seen, exponent, meter, middle, note, ratio
from table import ROOT

sys.path.insert(0, str(ROOT))

from tests.engine.environments import share_environment
from tests.tiny import CONF, DATA, SCRIPTS

GOALS = {17: "0.6 s", 167: "1.5 s"}
UP = ("up", "--approve")
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


def command(root: Path, folder: Path, *words: str) -> Seen:
    """Return what a command takes, its git's part with it."""
    words = (sys.executable, "-m", "pipeline_builder", *words)
    return meter(words, folder=folder, environment=environment_of(root))


def measure(
    trees: dict[str, Path], folders: dict[str, Path], words: tuple[str, ...], runs: int
) -> dict[str, list[Seen]]:
    """Return what a command takes of each tree in its own workspace, turn by turn."""
    for _ in range(3):  # its bytecode is there from then on, and what it keeps
        for which, root in trees.items():
            command(root, folders[which], *words)
    found: dict[str, list[Seen]] = {which: [] for which in trees}
    for _ in range(runs):
        for which, root in trees.items():
            found[which].append(command(root, folders[which], *words))
    return found


def workspaces(parent: Path, size: int, trees: dict[str, Path]) -> dict[str, Path]:
    """Return a workspace for each tree, in which its own code has run all: no version reads a newer one's state."""
    found = {which: parent / f"{size}-{which}" for which in trees}
    for which, folder in found.items():
        if not folder.exists():
            make_workspace(folder, size)
            command(trees[which], folder, *UP)
    return found


def show(work: str, found: dict[int, dict[str, list[Seen]]], goals: dict[int, str]) -> None:
    """Print the medians of each size and side, the ratio of the pairs, and how they grow."""
    for size, sides in found.items():
        for which, seen in sides.items():
            note(Figure(work=f"no-change {work}", of=which, size=size, seen=seen, goal=goals.get(size, "")))
            values = [one.cpu for one in seen]
            spread = f"({min(values):.2f} to {max(values):.2f}, n={len(values)})"
            peak = max(one.peak for one in seen)
            goal = f"  goal {goals[size]}" if size in goals and which == "now" else ""
            print(
                f"  {work:<5}{size:4} units  {which:<7}{middle(seen):6.2f} s CPU  {spread}  {peak:4.0f} MB{goal}",
                flush=True,
            )
        if "before" in sides:
            print(f"  {'':<5}{'':4}        ratio  {ratio(sides['now'], sides['before']):6.2f}", flush=True)
    if len(found) > 1:
        sizes = list(found)
        for which in found[sizes[0]]:
            power = exponent(sizes, [middle(found[size][which]) for size in sizes])
            print(f"  {work:<5}{which:<7} n^{power:.2f} from {sizes[0]} to {sizes[-1]} units", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="", metavar="COMMIT")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(GOALS))
    given = parser.parse_args()
    found: dict[str, dict[int, dict[str, list[Seen]]]] = {"up": {}, "plan": {}}
    with tempfile.TemporaryDirectory() as name, trees_of(given.before) as trees:
        for size in given.sizes:
            folders = workspaces(given.folder or Path(name), size, trees)
            for work, words in (("up", UP), ("plan", ("plan",))):
                found[work][size] = measure(trees, folders, words, given.runs)
    for work, by_size in found.items():
        show(work, by_size, GOALS if work == "up" else {})


if __name__ == "__main__":
    main()
