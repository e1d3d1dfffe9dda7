"""Differences of two versions as values: of names with values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Change = Literal["added", "removed", "changed", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a name had before and has after; None where it wasn't there."""

    name: str
    before: str | None
    after: str | None

    @property
    def change(self) -> Change:
        """What became of it, in a word."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "same" if self.before == self.after else "changed"


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """Return every name of either, in the order of the newer, then what only the older has."""
    names = (*after, *(name for name in before if name not in after))
    return tuple(Difference(name=name, before=before.get(name), after=after.get(name)) for name in names)


def changed_only(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Leave out what is the same."""
    return tuple(one for one in found if one.change != "same")
