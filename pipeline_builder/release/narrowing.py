"""What a run is to be limited to, as people say it: steps, groups of repositories, changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.definition.composed import Composed, Definition
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.lock import Lock, load_lock
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.release.expressions import parse_expression
from pipeline_builder.release.matching import Space, select_each, space_of
from pipeline_builder.release.selection import (
    Changes,
    Found,
    changed_steps,
    find_earlier,
    select_changed,
    select_repos,
    select_steps,
)
from pipeline_builder.target import PipelineService

LAST = "last"
"""Stands for the last execution that succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a run is to be limited to, by one of these: steps, groups of repositories, changes since a lock or LAST.

    `steps` and `exclude` are selection expressions, of which a step's name is one.
    """

    steps: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    since: str = ""

    def __bool__(self) -> bool:
        return bool(self.steps or self.exclude or self.groups or self.since)


def narrow(wanted: Wanted, service: PipelineService, composed: Composed, lock: Lock, manifest: Manifest) -> Found:
    """Return what to run.

    Raises:
        InputProblems: PB108 for a lock that is none, PB113 for groups, PB025 to PB030, PB442 and PB445 for steps that
            can't be selected.
    """
    definition = composed.definition
    pipeline, content, repo_of = definition.pipeline, definition.content, definition.repositories
    if wanted.groups:
        repos = _repos_of(wanted.groups, manifest)
        if not set(repos) & set(repo_of.values()):
            names = ", ".join(wanted.groups)
            message = f"the pipeline has no step of the repositories in '{names}', so there is nothing to run"
            raise InputProblems(Problem(id="PB113", message=message, hint="name another group"))
        return select_repos(service, pipeline, content, repos, repo_of)
    if wanted.steps or wanted.exclude:
        expression = parse_expression(wanted.steps, wanted.exclude)
        meant = select_each(expression, {"": open_space(definition, manifest, service)})[""]
        return select_steps(service, pipeline, content, meant.steps, excluded=meant.excluded)
    before = None if wanted.since == LAST else load_lock(Path(wanted.since))
    return select_changed(service, pipeline, content, Changes(before=before, now=lock, repo_of=repo_of))


def open_space(definition: Definition, manifest: Manifest, service: PipelineService) -> Space:
    """Return the steps of a definition as selections name them; what has changed is asked of the service if need be."""

    def modified() -> frozenset[str]:
        earlier = find_earlier(service, definition.pipeline, definition.content)
        before = earlier.steps if earlier else {}
        return changed_steps(definition.content, before, (), definition.repositories)

    return space_of(
        definition.content,
        units=definition.units,
        repositories=definition.repositories,
        groups={repo.name: repo.groups for repo in manifest.repos},
        modified=modified,
    )


def narrow_scores(wanted: Wanted, definition: Definition) -> Found:
    """Return that all of a run that scores is to run: what it left out would be another date's.

    Raises:
        InputProblems: PB978 for steps that are named.
    """
    if wanted.steps or wanted.exclude:
        message = f"steps of '{definition.pipeline}' can't be run alone: the results of the others are another date's"
        hint = "leave '--select' out: what hasn't changed comes from the step cache"
        raise InputProblems(Problem(id="PB978", message=message, hint=hint))
    return Found(selection=None, words="everything: scores of a date are made as a whole")


def _repos_of(groups: Sequence[str], manifest: Manifest) -> tuple[str, ...]:
    if unknown := [group for group in groups if group not in manifest.groups]:
        raise InputProblems(*(_unknown_group(group, manifest.groups) for group in unknown))
    return tuple(repo.name for repo in manifest.repos if set(repo.groups) & set(groups))


def _unknown_group(group: str, known: Sequence[str]) -> Problem:
    message = f"no repository is in the group '{group}'"
    return Problem(id="PB113", message=message, hint=did_you_mean(group, known))
