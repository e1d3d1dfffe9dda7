"""What pages look at: the sessions of a manifest's pipelines, their target, the runs, and the clock."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.workspace import open_target

if TYPE_CHECKING:
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.session import Session
    from pipeline_builder.target import Target

Value = TypeVar("Value")
STATE = "state.db"
_MOST_KNOWN = 1000
FRESH = 10.0
"""Seconds that an answer of AWS stands for what there is."""


def utc() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


@dataclass(slots=True)
class Answers:
    """Answers that are remembered for some time, for all pages and whoever looks at them."""

    clock: Callable[[], datetime] = utc
    _known: dict[Hashable, tuple[datetime, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, key: Hashable, seconds: float | None) -> tuple[datetime, Any] | None:
        """Return an answer that is no older than so many seconds, of any age where it is None, and when it came."""
        with self._lock:
            found = self._known.get(key)
        fresh = found and (seconds is None or (self.clock() - found[0]).total_seconds() < seconds)
        return found if fresh else None

    def keep(self, key: Hashable, value: Any) -> datetime:
        """Remember an answer; the oldest are forgotten where there are too many."""
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = (now := self.clock(), value)
            while len(self._known) > _MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
        return now

    def forget(self) -> None:
        """Forget them all: somebody has changed what they are about."""
        with self._lock:
            self._known.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that a page may look at, for one request.

    `session` is about the pipeline that was asked for, or about all of the manifest. `remarks` are what could not be
    read, which stand as lines on the page; `ages` when the oldest answers came that the page shows. `prices` are USD of
    an hour, by type of machine.
    """

    session: Session
    target: Target
    index: Any = None
    now: Callable[[], datetime] = utc
    prices: Mapping[str, float] = field(default_factory=dict)
    may_decide: bool = False
    answers: Answers = field(default_factory=Answers)
    remarks: list[Problem] = field(default_factory=list)
    ages: list[datetime] = field(default_factory=list)

    @property
    def manifest(self) -> Manifest | None:
        """The manifest; None where it can't be read, which is a remark already."""
        try:
            return self.session.manifest
        except PipelineBuilderError:
            return None

    @property
    def sessions(self) -> Mapping[str, Session]:
        """A session for each pipeline, by its handle in the manifest; without a manifest the one that there is."""
        if self.manifest is None:
            return {"": self.session}
        return {one.manifest.entry.name: one for one in self.session.each}

    @property
    def names(self) -> Mapping[str, str]:
        """What SageMaker calls each pipeline, by its handle; those of which that can be told."""
        if self.manifest is None:
            return {}
        return self.attempt(lambda: self.session.names, {})

    def attempt(self, make: Callable[[], Value], default: Value) -> Value:
        """Return what can be read, or the default, with a line on the page that says why."""
        try:
            return make()
        except PipelineBuilderError as error:
            self.remarks.extend(problem for problem in error.problems if problem not in self.remarks)
            return default

    def known(self, key: Hashable, seconds: float | None, make: Callable[[], Value]) -> Value:
        """Return an answer that is asked for again only after so many seconds; None is never.

        Where it can't be had again, the last one stands, and the page says so, and how old it is.
        """
        if found := self.answers.find(key, seconds):
            if seconds is not None:
                self.ages.append(found[0])
            value: Value = found[1]
            return value
        try:
            value = make()
        except PipelineBuilderError as error:
            if (last := self.answers.find(key, None)) is None:
                raise
            self.remarks.extend(problem for problem in error.problems if problem not in self.remarks)
            self.ages.append(last[0])
            value = last[1]
            return value
        when = self.answers.keep(key, value)
        if seconds is not None:
            self.ages.append(when)
        return value


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
    _stamp: tuple[Any, ...] = ()
    _look: Look | None = None
    _empty: Path | None = None

    def current(self) -> Look:
        """Return a look at what there is now, for one request."""
        with self._lock:
            stamp = self._stamp_of(self._look.session) if self._look else ()
            if self._look is None or stamp != self._stamp:
                self._look = self._open()
                self._stamp = self._stamp_of(self._look.session)
            return replace(self._look, remarks=list(self._look.remarks), ages=[])

    def close(self) -> None:
        """Take the empty state away, where one was needed."""
        if self._empty:
            shutil.rmtree(self._empty, ignore_errors=True)

    def _stamp_of(self, session: Session) -> tuple[Any, ...]:
        """Return what changes with the files that a session reads once."""
        workspace = session.workspace
        paths = (workspace.manifest_path, workspace.lock_path, workspace.state / STATE)
        local = (self._stat(paths[2])[:2],) if workspace.target == "local" else ()
        return (*map(self._stat, paths[:2]), *local)

    @staticmethod
    def _stat(path: Path) -> tuple[int, ...]:
        with contextlib.suppress(OSError):
            found = path.stat()
            return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        return ()

    def _open(self) -> Look:
        session = self.open_session()
        look = Look(
            session=session, target=None, now=self.now, may_decide=self.may_decide, answers=Answers(clock=self.now)  # type: ignore[arg-type] # it comes in the next lines
        )
        manifest = look.attempt(lambda: session.manifest, None)
        session.target = self._target(session, manifest)
        return replace(look, target=session.target)

    def _target(self, session: Session, manifest: Manifest | None) -> Target:
        workspace = session.workspace
        if workspace.target == "aws":
            return session.target
        if not (workspace.state / STATE).is_file():
            if self._empty is None:
                self._empty = Path(tempfile.mkdtemp(prefix="pipeline-builder-console-"))
            workspace = replace(workspace, state=self._empty)
        return open_target(workspace, manifest)


def each_of(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield each problem once, errors first."""
    unique = dict.fromkeys(problems)
    yield from sorted(unique, key=lambda problem: problem.warning)
