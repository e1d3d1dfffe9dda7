"""The vocabulary of failure: problems with a place, and the exceptions that carry an exit code."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline_builder.inert import inert_line, inert_text


class ExitCode(enum.IntEnum):
    """What the process returns; the numbers are a contract with CI (see `docs/reference/commands.md`)."""

    OK = 0
    INPUT = 1
    USAGE = 2
    REFUSED = 3
    OUTSIDE = 4
    FAILED = 5
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; `line` and `column` count from 1, `text` is that line without its end."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding: what was found, what was expected, where, and what to do (`hint`).

    `id` is stable and documented: PB1xx manifest and checkout, PB2xx conf, PB3xx graph, PB4xx definition, PB5xx local
    engine, PB6xx templates and deployment, PB7xx calls to AWS, PB8xx checkout and engine, continued, PB9xx
    the SDK and what others have written. A warning never stops a command.
    """

    id: str
    message: str
    place: Place | None = None
    hint: str | None = None
    warning: bool = False
    related: tuple[Place, ...] = ()

    def __str__(self) -> str:
        return render_problem(self)


def render_problem(problem: Problem) -> str:
    """Return the problem as people read it: one line, the source line with a caret, other places, the hint."""
    place = f"{inert_line(str(problem.place))}: " if problem.place else ""
    kind = "warning " if problem.warning else ""
    lines = [f"{place}{kind}{problem.id} {_indented(problem.message)}"]
    if problem.place:
        lines += _render_source_line(problem.place)
    for other in problem.related:
        lines.append(f"  also: {inert_line(str(other))}")
        lines += _render_source_line(other)
    if problem.hint:
        lines.append(f"  hint: {_indented(problem.hint)}")
    return "\n".join(lines)


def hide_lines(problems: Iterable[Problem], secrets: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems without the text of lines that `secrets` are on: a line that has a secret is never shown."""
    lines = {(problem.place.file, problem.place.line) for problem in secrets if problem.place}

    def hidden(place: Place) -> Place:
        return replace(place, text="") if (place.file, place.line) in lines else place

    return tuple(
        replace(problem, place=problem.place and hidden(problem.place), related=tuple(map(hidden, problem.related)))
        for problem in problems
    )


def _indented(text: str) -> str:
    """Return a text whose further lines are indented, so that none can pass for another problem, or for a result."""
    return "\n".join(
        line if not number or line[:4] == "    " else f"    {line}"
        for number, line in enumerate(inert_text(text).split("\n"))
    )


def _render_source_line(place: Place) -> list[str]:
    if not place.line or not place.text.strip():
        return []
    # A line can be megabytes long (an attack, or a minified file): show the part around the column.
    start = max(0, place.column - 80)
    shown = place.text[start : start + 160].expandtabs(1)
    shown = "".join(char if char.isprintable() else "\ufffd" for char in shown)  # one for one: the caret stays right
    return [f"    {shown}", "    " + " " * (place.column - 1 - start) + "^"]


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort by place, then id and message; the same problem said twice is said once."""
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda p: (p.place or Place(""), p.id, p.message)))


MOST_OF_FILE = 100
"""Problems of one file that people are shown; whoever has more mends these first."""
MOST_PROBLEMS = 10_000
"""Problems in all that are shown, or given to machines; the counts say how many there are."""


def limit_per_file(problems: Iterable[Problem]) -> tuple[tuple[Problem, ...], dict[str, int]]:
    """Return the problems that people are shown, and by file how many are left out; errors go before warnings."""
    seen: Counter[str] = Counter()
    left: Counter[str] = Counter()
    kept: list[Problem] = []
    given = tuple(problems)
    for problem in (*(p for p in given if not p.warning), *(p for p in given if p.warning)):
        file = problem.place.file if problem.place else ""
        seen[file] += 1
        if seen[file] > MOST_OF_FILE or len(kept) >= MOST_PROBLEMS:
            left[file] += 1
        else:
            kept.append(problem)
    chosen = set(map(id, kept))
    return tuple(problem for problem in given if id(problem) in chosen), dict(left)


class PipelineBuilderError(Exception):
    """An expected failure: shown without a traceback, ends the command with `exit_code`."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = sort_problems(problems)

    def __str__(self) -> str:
        # When somebody asks: a reference that isn't known yet is met by the thousand, and nobody reads why.
        kept, left = limit_per_file(self.problems)
        more = [f"{sum(left.values()):,} more problems"] if left else []
        return "\n".join([*map(render_problem, kept), *more])


class InputProblems(PipelineBuilderError):
    """The manifest, a conf or another input is wrong; all problems are in it."""

    exit_code = ExitCode.INPUT


class PlanRefused(PipelineBuilderError):
    """The plan is stale or unsafe; nothing was written."""

    exit_code = ExitCode.REFUSED


class OutsideFailure(PipelineBuilderError):
    """Something outside failed: git, AWS, the network, a process."""

    exit_code = ExitCode.OUTSIDE


class RunFailed(PipelineBuilderError):
    """The execution failed, or the gate blocked it."""

    exit_code = ExitCode.FAILED
