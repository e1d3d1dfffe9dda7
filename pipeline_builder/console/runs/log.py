"""The log of a step's job: whole as a text, what comes as a stream of events, and the lines with a word in them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Query, Raw
from pipeline_builder.console.runs.reading import ENDED, Run, find_step, read_run
from pipeline_builder.descriptions import HEAD, LogPart
from pipeline_builder.errors import PipelineBuilderError

MOST_FOUND = 200
"""Lines that a search shows."""
_MOST_SEARCHED = 256 << 20
_LONGEST = 2000
"""Characters of a found line."""
_PART = 1 << 20
_PAUSE, _PAUSE_AWS, _QUIET = 0.5, 10.0, 15.0
_BEHIND = 8
"""Parts in a row after which a follower jumps to the end of a log that grows faster than it is read."""
MOST_STREAMS = 24
_STREAMS = threading.BoundedSemaphore(MOST_STREAMS)
EVENTS = "text/event-stream"


def log_view(look: Look, query: Query, *, pipeline: str, id: str, step: str) -> Raw:  # noqa: A002 - a part of its address
    """Return the whole log as a text, or what comes from a mark on (`?from=`) to whoever takes events.

    Raises:
        InputProblems: PB040, PB041 where there is no such run or step.
    """
    run = read_run(look, pipeline, id)
    found = find_step(run, step)
    if query.streamed:
        return Raw(body=_Following(look, run, step).events(query.get("from")), media=EVENTS)
    if run.execution is None:
        return Raw(body="".join(f"{line}\n" for line in found.log_tail))
    return Raw(body=(part.text for part in _parts(look, run, step)))


def _parts(look: Look, run: Run, step: str) -> Iterator[LogPart]:
    """Yield a log from its beginning on, as far as it is written now."""
    assert run.execution is not None
    mark = HEAD
    while True:
        part = look.target.pipelines.read_log_part(run.execution.arn, step, mark=mark, most=_PART)
        yield part
        if not part.more or part.mark == mark:
            return
        mark = part.mark


# --- as it comes


@dataclass(frozen=True, slots=True)
class _Following:
    """Tells one browser what a log gets, until its step has ended."""

    look: Look
    run: Run
    step: str
    sleep: Callable[[float], None] = time.sleep

    def events(self, mark: str) -> Iterator[str]:
        if not _STREAMS.acquire(blocking=False):
            yield "event: busy\ndata: Very many logs are followed already.\n\n"
            return
        try:
            yield from self._events(mark)
        except PipelineBuilderError as error:
            yield f"event: away\n{_data('; '.join(problem.message for problem in error.problems))}\n"
        finally:
            _STREAMS.release()

    def _events(self, mark: str) -> Iterator[str]:
        pause, quiet, in_row = _PAUSE if self.look.target.name == "local" else _PAUSE_AWS, 0.0, 0
        yield "retry: 2000\n\n"
        while True:
            ended = self._ended()
            part = self._part(mark)
            if part.anew:
                yield "event: anew\ndata: \n\n"
            if part.text:
                yield f"id: {part.mark}\n{_data(part.text)}\n"
                quiet = 0.0
            mark, in_row = part.mark, in_row + 1 if part.more else 0
            if in_row > _BEHIND:
                mark, in_row = "", 0
                yield "event: gap\ndata: \n\n"
                self.sleep(pause)  # neither this machine nor a browser has time for all of it
                continue
            if part.more:
                continue
            if ended:
                yield f"event: end\ndata: {ended}\n\n"
                return
            self.sleep(pause)
            quiet += pause
            if quiet >= _QUIET:
                quiet = 0.0
                yield ": nothing new\n\n"

    def _part(self, mark: str) -> LogPart:
        assert self.run.execution is not None
        return self.look.target.pipelines.read_log_part(self.run.execution.arn, self.step, mark=mark)

    def _ended(self) -> str:
        """Return what the step has ended with, or its run before it; empty while it goes on."""
        assert self.run.execution is not None
        arn, pipelines = self.run.execution.arn, self.look.target.pipelines
        states = pipelines.list_steps(arn)
        status = next((state.status.value for state in states if state.name == self.step), "")
        if status in (*ENDED, "Skipped"):
            return status
        execution = pipelines.describe_execution(arn)
        if execution is None:
            return "gone"
        return execution.status.value if execution.status.ended else ""


def _data(text: str) -> str:
    return "".join(f"data: {line}\n" for line in text.removesuffix("\n").split("\n"))


# --- what is found in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Lines of a log with a text in them, by their numbers; `more` says that there are others."""

    lines: tuple[tuple[int, str], ...] = ()
    more: bool = False
    searched: int = field(default=0)


def find_in_log(look: Look, run: Run, step: str, text: str) -> Found:
    """Return the first lines that have a text in them, whatever its case; of a very long log only its beginning."""
    if run.execution is None:
        return Found()
    wanted, number, searched, found = text.casefold(), 0, 0, []
    for part in _parts(look, run, step):
        for line in part.text.removesuffix("\n").split("\n"):
            number += 1
            if wanted in line.casefold():
                found.append((number, line[:_LONGEST]))
                if len(found) > MOST_FOUND:
                    return Found(lines=tuple(found[:MOST_FOUND]), more=True, searched=searched)
        searched += len(part.text)
        if searched > _MOST_SEARCHED:
            return Found(lines=tuple(found), more=True, searched=searched)
    return Found(lines=tuple(found), searched=searched)
