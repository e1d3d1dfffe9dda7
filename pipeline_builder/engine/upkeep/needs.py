"""Needs: what of the past something leads to, by the addresses that are written in the state."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline_builder.descriptions import Execution, ExecutionStatus
from pipeline_builder.engine.state.places import file_of, split_address
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.upkeep.bounds import Bounds
from pipeline_builder.errors import InputProblems

_ADDRESS = re.compile(r's3://[^"\s]+')
_GOING_ON = (ExecutionStatus.EXECUTING, ExecutionStatus.STOPPING)
# One that was approved once is evidence of what was in use, also when it is rolled back.
_PACKAGES = (
    "SELECT execution, request, details FROM packages WHERE json_extract(details, '$.deleted') IS NULL AND "
    "(status != 'Rejected' OR arn IN (SELECT package FROM approvals WHERE after = 'Approved'))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Executions that are `kept` whole, files and folders of the store that something names, executions whose logs
    are still to be read, and those that a decided or waiting package is of.
    """

    kept: frozenset[str]
    files: frozenset[str]
    logs: frozenset[str]
    judged: frozenset[str]

    def has(self, path: Path) -> bool:
        """Tell whether something names the file, or a folder that it is in."""
        return str(path) in self.files or any(str(folder) in self.files for folder in path.parents)


@dataclass(frozen=True, slots=True)
class Past:
    """The executions of a state, newest first, and what each leads to, which is read once.

    `deployed` are addresses that something leads to whatever is kept, `sources` the executions that others took from.
    """

    state: State
    store: LocalStore
    executions: tuple[Execution, ...]
    deployed: frozenset[str]
    sources: Mapping[str, frozenset[str]]
    _named: dict[str, frozenset[str]] = field(default_factory=dict)

    def kept(self, bounds: Bounds, now: datetime) -> list[Execution]:
        """Return those that the bounds keep whole, and those that go on, newest first."""
        numbers = self._numbers()
        since = now - timedelta(days=bounds.days)
        return [
            one
            for one in self.executions
            if one.status in _GOING_ON or numbers[one.arn] < bounds.executions or (one.ended or one.started) > since
        ]

    def droppable(self, kept: Iterable[Execution]) -> list[Execution]:
        """Return those that may go before their time, oldest first: never the newest of a pipeline."""
        numbers = self._numbers()
        return [one for one in reversed([*kept]) if numbers[one.arn] and one.status not in _GOING_ON]

    def _numbers(self) -> dict[str, int]:
        """Return how many of its pipeline are newer than each."""
        counted: dict[str, int] = {}
        found: dict[str, int] = {}
        for one in self.executions:
            found[one.arn] = counted.get(one.pipeline, 0)
            counted[one.pipeline] = found[one.arn] + 1
        return found

    def needs(self, kept: Iterable[Execution]) -> Needs:
        """Return what these executions, all packages that wait or were ever approved, and what is deployed lead to."""
        arns, ids = [one.arn for one in kept], {one.id: one.arn for one in self.executions}
        packages = self.state.query(_PACKAGES)
        texts = [text for row in packages for text in (row["request"], row["details"])]
        addresses = {*self.deployed, *_addresses(texts)}.union(*(self._of(arn) for arn in arns))
        judged = frozenset(str(row["execution"]) for row in packages)
        users = (*arns, *judged)
        return Needs(
            kept=frozenset(arns),
            files=frozenset(path for uri in addresses if (path := _path_of(uri, self.store, ids))),
            logs=frozenset((*users, *(source for arn in users for source in self.sources.get(arn, ())))),
            judged=judged,
        )

    def _of(self, arn: str) -> frozenset[str]:
        """Return the addresses that an execution was started with, and that its steps' results have."""
        if arn not in self._named:
            rows = self.state.query("SELECT result AS text FROM steps WHERE execution = ? AND result IS NOT NULL", arn)
            rows += self.state.query(
                "SELECT parameters AS text FROM executions WHERE arn = ? UNION ALL SELECT CAST(content AS TEXT) "
                "FROM executions JOIN versions USING (pipeline, version) WHERE arn = ?",
                *(arn, arn),
            )
            self._named[arn] = frozenset(_addresses(str(row["text"]) for row in rows))
        return self._named[arn]


def read_past(state: State, store: LocalStore) -> Past:
    """Return what has run so far."""
    return Past(state, store, state.executions(), frozenset(_deployed(state)), _sources(state))


def _deployed(state: State) -> Iterator[str]:
    """Yield the addresses in the newest version of each pipeline, and in models that can be asked for by name."""
    newest = state.query(
        "SELECT CAST(content AS TEXT) AS text FROM versions JOIN (SELECT pipeline, MAX(version) AS version "
        "FROM versions GROUP BY pipeline) USING (pipeline, version)"
    )
    texts = [str(row["text"]) for row in newest]
    yield from _addresses(texts)
    for row in state.query("SELECT name, execution, result FROM jobs WHERE kind = 'model'"):
        if not row["execution"] or any(f'"{row["name"]}"' in text for text in texts):
            yield from _addresses([row["result"]])


def _sources(state: State) -> dict[str, frozenset[str]]:
    """Return for each execution those that its steps were taken from."""
    found: dict[str, set[str]] = {}
    for row in state.query("SELECT execution, cache_hit, source FROM steps WHERE cache_hit != '' OR source != ''"):
        found.setdefault(str(row["execution"]), set()).update(one for one in (row["cache_hit"], row["source"]) if one)
    return {arn: frozenset(sources) for arn, sources in found.items()}


def owner_of(name: str, ids: Mapping[str, str]) -> str:
    """Return the execution (ARN) that a part of a key is of: its id, or the name of one of its jobs; empty if none."""
    return ids.get(name) or (ids.get(name.split("-", 2)[1], "") if name.startswith("pipelines-") else "")


def _addresses(texts: Iterable[str]) -> Iterator[str]:
    """Yield every address in JSON texts, also in texts that stand in their texts."""
    waiting: list[Any] = [json.loads(text) for text in texts]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and "s3://" in value:
            yield from {value.strip('"'), *_ADDRESS.findall(value)}


def _path_of(uri: str, store: LocalStore, ids: Mapping[str, str]) -> str:
    """Return where an address is in the store, if an execution's own part is in it: all others stay anyway."""
    try:
        bucket, key = split_address(uri)
    except InputProblems:
        return ""
    own = any(owner_of(part, ids) for part in key.split("/"))
    return str(store.root / bucket / file_of(key.rstrip("/"))) if own else ""
