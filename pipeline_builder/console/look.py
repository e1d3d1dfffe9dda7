"""What pages look at: the sessions of a manifest's pipelines, their target, the runs, and the clock."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pipeline_builder.errors import OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.release.past.index import RunIndex

if TYPE_CHECKING:
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.session import Session
    from pipeline_builder.target import Target

Value = TypeVar("Value")
Default = TypeVar("Default")
_MOST_KNOWN = 1000
FRESH = 10.0
"""Seconds that an answer of AWS stands for what there is."""
SETTLED = 300.0
"""Seconds that one stands for what doesn't go on any more."""


def utc() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


def no_url(name: str, /, **parts: object) -> str:
    """Return no page's address: nobody has said where pages are."""
    del name, parts
    return ""


@dataclass(slots=True)
class Answers:
    """Answers that are remembered for some time, for all pages and whoever looks at them.

    `told` has what came of forms, by the name that the next page asks for it: that isn't forgotten with the others.
    """

    clock: Callable[[], datetime] = utc
    troubles: dict[Problem, datetime] = field(default_factory=dict)
    told: OrderedDict[str, Any] = field(default_factory=OrderedDict)
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

    def note(self, problems: Sequence[Problem], when: datetime) -> None:
        """Remember that something is shown as it was then, because it can't be had again, and why."""
        with self._lock:
            self.troubles |= dict.fromkeys(problems, when)

    def settle(self) -> dict[Problem, datetime]:
        """Return what was noted, once."""
        with self._lock:
            found, self.troubles = self.troubles, {}
        return found

    def forget(self) -> None:
        """Forget them all: somebody has changed what they are about."""
        with self._lock:
            self._known.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that a page may look at, for one request.

    `session` is about the pipeline that was asked for, or about all of the manifest; `index` has what is known of all
    runs. `remarks` are what could not be read, which stand as lines on the page; `ages` when the oldest answers came
    that the page shows. `url` is what templates have, for addresses inside of drawings. `prices` are USD of
    an hour, by type of machine. What takes long is waited for where who looks is `patient`, as nobody asks again.
    `may_see_requests` is False for who has no right to read the requests for retraining: pages are without them.
    """

    session: Session
    target: Target
    index: RunIndex
    now: Callable[[], datetime] = utc
    url: Callable[..., str] = no_url
    prices: Mapping[str, float] = field(default_factory=dict)
    may_decide: bool = False
    patient: bool = False
    may_see_requests: bool = True
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

    def attempt(self, make: Callable[[], Value], default: Default) -> Value | Default:
        """Return what can be read, or the default, with a line on the page that says why."""
        try:
            return make()
        except PipelineBuilderError as error:
            self.remarks.extend(problem for problem in error.problems if problem not in self.remarks)
            return default

    def known(self, key: Hashable, seconds: float | None, make: Callable[[], Value]) -> Value:
        """Return an answer that is asked for again only after so many seconds; None is never, 0 each time.

        Where it can't be had again, the last one stands, and the page says so, and how old it is.
        """
        if found := self.answers.find(key, seconds):
            if seconds:
                self.ages.append(found[0])
            return cast("Value", found[1])
        try:
            value = make()
        except OutsideFailure as error:
            if (last := self.answers.find(key, None)) is None:
                raise
            self.remarks.extend(problem for problem in error.problems if problem not in self.remarks)
            self.ages.append(last[0])
            return cast("Value", last[1])
        when = self.answers.keep(key, value)
        if seconds:
            self.ages.append(when)
        return value

    def once(self, key: Hashable, seconds: float, make: Callable[[], Value]) -> Value:
        """Return an answer of AWS that is asked for once in so many seconds; on this machine it is had at once."""
        return make() if self.target.name == "local" else self.known(key, seconds, make)


def each_of(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield each problem once, errors first."""
    unique = dict.fromkeys(problems)
    yield from sorted(unique, key=lambda problem: problem.warning)
