"""Placing: where the boxes and edges of a graph are. Pure.

A step's column is its longest way from the start, its lane that of its model. An edge that skips columns has a passage
in each of them, so that no edge ever runs through a box: between two columns there is nothing but edges.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline_builder.dag.outline import Node

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 158, 66, 26, 12, 8
PASSAGE_HEIGHT = 10
"""What an edge takes up in a column that it only passes."""
FRAME, HEAD = 9, 22
"""Of a model's frame: how far around its boxes, and how much higher for its name."""
_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The rectangle around the steps of a model, where there are several."""

    model: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything is, in pixels: the upper left corner of each box, and each edge as points from box to box."""

    width: int
    height: int
    boxes: Mapping[str, tuple[int, int]]
    edges: tuple[tuple[str, str, tuple[tuple[int, int], ...]], ...]
    frames: tuple[Frame, ...] = ()


Key = str | tuple[str, str, int]
"""A step, by its name; or a passage: where from, where to, and in which column."""


@dataclass(frozen=True, slots=True)
class _Column:
    keys: list[Key]
    before: dict[Key, list[Key]]


def layers(nodes: Sequence[Node]) -> list[list[str]]:
    """Return the names by their longest distance from the start."""
    known = {node.name: node for node in nodes}
    depth: dict[str, int] = {}
    order = graphlib.TopologicalSorter({n: [d for d in node.depends_on if d in known] for n, node in known.items()})
    for name in order.static_order():
        depth[name] = max((depth[d] + 1 for d in known[name].depends_on if d in known), default=0)
    found: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        found[depth[node.name]].append(node.name)
    return found


def layout(nodes: Sequence[Node]) -> Layout:
    """Place the steps in columns by how far they are from the start, each model in a lane of its own."""
    columns_of = layers(nodes)
    depth = {name: number for number, names in enumerate(columns_of) for name in names}
    before = {node.name: [name for name in node.depends_on if name in depth] for node in nodes}
    models = list(dict.fromkeys(node.model for node in nodes))
    number = {model: index for index, model in enumerate(models)}
    lane = {node.name: number[node.model] for node in nodes}
    columns = _with_passages(columns_of, before, depth)
    rows = _arranged(columns, lane)
    framed = len(models) > 1
    tops, height = _stacked(rows, lane, len(models), framed=framed)
    places = dict(_placed(rows, lane, tops, framed=framed))
    side = MARGIN + (FRAME if framed else 0)
    edges = tuple(
        (name, after, _route(name, after, places, range(depth[name] + 1, depth[after])))
        for after in before
        for name in before[after]
    )
    return Layout(
        width=side * 2 + max(len(columns) * (BOX_WIDTH + GAP_X) - GAP_X, 0),
        height=height,
        boxes={name: places[name] for name in depth},
        edges=edges,
        frames=tuple(_frames(nodes, models, places, tops)) if framed else (),
    )


def _height(key: Key) -> int:
    return BOX_HEIGHT if isinstance(key, str) else PASSAGE_HEIGHT


def _used(keys: Sequence[Key]) -> int:
    return sum(map(_height, keys)) + max(len(keys) - 1, 0) * GAP_Y


def _lane_of(key: Key, lane: Mapping[str, int]) -> int:
    """Return the lane of a step, or of the step that a passage leads to."""
    return lane[key if isinstance(key, str) else key[1]]


def _with_passages(
    layered: list[list[str]], before: Mapping[str, list[str]], depth: Mapping[str, int]
) -> list[_Column]:
    """Give an edge that skips columns a place of its own in each, so that it runs between boxes."""
    columns = [_Column([*names], {name: [] for name in names}) for names in layered]
    for after, names in before.items():
        for name in names:
            previous: Key = name
            for number in range(depth[name] + 1, depth[after]):
                key: Key = (name, after, number)
                columns[number].keys.append(key)
                columns[number].before[key] = [previous]
                previous = key
            columns[depth[after]].before[after].append(previous)
    return columns


def _arranged(columns: list[_Column], lane: Mapping[str, int]) -> list[list[Key]]:
    """Order each column by lane, then by the middle of what its members come from; a few rounds settle it."""
    rows = [sorted(column.keys, key=lambda key: _lane_of(key, lane)) for column in columns]
    after: dict[Key, list[Key]] = {}
    for column in columns:
        for key, names in column.before.items():
            for name in names:
                after.setdefault(name, []).append(key)
    for _ in range(_ROUNDS):
        for number in range(1, len(rows)):
            rows[number] = _by_middle(rows[number], columns[number].before, rows[number - 1], lane)
        for number in range(len(rows) - 2, -1, -1):
            rows[number] = _by_middle(rows[number], after, rows[number + 1], lane)
    return rows


def _by_middle(
    keys: list[Key], neighbours: Mapping[Key, list[Key]], beside: list[Key], lane: Mapping[str, int]
) -> list[Key]:
    place = {name: index for index, name in enumerate(beside)}

    def order(item: tuple[int, Key]) -> tuple[int, float]:
        index, key = item
        known = [place[name] for name in neighbours.get(key, ()) if name in place]
        return _lane_of(key, lane), sum(known) / len(known) if known else float(index)

    return [key for _, key in sorted(enumerate(keys), key=order)]


def _stacked(
    rows: list[list[Key]], lane: Mapping[str, int], count: int, *, framed: bool
) -> tuple[list[tuple[int, int]], int]:
    """Return of each lane where its boxes begin and how high they are, and how high all of it is."""
    highest = [0] * count
    for column in rows:
        for number, keys in _by_lane(column, lane).items():
            highest[number] = max(highest[number], _used(keys))
    tops, y = [], MARGIN
    for high in highest:
        y += HEAD if framed else 0
        tops.append((y, high))
        y += high + ((FRAME + GAP_Y) if framed else 0)
    return tops, y + MARGIN - (GAP_Y if framed and count else 0)


def _by_lane(column: Sequence[Key], lane: Mapping[str, int]) -> dict[int, list[Key]]:
    found: dict[int, list[Key]] = {}
    for key in column:
        found.setdefault(_lane_of(key, lane), []).append(key)
    return found


def _placed(
    rows: list[list[Key]], lane: Mapping[str, int], tops: Sequence[tuple[int, int]], *, framed: bool
) -> Iterator[tuple[Key, tuple[int, int]]]:
    """Yield where each box and passage is: in the middle of its lane."""
    left = MARGIN + (FRAME if framed else 0)
    for number, column in enumerate(rows):
        for index, keys in _by_lane(column, lane).items():
            top, high = tops[index]
            y = top + (high - _used(keys)) // 2
            for key in keys:
                yield key, (left + number * (BOX_WIDTH + GAP_X), y)
                y += _height(key) + GAP_Y


def _route(name: str, after: str, places: Mapping[Key, tuple[int, int]], between: range) -> tuple[tuple[int, int], ...]:
    middle = BOX_HEIGHT // 2
    points = [(places[name][0] + BOX_WIDTH, places[name][1] + middle)]
    for number in between:
        x, y = places[(name, after, number)]
        y += PASSAGE_HEIGHT // 2
        points += [(x, y), (x + BOX_WIDTH, y)]
    return (*points, (places[after][0], places[after][1] + middle))


def _frames(
    nodes: Sequence[Node],
    models: Sequence[str],
    places: Mapping[Key, tuple[int, int]],
    tops: Sequence[tuple[int, int]],
) -> Iterator[Frame]:
    """Yield the frame of each model: as high as its lane, as wide as its boxes."""
    lefts: dict[str, list[int]] = {}
    for node in nodes:
        lefts.setdefault(node.model, []).append(places[node.name][0])
    for model, (top, high) in zip(models, tops, strict=True):
        x = min(lefts[model]) - FRAME
        width = max(lefts[model]) + BOX_WIDTH + FRAME - x
        yield Frame(model=model, x=x, y=top - HEAD, width=width, height=high + HEAD + FRAME)
