"""Folders of a job that are kept in the store while it runs: continuous outputs, checkpoints, what TensorBoard reads.

What was written before the end is there whatever the end is, also where this program is killed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.beside import beside
from pipeline_builder.machine.tree import Survey, opened, survey

PERIOD = 1.0
_SHARE = 20
"""Looking through the folders and keeping what is new takes at most a twentieth of the time."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A folder of the job and the address that it is kept at; with `deletes` what it deletes is gone there too."""

    path: str
    uri: str
    deletes: bool = False


class Mirrors:
    """Keeps folders in the store; a file while the job writes it only when it hasn't changed between two looks."""

    def __init__(self, outputs: Outputs, mirrors: Sequence[Mirror] = ()) -> None:
        self._outputs = outputs
        self._folders = [_Folder(outputs, mirror) for mirror in mirrors]

    def adopt(self) -> None:
        """Take what is in the folders now for what is in the store already."""
        for folder in self._folders:
            folder.adopt()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep what comes until the body ends."""
        with beside(self._follow, "mirrors") if self._folders else nullcontext():
            yield

    def finish(self) -> None:
        """Keep what is there at the end.

        Raises:
            InputProblems: what `survey` and `opened` refuse; OSError, what the system does.
        """
        for folder in self._folders:
            folder.finish()

    def save(self) -> None:
        """Keep what is there at an end that is a bad one already; what can't be kept is said."""
        for folder in self._folders:
            self._outputs.attempt(folder.mirror.path, folder.finish)

    def _follow(self, ended: threading.Event) -> None:
        pause = PERIOD
        while not ended.wait(pause):
            begun = time.monotonic()
            for folder in self._folders:
                # A folder that is being worked in, or a disk that is full just now: the end of the job says it.
                with suppress(InputProblems, OSError):
                    folder.look()
            pause = max(PERIOD, _SHARE * (time.monotonic() - begun))


class _Folder:
    def __init__(self, outputs: Outputs, mirror: Mirror) -> None:
        self.mirror = mirror
        self._outputs = outputs
        self._tree = outputs.tree(mirror.path)
        self._seen: dict[str, str] = {}
        self._kept: dict[str, str] = {}

    def adopt(self) -> None:
        self._kept = self._seen = self._stamps(survey(self._tree))

    def look(self) -> None:
        """Keep the files that are as they were at the last look."""
        stamps = self._stamps(survey(self._tree))
        settled = [name for name, stamp in stamps.items() if self._seen.get(name) == stamp != self._kept.get(name)]
        self._seen = stamps
        self._keep(settled, stamps)

    def finish(self) -> None:
        found = survey(self._tree)
        stamps = self._stamps(found)
        self._keep([name for name, stamp in stamps.items() if stamp != self._kept.get(name)], stamps)
        self._outputs.say_left_out(self._tree, found)

    def _keep(self, names: list[str], stamps: dict[str, str]) -> None:
        for name in names:
            self._outputs.store.upload(self._tree, Survey(files=[name]), self.mirror.uri)
            self._kept[name] = stamps[name]
        for name in [name for name in self._kept if name not in stamps and self.mirror.deletes]:
            self._outputs.forget(f"{self.mirror.uri.rstrip('/')}/{name}")
            del self._kept[name]

    def _stamps(self, found: Survey) -> dict[str, str]:
        stamps = {}
        for name in found.files:
            with opened(self._tree, name) as file:
                stamps[name] = file.stamp
        return stamps
