"""The nodes of a YAML file, as PyYAML composes them, and what is read of them: plain data, and where it stands."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from math import inf, isfinite
from typing import Any, cast

import yaml

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import LONGEST_NUMBER, DataPath, Positions, Rewritten, Source
from pipeline_builder.errors import Problem

# More nodes than any manifest or conf needs; an alias bomb ("billion laughs") reaches it at once.
_MOST_NODES = 200_000
_OURS = "tag:yaml.org,2002:"
_TEXT, _MAP, _LIST, _MERGE = f"{_OURS}str", f"{_OURS}map", f"{_OURS}seq", f"{_OURS}merge"
_SCALARS = frozenset(f"{_OURS}{kind}" for kind in ("bool", "int", "float", "null", "timestamp", "binary"))
"""What is no text, of what a scalar may be; of the rest YAML 1.1 has signs of its own, such as '=', which are texts."""
_LONG = 1 << 20
"""Characters of a file after which no tag is kept: the texts that these are of would be, too."""

# The C loader is some ten times faster; PyYAML builds without libyaml lack it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.lru_cache(maxsize=5_000)
def _tag_of(kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
    """Return the tag of a node that has none; `implicit` tells of a scalar whether it stands without quotes."""
    if kind is not yaml.ScalarNode or value is None:
        return _LIST if kind is yaml.SequenceNode else _MAP
    if not implicit[0]:
        return _TEXT
    resolver = yaml.resolver.Resolver()
    tag = str(resolver.resolve(yaml.ScalarNode, value, (True, False)))  # type: ignore[no-untyped-call] # it has none
    return tag if tag in _SCALARS or tag == _MERGE else _TEXT


class Loader(_Base):  # type: ignore[misc] # one of two
    """PyYAML's loader; of what a thousand files have in common each scalar is resolved once."""

    # Nothing is resolved by its path: functions of C that take as many arguments, and do nothing, take the least time.
    # For the same reason what knows the tags is no method that would ask it: half of them are known.
    descend_resolver, ascend_resolver = operator.is_, bool
    resolve = staticmethod(_tag_of)


class Reader:
    """Turns composed nodes into data, and notes where each key and value stands if the root is to be `placed`."""

    def __init__(self, source: Source, problem_id: str, loader: Loader, tags: Mapping[str, str]) -> None:
        self.source = source
        self.problem_id = problem_id
        self.loader = loader
        self.tags = tags
        self.data: JSON = None
        self.problems: list[Problem] = []
        self.keys: Positions = {}
        self.values: Positions = {}
        self.rewritten: dict[tuple[int, int], Rewritten] = {}
        self.nodes = 0
        self.open: set[int] = set()

    def read_root(self, node: yaml.Node | None, *, placed: bool) -> None:
        """Read the whole document."""
        if node is not None:
            self.data = self.read(node, () if placed else None)
        if len(self.source.text) > _LONG:
            _tag_of.cache_clear()

    def read(self, node: yaml.Node, path: DataPath | None) -> JSON:
        """Read a node; without a path nothing is noted of where it stands."""
        self._count(node)
        if id(node) in self.open:
            raise yaml.MarkedYAMLError(None, None, "an alias contains itself", node.start_mark)
        if path is not None:
            self.values.setdefault(path, _position(node))
        if node.tag in self.tags:
            return self._tagged(node, path)
        if isinstance(node, yaml.ScalarNode):
            return str(node.value) if node.tag == _TEXT else self._scalar(node)
        if node.tag not in (_MAP, _LIST):
            raise yaml.MarkedYAMLError(None, None, f"the tag '{node.tag}' is not allowed", node.start_mark)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, _inner(path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path) if isinstance(node, yaml.MappingNode) else None
        finally:
            self.open.discard(id(node))

    def _count(self, node: yaml.Node) -> None:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            message = f"more than {_MOST_NODES:,} values, those of aliases counted"
            raise yaml.MarkedYAMLError(None, None, message, node.start_mark)

    def _tagged(self, node: yaml.Node, path: DataPath | None) -> JSON:
        """A tag is a short way to write a mapping of one key; a scalar behind it is a text."""
        tag, key = node.tag, self.tags[node.tag]
        inner = _inner(path, key)
        if inner is not None:
            self.keys[inner] = _position(node)
        kind = {yaml.ScalarNode: "str", yaml.SequenceNode: "seq", yaml.MappingNode: "map"}[type(node)]
        node.tag = f"{_OURS}{kind}"
        try:
            return {key: self.read(node, inner)}
        finally:
            node.tag = tag  # an alias may read it again

    def _scalar(self, node: yaml.ScalarNode) -> JSON:
        if node.tag not in _SCALARS:
            raise yaml.MarkedYAMLError(None, None, f"the tag '{node.tag}' is not allowed", node.start_mark)
        kind = node.tag.removeprefix(_OURS)
        if kind in ("int", "float") and len(node.value) > LONGEST_NUMBER:
            message = f"a number of {len(node.value)} characters, expected at most {LONGEST_NUMBER:,}"
            raise yaml.MarkedYAMLError(None, None, message, node.start_mark)
        try:
            value = self.loader.construct_object(node)
        except ValueError as error:  # 2026-13-45 looks like a date and is none
            raise yaml.MarkedYAMLError(None, None, f"'{node.value}': {error}", node.start_mark) from error
        except (LookupError, AttributeError) as error:  # how PyYAML says that '!!bool x' and '!!timestamp x' are none
            raise yaml.MarkedYAMLError(None, None, f"'{node.value}' is no '!!{kind}'", node.start_mark) from error
        except OverflowError:  # 1:59:59:….5 is as infinite as 1.0e+400
            value = inf
        # JSON has no dates, bytes, infinities: what YAML 1.1 takes for one is meant as the text that was written.
        plain = value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))
        if not plain:
            return str(node.value)
        if _is_rewritten(value, node.value):
            self.rewritten[_position(node)] = Rewritten(value, node.value)
        return cast("JSON", value)

    def _mapping(self, node: yaml.MappingNode, path: DataPath | None) -> dict[str, JSON]:
        data: dict[str, JSON] = {}
        seen: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for merged in self._merged(value_node, path):
                    data = {**merged, **data}
                continue
            key = self._key(key_node)
            if key in seen:
                self._duplicate(key, _position(key_node), _position(seen[key]))
                continue
            seen[key] = key_node
            if path is None:  # no call for most of a thousand files' values
                if value_node.tag == _TEXT and isinstance(value_node, yaml.ScalarNode) and _TEXT not in self.tags:
                    self._count(value_node)
                    data[key] = str(value_node.value)
                else:
                    data[key] = self.read(value_node, None)
                continue
            inner = _inner(path, key)
            if inner is not None:
                if key in data:
                    self._forget(inner)
                self.keys[inner] = _position(key_node)
            data[key] = self.read(value_node, inner)
        return data

    def _forget(self, path: DataPath) -> None:
        """Drop positions that a merge key left at a path which the mapping itself now sets."""
        if path in self.values:
            for positions in (self.keys, self.values):
                for known in [p for p in positions if p[: len(path)] == path]:
                    del positions[known]

    def _merged(self, node: yaml.Node, path: DataPath | None) -> list[dict[str, JSON]]:
        if isinstance(node, yaml.SequenceNode):
            return [merged for item in node.value for merged in self._merged(item, path)]
        if not isinstance(node, yaml.MappingNode):
            raise yaml.MarkedYAMLError(None, None, "'<<' takes a mapping or a list of mappings", node.start_mark)
        data = self.read(node, path)
        return [data] if isinstance(data, dict) else []

    def _key(self, node: yaml.Node) -> str:
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


def _is_rewritten(value: JSON, written: str) -> bool:
    """Tell whether a number or a flag would be another text than was written: `1.10`, `010`, `12:30`, `no`."""
    if isinstance(value, bool):
        return written.lower() not in ("true", "false")
    return isinstance(value, int | float) and str(value) != written


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _inner(path: DataPath | None, key: str | int) -> DataPath | None:
    return None if path is None else (*path, key)
