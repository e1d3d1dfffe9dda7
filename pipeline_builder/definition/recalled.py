"""Recalled: what was composed before, and which of what it was composed of is another; failures are never kept.

The graph isn't: who needs it, for a place in a conf, has all of it composed again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.composed import Composed, Definition, Facts
from pipeline_builder.definition.made import Made, MadeFunction, MadeQueue
from pipeline_builder.definition.uses import ModelUse
from pipeline_builder.errors import Place, Problem
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.unchanged import Noted, Tree, are_as_they_were, digest_of, look_at_tree

if TYPE_CHECKING:
    from pipeline_builder.definition.record import Record

_KIND, _RECORD = "composed", "record"
_RAW = "latin-1"
"""How bytes are texts in JSON: each is one character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What was composed before, what is noted of it, and in which folders of the checkouts anything is another now;
    `entries` are all that there are.
    """

    composed: Composed
    record: Record
    folders: frozenset[str]
    entries: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Recalled:
    """What is kept of one composition: `about` is all that it is made of besides the files of a folder, the checkouts,
    their `commits`, and the variables that it asks for, which are noted in `values`. `before` is how the folder was
    before anything was read.
    """

    kept: Kept
    about: str
    commits: str
    folder: Path
    values: Noted
    before: Tree | None = None
    after: Tree | None = field(default=None, init=False)
    """How it was when all of it had been read."""
    _found: Mapping[str, Any] = field(default_factory=dict, init=False)

    def find(self, again: Callable[[], Composed]) -> Composed | None:
        """Return what was composed; None where nothing was, or something is another. `again` composes all of it."""
        entry = self.kept.get(_KIND, self._key)
        self.before = self.before or look_at_tree(self.folder)
        if self.before is None or not isinstance(entry, dict):
            return None
        if digest_of(self.values.values_of_all, entry["names"]) != entry["values"]:
            return None
        self._found = entry
        if entry["stamp"] != self.before.stamp or entry["commits"] != self.commits:
            return None
        if not are_as_they_were(self.folder, entry["fresh"]):
            return None
        if entry["fresh"] and not self.before.fresh:  # from now on each change is told by a time
            self.kept.put(_KIND, self._key, {**entry, "fresh": {}})
        return _read(entry["composed"], again)

    def find_changed(self, again: Callable[[], Composed]) -> Changed | None:
        """Return what was composed before, where only files of the checkouts are others since."""
        entry, now = self._found, self.before
        record = self.kept.get(_RECORD, self._key) if entry else None
        if now is None or now.linked or not record or record["of"] != entry["record"]:
            return None
        if record["entries"].keys() != now.entries.keys():
            return None
        from pipeline_builder.definition.record import read_record

        changed = {name for name, stamp in record["entries"].items() if now.entries[name] != stamp}
        for name, digest in entry["fresh"].items():
            if not are_as_they_were(self.folder, {name: digest}):
                changed.add(name.split("/", 2)[1])
        bundles = [_bundle_read(bundle) for bundle in record["bundles"]]
        sources = {name: bundles[index] for name, index in record["sources"].items()}
        composed = _read(entry["composed"], again)
        definition = replace(composed.definition, sources=sources)
        return Changed(
            composed=replace(composed, definition=definition),
            record=read_record(record["record"]),
            folders=frozenset(changed),
            entries=tuple(now.entries),
        )

    def keep(self, composed: Composed, record: Callable[[Iterable[str]], Record | None]) -> None:
        """Keep what was composed since nothing was found, if all that it was made of is as it was then.

        `record` gives what is noted of it, where anything is.
        """
        before, after = self.before, look_at_tree(self.folder)
        self.after = after
        if before is None or after is None or self.values.whole:
            return
        if after.stamp != before.stamp or not are_as_they_were(self.folder, before.fresh):
            return
        names = sorted({*self.values.names, *self._found.get("names", ())})
        entry: dict[str, Any] = {
            "stamp": before.stamp,
            "commits": self.commits,
            "fresh": dict(before.fresh),
            "names": names,
            "values": digest_of(self.values.values_of_all, names),
            "composed": _written(composed),
        }
        noted = None if before.linked else record(before.entries)
        about = [entry[name] for name in ("stamp", "commits", "names", "values")]
        made_of = repr((about, composed.definition.sha256)).encode()
        entry["record"] = hashlib.sha256(made_of).hexdigest() if noted else ""
        self.kept.put(_KIND, self._key, entry)
        if noted:
            self._keep_record(composed.definition, before, noted, entry["record"])

    def _keep_record(self, definition: Definition, before: Tree, record: Record, of: str) -> None:
        distinct = {id(bundle): bundle for bundle in definition.sources.values()}
        index = {key: number for number, key in enumerate(distinct)}
        entry = {
            "of": of,
            "entries": dict(before.entries),
            "record": record,
            "bundles": [_bundle_written(bundle) for bundle in distinct.values()],
            "sources": {name: index[id(bundle)] for name, bundle in definition.sources.items()},
        }
        self.kept.put(_RECORD, self._key, entry)

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
    plain = ("pipeline", "sha256", "owners", "repositories", "groups", "commit_parameters", "code", "kind", "dates")
    return {
        **{name: _plain(getattr(definition, name)) for name in plain},
        "labels": _plain(definition.labels),
        "units": _plain(definition.units),
        "content": definition.content.decode(_RAW),
        "bundles": {uri: _bundle_written(bundle) for uri, bundle in definition.bundles.items()},
        "manifests": {uri: content.decode(_RAW) for uri, content in definition.manifests.items()},
        "files": {uri: content.decode(_RAW) for uri, content in definition.files.items()},
        "data": {name: list(addresses) for name, addresses in definition.data.items()},
        "own_warnings": [asdict(problem) for problem in definition.warnings],
        "warnings": [asdict(problem) for problem in composed.warnings],
        "images": dict(composed.images),
        "facts": asdict(composed.facts),
        "made": asdict(definition.made),
        "models": {name: asdict(use) for name, use in definition.models.items()},
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
        files={uri: content.encode(_RAW) for uri, content in found["files"].items()},
        commit_parameters=found["commit_parameters"],
        code=found["code"],
        data={name: tuple(addresses) for name, addresses in found["data"].items()},
        warnings=tuple(map(_problem, found["own_warnings"])),
        made=_made(found["made"]),
        kind=found["kind"],
        dates=found["dates"],
        labels=found["labels"],
        units=found["units"],
        models={name: ModelUse(**{**use, "place": Place(**use["place"])}) for name, use in found["models"].items()},
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
