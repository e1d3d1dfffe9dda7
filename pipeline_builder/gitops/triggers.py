"""Triggers: data that comes, models that are approved, and requests for retraining, each as something that is due.

What was handled is noted after its run, as heads are: a watch that is killed in the middle does the same run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.errors import ExitCode, PipelineBuilderError
from pipeline_builder.gitops.alone import FOLDER
from pipeline_builder.gitops.approvals import champions_of, look_for_approvals
from pipeline_builder.gitops.arrivals import look_for_data
from pipeline_builder.gitops.due import Due, Known
from pipeline_builder.gitops.noted import FILE, Noted, load_noted, write_noted
from pipeline_builder.gitops.surroundings import Around, Loaded, Surroundings
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.release.scoring.requests import Kept
from pipeline_builder.release.scoring.retraining import close_unanswered, settle_requests
from pipeline_builder.target import Target

_AGAIN = (ExitCode.OUTSIDE, ExitCode.REFUSED)
"""What may end better another time with nothing changed: something outside has failed, or somebody else was at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Something that is due, and what notes how its run ended."""

    due: Due
    note: Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    times: int
    again: float


class Triggers:
    """What starts pipelines of a manifest besides pushes. `pause` gives the seconds to wait after so many failures."""

    def __init__(
        self, around: Surroundings, besides: Around, *, state: Path, pause: Callable[[int], float], retry_failed: bool
    ) -> None:
        self._around = around
        self._besides = besides
        self._path = state / FOLDER / FILE
        self._noted = load_noted(self._path)
        self._pause = pause
        self._retry_failed = retry_failed
        self._failed: dict[str, _Failed] = {}
        self._known: tuple[object, tuple[Known, ...]] = (None, ())
        self.exit_code = 0

    def begin(self, loaded: Loaded) -> None:
        """Note what there is before anything has run, so that what comes meanwhile is seen after it."""
        for entry in loaded.manifest.pipelines:
            if entry.trigger.data and entry.name not in self._noted.landed:
                self._try(f"data {entry.name}", self._look_first, loaded, Known(entry=entry, name=""))

    def _look_first(self, loaded: Loaded, known: Known) -> None:
        arrived = look_for_data(known, self._target(loaded).store, None, self._besides.wall())
        self._note(self._noted.with_landed(known.handle, arrived.landed))
        self._say(arrived.changed.words)

    def find(self, loaded: Loaded, about: object) -> Pending | None:
        """Return what is due first, if anything; `about` is another where the confs may be."""
        self.exit_code = 0
        if not _has_any(loaded.manifest):
            return None
        return next(self._all(loaded, about), None)

    def _all(self, loaded: Loaded, about: object) -> Iterator[Pending]:
        for known in self._pipelines(loaded, about):
            looks = {
                "retraining": (self._retraining, not known.entry.is_inference and loaded.manifest.infers),
                "data": (self._data, bool(known.entry.trigger.data) and not known.broken),
                "approval": (self._approval, known.entry.trigger.approval and not known.broken),
            }
            for kind, (look, wanted) in looks.items():
                name = f"{kind} {known.handle}"
                if wanted and self._may(name) and (found := self._try(name, look, loaded, known)):
                    yield found

    # --- each kind

    def _retraining(self, loaded: Loaded, known: Known) -> Pending | None:
        target = self._target(loaded)
        lines, left = settle_requests(known.name, target)
        for words in lines:
            self._say(words)
        for kept in left:
            if self._retry_failed or kept.uri not in self._noted.requests:
                return self._asked(kept, known, target)
        return None

    def _asked(self, kept: Kept, known: Known, target: Target) -> Pending:
        def note(code: int) -> None:
            if code == ExitCode.OK:
                self._say(close_unanswered(kept, target))
            elif not self._is_retried(code):
                self._note(self._noted.with_request(kept.uri, code))

        return self._pending("retraining", Due(pipeline=known.handle, cause=kept.request.words), note)

    def _data(self, loaded: Loaded, known: Known) -> Pending | None:
        before = self._noted.landed.get(known.handle)
        arrived = look_for_data(known, self._target(loaded).store, before, self._besides.wall())
        self._say(arrived.changed.words)
        after = self._noted.with_landed(known.handle, arrived.landed)
        if (due := arrived.changed.due) is None:
            self._note(after)
            return None

        def note(code: int) -> None:
            if not self._is_retried(code):
                self._note(self._noted.with_landed(known.handle, arrived.landed))

        return self._pending("data", due, note)

    def _approval(self, loaded: Loaded, known: Known) -> Pending | None:
        now = champions_of(known, self._target(loaded).registry)
        due = look_for_approvals(known, now, self._noted.champions.get(known.handle)).due
        if due is None:
            self._note(self._noted.with_champions(known.handle, now))
            return None

        def note(code: int) -> None:
            if not self._is_retried(code):
                self._note(self._noted.with_champions(known.handle, now))

        return self._pending("approval", due, note)

    # --- what goes wrong

    def _pending(self, kind: str, due: Due, note: Callable[[int], None]) -> Pending:
        name = f"{kind} {due.pipeline}"

        def noted(code: int) -> None:
            if self._is_retried(code):
                self._fail(name)
            else:
                self._failed.pop(name, None)
            note(code)

        return Pending(due=due, note=noted)

    def _is_retried(self, code: int) -> bool:
        return code in _AGAIN or (self._retry_failed and code != ExitCode.OK)

    def _may(self, name: str) -> bool:
        failed = self._failed.get(name)
        return failed is None or self._around.clock.now() >= failed.again

    def _fail(self, name: str) -> int:
        times = self._failed[name].times + 1 if name in self._failed else 1
        self._failed[name] = _Failed(times=times, again=self._around.clock.now() + self._pause(times))
        return times

    def _try(
        self, name: str, look: Callable[[Loaded, Known], Pending | None], loaded: Loaded, known: Known
    ) -> Pending | None:
        """Return what a look finds; what it fails of is said once, and tried again after longer and longer."""
        if not self._may(name := f"look for {name}"):
            return None
        try:
            found = look(loaded, known)
        except PipelineBuilderError as error:
            self._trouble(name, error)
            return None
        self._failed.pop(name, None)
        return found

    def _trouble(self, name: str, error: PipelineBuilderError) -> None:
        self.exit_code = error.exit_code
        if self._fail(name) == 1:
            self._around.report(error.problems)

    def _pipelines(self, loaded: Loaded, about: object) -> Iterable[Known]:
        """Return what the confs say of the pipelines, read again where they may have changed."""
        if self._known[0] != about and self._may("confs"):
            try:
                self._known = (about, self._besides.known(loaded))
                self._failed.pop("confs", None)
            except PipelineBuilderError as error:
                self._trouble("confs", error)
        return self._known[1]

    def _target(self, loaded: Loaded) -> Target:
        return self._besides.target(loaded)

    def _note(self, noted: Noted) -> None:
        if noted != self._noted:
            write_noted(self._path, noted)
        self._noted = noted

    def _say(self, words: str) -> None:
        if words:
            self._around.say(words)


def _has_any(manifest: Manifest) -> bool:
    """Tell whether anything but pushes can start a pipeline of a manifest."""
    return manifest.infers or any(entry.trigger.data for entry in manifest.pipelines)
