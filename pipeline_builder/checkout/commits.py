"""Commits: what the bytes of one say.

GitPython reads them, of bytes that git has printed: it starts nothing, and has no say in where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import ModuleType

from pipeline_builder.checkout.words import GitError

_SHA1, _SHA256 = 40, 64
_NAMED = "GIT_PYTHON_GIT_EXECUTABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit's facts; `committed` is UTC in ISO 8601."""

    commit: str
    tree: str
    committed: str
    subject: str
    author: str


def parse_commit(commit: str, content: bytes, environment: Mapping[str, str]) -> Commit | None:
    """Return the facts of a commit from its content; None for what GitPython can't read.

    That is an encoding that Python lacks, a date that is none, or an id of SHA-256.

    Raises:
        GitError: kind "absent" where GitPython finds no git: it looks for one as it is imported.
    """
    if is_long(commit):
        return None
    try:
        found = _gitpython(environment).Commit(None, bytes.fromhex(commit))  # of no repository: nothing is looked up
        found._deserialize(BytesIO(content))  # noqa: SLF001 - how GitPython itself reads what git has printed
        return build_commit(
            (commit, found.tree.hexsha), found.committed_date, str(found.summary), str(found.author.name)
        )
    except (OSError, ValueError, LookupError, AttributeError, AssertionError, TypeError, OverflowError):
        return None


def build_commit(ids: tuple[str, str], committed: int, subject: str, author: str) -> Commit:
    """Return the facts of a commit with these ids of its own and of its tree; texts are cut and made harmless."""
    return Commit(
        commit=ids[0], tree=ids[1], committed=_utc(committed), subject=plain(subject)[:200], author=plain(author)[:100]
    )


def is_commit(revision: str) -> bool:
    """Tell whether a revision is a commit's id."""
    return len(revision) in (_SHA1, _SHA256) and all(char in "0123456789abcdef" for char in revision)


def is_long(commit: str) -> bool:
    """Tell whether an id is of SHA-256."""
    return len(commit) > _SHA1


def plain(text: str) -> str:
    """Take out what a terminal would obey: the text is somebody's commit message."""
    return "".join(char if char.isprintable() else " " for char in text)


def _gitpython(environment: Mapping[str, str]) -> ModuleType:
    """Import GitPython, which takes a sixth of a second, and which would fail by itself where git is missing."""
    try:
        import git
    except ImportError as error:  # it looks for git as it is imported
        if named := environment.get(_NAMED):
            message = f"the variable {_NAMED} names '{named}', which is no git that works: unset it, or let it name one"
            raise GitError("absent", message) from error
        raise GitError("absent", "the program 'git' is not there") from error
    return git


def _utc(seconds: int) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
