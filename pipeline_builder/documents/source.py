"""YAML files with positions: plain data out, and the place of every key and value by its path."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import InputProblems, Place, Problem

if TYPE_CHECKING:
    import yaml

_URL_LOGIN = re.compile(r"://[^/@\s'\"]+@")

DataPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the label under which people know its file."""

    label: str
    text: str

    def place(self, line: int, column: int) -> Place:
        """Return the place of a 1-based line and column."""
        lines = _lines(self.text)
        text = lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""
        # A problem shows its line, and a url may have a password in it.
        return Place(self.label, line, column, _masked(text))


@functools.lru_cache(maxsize=4)
def _masked(line: str) -> str:
    """A line can be megabytes long, and have a problem at each of its values."""
    return _URL_LOGIN.sub("://***@", line)


@functools.lru_cache(maxsize=4)
def _lines(text: str) -> list[str]:
    """A file's lines: whoever asks for one place of it asks for more."""
    return text.split("\n")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: `data` and, for each path into it, where the key and the value begin (1-based line, column)."""

    source: Source
    data: JSON
    keys: dict[DataPath, tuple[int, int]] = field(repr=False)
    values: dict[DataPath, tuple[int, int]] = field(repr=False)

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


# More nodes than any manifest or conf needs; an alias bomb ("billion laughs") reaches it at once.
_MOST_NODES = 200_000
_MOST_BYTES = 8 << 20
_DEEPEST = 100


def load_yaml(path: Path, label: str, problem_id: str) -> Document:
    """Read and parse a YAML file.

    Raises:
        InputProblems: with `problem_id`, when the file is missing, isn't UTF-8, isn't YAML, or repeats a key.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        found = Problem(
            id=problem_id,
            message=f"cannot read '{label}': {os.strerror(error.errno or 0)}",
            place=Place(label),
        )
        raise InputProblems(found) from error
    except UnicodeDecodeError as error:
        message = f"'{label}' is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        before = error.object[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        place = Source(label, error.object.decode(errors="replace")).place(line, column)
        raise InputProblems(Problem(id=problem_id, message=message, place=place)) from error
    if len(content) > _MOST_BYTES:
        message = f"'{label}' is larger than {_MOST_BYTES >> 20} MB"
        raise InputProblems(Problem(id=problem_id, message=message, place=Place(label)))
    return parse_yaml(Source(label, text), problem_id)


def parse_yaml(source: Source, problem_id: str, tags: Mapping[str, str] | None = None) -> Document:
    """Parse one YAML document into plain data with positions.

    Anchors, aliases and merge keys work; several documents and repeated keys are problems, and so are tags that are not
    in `tags`: one of these makes a mapping of the value, with what the tag stands for as its only key. Scalars resolve
    as in YAML 1.1.

    Raises:
        InputProblems: with `problem_id` and the place, all repeated keys at once.
    """
    import yaml

    # The C loader is some ten times faster; PyYAML builds without libyaml lack it.
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(source.text, loader_class)
        loader = loader_class(source.text)
        try:
            node = loader.get_single_node()
            reader = _Reader(source, problem_id, loader, tags or {})
            data = reader.read(node, ()) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise InputProblems(_yaml_problem(source, problem_id, error)) from error
    except (yaml.YAMLError, ValueError) as error:
        message = f"not YAML: {str(error).splitlines()[0]}"
        raise InputProblems(Problem(id=problem_id, message=message, place=source.place(1, 1))) from error
    if reader.problems:
        raise InputProblems(*reader.problems)
    return Document(source, data, reader.keys, reader.values)


def _refuse_depth(text: str, loader_class: type) -> None:
    """libyaml composes by recursion in C: brackets nested by the thousand would end the process, not raise."""
    import yaml

    indented = max((len(line) - len(line.lstrip(" -?")) for line in text.split("\n")), default=0)
    if text.count("[") + text.count("{") + indented <= _DEEPEST:
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
    return Problem(id=problem_id, message=f"not YAML: {error.problem}{context}", place=place)


class _Reader:
    """Turns composed nodes into data, noting where each key and value stands."""

    def __init__(self, source: Source, problem_id: str, loader: yaml.SafeLoader, tags: Mapping[str, str]) -> None:
        self.source = source
        self.problem_id = problem_id
        self.loader = loader
        self.tags = tags
        self.problems: list[Problem] = []
        self.keys: dict[DataPath, tuple[int, int]] = {}
        self.values: dict[DataPath, tuple[int, int]] = {}
        self.nodes = 0
        self.open: set[int] = set()

    def read(self, node: yaml.Node, path: DataPath) -> JSON:
        import yaml

        self.nodes += 1
        if self.nodes > _MOST_NODES:
            message = f"more than {_MOST_NODES:,} values, those of aliases counted"
            raise yaml.MarkedYAMLError(None, None, message, node.start_mark)
        if id(node) in self.open:
            raise yaml.MarkedYAMLError(None, None, "an alias contains itself", node.start_mark)
        self.values.setdefault(path, _position(node))
        if node.tag in self.tags:
            return self._tagged(node, path)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise yaml.MarkedYAMLError(None, None, f"the tag '{node.tag}' is not allowed", node.start_mark)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path) if isinstance(node, yaml.MappingNode) else None
        finally:
            self.open.discard(id(node))

    def _tagged(self, node: yaml.Node, path: DataPath) -> JSON:
        """A tag is a short way to write a mapping of one key; a scalar behind it is a text."""
        import yaml

        tag, key = node.tag, self.tags[node.tag]
        inner = (*path, key)
        self.keys[inner] = _position(node)
        kind = {yaml.ScalarNode: "str", yaml.SequenceNode: "seq", yaml.MappingNode: "map"}[type(node)]
        node.tag = f"tag:yaml.org,2002:{kind}"
        try:
            return {key: self.read(node, inner)}
        finally:
            node.tag = tag  # an alias may read it again

    def _scalar(self, node: yaml.ScalarNode) -> JSON:
        import yaml

        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise yaml.MarkedYAMLError(None, None, f"the tag '{node.tag}' is not allowed", node.start_mark)
        try:
            value = self.loader.construct_object(node)
        except ValueError as error:  # 2026-13-45 looks like a date and is none
            raise yaml.MarkedYAMLError(None, None, f"'{node.value}': {error}", node.start_mark) from error
        # JSON has no dates, bytes, infinities: what YAML 1.1 takes for one is meant as the text that was written.
        plain = value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))
        return value if plain else str(node.value)

    def _mapping(self, node: yaml.MappingNode, path: DataPath) -> dict[str, JSON]:
        data: dict[str, JSON] = {}
        seen: dict[str, tuple[int, int]] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                for merged in self._merged(value_node, path):
                    data = {**merged, **data}
                continue
            key = self._key(key_node)
            at = _position(key_node)
            if key in seen:
                self._duplicate(key, at, seen[key])
                continue
            seen[key] = at
            inner = (*path, key)
            if key in data:
                self._forget(inner)
            self.keys[inner] = at
            data[key] = self.read(value_node, inner)
        return data

    def _forget(self, path: DataPath) -> None:
        """Drop positions that a merge key left at a path which the mapping itself now sets."""
        if path in self.values:
            for positions in (self.keys, self.values):
                for known in [p for p in positions if p[: len(path)] == path]:
                    del positions[known]

    def _merged(self, node: yaml.Node, path: DataPath) -> list[dict[str, JSON]]:
        import yaml

        if isinstance(node, yaml.SequenceNode):
            return [merged for item in node.value for merged in self._merged(item, path)]
        if not isinstance(node, yaml.MappingNode):
            raise yaml.MarkedYAMLError(None, None, "'<<' takes a mapping or a list of mappings", node.start_mark)
        data = self.read(node, path)
        return [data] if isinstance(data, dict) else []

    def _key(self, node: yaml.Node) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(None, None, "a key must be a plain word", node.start_mark)
        return str(node.value)

    def _duplicate(self, key: str, at: tuple[int, int], first: tuple[int, int]) -> None:
        self.problems.append(
            Problem(
                id=self.problem_id,
                message=f"the key '{key}' stands twice in this mapping",
                place=self.source.place(*at),
                related=(self.source.place(*first),),
                hint="keep one of them",
            )
        )


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
