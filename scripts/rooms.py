"""The rooms of the package as a picture: floors from pyproject.toml's contracts, arrows from the imports."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pipeline_builder"
_WIDTH, _ROW, _BOX, _GAP, _EDGE = 720, 58, 32, 36, 16
_STYLE = (
    ".page{fill:#fff}rect{fill:#eef2f7;stroke:#8a97a8}path{fill:none;stroke:#8a97a8}"
    "text{font:14px ui-monospace,Menlo,Consolas,monospace;text-anchor:middle;fill:#1b2430}"
    ".floor{font-size:12px;fill:#66717f;text-anchor:start}.page{stroke:none}"
    "@media (prefers-color-scheme:dark){.page{fill:#14181d}rect{fill:#232b35;stroke:#5c6b7d}path{stroke:#5c6b7d}"
    "text{fill:#e4e9ef}.floor{fill:#93a0af}}"
)


def floors() -> list[list[str]]:
    """Return the rooms of each floor, from the top down, as the first contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    return [[room.strip() for room in floor.split("|")] for floor in contracts[0]["layers"]]


@functools.cache
def arrows() -> dict[str, set[str]]:
    """Return which rooms each room imports at run time."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules - {PACKAGE}:
        for imported in graph.find_modules_directly_imported_by(module) - {PACKAGE}:
            room, other = module.split(".")[1], imported.split(".")[1]
            found.setdefault(room, set()).update({other} - {room})
    return found


def reduced(found: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Leave out each arrow that others lead to as well, over a room between: people follow these."""

    def beyond(room: str) -> set[str]:
        return {far for near in found.get(room, ()) for far in {near} | beyond(near)}

    return {
        room: {other for other in others if not any(other in beyond(near) for near in others)}
        for room, others in found.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """Where a room is drawn, in pixels."""

    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def diagram() -> str:
    """Return the rooms by floor as an SVG, with an arrow for each use that others don't lead to as well.

    Colours are for light and dark pages; what a page shows as a picture can't know more than what its reader prefers.
    """
    boxes = dict(_boxes())
    height = _ROW * len(floors()) + _EDGE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}"/>',
    ]
    for room, others in sorted(reduced(arrows()).items()):
        lines += [f'<path d="{_line(boxes[room], boxes[other])}"/>' for other in sorted(others)]
    for number, floor in zip(range(len(floors()), 0, -1), floors(), strict=True):
        lines.append(f'<text class="floor" x="12" y="{boxes[floor[0]].y + 21:g}">{number}</text>')
    for room, box in boxes.items():
        lines.append(f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{_BOX}" rx="6"/>')
        lines.append(f'<text x="{box.middle:g}" y="{box.y + 21:g}">{room}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _boxes() -> Iterator[tuple[str, _Box]]:
    for number, floor in enumerate(floors()):
        widths = [len(room) * 8 + 28 for room in floor]
        x = (_WIDTH - sum(widths) - _GAP * (len(floor) - 1)) / 2
        for room, width in zip(floor, widths, strict=True):
            yield room, _Box(x=x, y=_EDGE + number * _ROW, width=width)
            x += width + _GAP


def _line(upper: _Box, lower: _Box) -> str:
    """Return the way from one room's floor to another's ceiling: straight down at both ends."""
    begin, end = upper.y + _BOX, lower.y
    bend = (end - begin) / 2
    return (
        f"M{upper.middle:g} {begin:g}C{upper.middle:g} {begin + bend:g} {lower.middle:g} {end - bend:g} "
        f"{lower.middle:g} {end:g}"
    )
