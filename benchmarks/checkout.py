"""Checkout beside git itself and other tools, of repositories behind a web server with TLS: turn by turn in one run.

`cold`: 50 repositories that nothing is there of. `unchanged`: the same again. `folders`: 8 folders of one repository of
60 MB. `growth`: from 10 to 1,000 small ones, with the exponent. Ours is the whole command, from its start to its end.

`--before COMMIT` measures that commit too, `--peers FOLDER` GitPython, vcs2l and west, which are installed into a
virtual environment there where they aren't yet; `--only WORD` measures one part.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from beside import trees_of
from figures import Figure, Seen, exponent, meter, middle, note, ratio
from remotes import git, make_remotes, served

WORK = Path(__file__).with_name("checkout_work.py")
PEERS = ("GitPython==3.2.1", "vcs2l", "west")
COUNT, FILES, SIZE = 50, 50, 20_000
FOLDERS = 8


@dataclass
class Contest:
    """Contenders over the same repositories, the first of which the others are measured against."""

    root: Path
    url: str
    environment: Mapping[str, str]
    repos: Sequence[tuple[str, str]]
    peers: Path | None = None
    costs: dict[str, list[Seen]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.listed.write_text("".join(f"{name} {commit}\n" for name, commit in self.repos))

    @property
    def listed(self) -> Path:
        return self.root / "listed"

    def workspace(self, name: str) -> Path:
        """Return a folder with our manifest, and that of others, as it was left or new."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        lines = "".join(f"  - {{name: {repo}, url: {self.url}/{repo}}}\n" for repo, _ in self.repos)
        (folder / "model_repos.yaml").write_text(f"version: 1\nrepos:\n{lines}")
        lines = "".join(f"  {repo}:\n    type: git\n    url: {self.url}/{repo}\n" for repo, _ in self.repos)
        (folder / "vcs.repos").write_text(f"repositories:\n{lines}")
        return folder

    def west(self, folder: Path) -> list[str | Path]:
        """Return west's command, in a folder that is made a workspace of it."""
        (folder / "manifest").mkdir()
        (folder / ".west").mkdir()
        (folder / ".west" / "config").write_text("[manifest]\npath = manifest\nfile = west.yml\n")
        lines = "".join(f"    - {{name: {repo}, url: {self.url}/{repo}, revision: main}}\n" for repo, _ in self.repos)
        (folder / "manifest" / "west.yml").write_text(f"manifest:\n  projects:\n{lines}")
        return [self.bin("west"), "update", "--narrow", "-o=--depth=1"]

    def bin(self, name: str) -> Path:
        """Return the program of another tool."""
        assert self.peers
        return self.peers / "bin" / name

    def take(self, name: str, command: Sequence[str | Path], folder: Path, tree: Path | None = None) -> None:
        environment = dict(self.environment)
        if tree:
            environment |= {"PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(self.root / "bytecode" / tree.name)}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.costs.setdefault(name, []).append(meter(command, folder=folder, environment=environment))

    def ours(self, name: str, tree: Path, folder: Path) -> None:
        self.take(name, [sys.executable, "-m", "pipeline_builder", "checkout"], folder, tree)

    def other(self, name: str, tool: str, folder: Path, python: str | Path = sys.executable) -> None:
        self.take(name, [python, WORK, tool, folder, self.url, self.listed], self.root)

    def anew(self, work: Callable[[Path], None], name: str = "work") -> None:
        """Do it in a new folder, which goes afterwards."""
        folder = self.workspace(name)
        work(folder)
        shutil.rmtree(folder)

    def show(self, title: str, goal: str = "") -> None:
        """Print a line for each; ratios are medians of those of each turn."""
        print(f"{title} ({os.cpu_count()} cores)")
        bound, *_ = self.costs
        first = self.costs[bound]
        for name, costs in self.costs.items():
            is_ours = name == "now"
            note(Figure(work=title, of=name, seen=costs, goal=goal if is_ours else "", bound=bound if is_ours else ""))
        for name, costs in self.costs.items():
            wall, cpu = (middle(costs, what) for what in ("wall", "cpu"))
            ratios = "".join(f"  x{ratio(costs, first, what):.2f}" for what in ("wall", "cpu"))
            peak = max(cost.peak for cost in costs)
            end = f"   n={len(costs)}{f'  goal {goal}' if name == 'now' else ''}"
            print(f"  {name:<28}{wall:8.2f} s {cpu:8.2f} CPU s {ratios}  {peak:5.0f} MB{end}", flush=True)


def cold(contest: Contest, trees: Mapping[str, Path], runs: int) -> None:
    """Measure repositories of which nothing is there."""
    for _ in range(runs):
        contest.anew(lambda folder: contest.other("tuned fetch and export", "tuned", folder))
        for name, tree in trees.items():
            contest.anew(lambda folder, n=name, t=tree: contest.ours(n, t, folder))  # type: ignore[misc]
        contest.anew(lambda folder: contest.other("clone --depth 1", "clone", folder))
        if contest.peers:
            vcs = [contest.bin("vcs"), "import", "--shallow", "--workers=8", "--input=vcs.repos", "."]
            contest.anew(lambda folder: contest.take("vcs2l", vcs, folder))  # noqa: B023 - called at once
            contest.anew(lambda folder: contest.take("west", contest.west(folder), folder))
            contest.anew(lambda f: contest.other("GitPython, in a row", "gitpython", f, contest.bin("python")))
    contest.show(f"cold, {len(contest.repos)} repositories", "1.1 of both")


def unchanged(contest: Contest, trees: Mapping[str, Path], runs: int) -> None:
    """Measure the same again, where nothing has moved."""
    folders = {name: contest.workspace(f"kept-{name}") for name in trees}
    for name, tree in trees.items():
        for _ in range(2):
            contest.ours(name, tree, folders[name])
    contest.costs.clear()
    for _ in range(runs):
        contest.other("ls-remote", "look", contest.root)
        for name, tree in trees.items():
            contest.ours(name, tree, folders[name])
    contest.show(f"unchanged, {len(contest.repos)} repositories", "1.15 of both")


def folders(root: Path, trees: Mapping[str, Path], runs: int) -> None:
    """Measure folders that have an eighth of a repository together, beside clones of the whole and one for each."""
    remote = root / "remotes" / "all"
    for number in range(FOLDERS):
        for name, size in ((f"m{number}", 1_000_000), (f"other{number}", 6_500_000)):
            (remote / name).mkdir(parents=True)
            (remote / name / "data.bin").write_bytes(os.urandom(size))
    make_remotes(root / "remotes", 0, files=0, size=0)
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "all")):
        git(*arguments, folder=remote)
    git("config", "uploadpack.allowFilter", "true", folder=remote)
    with served(root / "remotes") as (url, environment):
        names = [("all", "")] * FOLDERS
        contest = Contest(root=root, url=url, environment=environment, repos=names)
        manifest = "".join(f"  - {{name: m{n}, url: {url}/all, path: m{n}}}\n" for n in range(FOLDERS))
        came: dict[str, float] = {}
        for _ in range(runs):
            folder = root / "clones"
            folder.mkdir()
            clones = [["git", "clone", "-q", "--depth=1", f"{url}/all", str(folder / str(n))] for n in range(FOLDERS)]
            script = "import subprocess\nfor p in [subprocess.Popen(c) for c in " + repr(clones) + "]: p.wait()"
            contest.take(f"{FOLDERS} clones --depth 1", [sys.executable, "-c", script], root)
            came[f"{FOLDERS} clones --depth 1"] = packs(folder)
            shutil.rmtree(folder)
            for name, tree in trees.items():
                folder = contest.workspace("work")
                (folder / "model_repos.yaml").write_text(f"version: 1\nrepos:\n{manifest}")
                contest.ours(name, tree, folder)
                came[name] = packs(folder)
                shutil.rmtree(folder)
        contest.show(f"{FOLDERS} folders of one repository of 60 MB")
        print("  came: " + ", ".join(f"{name} {size:.1f} MB" for name, size in came.items()))


def packs(folder: Path) -> float:
    """Return the megabytes of packs below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*.pack")) / 1e6


def growth(root: Path, trees: Mapping[str, Path], sizes: Sequence[int]) -> None:
    """Measure once how the command grows, cold and unchanged."""
    make_remotes(root / "remotes", max(sizes), files=3, size=2_000)
    with served(root / "remotes") as (url, environment):
        repos = heads(root / "remotes", max(sizes))
        for size in sizes:  # the server's answers are kept from here on
            contest = Contest(root=root, url=url, environment=environment, repos=repos[:size])
            contest.anew(lambda folder, c=contest: c.ours("once", trees["now"], folder))  # type: ignore[misc]
        for name, tree in trees.items():
            found: dict[str, list[Seen]] = {"cold": [], "unchanged": []}
            for size in sizes:
                contest = Contest(root=root, url=url, environment=environment, repos=repos[:size])
                folder = contest.workspace("work")
                for what in ("cold", "again", "unchanged"):
                    contest.ours(what, tree, folder)
                for what in found:
                    found[what] += contest.costs[what]
                shutil.rmtree(folder)
            for what, costs in found.items():
                row = [
                    Figure(work=f"checkout, {what}", of=name, seen=[c], size=s)
                    for c, s in zip(costs, sizes, strict=True)
                ]
                note(*row)
                power = exponent(sizes, [cost.cpu for cost in costs])
                figures = "".join(f"{cost.cpu:9.2f}" for cost in costs)
                print(f"  {what:<10}{name:<8}{figures} CPU s   n^{power:.2f}  {costs[-1].peak:5.0f} MB", flush=True)


def heads(remotes: Path, count: int) -> list[tuple[str, str]]:
    """Return the repositories' names and newest commits."""
    return [(f"r{n}", git("rev-parse", "HEAD", folder=remotes / f"r{n}")) for n in range(count)]


def install(peers: Path) -> None:
    """Make the environment of the other tools, where it isn't there."""
    if not (peers / "bin" / "west").exists():
        subprocess.run([sys.executable, "-m", "venv", peers], check=True)
        subprocess.run([peers / "bin" / "pip", "install", "--quiet", *PEERS], check=True)


def chosen(only: str, parts: Iterable[str]) -> list[str]:
    """Return the parts that a word names."""
    return [part for part in parts if only in part]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="", help="a commit to measure too")
    parser.add_argument("--peers", type=Path, help="the folder of a virtual environment for the other tools")
    parser.add_argument("--only", default="", help="cold, unchanged, folders or growth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    asked = parser.parse_args()
    peers = asked.peers.resolve() if asked.peers else None
    if peers:
        install(peers)
    parts = chosen(asked.only, ("cold", "unchanged", "folders", "growth"))
    with trees_of(asked.before) as trees, tempfile.TemporaryDirectory() as name:
        root = Path(name)
        if {"cold", "unchanged"} & {*parts}:
            make_remotes(root / "fifty" / "remotes", COUNT, files=FILES, size=SIZE)
            repos = heads(root / "fifty" / "remotes", COUNT)
            with served(root / "fifty" / "remotes") as (url, environment):
                for part, work in (("cold", cold), ("unchanged", unchanged)):
                    if part in parts:
                        contest = Contest(
                            root=root / "fifty", url=url, environment=environment, repos=repos, peers=peers
                        )
                        work(contest, trees, asked.rounds)
            shutil.rmtree(root / "fifty")
        if "folders" in parts:
            folders(root / "one", trees, asked.rounds)
        if "growth" in parts:
            growth(root / "many", trees, asked.sizes)


main()
