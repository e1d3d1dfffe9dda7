"""What commands print: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from pipeline_builder.errors import (
    MOST_PROBLEMS,
    ExitCode,
    PipelineBuilderError,
    Problem,
    limit_per_file,
    render_problem,
)
from pipeline_builder.inert import inert_json, inert_line, inert_text

if TYPE_CHECKING:
    from pipeline_builder.views.following import Eyes


_MOST_OF_LINE = 1000


def say(message: str) -> None:
    """Progress and messages go to stderr; where nobody reads them any more, the work goes on."""
    try:
        print(inert_text(message), file=sys.stderr, flush=True)
    except BrokenPipeError:
        drop(sys.stderr)


def show(result: object, *, as_json: bool, text: str) -> None:
    """Print a command's result to stdout, for machines or for people; nothing where there is nothing to say."""
    if not as_json and not text:
        return
    _tell(json_text(result) if as_json else shown(text).rstrip("\n"))


def _tell(text: str) -> None:
    """Print to stdout; that its reader has gone, as `head` does, changes nothing of what a command does."""
    try:
        click.echo(text)
    except BrokenPipeError:
        drop(sys.stdout)


def is_read() -> bool:
    """Tell whether nobody of those has gone who read what is told."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream.fileno(), 0)  # what is wrong with one is told anyway
    return not poll.poll(0)


def drop(stream: TextIO) -> None:
    """Send what is still to come nowhere: Python flushes at its end, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def json_text(result: object, *, indent: int | None = 2) -> str:
    """Return a result for machines; where stdout can't take every letter, all of it is ASCII."""
    return inert_json(result, indent=indent, plain=not (sys.stdout.encoding or "").lower().startswith("utf"))


class Coloured(str):
    """A text that is inert already, and has colours since."""

    __slots__ = ()


def shown(text: str) -> str:
    """Return a text as it may be printed."""
    return text if isinstance(text, Coloured) else inert_text(text)


def show_line(result: object) -> None:
    """Print one JSON object on a line of its own, of a result that is many; the command ends where nobody reads it."""
    click.echo(json_text(result, indent=None))


def show_problems(error: PipelineBuilderError, *, wants_json: bool) -> None:
    """Print every problem to stderr, and for machines to stdout as well."""
    if wants_json:
        _tell(json_text(problems_json(error.problems)))
    show_all(error.problems)
    errors = sum(not problem.warning for problem in error.problems)
    if error.exit_code is ExitCode.INPUT:
        first = next(problem.id for problem in error.problems if not problem.warning)
        count = f"{errors:,} problems; " if errors > 1 else ""
        say(f"{count}'pipeline-builder explain {first}' says more")
        _say_suggestion(error.problems)
    elif errors > 1:
        say(f"{errors:,} problems")


def _say_suggestion(problems: Sequence[Problem]) -> None:
    """Each refusal of the policy has its own line; of several the whole section is easier to paste."""
    from pipeline_builder.manifest.refusal import Refused  # what it needs has been read by then

    allowable = sum(isinstance(problem, Refused) and problem.grant is not None for problem in problems)
    if allowable > 1:
        say(f"'pipeline-builder policy --suggest' writes the section that would allow {allowable:,} of them")


def show_all(problems: Sequence[Problem]) -> None:
    """Print problems to stderr: of each file the first ones, and how many more it has."""
    kept, left = limit_per_file(problems)
    for problem in kept:
        say(render_problem(problem))
    for file, count in left.items():
        say(f"{inert_line(file)}: {count:,} more like these" if file else f"{count:,} more")


def problems_json(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return problems as JSON; of very many the first, and the counts always."""
    result: dict[str, Any] = {"problems": [_json(problem) for problem in problems[:MOST_PROBLEMS]]}
    if (left := len(problems) - MOST_PROBLEMS) > 0:
        result |= {"left_out": left}
    warnings = sum(problem.warning for problem in problems)
    return result | {"counts": {"errors": len(problems) - warnings, "warnings": warnings}}


def _json(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON; of a line of megabytes its beginning, as there may be one for each value of it."""
    from dataclasses import asdict

    found = asdict(problem)
    for place in filter(None, (found["place"], *found["related"])):
        place["text"] = place["text"][:_MOST_OF_LINE]
    return found


def coloured(text: str) -> Coloured:
    """Return a plan with its signs in colours, which click takes out again where nobody sees them."""
    colours = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}
    return Coloured(
        "\n".join(
            click.style(line, fg=colours[line[2]])
            if line[:2] == "  " and line[2:3] in colours and line[3:4] == " "
            else line
            for line in inert_text(text).split("\n")
        )
    )


def eyes() -> Eyes:
    """Return who looks at a run: whoever reads stderr."""
    from pipeline_builder.views.following import Eyes

    return Eyes(stream=sys.stderr, terminal=terminal(), say=say)


def terminal() -> bool:
    """Tell whether a person sits at the other end, who sees what moves and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
