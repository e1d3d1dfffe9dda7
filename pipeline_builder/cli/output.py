"""What commands print: results to stdout, everything else to stderr."""

from __future__ import annotations

import getpass
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from pipeline_builder.errors import ExitCode, PipelineBuilderError, Problem, render_problem

if TYPE_CHECKING:
    from pipeline_builder.views.following import Eyes


def say(message: str) -> None:
    """Progress and messages go to stderr."""
    print(message, file=sys.stderr, flush=True)


def show(result: object, *, as_json: bool, text: str) -> None:
    """Print a command's result to stdout, for machines or for people; nothing where there is nothing to say."""
    if not as_json and not text:
        return
    click.echo(json.dumps(result, indent=2, ensure_ascii=False, default=str) if as_json else text.rstrip("\n"))


def show_line(result: object) -> None:
    """Print one JSON object on a line of its own, of a result that is many."""
    click.echo(json.dumps(result, ensure_ascii=False, default=str))


def show_problems(error: PipelineBuilderError, *, wants_json: bool) -> None:
    """Print every problem to stderr, and for machines to stdout as well."""
    if wants_json:
        print(json.dumps({"problems": [problem_json(p) for p in error.problems]}, indent=2, ensure_ascii=False))
    for problem in error.problems:
        say(render_problem(problem))
    errors = sum(not problem.warning for problem in error.problems)
    if error.exit_code is ExitCode.INPUT:
        first = next(problem.id for problem in error.problems if not problem.warning)
        count = f"{errors} problems; " if errors > 1 else ""
        say(f"{count}'pipeline-builder explain {first}' says more")
    elif errors > 1:
        say(f"{errors} problems")


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON."""
    from dataclasses import asdict

    return asdict(problem)


def coloured(text: str) -> str:
    """Return a plan with its signs in colours, which click takes out again where nobody sees them."""
    colours = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}
    return "\n".join(
        click.style(line, fg=colours[line[2]])
        if line[:2] == "  " and line[2:3] in colours and line[3:4] == " "
        else line
        for line in text.split("\n")
    )


def eyes() -> Eyes:
    """Return who looks at a run: whoever reads stderr."""
    from pipeline_builder.views.following import Eyes

    return Eyes(stream=sys.stderr, terminal=terminal(), say=say)


def login_name() -> str:
    """Return the name of whoever runs this; a container's user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def terminal() -> bool:
    """Tell whether a person sits at the other end, who sees what moves and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
