"""The rooms of the package as a diagram in Mermaid: floors from pyproject.toml's contracts, arrows from the imports."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from pathlib import Path

import grimp

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pipeline_builder"


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


def diagram() -> str:
    """Return the rooms by floor, with an arrow for each use that others don't lead to as well."""
    lines = ["```mermaid", "flowchart TB"]
    for number, floor in zip(range(len(floors()), 0, -1), floors(), strict=True):
        lines += [
            f'  subgraph f{number}["floor {number}"]',
            "    direction LR",
            *(f"    {room}" for room in floor),
            "  end",
        ]
    for room, others in sorted(reduced(arrows()).items()):
        lines += [f"  {room} --> {other}" for other in sorted(others)]
    return "\n".join([*lines, "```"])
