"""The index: a summary of every run, read again only where a record has changed, and kept for the next start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline_builder.descriptions import Execution, ExecutionStatus
from pipeline_builder.errors import InputProblems
from pipeline_builder.release.past.keeping import RECORD, parse_record, record_uri, runs_folder
from pipeline_builder.release.past.query import RunQuery
from pipeline_builder.release.past.remembered import Entry, Remembered
from pipeline_builder.release.past.summary import (
    ModelSummary,
    RunSummary,
    summarise,
    summarise_execution,
)
from pipeline_builder.release.past.unkept import summarise_unkept
from pipeline_builder.release.witness import at_once
from pipeline_builder.target import Target

MOST_RUNS = 20_000
"""Runs that are known of a pipeline at once, the newest: a summary is about a kilobyte."""
_UNKEPT = "unkept"
"""Stands for the stamp of a record that there is none of."""
Pipelines = Callable[[], Iterable[str]]


class RunIndex:
    """The runs of some pipelines; `pipelines` names them at each look, as new ones may come.

    It may be used from several threads, and several may be at one `path`: that is written whole, and only saves time.
    `reads` counts the records that were read.
    """

    def __init__(self, target: Target, pipelines: Pipelines, path: Path | None = None) -> None:
        self._target, self._pipelines = target, pipelines
        self._remembered = Remembered(path, f"{target.name} {target.base('')}") if path else None
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._runs: tuple[RunSummary, ...] = ()
        self._going: tuple[RunSummary, ...] = ()
        self._by_id: Mapping[str, RunSummary] = {}
        self._models: Mapping[str, tuple[tuple[RunSummary, ModelSummary], ...]] = {}
        self._generation = 0
        self._loaded = False
        self._looked = float("-inf")
        self._held = False
        self._tried: set[tuple[str, ExecutionStatus]] = set()
        self.reads = 0
        self.unreadable: tuple[str, ...] = ()

    @property
    def generation(self) -> int:
        """Return a number that changes when anything has, as of the last refresh."""
        return self._generation

    def refresh(self, within: float = 0.0, listed: Sequence[Execution] | None = None) -> int:
        """Look for what has changed, unless that was done `within` so many seconds; return a number that is another one
        when anything has. `listed` are all executions of the pipelines, where they have just been asked for.

        Raises:
            OutsideFailure, InputProblems: the target can't be asked; what was known before still is.
        """
        with self._lock:
            if self._held or time.monotonic() - self._looked < within:
                return self._generation
            if not self._loaded:
                self._entries, self._loaded = self._remembered.load() if self._remembered else {}, True
            names = tuple(dict.fromkeys(self._pipelines()))
            self._look(names)
            if listed is None:
                listed = [one for name in names for one in self._target.pipelines.list_executions(name)]
            self._make_up(listed)
            runs = _merged((found for _, found in self._entries.values() if found), listed)
            if runs != self._runs or not self._generation:
                self._show(runs)
            self._looked = time.monotonic()
            return self._generation

    def __len__(self) -> int:
        return len(self._runs)

    def __bool__(self) -> bool:
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let everything until the end of the block see the same runs."""
        self.refresh()
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def stamp(self, run: RunSummary) -> str:
        """Return what changes when the record of a run does; empty of one that none was kept of."""
        return self._entries.get(record_uri(self._target, run.pipeline, run.id), ("", None))[0]

    def runs(self, query: RunQuery, *, offset: int = 0, limit: int = 100) -> tuple[tuple[RunSummary, ...], int]:
        """Return some of the runs that a query means, the newest first, and how many there are in all."""
        found = self._runs if query == RunQuery() else tuple(run for run in self._runs if query.fits(run))
        return found[max(0, offset) : max(0, offset) + limit], len(found)

    def going(self) -> tuple[RunSummary, ...]:
        """Return the runs that go on, the newest first: they are asked for each second."""
        return self._going

    def run(self, pipeline: str, execution: str) -> RunSummary | None:
        """Return the summary of a run (its ARN or id); None where there is none."""
        found = self._by_id.get(execution.rsplit("/", 1)[-1])
        return found if found and found.pipeline == pipeline else None

    def groups(self) -> tuple[str, ...]:
        """Return every group that one of the runs has registered in, sorted."""
        return tuple(sorted(self._models))

    def of_model(self, group: str) -> tuple[tuple[RunSummary, ModelSummary], ...]:
        """Return the versions of a group that are known, each with its run, the oldest first."""
        return self._models.get(group, ())

    # --- what is looked at

    def _look(self, names: Iterable[str]) -> None:
        """Read the records that have changed."""
        stamps: dict[str, str] = {}
        for name in names:
            found = self._target.store.entries(runs_folder(self._target, name))
            stamps |= {uri: stamp for uri, stamp in found.items() if uri.endswith(f"/{RECORD}")}
        known = {uri: entry for uri, entry in self._entries.items() if stamps.get(uri, _UNKEPT) == entry[0]}
        wanted = [uri for uri in stamps if uri not in known]
        read = at_once(self._summary, wanted) if wanted else ()
        self.reads += len(wanted)
        changed: dict[str, Entry] = {uri: (stamps[uri], found) for uri, found in zip(wanted, read, strict=True)}
        self._entries = known | changed
        if changed and self._remembered:
            self._remembered.add(changed, self._entries)

    def _make_up(self, listed: Iterable[Execution]) -> None:
        """Sum up, once, what is still known of runs that no record was kept of; of one that goes on again, anew."""
        told = {found.execution: (stamp, found.status) for stamp, found in self._entries.values() if found}
        unknown = [
            one
            for one in listed
            if (one.arn, one.status) not in self._tried
            and (one.arn not in told or (told[one.arn][0] == _UNKEPT and told[one.arn][1] != one.status.value))
        ]
        uris = {one.arn: record_uri(self._target, one.pipeline, one.arn) for one in unknown}
        damaged = {uri for uri, (_, found) in self._entries.items() if found is None}
        made = summarise_unkept((one for one in unknown if uris[one.arn] not in damaged), self._target)
        self._tried |= {(one.arn, one.status) for one, _ in made}
        changed: dict[str, Entry] = {uris[one.arn]: (_UNKEPT, found) for one, found in made if found}
        self._entries = self._entries | changed
        if changed and self._remembered:
            self._remembered.add(changed, self._entries)

    def _summary(self, uri: str) -> RunSummary | None:
        try:
            found = self._target.store.read(uri)
            record = parse_record(found[0], uri.rsplit("/", 2)[-2]) if found else None
            return summarise(record) if record else None
        except (InputProblems, ValueError):  # too large to be ours, or with words that no registry has
            return None

    def _show(self, runs: tuple[RunSummary, ...]) -> None:
        models: dict[str, list[tuple[RunSummary, ModelSummary]]] = {}
        for run in reversed(runs):
            for model in run.models if run.kind == "training" else ():
                models.setdefault(model.group, []).append((run, model))
        self._models = {group: tuple(sorted(found, key=lambda one: one[1].version)) for group, found in models.items()}
        self._by_id = {run.id: run for run in reversed(runs)}
        self.unreadable = tuple(uri for uri, (_, found) in self._entries.items() if found is None)
        self._runs, self._going = runs, tuple(run for run in runs if run.goes_on)
        self._generation += 1


def _merged(kept: Iterable[RunSummary], listed: Iterable[Execution]) -> tuple[RunSummary, ...]:
    """Return all runs, the newest first; of one that goes on (again) the target knows more than its record."""
    found = {run.id: run for run in kept}
    for execution in listed:
        known = found.get(execution.id)
        if known is None:
            found[execution.id] = summarise_execution(execution)
        elif known.status != execution.status.value:
            status, ended = execution.status.value, execution.ended
            found[execution.id] = replace(known, status=status, ended=ended, passed=None)
    newest = sorted(found.values(), key=lambda run: (run.started, run.id), reverse=True)
    return tuple(newest[:MOST_RUNS])
