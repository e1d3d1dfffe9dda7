"""What is otherwise in a run than in one before it: parameters, commits, steps, and how long they took. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline_builder.descriptions import JSON
from pipeline_builder.release.record import RunRecord, StepRecord

_PROVENANCE = ("ManifestCommit",)
_NOTABLE = 1.5
"""A step is slower, or faster, where it took so many times as long."""
_LEAST = 2.0
"""Seconds below which nobody minds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that is otherwise: what, and how it was and is; empty where it wasn't there, or isn't."""

    kind: str
    name: str
    was: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """What is otherwise since another run: `id` is that one's; `definition` says whether the same bytes ran."""

    id: str
    started: datetime
    same_definition: bool
    changes: tuple[Change, ...]


def compare_runs(before: RunRecord, now: RunRecord, old: Mapping[str, JSON], new: Mapping[str, JSON]) -> Between:
    """Return what is otherwise; `old` and `new` are the steps of their definitions, empty where they aren't known."""
    return Between(
        id=before.execution.rsplit("/", 1)[-1],
        started=before.started,
        same_definition=before.definition_sha256 == now.definition_sha256,
        changes=(
            *_commits(before, now),
            *_parameters(before, now),
            *_steps(before, now, old, new),
            *_states(before, now),
        ),
    )


def _commits(before: RunRecord, now: RunRecord) -> Iterator[Change]:
    was = {repo.name: repo for repo in before.repos}
    is_now = {repo.name: repo for repo in now.repos}
    if not was or not is_now:
        return
    for name in dict.fromkeys((*is_now, *was)):
        old, new = was.get(name), is_now.get(name)
        if old is None or new is None or old.commit != new.commit:
            yield Change(
                kind="commit",
                name=name,
                was=f"{old.commit[:10]} {old.subject}".strip() if old else "",
                now=f"{new.commit[:10]} {new.subject}".strip() if new else "",
            )


def _parameters(before: RunRecord, now: RunRecord) -> Iterator[Change]:
    commits = {repo.commit for repo in (*before.repos, *now.repos)}
    for name in dict.fromkeys((*now.parameters, *before.parameters)):
        was, value = before.parameters.get(name, ""), now.parameters.get(name, "")
        told_already = name in _PROVENANCE or {was, value} <= commits
        if was != value and not told_already:
            yield Change(kind="parameter", name=name, was=was, now=value)


def _steps(before: RunRecord, now: RunRecord, old: Mapping[str, JSON], new: Mapping[str, JSON]) -> Iterator[Change]:
    was, is_now = {step.name for step in before.steps}, {step.name for step in now.steps}
    for step in now.steps:
        if step.name not in was:
            yield Change(kind="step", name=step.name, was="", now=f"new: {step.step_class}")
        elif step.name in old and step.name in new and (members := _members(old[step.name], new[step.name])):
            yield Change(kind="step", name=step.name, was="", now=f"changed: {', '.join(members)}")
    for step in before.steps:
        if step.name not in is_now:
            yield Change(kind="step", name=step.name, was=step.step_class, now="")


def _members(old: JSON, new: JSON) -> list[str]:
    """Return which members of a step are otherwise; those of its request by their own names."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return []
    found = [key for key in dict.fromkeys((*new, *old)) if key != "Arguments" and old.get(key) != new.get(key)]
    was, is_now = old.get("Arguments"), new.get("Arguments")
    if isinstance(was, dict) and isinstance(is_now, dict):
        return [key for key in dict.fromkeys((*is_now, *was)) if was.get(key) != is_now.get(key)] + found
    return found if was == is_now else ["Arguments", *found]


def _states(before: RunRecord, now: RunRecord) -> Iterator[Change]:
    """Yield steps that ended otherwise, or took notably longer or shorter."""
    was = {step.name: step for step in before.steps}
    for step in now.steps:
        old = was.get(step.name)
        if old is None:
            continue
        if old.status != step.status and step.status in ("Failed", "Stopped", "Skipped", "Succeeded"):
            yield Change(kind="state", name=step.name, was=old.status, now=step.status)
        elif said := _longer(_worked(old), _worked(step)):
            yield Change(kind="time", name=step.name, was=said[0], now=said[1])


def _worked(step: StepRecord) -> float | None:
    """Return how long a step worked; None where it didn't, or the cache answered."""
    if step.cache_hit or step.stub or not (step.started and step.ended):
        return None
    return (step.ended - step.started).total_seconds()


def _longer(was: float | None, now: float | None) -> tuple[str, str] | None:
    from pipeline_builder.views.formats import format_duration

    if was is None or now is None or abs(now - was) < _LEAST:
        return None
    if max(was, now) < _NOTABLE * max(min(was, now), 0.001):
        return None
    return format_duration(was), format_duration(now)
