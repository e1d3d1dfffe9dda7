"""Gives each request its look: opens what there is, and opens it anew where files have changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.console.aged import aged
from pipeline_builder.console.look import FRESH, Answers, Look, utc
from pipeline_builder.engine.local import LocalPipelines
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.release.machines import machine_prices
from pipeline_builder.release.past.index import RunIndex
from pipeline_builder.workspace import begin_state, open_target

if TYPE_CHECKING:
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.session import Session
    from pipeline_builder.target import Target
    from pipeline_builder.workspace import Workspace

STATE = "state.db"
_MOST_GOING = 40
_SOON, _LATER = 2.0, 30.0
"""Seconds after which this machine's runs are looked at again where nothing else says that they have changed."""
_REST = 4
"""How often the time of a look has to pass before the next one."""
_QUICK = 0.1
"""Seconds that a page may wait for a look at all runs."""
Stamp = tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Looks:
    """Gives each request its look; the session behind it is made anew where a file that it has read is another now.

    `open_session` makes one. A state that isn't there is not made for somebody who looks: an empty one stands for it,
    in a folder of its own, until there is one.
    """

    open_session: Callable[[], Session]
    may_decide: bool = False
    now: Callable[[], datetime] = utc
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refreshing: threading.Lock = field(default_factory=threading.Lock)
    _stamp: tuple[Stamp, ...] = ()
    _look: Look | None = None
    _empty: Path | None = None
    _looked: float = 0.0
    _took: float = 0.0
    _moved: bool = False
    _seen: tuple[Stamp, ...] = ()
    _faults: tuple[Problem, ...] = ()
    _as_of: datetime | None = None

    def current(self, *, fresh: bool = False) -> Look:
        """Return a look at what there is now, for one request.

        What is known of all runs may be some moments old where looking at them takes long, but where it is to be
        `fresh`: somebody has just changed something.

        Raises:
            PipelineBuilderError: the target can't be opened, as without credentials.
        """
        with self._lock:
            before = _read_once(self._look.session) if self._look else ()
            if self._look is None or before != self._stamp:
                session = self.open_session()
                before = before or _read_once(session)  # what is written while it is opened is another than that
                self._look = self._open(session)
                self._stamp, self._looked = before, 0.0
            look = replace(self._look, remarks=list(self._look.remarks), ages=[])
        if fresh or look.index.generation == 0:
            self._refresh(look, wait=True)
        elif self._is_due(look):
            self._begin_refresh(look)
        look.remarks.extend(self._faults)
        if look.target.name != "local" and self._as_of:
            look.ages.append(self._as_of)
        return look

    def close(self) -> None:
        """Take the empty state away, where one was needed."""
        if self._empty:
            shutil.rmtree(self._empty, ignore_errors=True)

    def _is_due(self, look: Look) -> bool:
        """Tell whether it is time to look at all runs again: never for more than a fifth of the time."""
        age = time.monotonic() - self._looked
        if age < _REST * self._took:
            return False
        if look.target.name != "local":
            return age > FRESH
        # A record is written a moment after the memory has changed.
        return memory(look.session.workspace) != self._seen or age > (_SOON if self._moved else _LATER)

    def _begin_refresh(self, look: Look) -> None:
        """Look at all runs again; where that takes longer than anybody should wait for a page, beside it."""
        if self._took < _QUICK:
            self._refresh(look)
        else:
            threading.Thread(target=self._refresh, args=(look,), name="console-index", daemon=True).start()

    def _refresh(self, look: Look, *, wait: bool = False) -> None:
        """Let the index look for what has changed, one thread at a time; who comes meanwhile does without."""
        if not self._refreshing.acquire(blocking=wait):
            return
        try:
            begun, seen = time.monotonic(), memory(look.session.workspace)
            self._moved = seen != self._seen
            try:
                look.index.refresh()
                self._as_of, self._faults = self.now(), ()
            except PipelineBuilderError as error:
                self._faults = error.problems
            self._seen, self._looked = seen, time.monotonic()
            self._took = self._looked - begun
        finally:
            self._refreshing.release()

    def _open(self, session: Session) -> Look:
        remarks: list[Problem] = []
        manifest = None
        try:
            manifest = session.manifest
        except PipelineBuilderError as error:
            remarks.extend(error.problems)
        answers = Answers(clock=self.now)
        session.target = target = self._target(session, manifest, answers)
        return Look(
            session=session,
            target=target,
            index=RunIndex(target, lambda: pipelines_of(session, target), self._index_path(session.workspace)),
            now=self.now,
            prices=machine_prices(session.workspace.values),
            may_decide=self.may_decide,
            answers=answers,
            remarks=remarks,
        )

    def _target(self, session: Session, manifest: Manifest | None, answers: Answers) -> Target:
        workspace = session.workspace
        if workspace.target == "aws":
            return aged(session.target, answers)
        if not (workspace.state / STATE).is_file():
            if self._empty is None:
                self._empty = Path(tempfile.mkdtemp(prefix="pipeline-builder-console-"))
            workspace = replace(workspace, state=self._empty)
        return open_target(workspace, manifest)

    def _index_path(self, workspace: Workspace) -> Path | None:
        """Return where the index is kept: on AWS reading all anew takes minutes; here nothing is begun for it."""
        if workspace.target == "aws":
            with contextlib.suppress(OSError):
                begin_state(workspace.state)
        return workspace.state / f"runs-{workspace.target}.json" if workspace.state.is_dir() else None


def pipelines_of(session: Session, target: Target) -> Iterable[str]:
    """Return the names of the pipelines that are meant, as far as anybody knows them."""
    try:
        named = session.pipelines_of_runs()
    except PipelineBuilderError:  # confs that can't be read, which is said elsewhere
        named = None
    if named is not None:
        return named
    if isinstance(target.pipelines, LocalPipelines):
        return target.pipelines.have_run()
    with contextlib.suppress(PipelineBuilderError):
        return session.names.values()
    return [session.runs.pipeline() or session.composed.definition.pipeline]


def memory(workspace: Workspace) -> tuple[Stamp, ...]:
    """Return what changes whenever the local target's memory does."""
    return stamp(workspace.state / STATE), stamp(workspace.state / f"{STATE}-wal")


def stamp(path: Path) -> Stamp:
    """Return what changes with a file; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - each second, for each file
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _read_once(session: Session) -> tuple[Stamp, ...]:
    """Return what changes with the files that a session reads once."""
    workspace = session.workspace
    paths = (workspace.manifest_path, workspace.lock_path, workspace.root / "framework.yaml", workspace.root / ".env")
    return (*map(stamp, paths), stamp(workspace.state / STATE)[:2])


def known_stamps(look: Look) -> dict[str, Any]:
    """Return what changes with each topic that a page can be about, as cheap as it can be told."""
    from pipeline_builder.console.plan.keeping import keeper_of
    from pipeline_builder.console.runs.reading import is_left

    workspace = look.session.workspace
    state, shared, seen = workspace.state, workspace.shared, memory(workspace)
    files = (stamp(workspace.manifest_path), stamp(workspace.lock_path))
    # Nothing is written where a run is killed.
    left = tuple(is_left(look, run.execution, run.started) for run in look.index.going()[:_MOST_GOING])
    runs = (*seen, look.index.generation, *left)
    return {
        "runs": runs,
        "registry": runs,
        "scoring": runs,
        "manifest": files,
        "plan": (*files, stamp(shared / "pipeline_definition.json"), seen, keeper_of(look).generation),
        "watch": tuple(stamp(path) for path in sorted((state / "watch").glob("*"))),
    }
