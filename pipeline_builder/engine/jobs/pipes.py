"""Pipe mode: a channel's objects, one after the other, through a named pipe for each time that the job reads them.

AWS documents `/opt/ml/input/data/<channel>_<epoch>`, from 0 on: it is read to its end, or closed earlier, and the next
one is opened then. Here the next one is there as soon as the one before it is opened; it may come later on SageMaker,
where a script that doesn't find it has to try again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import select
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.errors import InputProblems, Problem

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_PAUSE = 0.01
"""Seconds between looks for a reader: nobody is told when one comes."""
_LOOK = 200  # milliseconds in which the end of the job is noticed
_ROOM = 1 << 20  # bytes of a pipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What a channel's pipes give: `content(epoch)` are the bytes of one; they are at `folder/<name>_<epoch>`."""

    name: str
    folder: Path
    content: Callable[[int], Iterator[bytes]]


def _nobody() -> None:
    """Tell nobody."""


@contextmanager
def flowing(streams: Sequence[Stream], broken: Callable[[], None] = _nobody) -> Iterator[None]:
    """Let the streams flow while the body runs; `broken` is told where one can't go on: its reader might wait for ever.

    Raises:
        OSError, InputProblems: what has ended a stream before the end of its content, when the body is through.
    """
    feeds = [_Feed(stream, broken) for stream in streams]
    try:
        for feed in feeds:
            feed.begin()
        yield
    finally:
        for feed in feeds:
            feed.end()
    for feed in feeds:
        if feed.error:
            raise feed.error


@dataclass(slots=True)
class _Feed:
    """The thread that feeds one channel. The folder is held by its descriptor: the job may put a link in its place."""

    stream: Stream
    broken: Callable[[], None]
    folder: int = -1
    error: Exception | None = None
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Make the first pipe, before the job starts, and wait for its reader in the background.

        Raises:
            InputProblems: PB721 where another input has that name.
        """
        self.stream.folder.mkdir(parents=True, exist_ok=True)
        self.folder = os.open(self.stream.folder, _FOLDER)
        try:
            self._make(0)
        except FileExistsError as error:
            message = (
                f"the first pipe of the input '{self.stream.name}' can't be at '{self._name(0)}', where another is"
            )
            raise InputProblems(Problem(id="PB721", message=message)) from error
        self._thread = threading.Thread(target=self._run, name=f"pipe-{self.stream.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, whatever the reader does."""
        self._end.set()
        if self._thread:
            self._thread.join()
        if self.folder >= 0:
            os.close(self.folder)

    def _name(self, epoch: int) -> str:
        return f"{self.stream.name}_{epoch}"

    def _make(self, epoch: int) -> None:
        os.mkfifo(self._name(epoch), 0o644, dir_fd=self.folder)

    def _run(self) -> None:
        try:
            for epoch in itertools.count():
                descriptor = self._opened(epoch)
                if descriptor is None:
                    return
                try:
                    with contextlib.suppress(FileExistsError, FileNotFoundError):  # the job's own doing
                        self._make(epoch + 1)
                    self._give(descriptor, epoch)
                finally:
                    os.close(descriptor)
                with contextlib.suppress(OSError):  # the job has taken it away itself
                    os.unlink(self._name(epoch), dir_fd=self.folder)
        except Exception as error:  # noqa: BLE001 - raised again where the job has ended
            self.error = error
            self.broken()

    def _opened(self, epoch: int) -> int | None:
        """Wait for a reader; None where the job ends, or the pipe isn't ours any more."""
        while not self._end.is_set():
            try:
                descriptor = os.open(self._name(epoch), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=self.folder)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    return None  # the job has put something else there, or nothing
                self._end.wait(_PAUSE)
                continue
            if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                return None
            with contextlib.suppress(AttributeError, OSError):  # Linux only, and as much as its user may have
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _ROOM)
            return descriptor
        return None

    def _give(self, descriptor: int, epoch: int) -> None:
        """Write the content; a reader that closes its end earlier has had enough of this epoch."""
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        with contextlib.suppress(BrokenPipeError):
            for block in self.stream.content(epoch):
                left = memoryview(block)
                while left:
                    if self._end.is_set():
                        return
                    if poll.poll(_LOOK):
                        with contextlib.suppress(BlockingIOError):
                            left = left[os.write(descriptor, left) :]
