"""What every problem id means: the catalogue in `problems.yaml`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CATALOGUE = Path(__file__).with_name("problems.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """When a problem is reported, what it looks like, and what to do about it.

    One that is `certain` holds whatever was meant by something else that is wrong.
    """

    id: str
    cause: str
    example: str
    mend: str
    certain: bool = False


def load_explanations() -> Mapping[str, Explanation]:
    """Return the catalogue by id, in the order of the ids."""
    import yaml

    entries = yaml.load(_CATALOGUE.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return {key: Explanation(id=key, **entry) for key, entry in entries.items()}


@functools.cache
def certain_ids() -> frozenset[str]:
    """Return the problems that are said after others too: clashes, missing files, cycles, wrong values."""
    return frozenset(explanation.id for explanation in load_explanations().values() if explanation.certain)


def render_explanation(explanation: Explanation) -> str:
    """Return the explanation for a terminal."""
    return (
        f"{explanation.id}: {explanation.example}\n\nWhen:       {explanation.cause}\nWhat to do: {explanation.mend}\n"
    )
