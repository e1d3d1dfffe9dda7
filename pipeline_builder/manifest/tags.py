"""Tags, branches and HEAD: what a revision names among a remote's refs; of a pattern such as `v*` the newest tag.

Checkout, `watch` and the service's first look all ask here, so that they mean the same. The first look has this file in
its own, so it needs nothing but Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

TAGS = "refs/tags/"
_LONGEST = 255
_WORDS = {"*": "[^/]*", "?": "[^/]"}
_VERSION = re.compile(r"([0-9]+(?:[._-][0-9]+)*)([^+]*)")
_SEMANTIC = re.compile(r"([0-9]+\.[0-9]+\.[0-9]+)-([^+]+)")

_BRANCHES = "refs/heads/"


class AmbiguousError(Exception):
    """A name that a branch and a tag have, which stand at different commits."""


def find_commit(refs: Mapping[str, str], revision: str) -> str:
    """Return the commit that a revision names among a remote's refs by name; empty where it names none.

    A full name, or HEAD, is that ref; any other is a branch or a tag. An annotated tag is its commit, which remotes
    tell as `NAME^{}`. A pattern of tags is the newest of them.

    Raises:
        AmbiguousError: for a branch and a tag of one name that differ.
    """
    if pattern := tag_pattern(revision):
        names = (name.removeprefix(TAGS) for name in refs if name.startswith(TAGS) and not name.endswith("^{}"))
        newest = find_newest(names, pattern)
        return _commit_of(refs, f"{TAGS}{newest}") if newest else ""
    if exact := _commit_of(refs, revision):
        return exact
    branch, tag = _commit_of(refs, f"{_BRANCHES}{revision}"), _commit_of(refs, f"{TAGS}{revision}")
    if branch and tag and branch != tag:
        raise AmbiguousError(f"'{revision}' is a branch and a tag")
    return branch or tag


def _commit_of(refs: Mapping[str, str], name: str) -> str:
    return refs.get(f"{name}^{{}}") or refs.get(name, "")


def asked_refs(revision: str) -> tuple[str, ...]:
    """Return the names of refs, or beginnings of them for a pattern, that `find_commit` has to see."""
    if tag_pattern(revision):
        return (TAGS,)
    return (revision, f"{_BRANCHES}{revision}", f"{TAGS}{revision}")


Rank = tuple[bool, tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def tag_pattern(revision: str) -> str:
    """Return the pattern that a revision is, empty for one that names something; no name of git has a `*` or `?`."""
    return revision.removeprefix(TAGS) if revision.startswith(TAGS) and set(revision) & set(_WORDS) else ""


def tag_expression(pattern: str) -> str:
    """Return a regular expression for the tags of a pattern; `*` and `?` stay between two '/'."""
    return "".join(_WORDS.get(char) or re.sub(r"[^\w/-]", r"\\\g<0>", char) for char in pattern)


def find_newest(names: Iterable[str], pattern: str) -> str:
    """Return the newest of the tags that fit the pattern, empty where none of them has a version.

    A pre-release counts where no release fits. Two spellings of one version are told apart by their text.
    """
    fixed, whole = re.split(r"[*?]", pattern)[0], re.compile(tag_expression(pattern))
    fitting = [name for name in names if len(name) <= _LONGEST and whole.fullmatch(name)]
    ranked = [(rank, name) for name in fitting if (rank := rank_version(name[len(fixed) :]))]
    return max(ranked)[1] if ranked else ""


def rank_version(text: str) -> Rank | None:
    """Return what orders versions: releases over pre-releases, numbers as numbers; None for a text without a number.

    Three numbers and a '-' are read as Semantic Versioning has them; any other is numbers with '.', '_' or '-' between
    (dates too), with letters after them a pre-release, but for 'post'. Of '1.0' and '1.0.0' none is newer.
    """
    begin = re.search(r"[0-9]", text)
    found = begin and (_SEMANTIC.match(text, begin.start()) or _VERSION.match(text, begin.start()))
    if not found:
        return None
    numbers = [int(number) for number in re.split(r"[._-]", found[1])]
    while numbers and not numbers[-1]:
        numbers.pop()
    rest = [
        (not part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in re.findall(r"[0-9]+|[a-z]+", found[2].lower())
    ]
    later = bool(rest) and rest[0][2] == "post"
    return (not rest or later, tuple(numbers), later, tuple(rest))
