"""Retraining that scores have asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline_builder.console.look import Look
from pipeline_builder.console.scoring.shelf import LISTED
from pipeline_builder.release.scoring.requests import Kept, list_requests

_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request: which champion is to be trained anew, why, asked on which date, and what has become of it."""

    group: str
    version: int
    cause: str
    date: str
    requested: str
    state: str
    candidate: int
    outcome: str
    pipeline: str
    run: str


def requests_of(look: Look, groups: Iterable[str]) -> tuple[Request, ...]:
    """Return what was asked of the manifest's training pipelines about some groups, newest first."""
    wanted = set(groups)
    found = [kept.request for name in _training(look) for kept in _listed(look, name) if kept.request.group in wanted]
    newest = sorted(found, key=lambda one: one.requested, reverse=True)[:_MOST]
    return tuple(
        Request(
            group=one.group,
            version=one.version,
            cause=one.cause,
            date=one.date,
            requested=one.requested,
            state=one.state,
            candidate=one.candidate,
            outcome=one.outcome,
            pipeline=one.pipeline,
            run=one.answer.rsplit("/", 1)[-1],
        )
        for one in newest
    )


def _training(look: Look) -> list[str]:
    if not look.may_see_requests:
        return []
    manifest = look.manifest
    kinds = {entry.name: entry.kind for entry in manifest.pipelines} if manifest else {}
    return [name for handle, name in look.names.items() if kinds.get(handle) != "inference"]


def _listed(look: Look, pipeline: str) -> tuple[Kept, ...]:
    if look.target.name == "local":
        return look.attempt(lambda: list_requests(look.target, pipeline), ())
    key = ("requests", pipeline)
    return look.attempt(lambda: look.known(key, LISTED, lambda: list_requests(look.target, pipeline)), ())
