"""What pages of a static site are made of: a key that changes where a page may look otherwise, without drawing it.

A key costs the list of a group's versions in the registry, once for all of its pages, and what the index knows.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import Asking, champion_of
from pipeline_builder.console.scoring.shelf import days_of, inference_pipelines
from pipeline_builder.descriptions import ModelPackage
from pipeline_builder.release.past.hosts import host_kind
from pipeline_builder.release.past.summary import RunSummary

There = Callable[..., bool]
"""Tells whether the site has a page, by its name and parts: a page links only to what there is."""


class Made:
    """The keys of the pages that are many: runs, versions, comparisons. Empty where only drawing tells: of a run that
    goes on, or that no record was kept of.
    """

    def __init__(self, look: Look, there: There) -> None:
        self._look, self._there = look, there
        self._asking = Asking(look)
        self._groups: dict[str, tuple[Mapping[int, ModelPackage], int]] = {}

    def of(self, name: str, parts: Mapping[str, object]) -> str:
        """Return the key of a page by its name and its parts."""
        found: Iterable[object]
        match name:
            case "run":
                found = self._run(str(parts["pipeline"]), str(parts["id"]))
            case "version":
                found = self._version(str(parts["group"]), int(str(parts["version"])))
            case "compare":
                group = str(parts["group"])
                sides = [self._version(group, int(str(parts[side]))) for side in ("a", "b")]
                found = sides if all(sides) else ()
            case _:
                found = ()
        return hashlib.sha256(repr((name, found, self._hosts)).encode("utf-8", "replace")).hexdigest() if found else ""

    def _run(self, pipeline: str, identity: str) -> tuple[object, ...]:
        run = self._look.index.run(pipeline, identity)
        stamp = self._stamp(run)
        if run is None or not stamp:
            return ()
        models = run.models if run.kind == "training" else ()
        return (stamp, run.status, *(self._group(one.group)[0].get(one.version, one.status) for one in models))

    def _version(self, group: str, version: int) -> tuple[object, ...]:
        """Return what a version's page shows that may change: its package, run, decisions and uses, and the champion's
        and the last version's number, with which it can be compared.
        """
        packages, champion = self._group(group)
        own = packages.get(version)
        run = next((run for run, model in self._look.index.of_model(group) if model.version == version), None)
        stamp = self._stamp(run)
        if own is None or run is None or not stamp:
            return ()
        before = max((one for one in packages if one < version), default=0)
        links = [self._there("run", pipeline=run.pipeline, id=run.id)]
        pairs = [(min(one, version), max(one, version)) for one in (before, champion)]
        links += [self._there("compare", group=group, a=a, b=b) for a, b in pairs]
        decided, used = self._turns.get((group, version)), self._uses.get(own.arn)
        return (own, stamp, run.status, before, champion, links, decided, used)

    def _stamp(self, run: RunSummary | None) -> str:
        return self._look.index.stamp(run) if run and run.ended else ""

    def _group(self, group: str) -> tuple[Mapping[int, ModelPackage], int]:
        """Return a group's versions as they are listed, and which of them is the champion."""
        if group not in self._groups:
            packages = self._look.attempt(lambda: self._asking.packages(group), ())
            self._groups[group] = {one.version: one for one in packages}, champion_of(packages)
        return self._groups[group]

    @functools.cached_property
    def _turns(self) -> Mapping[tuple[str, int], list[object]]:
        found: dict[tuple[str, int], list[object]] = {}
        for change in self._asking.approvals():
            found.setdefault((change.group, change.version), []).append(change)
        return found

    @functools.cached_property
    def _uses(self) -> Mapping[str, list[object]]:
        """Return the days that were scored by each version."""
        found: dict[str, list[object]] = {}
        for handle, pipeline in inference_pipelines(self._look).items():
            for day in days_of(self._look, pipeline):
                found.setdefault(day.package.arn, []).append((handle, pipeline, day.model, day.date))
        return found

    @functools.cached_property
    def _hosts(self) -> tuple[object, ...]:
        """Return what links to commits are made of."""
        manifest = self._look.manifest
        return tuple((repo.name, repo.url, host_kind(repo)) for repo in (manifest.repos if manifest else ()))
