"""What may go, in words and for machines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pipeline_builder.descriptions import JSON
from pipeline_builder.machine.holdings import Holding

_MOST_SHOWN = 40
_MOST_FOREIGN = 10
_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(size: float) -> str:
    """Return a size as people write it."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {_UNITS[unit]}"


def render_holdings(found: Sequence[Holding], foreign: Sequence[str], totals: Mapping[str, int]) -> str:
    """Return each thing that may go with its size and why, what there is in all, and what is left as it is foreign."""
    lines = [f"{item.kind:<13} {size_text(item.size):>8}  {item.name}  ({item.why})" for item in found[:_MOST_SHOWN]]
    if (more := len(found) - _MOST_SHOWN) > 0:
        lines.append(f"… and {more:,} more")
    if lines:
        lines.append("")
    for kind, total in totals.items():
        sizes = [item.size for item in found if item.kind == kind]
        lines.append(f"{kind:<13} {size_text(total):>8}, of which {size_text(sum(sizes))} in {len(sizes):,} may go")
    lines.append("" if found else "nothing to take")
    lines += [f"left, as the state knows nothing of it: {path}" for path in foreign[:_MOST_FOREIGN]]
    if (more := len(foreign) - _MOST_FOREIGN) > 0:
        lines.append(f"… and {more:,} more")
    return "\n".join(lines).rstrip("\n")


def holdings_json(
    found: Sequence[Holding], foreign: Sequence[str], totals: Mapping[str, int], gone: Collection[Holding]
) -> JSON:
    """Return the same for machines; of each thing whether it is gone."""
    taken = {item.key for item in gone}
    return {
        "bytes": sum(item.size for item in found),
        "taken_bytes": sum(item.size for item in gone),
        "items": [
            {
                "kind": item.kind,
                "name": item.name,
                "bytes": item.size,
                "used": item.used.isoformat(),
                "why": item.why,
                "taken": item.key in taken,
            }
            for item in found
        ],
        "totals": dict(totals),
        "foreign": [*foreign],
    }
