"""Recalled: what was composed before, where nothing that it was composed of is another; failures are never kept.

The graph isn't: who needs it, for a place in a conf, has all of it composed again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.composed import Composed, Definition, Facts
from pipeline_builder.definition.made import Made, MadeFunction, MadeQueue
from pipeline_builder.errors import Place, Problem
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.unchanged import Noted, Tree, are_as_they_were, digest_of, look_at_tree

_KIND = "composed"
_RAW = "latin-1"
"""How bytes are texts in JSON: each is one character."""


@dataclass(slots=True, kw_only=True)
class Recalled:
    """What is kept of one composition: `about` is all that it is made of besides the files of a folder, the checkouts,
    and the variables that it asks for, which are noted in `values`.
    """

    kept: Kept
    about: str
    folder: Path
    values: Noted
    _before: Tree | None = field(default=None, init=False)

    def find(self, again: Callable[[], Composed]) -> Composed | None:
        """Return what was composed; None where nothing was, or something is another. `again` composes all of it."""
        entry = self.kept.get(_KIND, self._key)
        self._before = look_at_tree(self.folder)
        if self._before is None or not isinstance(entry, dict) or entry.get("stamp") != self._before.stamp:
            return None
        if digest_of(self.values.values_of_all, entry["names"]) != entry["values"]:
            return None
        if not are_as_they_were(self.folder, entry["fresh"]):
            return None
        if entry["fresh"] and not self._before.fresh:  # from now on each change is told by a time
            self.kept.put(_KIND, self._key, {**entry, "fresh": {}})
        return _read(entry["composed"], again)

    def keep(self, composed: Composed) -> None:
        """Keep what was composed since nothing was found, if all that it was made of is as it was then."""
        before, after = self._before, look_at_tree(self.folder)
        if before is None or after is None or self.values.whole:
            return
        if after.stamp != before.stamp or not are_as_they_were(self.folder, before.fresh):
            return
        entry = {
            "stamp": before.stamp,
            "fresh": dict(before.fresh),
            "names": sorted(self.values.names),
            "values": digest_of(self.values.values_of_all, self.values.names),
            "composed": _written(composed),
        }
        self.kept.put(_KIND, self._key, entry)

    @property
    def _key(self) -> str:
        try:
            here = os.getcwd()  # noqa: PTH109 - paths in messages are relative to it
        except FileNotFoundError:
            here = ""
        about = f"{here}\0{self.folder}\0{self.about}"
        return hashlib.sha256(about.encode("utf-8", "backslashreplace")).hexdigest()


def _written(composed: Composed) -> dict[str, Any]:
    definition = composed.definition
    plain = ("pipeline", "sha256", "owners", "repositories", "groups", "commit_parameters", "code")
    return {
        **{name: _plain(getattr(definition, name)) for name in plain},
        "content": definition.content.decode(_RAW),
        "bundles": {uri: _bundle_written(bundle) for uri, bundle in definition.bundles.items()},
        "manifests": {uri: content.decode(_RAW) for uri, content in definition.manifests.items()},
        "data": {name: list(addresses) for name, addresses in definition.data.items()},
        "own_warnings": [asdict(problem) for problem in definition.warnings],
        "warnings": [asdict(problem) for problem in composed.warnings],
        "images": dict(composed.images),
        "facts": asdict(composed.facts),
        "made": asdict(definition.made),
    }


def _read(found: Mapping[str, Any], again: Callable[[], Composed]) -> Composed:
    definition = Definition(
        pipeline=found["pipeline"],
        content=found["content"].encode(_RAW),
        sha256=found["sha256"],
        bundles={uri: _bundle_read(bundle) for uri, bundle in found["bundles"].items()},
        manifests={uri: content.encode(_RAW) for uri, content in found["manifests"].items()},
        owners=found["owners"],
        repositories=found["repositories"],
        groups=found["groups"],
        commit_parameters=found["commit_parameters"],
        code=found["code"],
        data={name: tuple(addresses) for name, addresses in found["data"].items()},
        warnings=tuple(map(_problem, found["own_warnings"])),
        made=_made(found["made"]),
    )
    return Composed(
        definition=definition,
        warnings=tuple(map(_problem, found["warnings"])),
        images=found["images"],
        whole=cache(lambda: again().whole()),
        known=Facts(**found["facts"]),
    )


def _made(found: Mapping[str, Any]) -> Made:
    functions = (
        MadeFunction(**{**one, "grants": tuple((tuple(a), tuple(r)) for a, r in one["grants"])})
        for one in found["functions"]
    )
    return Made(functions=tuple(functions), queues=tuple(MadeQueue(**one) for one in found["queues"]))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _bundle_written(bundle: Bundle) -> list[Any]:
    added = {name: content.decode(_RAW) for name, content in bundle.added.items()}
    return [str(bundle.folder), list(bundle.files), bundle.sha256, added]


def _bundle_read(found: list[Any]) -> Bundle:
    folder, files, sha256, added = found
    plain = {name: content.encode(_RAW) for name, content in added.items()}
    return Bundle(folder=Path(folder), files=tuple(files), sha256=sha256, added=plain)


def _problem(found: Mapping[str, Any]) -> Problem:
    related = tuple(Place(**place) for place in found["related"])
    place = Place(**found["place"]) if found["place"] else None
    return Problem(**{**found, "place": place, "related": related})
