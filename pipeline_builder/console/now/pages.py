"""The page about now, and where it is."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_builder.console.look import Look
from pipeline_builder.console.now.champions import Champions, champions_of
from pipeline_builder.console.now.coming import (
    Coming,
    Late,
    Retraining,
    Watching,
    coming_of,
    late_of,
    retraining_of,
    watching_of,
)
from pipeline_builder.console.now.going import Decision, Failed, Going, decisions_of, failed_last, going_on
from pipeline_builder.console.pages import Page, Query
from pipeline_builder.release.past.query import RunQuery

_ALL = RunQuery()


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What the page shows; `begun` says that anything has run, `next` is the command for where nothing has.

    `answers` are the callback steps that wait for somebody, by run and step.
    """

    title: str
    begun: bool
    next: str
    decisions: tuple[Decision, ...]
    decisions_left: int
    going: tuple[Going, ...]
    going_left: int
    answers: tuple[tuple[str, str], ...]
    failed: tuple[Failed, ...]
    champions: Champions
    coming: tuple[Coming, ...]
    fires: bool
    watching: Watching | None
    retraining: tuple[Retraining, ...]
    late: tuple[Late, ...]


def now_view(look: Look, query: Query) -> Now:
    """Return what there is now."""
    decisions, decisions_left = decisions_of(look)
    going, going_left = going_on(look)
    champions = champions_of(look, query)
    return Now(
        title=_title(decisions, going),
        begun=bool(look.index.runs(_ALL, limit=1)[1] or champions.all),
        next=_next(look),
        decisions=decisions,
        decisions_left=decisions_left,
        going=going,
        going_left=going_left,
        answers=_answers(look),
        failed=failed_last(look),
        champions=champions,
        coming=coming_of(look.manifest, look.now()),
        fires=look.target.name == "aws",
        watching=watching_of(look),
        retraining=retraining_of(look),
        late=late_of(look),
    )


def _title(decisions: tuple[Decision, ...], going: tuple[Going, ...]) -> str:
    """Return what a tab shows that nobody looks at."""
    said = [f"{len(decisions)} to decide"] if decisions else []
    said += [f"{len(going)} running"] if going else []
    return f"Now: {', '.join(said)}" if said else "Now"


def _answers(look: Look) -> tuple[tuple[str, str], ...]:
    waiting = look.attempt(look.target.pipelines.list_waiting, ())
    return tuple((one.execution.rsplit("/", 1)[-1], one.step) for one in waiting if one.status == "Waiting")[:20]


def _next(look: Look) -> str:
    """Return the command that begins, by what is there."""
    workspace = look.session.workspace
    if look.manifest is None:
        return "pipeline-builder new my-model"
    aws = " --target aws" if workspace.target == "aws" else ""
    return f"pipeline-builder up{aws}" if workspace.lock_path.exists() or not aws else f"pipeline-builder deploy{aws}"


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
