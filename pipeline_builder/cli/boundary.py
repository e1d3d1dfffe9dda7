"""The boundary of the process: its streams, its signals, and what is said and returned when a command fails."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import click

from pipeline_builder import __version__
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import time_is_up
from pipeline_builder.cli.output import say, show_problems
from pipeline_builder.errors import ExitCode, OutsideFailure, PipelineBuilderError, Problem, RunFailed
from pipeline_builder.inert import inert_line, is_unicode
from pipeline_builder.machine.deadline import TimeIsUpError, hides
from pipeline_builder.machine.refusals import is_of_this_machine, refusal


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code; expected failures are shown without a traceback."""
    _open_closed_streams()
    # A service manager's stop is a person's Ctrl-C: jobs end, the state is written, the next command goes on. So is a
    # terminal that closes, unless `nohup` has said otherwise.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    # Else pydantic looks through all distributions for what plugs itself into it, and runs that.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        _refuse_bytes(arguments)
        ended = main.main(args=arguments, prog_name="pipeline-builder", standalone_mode=False)
        sys.stdout.flush()  # here, where a full disk or a reader that has gone can still be told apart from a bug
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the boundary
        code = show_failure(error, wants_json="--json" in arguments)
        try:
            sys.stdout.flush()
        except OSError:
            _drop_stdout()
        return code
    return ended if isinstance(ended, int) else ExitCode.OK  # an int where a command asked for an exit code


def _refuse_bytes(arguments: list[str]) -> None:
    """Refuse what is no text: names, comments and addresses are written down in UTF-8, wherever they go."""
    for argument in arguments:
        if not is_unicode(argument):
            raise click.UsageError(f"'{inert_line(argument)}' is not UTF-8 text")


def _open_closed_streams() -> None:
    """Whoever starts a command without standard streams, as some service managers do, wants none of its words."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w" if number else "r", encoding="utf-8"))  # noqa: SIM115 - for good
    # What people wrote, a commit's subject for one, may have letters that an old locale can't print.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """Send what is still to come nowhere: Python flushes at its end, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explained(error: click.ClickException) -> click.ClickException:
    """Say where an option is that a command hasn't got: what is spelt alike may do something else altogether."""
    if not (isinstance(error, click.NoSuchOption) and error.option_name in ("--select", "--exclude")):
        return error
    where = "'run', 'graph' and 'plan' have it, and 'logs' takes the same without it"
    return click.UsageError(f"{error.message}: {where}", error.ctx)


def show_failure(error: BaseException, *, wants_json: bool) -> ExitCode:
    """Show what ended a command, and return its exit code; what nobody expected is a bug, and keeps its traceback."""
    code = ExitCode.BUG
    if isinstance(error, click.Abort) and isinstance(error.__cause__, TimeIsUpError):
        error = error.__cause__  # click takes every interruption for a person's
    match error:
        case click.ClickException():
            _explained(error).show()
            code = ExitCode.USAGE
        case PipelineBuilderError():
            show_problems(error, wants_json=wants_json)
            code = error.exit_code
        case TimeIsUpError():
            show_problems(RunFailed(time_is_up()), wants_json=wants_json)
            code = ExitCode.FAILED
        case _ if isinstance(error, click.Abort | KeyboardInterrupt) or hides(error, KeyboardInterrupt):
            say("interrupted; the same command goes on from here")
            code = ExitCode.INTERRUPTED
        case BrokenPipeError():
            # Whoever read our output has gone (`| head`): nothing is wrong, and nothing more can be said.
            _drop_stdout()
            code = ExitCode.OK
        case FileNotFoundError(filename=None):
            problem = Problem(id="PB001", message="cannot use the current folder: it was deleted")
            show_problems(OutsideFailure(problem), wants_json=wants_json)
            code = ExitCode.OUTSIDE
        case OSError() if is_of_this_machine(error):
            show_problems(refusal(error), wants_json=wants_json)
            code = ExitCode.OUTSIDE
        case _:
            import traceback

            traceback.print_exception(error)
            say(f"\nThis is a bug in pipeline_builder {__version__}. Please report it with the lines above.")
    return code
