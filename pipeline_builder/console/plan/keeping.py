"""When a plan is worked out: beside who looks, and not again while all that it was made of is the same."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pipeline_builder.console.plan.looking import Ahead, look_ahead
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.machine.unchanged import look_at_tree

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look

_PATIENCE = 0.2
"""Seconds that somebody who asks waits for it."""
_REST = 3.0
"""Seconds between the end of one and the begin of the next, where only what runs has changed."""
_OLDEST = 60.0
"""Seconds for which a plan stands where nothing says that it is another: data may have come, and nobody tells."""
_MOST = 20
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The plans that were worked out last, when that was, and in how many seconds; `problems` are what kept them from
    it. `working` says that others are being worked out, `changed` that these are of something else, `said` how far that
    is, `moved` that the checkouts have changed while these were worked out.
    """

    found: tuple[Ahead, ...] = ()
    problems: tuple[Problem, ...] = ()
    when: datetime | None = None
    seconds: float = 0.0
    working: bool = False
    changed: bool = False
    said: str = ""
    moved: bool = False


@dataclass(slots=True)
class Keeper:
    """Has the plans of one workspace. `generation` is another number whenever there are others."""

    generation: int = 0
    patience: float = _PATIENCE
    _known: Known = field(default_factory=Known)
    _files: Key = ()
    _runs: Key = ()
    _ended: float = 0.0
    _error: Exception | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event | None = None

    def current(self, look: Look) -> Known:
        """Return what is known, and let it be worked out anew where it may be another.

        Raises:
            Exception: what nobody expected has kept it from being worked out; it is raised once.
        """
        files, runs = made_of(look), beside(look)
        with self._lock:
            if self._done is None and self._is_old(files, runs):
                self._done = threading.Event()
                changed = files != self._files or runs != self._runs
                self._known = replace(self._known, working=True, changed=changed, said="")
                self._begin(look, files, runs, self._done)
            done = self._done
        if done:
            done.wait(None if look.patient else self.patience)
        with self._lock:
            if error := self._error:
                self._error = None
                raise error
            return self._known

    def _is_old(self, files: Key, runs: Key) -> bool:
        if self._known.when is None or files != self._files or self._known.moved:
            return True
        age = time.monotonic() - self._ended
        return age > _OLDEST or (runs != self._runs and age > _REST)

    def _begin(self, look: Look, files: Key, runs: Key, done: threading.Event) -> None:
        work = threading.Thread(target=self._work, args=(look, files, runs, done), name="console-plan", daemon=True)
        work.start()

    def _work(self, look: Look, files: Key, runs: Key, done: threading.Event) -> None:
        began = time.monotonic()
        known, failed = Known(), None
        try:
            known = self._worked_out(look)
            known = replace(known, seconds=time.monotonic() - began, moved=made_of(look) != files)
        except Exception as error:  # noqa: BLE001 - a thread has nobody who would hear of it: who looks next does
            failed = error
        with self._lock:
            self._known = replace(known, when=look.now())
            self._files, self._runs, self._ended = files, runs, time.monotonic()
            self._error, self._done = failed, None
            self.generation += 1
        done.set()

    def _worked_out(self, look: Look) -> Known:
        try:
            return Known(found=look_ahead(look, self._say))
        except PipelineBuilderError as error:
            return Known(problems=error.problems)

    def _say(self, line: str) -> None:
        with self._lock:
            self._known = replace(self._known, said=" ".join(line.split()))


def made_of(look: Look) -> Key:
    """Return what changes with the files that a plan is made of: manifest, lock, variables and checkouts."""
    from pipeline_builder.console.looks import stamp

    workspace, manifest = look.session.workspace, look.manifest
    paths = (workspace.manifest_path, workspace.lock_path, workspace.root / "framework.yaml", workspace.root / ".env")
    tree = look_at_tree(workspace.root / manifest.training_dir) if manifest else None
    return (*map(stamp, paths), tree.stamp if tree else None)


def beside(look: Look) -> Key:
    """Return what changes with what has run, which fills the step cache, and with what is deployed."""
    deployed = []
    for name in sorted({*look.names.values()}):
        found = look.attempt(partial(look.target.pipelines.describe_pipeline, name), None)
        deployed.append((name, found.version if found else 0))
    return (look.index.generation, *deployed)


_KEEPERS: dict[str, Keeper] = {}
_LOCK = threading.Lock()


def keeper_of(look: Look) -> Keeper:
    """Return the keeper of a workspace's plans, one for each target and pipeline that is looked at."""
    workspace = look.session.workspace
    key = f"{workspace.target} {workspace.state} {workspace.build} {look.session.named}"
    with _LOCK:
        keeper = _KEEPERS.pop(key, None) or Keeper()
        _KEEPERS[key] = keeper
        while len(_KEEPERS) > _MOST:
            _KEEPERS.pop(next(iter(_KEEPERS)))
        return keeper
