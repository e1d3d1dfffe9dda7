"""YAML files with positions: plain data out, and the place of every key and value by its path."""

from __future__ import annotations

import codecs
import functools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import InputProblems, Place, Problem

if TYPE_CHECKING:
    import yaml

    from pipeline_builder.documents.nodes import Reader

_ENDS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line in YAML, which counts them in its places."""
_URL_LOGIN = re.compile(r"://[^/@\s'\"]+@")

DataPath = tuple[str | int, ...]
Positions = dict[DataPath, tuple[int, int]]
"""Where something begins (1-based line, column), by its path."""


class Rewritten(NamedTuple):
    """A number or a flag, and how it is written: it would be another text."""

    value: JSON
    written: str


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the label under which people know its file."""

    label: str
    text: str

    def line(self, number: int) -> str:
        """Return a line by its number from 1 on; empty where it has none."""
        lines = _lines(self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def place(self, line: int, column: int) -> Place:
        """Return the place of a 1-based line and column."""
        text = self.line(line)
        # A problem shows its line, and a url may have a password in it.
        return Place(self.label, line, column, _masked(text))


@functools.lru_cache(maxsize=4)
def _masked(line: str) -> str:
    """A line can be megabytes long, and have a problem at each of its values."""
    return _URL_LOGIN.sub("://***@", line)


@functools.lru_cache(maxsize=4)
def _lines(text: str) -> list[str]:
    """A file's lines: whoever asks for one place of it asks for more."""
    return _ENDS.split(text)


@dataclass(frozen=True)
class Document:
    """A parsed file: `data` and, for each path into it, where the key and the value begin.

    `look` finds these when somebody asks for the first of them: of most files nobody does, and they take more room than
    all else. `rewritten` has the numbers and flags that would be other texts than was written, by where they begin.
    """

    source: Source
    data: JSON
    look: Callable[[], tuple[Positions, Positions]] = field(repr=False, compare=False)
    rewritten: Mapping[tuple[int, int], Rewritten] = field(default_factory=dict)

    @cached_property
    def _positions(self) -> tuple[Positions, Positions]:
        return self.look()

    @property
    def keys(self) -> Positions:
        """Where each key begins."""
        return self._positions[0]

    @property
    def values(self) -> Positions:
        """Where each value begins."""
        return self._positions[1]

    def written(self, path: DataPath) -> str:
        """Return how the number or the flag at the path is written; empty where it would be the same as a text."""
        value = value_at(self.data, path)
        if not isinstance(value, bool | int | float) or (type(value), value) not in self._odd:
            return ""  # most often nobody asks where things are
        found = self.rewritten.get(self.values.get(path, (0, 0)))
        return found.written if found else ""

    @cached_property
    def _odd(self) -> frozenset[tuple[type, JSON]]:
        return frozenset((type(one.value), one.value) for one in self.rewritten.values())  # to Python true is 1

    def place(self, path: DataPath = (), *, key: bool = False) -> Place:
        """Return the place of the value at `path` (of its key with `key`), or of the nearest thing around it."""
        while path:
            at = (self.keys.get(path) if key else None) or self.values.get(path) or self.keys.get(path)
            if at:
                return self.source.place(*at)
            path = path[:-1]
        return self.source.place(*self.values.get((), (1, 1)))


def value_at(data: JSON, path: DataPath) -> JSON:
    """Return what is at the path in the data; None where there is nothing."""
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


LONGEST_NUMBER = 1_000
"""Characters of a number: to read longer ones takes the square of their length."""
_MOST_BYTES = 8 << 20
_USUAL = 16 << 10
_DEEPEST = 100


def found_in(error: UnicodeDecodeError) -> str:
    """Say what was found instead of UTF-8."""
    if error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "it is UTF-16, which PowerShell's '>' writes"
    return f"byte {error.start} is {error.object[error.start]:#04x}"


def load_yaml(path: Path, label: str, problem_id: str, *, placed: bool = False) -> Document:
    """Read and parse a YAML file, `placed` where many of its places will be asked for.

    Raises:
        InputProblems: with `problem_id`, when the file is missing, isn't UTF-8, isn't YAML, or repeats a key.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a thousand of them in a command
            content = file.read(_USUAL)
            if len(content) == _USUAL:  # only then room for the largest is made
                content += file.read(_MOST_BYTES + 1 - _USUAL)
        text = content.decode("utf-8-sig")
    except OSError as error:
        found = Problem(
            id=problem_id,
            message=f"cannot read '{label}': {os.strerror(error.errno or 0)}",
            place=Place(label),
        )
        raise InputProblems(found) from error
    except UnicodeDecodeError as error:
        message = f"'{label}' is not UTF-8 text: {found_in(error)}"
        before = _ENDS.split(error.object[: error.start].decode())
        line, column = len(before), len(before[-1]) + 1
        place = Source(label, error.object.decode(errors="replace")).place(line, column)
        raise InputProblems(Problem(id=problem_id, message=message, place=place)) from error
    if len(content) > _MOST_BYTES:
        message = f"'{label}' is larger than {_MOST_BYTES >> 20} MB"
        raise InputProblems(Problem(id=problem_id, message=message, place=Place(label)))
    return parse_yaml(Source(label, text), problem_id, placed=placed)


def parse_yaml(
    source: Source, problem_id: str, tags: Mapping[str, str] | None = None, *, placed: bool = False
) -> Document:
    """Parse one YAML document into plain data with positions; these come at once where it is to be `placed`.

    Anchors, aliases and merge keys work; several documents and repeated keys are problems, and so are tags that are not
    in `tags`: one of these makes a mapping of the value, with what the tag stands for as its only key. Scalars resolve
    as in YAML 1.1.

    Raises:
        InputProblems: with `problem_id` and the place, all repeated keys at once.
    """
    found = _read(source, problem_id, tags or {}, placed=placed)
    # Not the reader itself: it has the parser, whose buffers are sixty times as large as most files.
    places = (found.keys, found.values) if placed else None

    def look() -> tuple[Positions, Positions]:
        if places:
            return places
        again = _read(source, problem_id, tags or {}, placed=True)
        return again.keys, again.values

    return Document(source, found.data, look, found.rewritten)


def _read(source: Source, problem_id: str, tags: Mapping[str, str], *, placed: bool) -> Reader:
    import yaml

    from pipeline_builder.documents.nodes import Loader, Reader

    try:
        _refuse_depth(source.text, Loader)
        loader = Loader(source.text)
        try:
            reader = Reader(source, problem_id, loader, tags)
            reader.read_root(loader.get_single_node(), placed=placed)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise InputProblems(_yaml_problem(source, problem_id, error)) from error
    except (yaml.YAMLError, ValueError) as error:
        message = f"not YAML: {str(error).splitlines()[0]}"
        raise InputProblems(Problem(id=problem_id, message=message, place=source.place(1, 1))) from error
    if reader.problems:
        raise InputProblems(*reader.problems)
    return reader


_NO_SPACE = "\u00a0"
_FLAT = re.compile(r"[\[{][^\[\]{}'\"#!\n]*[\]}]")
"""Brackets with none of their kind, and nothing that could hide one, between them: one of these is open at a time."""
_BREAK = re.compile("[\r\x85\u2028\u2029]")
"""What ends a line in YAML besides, to look for it alone."""


def _is_indented(text: str, most: int) -> bool:
    """Tell whether a line is indented, or has indicators of nesting at its beginning, by more than so many letters."""
    return most < 0 or bool(_indent(most + 1).search(text))


@functools.lru_cache(maxsize=_DEEPEST + 1)
def _indent(least: int) -> re.Pattern[str]:
    return re.compile(rf"^[ \-?]{{{least}}}", re.MULTILINE)


def _refuse_depth(text: str, loader_class: type) -> None:
    """libyaml composes by recursion in C: brackets nested by the thousand would end the process, not raise."""
    import yaml

    lines = _BREAK.sub("\n", text) if _BREAK.search(text) else text
    brackets = text.count("[") + text.count("{")
    if not _is_indented(lines, _DEEPEST - brackets):
        return
    if not _is_indented(lines, _DEEPEST - brackets + len(_FLAT.findall(text)) - 1):
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader_class):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            mark = cast("yaml.Mark", event.start_mark)  # the C parser's mark has the same attributes
            raise yaml.MarkedYAMLError(None, None, f"nested more than {_DEEPEST} deep", mark)


def _yaml_problem(source: Source, problem_id: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = source.place(mark.line + 1, mark.column + 1) if mark else source.place(1, 1)
    before = place.text[: place.column]
    if "\t" in before and not before.strip():
        message, hint = "a tab indents this line, and YAML allows only spaces there", "replace the tab with spaces"
        return Problem(id=problem_id, message=message, place=place, hint=hint)
    context = f" ({error.context})" if error.context else ""
    # What such a space ends shows on the line after it at the earliest.
    unseen = next((n for n in (place.line - 1, place.line) if _NO_SPACE in source.line(n)), None)
    say = f"line {unseen} has a no-break space, which YAML takes for a letter: replace it" if unseen else None
    return Problem(id=problem_id, message=f"not YAML: {error.problem}{context}", place=place, hint=say)
