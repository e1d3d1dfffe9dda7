"""The inventory of what a definition names by its content: what the store lacks, and what isn't what its name says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.dag.named import NamedFile
from pipeline_builder.errors import PlanRefused, Problem
from pipeline_builder.machine.streams import write_file
from pipeline_builder.target import Target

_AT_ONCE = 8
_MOST_SEEN = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The addresses that nothing is at, and those with `others` than their names say, and a warning for each."""

    missing: tuple[str, ...]
    others: tuple[str, ...]
    problems: tuple[Problem, ...]


def look_over(uris: Sequence[str], target: Target, seen: Path | None) -> Inventory:
    """Look at every file that is there, but for those that were looked at already and haven't changed since.

    `seen` is the file that remembers them, with the stamps that the store gave.
    """
    stamps = target.store.stamps(uris)
    known = _load(seen)
    new = [uri for uri in stamps if known.get(uri) != stamps[uri]]
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="inventory") as pool:
        looked = pool.map(lambda uri: _other(uri, target), new)
        others = {uri: problem for uri, problem in zip(new, looked, strict=True) if problem}
    fine = {uri: stamp for uri, stamp in stamps.items() if uri not in others}
    if seen and not fine.items() <= known.items():
        write_file(seen, json.dumps(dict([*known.items(), *fine.items()][-_MOST_SEEN:]), indent=0).encode())
    return Inventory(
        missing=tuple(uri for uri in uris if uri not in stamps),
        others=tuple(uri for uri in uris if uri in others),
        problems=tuple(others.values()),
    )


def _other(uri: str, target: Target) -> Problem | None:
    from pipeline_builder.release.witness import witness_code

    try:
        witness_code([NamedFile(uri=uri)], target)
    except PlanRefused as error:
        said = error.problems[0]
        hint = "what has run since may have used it: 'run --rerun' makes that anew"
        return Problem(id=said.id, message=f"{said.message}; it is brought back", hint=hint, warning=True)
    return None


def _load(seen: Path | None) -> Mapping[str, str]:
    try:
        found = json.loads(seen.read_bytes()) if seen else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
