"""The page about now: what is in production, what waits for a word, what runs, what failed last, what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Page, Query
from pipeline_builder.descriptions import Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An execution that goes on."""

    pipeline: str
    id: str
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What the page shows."""

    running: tuple[Running, ...] = ()
    nothing_yet: bool = False


def now_view(look: Look, query: Query) -> Now:
    """Return what there is now."""
    del query
    executions = look.attempt(look.session.runs.listed, ())
    return Now(
        running=tuple(_running(one) for one in executions if not one.status.ended),
        nothing_yet=not executions,
    )


def _running(execution: Execution) -> Running:
    return Running(pipeline=execution.pipeline, id=execution.id, started=execution.started)


PAGES = (
    Page(
        path="/",
        name="now",
        view=now_view,
        template="console/now.html.j2",
        title="Now",
        nav="Now",
        live=("runs", "registry", "scoring", "manifest", "watch"),
    ),
)
