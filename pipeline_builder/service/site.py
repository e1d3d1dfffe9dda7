"""The static site that the service writes after each run: the console's pages, below the pipeline's own evidence.

`<pipeline>/evidence/site/index.html` is the first of them. Whoever may read that prefix can sync it or serve it.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.release.machines import machine_prices
from pipeline_builder.release.past.index import RunIndex

if TYPE_CHECKING:
    from pipeline_builder.console.export import Written
    from pipeline_builder.console.look import Look
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.session import Session
    from pipeline_builder.target import ModelRegistry, PipelineService, Target

MOST = 200
"""Runs whose pages are written, the newest."""
PAGES = ("now", "runs", "run", "models", "model", "version", "compare", "scoring", "scores", "day")
"""Those that show what has come of runs: what would change, and what waits for whom, is asked of a console."""


def site_prefix(target: Target, pipeline: str) -> str:
    """Return where the site of a pipeline is, with a `/` at its end."""
    return f"{target.base(pipeline)}/evidence/site/"


def index_uri(target: Target, pipeline: str) -> str:
    """Return where the index of the pipeline's runs is kept between builds, which begin with nothing."""
    return f"{target.base(pipeline)}/evidence/runs.index"


def write_site(session: Session, record: RunRecord) -> Written | None:
    """Write the pages that have changed. Where that can't be done, it is said, and the run is what it was."""
    from pipeline_builder.console.export import export_site
    from pipeline_builder.console.site import Below

    pipeline = record.pipeline
    try:
        with temporary_folder() as folder:
            path = folder / "runs.index"
            before = _fetched(index_uri(session.target, pipeline), path, session.target)
            site = Below(session.target.store, site_prefix(session.target, pipeline))
            done = export_site(_look(session, record, path), site, most=MOST, names=PAGES)
            if path.is_file() and _digest(path) != before:
                session.target.store.put(index_uri(session.target, pipeline), path)
    except PipelineBuilderError as error:
        why = error.problems[0].message
    except Exception as error:  # noqa: BLE001 - a fault of what is only shown must not end a run that has succeeded
        why = "".join(traceback.format_exception(error))
    else:
        index = f"{site_prefix(session.target, pipeline)}index.html"
        session.say(f"{'site':<9} {index}: {done.written} files written, {done.same} as they were")
        if done.failed:
            left = f" and {len(done.failed) - 1} more" if len(done.failed) > 1 else ""
            message = f"the site says on a page why that can't be shown: {done.failed[0]}{left}"
            session.warn(Problem(id="PB012", message=message, hint=_HINT, warning=True))
        return done
    session.warn(Problem(id="PB012", message=f"the site was not written: {why}", hint=_HINT, warning=True))
    return None


_HINT = "the run, its record and its report are what they were; the next run writes the site"


def _look(session: Session, record: RunRecord, path: Path) -> Look:
    """Return a look at one pipeline, with the permissions that the stages have for what they do."""
    from pipeline_builder.console.aged import aged
    from pipeline_builder.console.look import Answers, Look

    answers = Answers()
    one = type(session)(session.workspace, say=lambda _: None, warn=lambda _: None, manifest=session.manifest)
    one.named = True
    one.target = target = aged(_told(session.target, record), answers)
    index = RunIndex(target, lambda: (record.pipeline,), path)
    prices = machine_prices(session.workspace.values)
    # What publishes has no right to read requests for retraining: after each stage the pages are without them.
    return Look(session=one, target=target, index=index, prices=prices, answers=answers, may_see_requests=False)


def _told(target: Target, record: RunRecord) -> Target:
    """Return the target without what a stage has no reason to ask: of runs there are those that were kept."""
    execution = target.pipelines.describe_execution(record.execution)
    listed = (execution,) if execution else ()
    unowned = _Without(target.registry, group_owner=lambda *_: None, list_approvals=lambda: ())
    return replace(
        target,
        pipelines=cast("PipelineService", _Without(target.pipelines, list_executions=lambda *_: listed)),
        registry=cast("ModelRegistry", unowned),
    )


class _Without:
    """Something with other answers to some questions."""

    def __init__(self, service: object, **answers: Callable[..., object]) -> None:
        self._service, self._answers = service, answers

    def __getattr__(self, name: str) -> Any:
        return self._answers.get(name) or getattr(self._service, name)


def _fetched(uri: str, path: Path, target: Target) -> str:
    try:
        target.store.fetch(uri, path)
    except KeyError:
        return ""
    return _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
