"""What a watch has handled of data, approvals and requests, as it is noted between looks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline_builder.machine.streams import write_file

_VERSION = 2
_MARK = 16
FILE = "triggers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The objects that a pipeline was started for: of each a mark, whatever its address is long.

    `prefixes` are those that were looked at; `since` is when the first of new ones was seen, in seconds since 1970.
    """

    prefixes: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()
    since: float | None = None


def mark_of(uri: str, stamp: str) -> str:
    """Return what tells an object as it is from every other, in as few characters as do."""
    return hashlib.blake2b(f"{uri}\0{stamp}".encode("utf-8", "surrogatepass"), digest_size=_MARK // 2).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """All of it: what has landed and which champions were used, by the handle of the pipeline; and requests for
    retraining whose runs have failed, by their addresses with the exit code.
    """

    landed: Mapping[str, Landed] = field(default_factory=dict)
    champions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)

    def with_landed(self, pipeline: str, landed: Landed) -> Noted:
        return replace(self, landed={**self.landed, pipeline: landed})

    def with_champions(self, pipeline: str, champions: Mapping[str, str]) -> Noted:
        return replace(self, champions={**self.champions, pipeline: dict(champions)})

    def with_request(self, uri: str, code: int) -> Noted:
        return replace(self, requests={**self.requests, uri: code})


def load_noted(path: Path) -> Noted:
    """Read it; what is damaged, or another version's, is as nothing: the next look is as the first."""
    try:
        data = json.loads(path.read_bytes())
        if data["version"] != _VERSION:
            return Noted()
        landed = {
            str(name): Landed(
                prefixes=tuple(map(str, one["prefixes"])),
                seen=frozenset(_marks(one["seen"])),
                since=None if one["since"] is None else float(one["since"]),
            )
            for name, one in data["landed"].items()
        }
        champions = {str(name): {str(g): str(a) for g, a in one.items()} for name, one in data["champions"].items()}
        requests = {str(uri): int(code) for uri, code in data["requests"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return Noted()
    return Noted(landed=landed, champions=champions, requests=requests)


def _marks(text: str) -> Iterator[str]:
    return (text[start : start + _MARK] for start in range(0, len(text), _MARK))


def write_noted(path: Path, noted: Noted) -> None:
    """Write it, whole or not at all."""
    landed = {
        name: {"prefixes": one.prefixes, "seen": "".join(sorted(one.seen)), "since": one.since}
        for name, one in noted.landed.items()
    }
    data = {"version": _VERSION, "landed": landed, "champions": dict(noted.champions), "requests": dict(noted.requests)}
    write_file(path, json.dumps(data, sort_keys=True).encode() + b"\n")
