"""What this machine makes of each member of a request: the table `members.txt`, and what it says of a request."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

Verdict = Literal["done", "kept", "nature", "note", "refused"]
DataPath = tuple[str | int, ...]
_TABLE = Path(__file__).with_name("members.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line of the table: the verdict of a member, where its value is one of those that `when` means."""

    verdict: Verdict
    when: str = ""
    words: str = ""

    def applies(self, value: Any) -> bool:
        """Tell whether the line is about this value."""
        if self.when.startswith("="):
            return value in self.when[1:].split("|")
        if self.when.startswith(">"):
            return isinstance(value, int | float) and value > int(self.when[1:])
        return self.verdict not in ("note", "refused") or (bool(value) and value != "None" and not is_open(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the table says of a member of a request: a note, or why it is refused."""

    path: DataPath
    value: Any
    rule: Rule


@functools.cache
def load_members() -> Mapping[str, tuple[Rule, ...]]:
    """Return the lines of the table by the member's path, `Training.InputDataConfig[].ChannelName`."""
    members: dict[str, tuple[Rule, ...]] = {}
    for line in _TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, verdict, when, words = (*line.split(" | ", 3), "-", "")[:4]
            assert verdict in get_args(Verdict), line
            rule = Rule(verdict=cast("Verdict", verdict), when=when.removeprefix("-"), words=words)
            members[name] = (*members.get(name, ()), rule)
    return members


@functools.cache
def _holders() -> frozenset[str]:
    """Return the paths below which there are lines."""
    return frozenset(name[:end] for name in load_members() for end in range(len(name)) if name[end] in ".[")


def find_said(step_type: str, request: Mapping[str, Any]) -> Iterator[Said]:
    """Yield what the table says of each member that a request of this type of step has.

    A value that nobody knows yet, an expression, is none that a line is about. A member without a line is refused.
    """
    if step_type in _holders():
        for key, value in request.items():
            yield from _walk(f"{step_type}.{key}", value, (key,))


def _walk(name: str, value: Any, path: DataPath) -> Iterator[Said]:
    rule = next((rule for rule in load_members().get(name, ()) if rule.applies(value)), None)
    if rule is None and name not in load_members():
        rule = Rule(verdict="refused", words="the local engine doesn't know it")
    if rule and rule.verdict in ("note", "refused"):
        yield Said(path=path, value=value, rule=rule)
    elif rule and rule.verdict == "done" and name in _holders():
        yield from _below(name, value, path)


def _below(name: str, value: Any, path: DataPath) -> Iterator[Said]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below(f"{name}[]", item, (*path, index))
    elif isinstance(value, dict) and not is_open(value):
        for key, item in value.items():
            yield from _walk(f"{name}.{key}", item, (*path, key))


def is_open(value: Any) -> bool:
    """Tell whether a value is an expression that isn't resolved."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Get", "Std:"))
