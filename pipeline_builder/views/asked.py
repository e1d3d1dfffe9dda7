"""Requests for retraining as people and machines look at them: why, since when, and what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline_builder.inert import inert_line
from pipeline_builder.release.scoring.requests import list_requests
from pipeline_builder.release.scoring.retraining import describe

if TYPE_CHECKING:
    from pipeline_builder.descriptions import JSON
    from pipeline_builder.release.scoring.requests import Request
    from pipeline_builder.target import Target


def noted_requests(target: Target, pipelines: Iterable[str]) -> tuple[Request, ...]:
    """Return every request that these pipelines were asked, newest first."""
    found = [kept.request for pipeline in pipelines for kept in list_requests(target, pipeline)]
    return tuple(sorted(found, key=lambda request: request.requested, reverse=True))


def render_requests(requests: Sequence[Request]) -> str:
    """Return a line for each request; empty where there is none."""
    if not requests:
        return ""
    lines = [
        f"  {request.requested[:16].replace('T', ' ')}  {inert_line(request.group)} version {request.version}: "
        f"{inert_line(request.cause)}; {inert_line(describe(request))}"
        for request in requests
    ]
    return "\n".join(["retraining", *lines])


def requests_json(requests: Sequence[Request]) -> list[Mapping[str, JSON]]:
    """Return the same as JSON."""
    return [request.model_dump(mode="json", exclude={"format", "told"}) for request in requests]
