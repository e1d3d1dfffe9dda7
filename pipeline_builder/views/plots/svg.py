"""SVG as text: elements whose attributes and words can't be anything else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from pipeline_builder.inert import inert_line

_ANY = 2**60
"""Of a path nothing is cut off."""

Place = tuple[float, float]


def element(name: str, *children: str, **attributes: object) -> str:
    """Return an element; `class_` is `class`, `text_anchor` is `text-anchor`, and what is None is left out."""
    given = "".join(
        f" {_named(key)}={quoteattr(_valued(value))}" for key, value in attributes.items() if value is not None
    )
    inside = "".join(children)
    return f"<{name}{given}>{inside}</{name}>" if inside else f"<{name}{given}/>"


def _named(key: str) -> str:
    return key if key == "viewBox" else key.rstrip("_").replace("_", "-")


def _valued(value: object) -> str:
    return pixels(value) if isinstance(value, float) else inert_line(str(value), _ANY)


def pixels(value: float) -> str:
    """Return a coordinate: a tenth of a pixel is all that anybody sees."""
    return f"{value:.1f}".removesuffix(".0")


def words(text: str) -> str:
    """Return a text from outside as what stands between tags."""
    return escape(inert_line(text))


def label(x: float, y: float, text: str, *, anchor: str = "start", class_: str | None = None) -> str:
    """Return a text at its place."""
    return element("text", words(text), x=float(x), y=float(y), text_anchor=anchor, class_=class_)


def title(text: str) -> str:
    """Return what a pointer that rests here is told, and who reads with the ears."""
    return element("title", words(text))


def path_of(points: Iterable[Place]) -> str:
    """Return a line through points, as the `d` of a path."""
    return "M" + " L".join(f"{pixels(x)} {pixels(y)}" for x, y in points)


def thinned(items: Sequence[Place], most: int) -> Sequence[Place]:
    """Return every so many of very many points, and the last: enough for a drawing."""
    every = -(-len(items) // most)
    return items if every <= 1 else (*items[:-1:every], items[-1])


def plot(name: str, about: str, box: tuple[float, float, float, float], *parts: str, class_: str = "plot") -> str:
    """Return a drawing with its name and, for who can't see it, what it shows; `box` is x, y, width, height.

    One with links in it is a group: what is inside an image, nobody is led to.
    """
    x, y, width, height = (math.ceil(side) for side in box)
    role = "group" if any("<a " in part for part in parts) else "img"
    described = element("desc", words(about)) if about else ""
    return element(
        "svg", title(name), described, *parts,
        xmlns="http://www.w3.org/2000/svg", class_=class_, viewBox=f"{x} {y} {width} {height}",
        width=width, height=height, role=role, aria_label=f"{name}. {about}".strip(" ."),
    )  # fmt: skip
