"""A command over several pipelines of a manifest: one after the other, and one answer of all."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import click

from pipeline_builder.cli.options import time_is_up
from pipeline_builder.cli.output import problems_json, say, show, show_problems
from pipeline_builder.errors import InputProblems, PipelineBuilderError, Problem, RunFailed, render_problem
from pipeline_builder.machine.deadline import TimeIsUpError

if TYPE_CHECKING:
    from pipeline_builder.descriptions import Execution
    from pipeline_builder.opened import Opened
    from pipeline_builder.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command comes to for one pipeline, for machines and for people; `problems` are said after it.

    A `code` is the exit code of the command, after all others have had their turn.
    """

    result: object
    text: str
    problems: Sequence[Problem] = ()
    code: int = 0

    def show(self, *, as_json: bool) -> None:
        """Print it, as all that the command comes to."""
        show(self.result, as_json=as_json, text=self.text)
        self.say_problems()
        if self.code:
            raise click.exceptions.Exit(self.code)

    def say_problems(self) -> None:
        for problem in self.problems:
            say(render_problem(problem))


Value = TypeVar("Value")
Do = Callable[["Session"], Answer]
Chosen = Callable[[tuple["Session", ...]], tuple["Session", ...]]


def answer_each(session: Session, do: Do, *, as_json: bool, chosen: Chosen | None = None) -> None:
    """Do it for each pipeline that has what it needs, and print what comes of it.

    All are composed before anything is done: what is wrong in any is said of all at once. What fails for one doesn't
    keep the others; the exit code is that of the first that failed. `chosen` returns those of them that are meant.
    """
    if not session.several:
        do(session).show(as_json=as_json)
        return
    found = Answers(as_json=as_json)
    sessions = prepare(session, found)
    for one in chosen(sessions) if chosen else sessions:
        found.take(one, do)
    found.finish()


def look_at_each(session: Session, look: Do, *, as_json: bool) -> None:
    """Look at the last run of each pipeline; one of several that has never run is no problem.

    Raises:
        InputProblems: PB440 where none has.
    """
    ran = [one for one in session.each if one.runs.listed()] if session.several else []
    if not ran:
        look(session).show(as_json=as_json)
        return
    found = Answers(as_json=as_json, quiet=True)
    for one in ran:
        found.take(one, look)
    found.finish()


def failed_of(session: Session, name: str) -> Execution:
    """Return the named execution to go on with; of several pipelines the newest of the only one whose newest failed.

    Raises:
        InputProblems: PB450 where that of more than one has; those of `Runs.failed`.
    """
    from pipeline_builder.descriptions import ExecutionStatus
    from pipeline_builder.release.executions import ambiguous

    newest = [found[0] for one in session.each if (found := one.runs.listed())] if session.several and not name else []
    failed = [one for one in newest if one.status in (ExecutionStatus.FAILED, ExecutionStatus.STOPPED)]
    if len(failed) > 1:
        raise InputProblems(ambiguous(failed))
    return session.runs.failed(failed[0].arn if failed else name)


def owner_of(session: Session, find: Callable[[str], Execution], name: str) -> tuple[Session, str]:
    """Return the session of the pipeline whose execution is meant, and the name of that for it."""
    if not (session.several or session.named):
        return session, name
    found = find(name)
    return session.owner(found.pipeline), found.arn


class Answers:
    """The answers so far, by pipeline: as text they are printed when they come, as JSON at the end."""

    def __init__(self, *, as_json: bool, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.results: dict[str, object] = {}
        self.codes: list[int] = []

    def take(self, one: Session, do: Do) -> None:
        """Do it for one pipeline; one that lacks what isn't there yet is left out, and that is said."""
        name = one.manifest.entry.name
        if not self.quiet:
            say(begins(name))
        try:
            answer = do(one)
        except InputProblems as error:
            if is_left_out(one, error.problems):
                self.leave_out(name, error.problems)
            else:
                self.fail(name, error)
        except PipelineBuilderError as error:
            self.fail(name, error)
        except TimeIsUpError:  # which each run has for itself
            self.fail(name, RunFailed(time_is_up()))
        else:
            self.results[name] = answer.result
            if not self.as_json:
                show(None, as_json=False, text=answer.text)
            answer.say_problems()
            self.codes += [answer.code] if answer.code else []

    def leave_out(self, name: str, why: Sequence[Problem]) -> None:
        """Say that a pipeline is left out."""
        say(left_out_line(name, why))
        self.results[name] = left_out_json(why)

    def fail(self, name: str, error: PipelineBuilderError) -> None:
        """Say what has failed for one; the others go on."""
        show_problems(error, wants_json=False)
        self.results[name] = problems_json(error.problems)
        self.codes.append(error.exit_code)

    def finish(self) -> None:
        """Print all of them for machines, and end with the first exit code that isn't 0."""
        if self.as_json:
            show({"pipelines": self.results}, as_json=True, text="")
        if self.codes:
            raise click.exceptions.Exit(self.codes[0])


def begins(name: str) -> str:
    """Say that what follows is about a pipeline."""
    return f"{'pipeline':<9} {name}"


def left_out_line(name: str, why: Sequence[Problem]) -> str:
    """Say that a pipeline is left out, and why."""
    from pipeline_builder.release.scoring.readiness import lacking_words

    return f"{'pipeline':<9} {name} is left out: {lacking_words(why)}"


def left_out_json(why: Sequence[Problem]) -> dict[str, object]:
    """Return the same as JSON; what is missing is a warning."""
    from pipeline_builder.release.scoring.readiness import lacking_words

    return {"left_out": lacking_words(why), **problems_json([replace(one, warning=True) for one in why])}


def is_left_out(one: Opened, problems: Iterable[Problem]) -> bool:
    """Tell whether a pipeline that nobody has named only lacks what comes later: files, an approved model, a day."""
    from pipeline_builder.release.scoring.readiness import is_early

    return one.manifest.entry.is_inference and is_early(problems)


def prepare(session: Session, found: Answers, *, apart: bool = False) -> tuple[Session, ...]:
    """Return the sessions of the pipelines that can be composed, each with the parameters and stubs that are its.

    What is wrong in one keeps the others, unless they are done `apart`.

    Raises:
        InputProblems: all that is wrong in any of them.
    """
    from pipeline_builder.several import find_rings

    sessions: list[Session] = []
    problems: dict[Problem, None] = {}
    for one in session.each:
        name, wrong = one.manifest.entry.name, _wrong(one)
        if not wrong:
            sessions.append(one)
        elif is_left_out(one, wrong):
            found.leave_out(name, wrong)
        elif apart:
            say(begins(name))
            found.fail(name, InputProblems(*wrong))
        else:
            problems |= dict.fromkeys(wrong)
    if problems := problems or dict.fromkeys(find_rings(sessions)):
        raise InputProblems(*problems)
    known = all([_share_parameters(session, sessions), _share_stubs(session, sessions)])
    if misgiven := () if apart else dict.fromkeys(problem for one in sessions for problem in one.find_misgiven()):
        raise InputProblems(*misgiven)
    return tuple(sessions if known or apart else sessions[:1])


def _wrong(one: Session) -> tuple[Problem, ...]:
    try:
        _ = one.composed
    except InputProblems as error:
        return error.problems
    return ()


def _share_parameters(session: Session, sessions: Sequence[Session]) -> bool:
    """Give each pipeline the values of its own parameters; one that none has is the first one's problem, and that of
    the command: return whether there is none such.
    """
    own = [declared_by(one) for one in sessions] if session.given else []
    for one, given in zip(sessions, shares(session.given, own), strict=False):
        one.given = given
    return not own or session.given.keys() <= frozenset().union(*own)


def declared_by(one: Session) -> frozenset[str]:
    """Return the names of a pipeline's parameters."""
    declared = json.loads(one.composed.definition.content)["Parameters"]
    return frozenset(str(parameter["Name"]) for parameter in declared)


def _share_stubs(session: Session, sessions: Sequence[Session]) -> bool:
    """Give each pipeline the stubs of its own steps, in the same way."""
    stubs = session.workspace.stubs
    own = [one.composed.definition.owners.keys() for one in sessions] if stubs else []
    for one, mine in zip(sessions, shares(stubs, own), strict=False):
        one.workspace = replace(one.workspace, stubs=mine)
    return not own or stubs.keys() <= frozenset().union(*own)


def shares(given: Mapping[str, Value], own: Sequence[Collection[str]]) -> Iterator[Mapping[str, Value]]:
    """Yield for each pipeline what was given for its `own` names, for the first also what none has."""
    known = frozenset[str]().union(*own)
    for index, names in enumerate(own):
        yield {name: value for name, value in given.items() if name in names or (name not in known and not index)}
