"""Ancestry: what the cache of a checkout has of a repository's history, which is often the commits that were built
only: each came without its parents. They are read as they are, so that those that follow each other are found.

Nothing is fetched here, and nothing of a remote is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pipeline_builder.checkout.bare import is_whole
from pipeline_builder.checkout.commits import is_commit, plain
from pipeline_builder.checkout.printed import parse_batch
from pipeline_builder.checkout.runner import Runner
from pipeline_builder.checkout.words import GitError

MOST_READ = 2000
"""Commits that are looked at, from a head down."""
_ROUNDS = 20
_WRITTEN = re.compile(r"(?P<name>.*?) ?<[^<>]*> (?P<seconds>-?\d{1,15}) [+-]\d{4}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A commit as it is: its parents, also those that the cache hasn't got. Texts are cut and made harmless."""

    commit: str
    tree: str
    parents: tuple[str, ...]
    subject: str
    author: str
    when: datetime | None

    @property
    def seconds(self) -> float:
        return self.when.timestamp() if self.when else 0.0


Ancestry = Mapping[str, Noted]
"""Commits by their ids."""


def find_bare(cache: Path, name: str, commit: str, git: Runner) -> Path | None:
    """Return the bare repository that has a commit: the repository's own, or that of one which it shares it with."""
    own = cache / f"{name}.git"
    others = sorted(path for path in cache.glob("*.git") if path != own) if cache.is_dir() else []
    return next((path for path in (own, *others) if is_whole(path) and _has_commit(git, path, commit)), None)


def _has_commit(git: Runner, bare: Path, commit: str) -> bool:
    """Tell whether a commit is in a repository, with or without its files."""
    if not is_commit(commit):
        return False
    try:
        return bool(read_noted(git, bare, [commit]))
    except GitError:
        return False


def read_ancestry(git: Runner, bare: Path, commits: Iterable[str]) -> Ancestry:
    """Return what the repository has of the commits and of what they come after.

    Raises:
        GitError: it is damaged, or git is not there.
    """
    known: dict[str, Noted] = {}
    missing: set[str] = set()
    todo = {*commits, *_heads(bare)}
    for _ in range(_ROUNDS):
        found = read_noted(git, bare, sorted(todo))
        missing |= todo - found.keys()
        known |= found
        # Of those that came with their history, all in one look; a parent that was cut off isn't among it.
        if below := [one for one in _below(git, bare, sorted(found)) if one not in known]:
            known |= read_noted(git, bare, below)
        todo = {parent for one in known.values() for parent in one.parents} - known.keys() - missing
        if not todo or len(known) > MOST_READ:
            break
    return known


def _heads(bare: Path) -> list[str]:
    """Return the commits that came without their parents, which are most of those that were built."""
    try:
        lines = (bare / "shallow").read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if is_commit(line)][:MOST_READ]


def _below(git: Runner, bare: Path, commits: list[str]) -> list[str]:
    if not commits:
        return []
    asked = ["rev-list", f"--max-count={MOST_READ}", "--stdin"]
    return git.run(asked, repository=bare, told="".join(f"{one}\n" for one in commits)).split()


def read_noted(git: Runner, bare: Path, commits: list[str]) -> dict[str, Noted]:
    """Return those of the commits that a repository has, without what they come after.

    Raises:
        GitError: it is damaged, or git is not there.
    """
    if not commits:
        return {}
    said = git.run_raw(["cat-file", "--batch"], repository=bare, text="".join(f"{one}\n" for one in commits))
    return {
        name: parse_noted(name, content) for name, kind, content in parse_batch(said, len(commits)) if kind == "commit"
    }


def parse_noted(commit: str, content: bytes) -> Noted:
    """Return what a commit says of itself; what can't be read of it is empty."""
    head, _, message = content.partition(b"\n\n")
    fields: dict[str, list[str]] = {}
    coding = next((line[9:].decode("ascii", "replace") for line in head.split(b"\n") if line[:9] == b"encoding "), "")
    for line in _decoded(head, coding).split("\n"):
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    author = _WRITTEN.fullmatch(next(iter(fields.get("author", ())), ""))
    committer = _WRITTEN.fullmatch(next(iter(fields.get("committer", ())), ""))
    subject = " ".join(_decoded(message, coding).strip("\n").partition("\n\n")[0].split("\n"))
    return Noted(
        commit=commit,
        tree=next(iter(fields.get("tree", ())), ""),
        parents=tuple(fields.get("parent", ())),
        subject=plain(subject)[:200],
        author=plain(author["name"])[:100] if author else "",
        when=_moment(int(committer["seconds"])) if committer else None,
    )


def _decoded(content: bytes, coding: str) -> str:
    try:
        return content.decode(coding or "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def find_trees(git: Runner, bare: Path, trees: Iterable[str]) -> frozenset[str]:
    """Return those of the trees that are in a repository."""
    asked = "".join(f"{tree}\n" for tree in sorted(trees))
    if not asked:
        return frozenset()
    said = git.run(["cat-file", "--batch-check=%(objectname) %(objecttype)"], repository=bare, told=asked)
    return frozenset(line.partition(" ")[0] for line in said.splitlines() if line.endswith(" tree"))


def read_changed(git: Runner, bare: Path, pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the paths that each commit changes since another, by the commit; `pairs` are (commit, the other).

    Raises:
        GitError: the folders of one of them aren't there.
    """
    asked_of = tuple(pairs)
    told = "".join(f"{commit} {parent}\n" for commit, parent in asked_of)
    if not told:
        return {}
    asked = ["diff-tree", "--stdin", "--raw", "-r", "-z", "--no-renames", "--no-ext-diff"]
    said = git.run_raw(asked, repository=bare, text=told).decode("utf-8", "backslashreplace")
    found: dict[str, list[str]] = {one: [] for one, _ in asked_of}
    commit = ""
    parts = iter(said.split("\0"))
    for part in parts:
        if part.startswith(":"):  # the facts of a path, which comes next, whatever it is called
            found[commit].append(next(parts, ""))
        elif part:
            commit = part
    return {one: tuple(paths) for one, paths in found.items()}
