"""Steps on their way into a conf: the ways to say each, and how they stand in the model's section and list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.conf.conf import ModelSection
from pipeline_builder.documents.schema import known_keys
from pipeline_builder.importing.comparing import BRANCHES
from pipeline_builder.importing.saying import Said

Mapped = dict[str, Any]
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")


@dataclass(slots=True)
class Draft:
    """A step on its way: the ways to say it, which of them is tried, and what is merged over that."""

    given: Mapped
    ways: list[Said]
    at: int = 0
    over: Mapped = field(default_factory=dict)
    patched: bool = False

    @property
    def said(self) -> Said:
        """The way that is tried."""
        return self.ways[self.at]

    def next_way(self) -> bool:
        """Take the next way; False where there is none."""
        if self.at + 1 == len(self.ways):
            return False
        self.at, self.over, self.patched = self.at + 1, {}, False
        return True

    def without_over(self) -> bool:
        """Take back what is merged over it; False where nothing is."""
        had, self.over = bool(self.over), {}
        return had


def listed(steps: Mapping[str, Draft]) -> tuple[Mapped, list[Mapped]]:
    """Return the sections and the steps of the model; a step in a branch of one that is a whole request is in that."""
    within = {name for step in steps.values() if not step.said.is_keyed for name in _below(step, steps)}
    sections: Mapped = {}
    found: list[Mapped] = []
    for name, step in steps.items():
        if name in within:
            continue
        said, keys = step.said, dict(step.said.keys)
        if said.section_name:
            section = {**said.section, **({"arguments": step.over} if step.over else {})}
            key = _section_name(said.section_name, name, sections)
            sections[key] = section
            if key != said.section_name:
                keys = _after_class(keys, key)
        elif step.over:
            keys["arguments"] = merged(keys.get("arguments") or {}, step.over)
        found.append(keys)
    return sections, found


def _below(step: Draft, steps: Mapping[str, Draft]) -> Iterator[str]:
    """Yield the names of all steps in a step's branches, and in theirs."""
    for branch in BRANCHES if step.given["Type"] == "Condition" else ():
        for name in step.given["Arguments"].get(branch) or []:
            yield name
            yield from _below(steps[name], steps)


def _section_name(usual: str, step: str, taken: Mapping[str, Any]) -> str:
    """The first section of its kind has the usual name, the others that of their step."""
    known = known_keys(ModelSection)
    name = usual if usual not in taken else _NOT_IN_NAMES.sub("_", step).strip("_").lower() or usual
    while name in taken or (name != usual and name in known):
        name += "_"
    return name


def _after_class(keys: Mapped, section: str) -> Mapped:
    head = {key: keys.pop(key) for key in ("step_name", "step_class")}
    return {**head, "step_type": section, **keys}


def merged(under: Mapped, over: Mapped) -> Mapped:
    """Return what both say, mappings by their members; null stays, as it takes a member out."""
    found = dict(under)
    for key, value in over.items():
        before = found.get(key)
        found[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found
