"""Collapsing: of very many steps a graph is drawn of the models, and of each model's own steps by itself. Pure."""

from __future__ import annotations

import graphlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_builder.dag.outline import Node
from pipeline_builder.views.graphs.picture import Link, render_svg, state_of

MOST_DRAWN = 150
"""Steps of one drawing."""
_WORST = ("Failed", "Stopped", "Stopping", "Executing", "Starting", "Waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A model's steps: how many came to what, whether a reader has to see them at once, and their drawing.

    `svg` is "" where so many are drawn before it that the table has to be enough.
    """

    model: str
    steps: int
    states: tuple[tuple[str, int], ...]
    seconds: float
    open: bool
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A graph as it is shown: whole, or, with `parts`, that of the models, each of which has its own."""

    svg: str
    parts: tuple[Part, ...] = ()


def drawing_of(nodes: Sequence[Node], *, link: Link | None = None, critical: Sequence[str] = ()) -> Drawing:
    """Return the drawing of a graph."""
    if len(nodes) <= MOST_DRAWN:
        return Drawing(svg=render_svg(nodes, link=link, critical=critical))
    by_model: dict[str, list[Node]] = {}
    for node in nodes:
        by_model.setdefault(node.model, []).append(node)
    parts, room = [], MOST_DRAWN
    for model, own in sorted(by_model.items(), key=lambda item: not _is_open(item[1])):
        drawn = len(own) <= room
        room -= len(own) if drawn else 0
        parts.append(_part(model, own, render_svg(own, link=link, critical=_own(critical, own)) if drawn else ""))
    models = _models(nodes, by_model)
    return Drawing(svg=render_svg(models) if models else "", parts=tuple(parts))


def _is_open(nodes: Sequence[Node]) -> bool:
    return any(node.status == "Failed" for node in nodes)


def _own(critical: Sequence[str], nodes: Sequence[Node]) -> list[str]:
    names = {node.name for node in nodes}
    return [name for name in critical if name in names]


def _part(model: str, nodes: Sequence[Node], svg: str) -> Part:
    return Part(
        model=model,
        steps=len(nodes),
        states=tuple(Counter(map(state_of, nodes)).most_common()),
        seconds=sum(node.seconds or 0.0 for node in nodes if not node.given),
        open=_is_open(nodes),
        svg=svg,
    )


def _models(nodes: Sequence[Node], by_model: dict[str, list[Node]]) -> list[Node]:
    """Return the models that need each other as nodes; what stands alone needs no drawing, nor what goes round."""
    owner = {node.name: node.model for node in nodes}
    before: dict[str, dict[str, None]] = {}
    for node in nodes:
        for name in node.depends_on:
            if owner.get(name, node.model) != node.model:
                before.setdefault(node.model, {})[owner[name]] = None
    drawn = {*before, *(one for ones in before.values() for one in ones)}
    if len(drawn) > MOST_DRAWN or _circular(before):
        return []
    return [
        Node(
            name=model,
            type="Model",
            step_class=f"{len(by_model[model])} steps",
            model="",
            depends_on=tuple(before.get(model, ())),
            status=_worst(by_model[model]),
        )
        for model in by_model
        if model in drawn
    ]


def _worst(nodes: Sequence[Node]) -> str:
    states = {state_of(node) for node in nodes}
    return next((state for state in _WORST if state in states), "Succeeded")


def _circular(before: dict[str, dict[str, None]]) -> bool:
    """Tell whether models need each other in turn, as steps of theirs can."""
    try:
        graphlib.TopologicalSorter(before).prepare()
    except graphlib.CycleError:
        return True
    return False
