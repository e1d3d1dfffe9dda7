"""Parts of a definition that no check can tell from each other: units that are made alike, each with its own name."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from pipeline_builder.definition.check.language import LANGUAGE
from pipeline_builder.definition.rules.likeness import texts_of
from pipeline_builder.definition.rules.table import groups_of
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.definition.shapes.services import load_sagemaker

_CODE = re.compile(rb"/code/([0-9a-f]{64})/")
_WORD = re.compile(r"[A-Za-z0-9]+")
# Patterns that tell letters from letters, or digits from digits, are those of digests, addresses and times of clusters:
# no name of a model is a word in these.
_LETTERS = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", b"a" * 26 + b"A" * 26 + b"0" * 10
)
_SHORTEST = 3
# What a text may be read as, and what a name may not begin with.
_MEANT = ("true", "false", "null", "none", "nan", "inf", "infinity", "auto", "aws", "amazon", "sagemaker")


class Likeness(NamedTuple):
    """A text that is the same for parts which break the same rules at the same places, if of each digest of code that
    was in them the same is told.
    """

    text: bytes
    digests: tuple[str, ...] = ()

    def with_told(self, told: Callable[[str], str]) -> tuple[bytes, tuple[str, ...]]:
        """Return what is the same for parts that are alike, with what is `told` of code."""
        return self.text, tuple(map(told, self.digests))


def likeness(part: bytes, names: Iterable[str], kinds: frozenset[str]) -> Likeness:
    """Return the likeness of a part (canonical JSON); `names` and `kinds` are those of its steps.

    A word that all names begin with stands as the kinds of its letters wherever it is a part of a text, so that
    patterns, lengths and what is equal stay: checks ask nothing else of a word that no shape and no rule has.
    """
    beginning = os.path.commonprefix([*names])  # noqa: RUF071 - of names, letter by letter
    word = _own_word(beginning, kinds) if kinds <= _KINDS else ""
    if not word:
        return Likeness(part)
    own = word.encode()
    pieces = part.split(own)
    letters, whole = b"\0" + own.translate(_LETTERS), [pieces[0]]
    for before, after in pairwise(pieces):
        left, right = before[-1:], after[:1]
        within = not left.isalnum() and not right.isalnum() and (left, right) != (b'"', b'"')
        whole += (letters if within else own, after)
    first: dict[str, int] = {}

    def code(match: re.Match[bytes]) -> bytes:
        return b"\0%d" % first.setdefault(match[1].decode(), len(first))

    return Likeness(_shared(_CODE.sub(code, b"".join(whole))), tuple(first))


@functools.lru_cache(maxsize=16)
def _shared(text: bytes) -> bytes:
    """Return the first text that was equal: of a thousand that are alike one is held."""
    return text


_KINDS = frozenset(name for name, kind in STEP_TYPES.items() if kind.request.startswith(("sagemaker:", "own:")))


def _own_word(beginning: str, kinds: frozenset[str]) -> str:
    """Return the longest word of what names begin with that checks of these step types look for nowhere; maybe none."""
    whole = [found for found in _WORD.findall(beginning) if len(found) >= _SHORTEST and found[0].isalpha()]
    return max((found for found in whole if found.lower() not in _known(kinds)), key=len, default="")


@functools.lru_cache(maxsize=16)
def _known(kinds: frozenset[str]) -> frozenset[str]:
    """Return every word, in lower case, of the shapes and of the rules that there are for these step types."""
    rows = [
        [rule.of, rule.at, rule.when, rule.spec] for kind in kinds for group in groups_of(kind) for rule in group.rules
    ]
    shapes = [
        [name, _said(shape.get("members", {})), shape.get("enum", ()), shape.get("pattern", "")]
        for own in (load_sagemaker(), LANGUAGE)
        for name, shape in own.shapes.items()
    ]
    text = "\n".join({*texts_of([*_MEANT, *STEP_TYPES, rows, shapes])}).lower()
    return frozenset(_WORD.findall(text))


def _said(members: Mapping[str, Mapping[str, object]]) -> list[tuple[str, list[object]]]:
    """Return what the shape says of its members, without what it tells people about them: no check reads that."""
    return [
        (name, [value for key, value in member.items() if key != "documentation"]) for name, member in members.items()
    ]
