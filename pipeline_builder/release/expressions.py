"""What `--select` and `--exclude` say, as dbt's node selection has it: read into values, and each part with its place.

churn             a step or a model of that name; `*`, `?` and `[…]` stand for any letters
+churn  churn+    with all before it, with all after it; `2+churn` and `churn+1` so many steps far
@churn            with all after it, and all that any of these needs
tag:nightly       by a method: step, model, repo, group, tag, type, state
a,b               what is in both; a blank, or another --select, means either
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline_builder.errors import InputProblems, Place, Problem

METHODS = ("step", "model", "repo", "group", "tag", "type", "state")
STATES = ("modified",)
ALL = -1
"""So far that nothing is left out."""
_ATOM = re.compile(r"(?P<at>@?)(?P<before>\d*\+)?(?:(?P<method>[^:+@]*):)?(?P<value>.*?)(?P<after>\+\d*)?")
_LONGEST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """One name with its operators: `before` and `after` are how many steps far it reaches, 0 not at all, `ALL` without
    an end; `both` is `@`. `place` is where it stands in what was typed, `method` empty where none is named.
    """

    value: str
    place: Place
    method: str = ""
    before: int = 0
    after: int = 0
    both: bool = False


Term = tuple[Atom, ...]
"""What all of these select."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What any of the terms of `selected` selects (everything where there are none), without that of `excluded`."""

    selected: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.selected or self.excluded)

    @property
    def atoms(self) -> Iterator[Atom]:
        for term in (*self.selected, *self.excluded):
            yield from term


def parse_expression(selected: Sequence[str], excluded: Sequence[str] = (), *, named: str = "--select") -> Expression:
    """Read what was given for `--select`, or for what is `named` otherwise, and for `--exclude`.

    Raises:
        InputProblems: PB025 for what is no expression, PB026 for a method or a state that doesn't exist.
    """
    problems: list[Problem] = []
    found = Expression(
        selected=tuple(_terms(selected, named, problems)), excluded=tuple(_terms(excluded, "--exclude", problems))
    )
    if problems:
        raise InputProblems(*problems)
    return found


def _terms(texts: Iterable[str], option: str, problems: list[Problem]) -> Iterator[Term]:
    for text in texts:
        if not text.strip() or len(text) > _LONGEST:
            what = "is empty" if not text.strip() else f"is longer than {_LONGEST:,} letters"
            problems.append(Problem(id="PB025", message=f"{option} {what}, expected names of steps or models"))
            continue
        for word in re.finditer(r"\S+", text):
            yield tuple(_atoms(word, Place(option, 1, 1, text), problems))


def _atoms(word: re.Match[str], whole: Place, problems: list[Problem]) -> Iterator[Atom]:
    begin = word.start()
    for part in word[0].split(","):
        place = Place(whole.file, 1, begin + 1, whole.text)
        begin += len(part) + 1
        if atom := _atom(part, place, problems):
            yield atom


def _atom(part: str, place: Place, problems: list[Problem]) -> Atom | None:
    match = _ATOM.fullmatch(part)
    assert match is not None  # it takes anything
    wrong = _wrong(part, match)
    if wrong:
        problems.append(Problem(id="PB025", message=wrong[0], place=place, hint=wrong[1]))
        return None
    method = match["method"] or ""
    if method and (unknown := _unknown(method, match["value"], place)):
        problems.append(unknown)
        return None
    return Atom(
        value=match["value"],
        place=place,
        method=method,
        before=_depth((match["before"] or "")[:-1]) if match["before"] else 0,
        after=_depth(match["after"][1:]) if match["after"] else 0,
        both=bool(match["at"]),
    )


def _depth(digits: str) -> int:
    return int(digits[:9]) if digits else ALL


def _wrong(part: str, match: re.Match[str]) -> tuple[str, str] | None:
    """Return what is wrong with a part, and what to write instead; None where nothing is."""
    if not part:
        return (
            "nothing stands before or after this comma",
            "'a,b' is what is both in 'a' and in 'b'; a blank means either",
        )
    if not match["value"]:
        return f"'{part}' names no step and no model", "write a name to it: '+churn', 'churn+', 'tag:nightly'"
    if match["at"] and (match["before"] or match["after"]):
        hint = "'@churn' already is all after 'churn', and all that any of these needs: leave the '+' out"
        return f"'{part}' has both '@' and '+'", hint
    if match["method"] == "":
        return f"'{part}' begins with a colon", f"expected one of {', '.join(f'{name}:' for name in METHODS)} before it"
    if "+" in match["value"] or "@" in match["value"]:
        hint = "operators stand at the ends: '@churn', '2+churn', 'churn+1'; a blank stands between two names"
        return f"'{part}' has an operator inside of a name", hint
    return None


def _unknown(method: str, value: str, place: Place) -> Problem | None:
    if method not in METHODS:
        near = difflib.get_close_matches(method, METHODS, n=1)
        hint = f"did you mean '{near[0]}:{value}'" if near else f"there are {', '.join(f'{name}:' for name in METHODS)}"
        return Problem(id="PB026", message=f"there is no way to select by '{method}:'", place=place, hint=hint)
    if method == "state" and value not in STATES:
        hint = "'state:modified' is what has changed since the last execution that succeeded"
        return Problem(id="PB026", message=f"there is no state '{value}'", place=place, hint=hint)
    return None
