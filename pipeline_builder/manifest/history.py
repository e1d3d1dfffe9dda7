"""Histories: who has written the commits of each repository, `build/authors.json`, kept where an approver is to be
somebody else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline_builder.machine.streams import write_file

MOST_COMMITS = 300
"""Of each repository, the newest: so far back it is known who has written what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A commit, what it comes after, and who has written it: author and co-authors, each as `Name <address>`."""

    commit: str
    parents: tuple[str, ...]
    authors: tuple[str, ...]


Histories = Mapping[str, tuple[Written, ...]]
"""The newest commits of each repository, newest first."""


def load_histories(path: Path) -> Histories:
    """Return what the last checkout has written; nothing where it was not asked to, or what it wrote is damaged."""
    try:
        found = json.loads(path.read_bytes())
        return {name: tuple(_written(one) for one in commits) for name, commits in found["repos"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _written(found: Mapping[str, list[str]]) -> Written:
    return Written(commit=str(found["commit"]), parents=tuple(found["parents"]), authors=tuple(found["authors"]))


def write_histories(path: Path, histories: Histories) -> None:
    """Write the file where it differs from what is there."""
    repos = {name: [asdict(one) for one in commits] for name, commits in sorted(histories.items())}
    write_file(path, json.dumps({"repos": repos}, indent=1).encode() + b"\n")


def authors_since(history: tuple[Written, ...], new: str, old: str) -> tuple[str, ...] | None:
    """Return who has written what leads to the `new` commit and not to the `old` one, each once; all where there is no
    old one. None where the new one isn't in the history.
    """
    known = {one.commit: one for one in history}
    if new not in known:
        return None
    found = _reach(known, new) - (_reach(known, old) if old in known else set())
    return tuple(dict.fromkeys(author for one in history if one.commit in found for author in one.authors))


def _reach(known: Mapping[str, Written], first: str) -> set[str]:
    found, todo = set(), [first]
    while todo:
        commit = todo.pop()
        if commit in known and commit not in found:
            found.add(commit)
            todo += known[commit].parents
    return found
