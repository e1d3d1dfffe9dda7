"""The points that nobody could verify without an account: `points.yaml`, whose ids the documentation has too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).with_name("points.yaml")


class Point(BaseModel):
    """A question to AWS: what the code takes for its answer, and what follows where it is otherwise.

    `place` is the page whose text has the id; `scenario` finds the answer, and a point without one says `why`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    place: str
    question: str
    expected: str
    otherwise: str
    scenario: str = ""
    why: str = ""


def load_points(path: Path = FILE) -> tuple[Point, ...]:
    """Return every point, in the order of the file."""
    found = tuple(Point.model_validate(item) for item in yaml.safe_load(path.read_text("utf-8")))
    for point in found:
        if bool(point.scenario) == bool(point.why):
            raise ValueError(f"the point '{point.id}' wants a scenario, or a reason why there is none")
    if len({point.id for point in found}) != len(found):
        raise ValueError("an id stands twice in points.yaml")
    return found


def choose(points: Iterable[Point], only: Iterable[str]) -> tuple[Point, ...]:
    """Return the points that are named, by id or by scenario; all without a name.

    Raises:
        ValueError: for a name that no point has.
    """
    points, names = tuple(points), tuple(only)
    known = {name for point in points for name in (point.id, point.scenario)}
    if unknown := sorted(set(names) - known):
        raise ValueError(f"no point and no scenario is called {', '.join(map(repr, unknown))}; --list has them all")
    return tuple(point for point in points if not names or {point.id, point.scenario} & set(names))
