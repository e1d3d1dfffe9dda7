"""The ways through the shapes of requests: what is looked up of a shape once, and not again in each request of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline_builder.definition.check.behind import shape_at
from pipeline_builder.definition.policy.member import Kind
from pipeline_builder.definition.shapes.values import Shape

KindOf = Callable[[str, str], Kind]
"""What a scalar is, by the name of its shape and by that of its member."""
_NO_SCALAR = ("structure", "list", "map", "anything")


class Inner(NamedTuple):
    """A member of a structure: the way on, and what it is to the policy if it is a `scalar`."""

    way: Way
    scalar: bool
    kind: Kind


class Way:
    """A shape on the way through a request; shapes contain themselves, so that what is below is asked for when a
    request has it.
    """

    def __init__(self, shapes: Mapping[str, Shape], name: str, kind_of: KindOf) -> None:
        self.name = name
        self.type: str = shapes[name]["type"]
        self._shapes = shapes
        self._kind_of = kind_of

    @functools.cached_property
    def members(self) -> Mapping[str, Inner]:
        """The members of a structure."""
        return {key: self._inner(key, member["shape"]) for key, member in self._shapes[self.name]["members"].items()}

    @functools.cached_property
    def member(self) -> Way:
        """What a list is of."""
        return Way(self._shapes, self._shapes[self.name]["member"]["shape"], self._kind_of)

    @functools.cached_property
    def holds_anything(self) -> bool:
        """Whether no shape says what the values of a map are."""
        return bool(self._shapes[self._shapes[self.name]["value"]["shape"]]["type"] == "anything")

    def _inner(self, key: str, shape: str) -> Inner:
        way = Way(self._shapes, shape, self._kind_of)
        scalar = way.type not in _NO_SCALAR
        return Inner(way, scalar, self._kind_of(shape, key) if scalar else "")


@functools.cache
def way_to(reference: str, kind_of: KindOf) -> Way:
    """Return the way that begins at a shape, by its `service:Shape`."""
    shapes, name = shape_at(reference)
    return Way(shapes.shapes, name, kind_of)
