"""Tags: which of a repository's tags a pattern such as `v*` stands for, which is the newest by its version.

The service's first look has this file in its own, so it needs nothing but Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

TAGS = "refs/tags/"
_LONGEST = 255
_WORDS = {"*": "[^/]*", "?": "[^/]"}
_VERSION = re.compile(r"([0-9]+(?:[._-][0-9]+)*)([^+]*)")
_SEMANTIC = re.compile(r"([0-9]+\.[0-9]+\.[0-9]+)-([^+]+)")

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
