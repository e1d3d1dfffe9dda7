"""One vocabulary of classes for all pages: what a name looks like is said in one place, and means one thing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT

LOOK = ROOT / "templates" / "look.css"
SHEETS = sorted((ROOT / "templates" / "console" / "static").glob("*.css"))
_TOKEN = re.compile(r"([^{};]*)([{};])")
_BARE = re.compile(r"\.([\w-]+)")


def selectors(css: str) -> Iterator[str]:
    """Yield the selectors of the rules that hold always: those of `@media` make exceptions from them."""
    opened = list[str]()
    for text, sign in _TOKEN.findall(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)):
        if sign == "{":
            if not opened and not text.strip().startswith("@"):
                yield from (one.strip() for one in re.sub(r"\([^()]*\)", "", text).split(","))
            opened.append(text)
        elif sign == "}":
            opened.pop()


def bare(sheet: str) -> Iterator[str]:
    """Yield the classes that are told what they look like wherever they stand."""
    yield from (found[1] for one in selectors(sheet) if (found := _BARE.fullmatch(one)))


def faults(look: str, sheets: dict[str, str]) -> list[str]:
    """Return what is said twice, and names of one sheet that mean something else in the look of all pages."""
    said = Counter(name for sheet in (look, *sheets.values()) for name in bare(sheet))
    shared = set(_BARE.findall(" ".join(selectors(look))))
    return [f".{name} is told twice what it looks like" for name, times in said.items() if times > 1] + [
        f".{name} of {sheet} has another meaning in look.css"
        for sheet, text in sheets.items()
        for name in dict.fromkeys(bare(text))
        if name in shared and name not in set(bare(look))
    ]


def test_each_class_has_one_look() -> None:
    assert faults(read(LOOK), {path.name: read(path) for path in SHEETS}) == []


def test_a_class_that_is_told_twice_or_means_two_things_is_found() -> None:
    look = ".plot .line { fill: none; } .hidden, p.soft { width: 1px; } @media print { .hidden { width: 0; } }"
    console = ".hidden { width: 1px; } .line { display: flex; } .hidden.now { color: red; }"
    assert faults(look, {"console.css": console}) == [
        ".hidden is told twice what it looks like",
        ".line of console.css has another meaning in look.css",
    ]


def read(path: Path) -> str:
    return path.read_text("utf-8")
