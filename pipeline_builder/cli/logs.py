"""The command that prints what steps have written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from pipeline_builder.cli.completion import executions_of_the_state, expressions_of_steps
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import say, show, shown
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import inert_line

if TYPE_CHECKING:
    from pipeline_builder.descriptions import Execution, StepState
    from pipeline_builder.release.expressions import Expression
    from pipeline_builder.session import Session

_UNKNOWN = "PB442"
_PAUSES = {"local": 0.5}
_PAUSE = 5.0
"""Seconds between two looks at a log that grows; CloudWatch counts the calls."""
_OPERATORS = frozenset("+@*?[:, ")


class _Meant(NamedTuple):
    execution: Execution
    states: Mapping[str, StepState]
    steps: tuple[str, ...]


@main.command()
@common
@click.argument("step", metavar="STEPS", shell_complete=expressions_of_steps)
@click.argument("execution", required=False, default="", shell_complete=executions_of_the_state)
@click.option("--follow", "-f", "follows", is_flag=True, help="Go on printing what comes, until the step has ended.")
def logs(session: Session, *, as_json: bool, step: str, execution: str, follows: bool) -> None:
    """Print the log of a step.

    STEPS is a step; or as much of its name as no other step has, such as Train; or a model, for the logs of all its
    steps; or an expression as 'run --select' takes it: 'churn+', 'type:Training'.

    \b
    Example: pipeline-builder logs Train
    """
    if follows and as_json:
        raise click.UsageError("--follow prints what comes as it comes: leave --json out")
    meant = _find(session, step, execution)
    service, found = session.target.pipelines, meant.execution
    if not execution:
        say(f"of execution {found.id}, the last")
    if follows:
        _follow(session, meant)
        return
    texts = {name: service.read_log(found.arn, name, whole=True) for name in meant.steps}
    if len(texts) == 1:
        [(name, text)] = texts.items()
        if name != step:
            say(f"of step {name}")
        if not text and not as_json:
            say(_silence(name, meant.states, session))
        show({"execution": found.arn, "step": name, "log": text}, as_json=as_json, text=text)
        return
    listed = [{"step": name, "log": text} for name, text in texts.items()]
    parts = (f"==> {name} <==\n{text or _silence(name, meant.states, session)}" for name, text in texts.items())
    show({"execution": found.arn, "logs": listed}, as_json=as_json, text="\n".join(parts))


def _find(session: Session, text: str, execution: str) -> _Meant:
    """Return the steps that are meant, of the named execution, or of the newest; of several pipelines the newest
    execution of one that has them.

    Raises:
        InputProblems: PB025, PB026, PB442 and PB028 for the steps, those of `Runs.find` for the execution.
    """
    if execution or not session.several:
        return _meant(session, session.runs.find(execution), text)
    newest = [listed[0] for one in session.each if (listed := one.runs.listed())] or [session.runs.find()]
    tried = [_tried(session, one, text) for one in sorted(newest, key=lambda one: one.started, reverse=True)]
    if found := next((one for one in tried if isinstance(one, _Meant)), None):
        return found
    raise min((one for one in tried if isinstance(one, InputProblems)), key=_is_unknown)


def _tried(session: Session, execution: Execution, text: str) -> _Meant | InputProblems:
    try:
        return _meant(session, execution, text)
    except InputProblems as error:
        return error


def _is_unknown(error: InputProblems) -> bool:
    """Tell whether there only is no such step: another pipeline's problem says more."""
    return all(problem.id == _UNKNOWN for problem in error.problems)


def _meant(session: Session, execution: Execution, text: str) -> _Meant:
    from pipeline_builder.release.matching import find_short, select_each, space_of

    owner, service = session.owner(execution.pipeline), session.target.pipelines
    units, repositories = _known(owner)
    groups = {}
    with suppress(InputProblems):  # who only looks at runs may have no manifest
        groups = {repo.name: repo.groups for repo in owner.manifest.repos}
    definition = service.definition_of(execution.arn)
    space = space_of(definition, units=units, repositories=repositories, groups=groups)
    if expression := _expression(text):
        steps = select_each(expression, {"": space})[""].steps
    else:
        steps = find_short(text, space.steps, what=f"the execution {execution.id}")
    states = {state.name: state for state in service.list_steps(execution.arn)}
    return _Meant(execution, states, steps)


def _expression(text: str) -> Expression | None:
    """Return the expression that a text is; None for a name, or a part of one.

    Raises:
        InputProblems: PB025, PB026 for what is none, PB026 also for 'state:': an execution ran what it ran.
    """
    from pipeline_builder.release.expressions import parse_expression

    if text.strip() and not _OPERATORS & set(text):
        return None
    found = parse_expression([text], named="STEPS")
    if asked := next((atom for atom in found.atoms if atom.method == "state"), None):
        message = "'state:' says what has changed since an execution, and logs are of an execution"
        hint = "'graph --select state:modified' shows what has changed"
        raise InputProblems(Problem(id="PB026", message=message, place=asked.place, hint=hint))
    return found


def _known(owner: Session) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the model and the repository of each step: of what is checked out, or else of the last run."""
    saved = owner.runs.saved()
    models = {step.name: step.model for step in (saved.steps if saved else ())}
    with suppress(InputProblems):
        definition = owner.known_definition()
        if definition is None and not models:
            definition = owner.composed.definition
        if definition:
            return {**models, **definition.units}, definition.repositories
    return models, {}


def _silence(name: str, states: Mapping[str, StepState], session: Session) -> str:
    """Say why a step has no log."""
    from pipeline_builder.descriptions import reason_line

    state = states.get(name)
    if state is None or state.started is None:
        return f"{name} has no log: it has not run in this execution"
    if state.stub:
        return f"{name} has no log: a stub stands for it"
    if state.cache_hit or state.taken_from:
        source = (state.cache_hit or state.taken_from).rsplit("/", 1)[-1]
        return f"{name} has no log here: its result is that of execution {source}"
    if state.log and session.target.name == "local" and not Path(state.log).exists():
        return f"{name} has no log any more: nothing is at '{inert_line(state.log)}'"
    why = f": {reason_line(state.failure_reason)}" if state.failure_reason else ""
    return f"{name} has no log: it is {state.status.value} and has written nothing{why}"


def _follow(session: Session, meant: _Meant) -> None:
    """Print the ends of what the steps have written, and what they write, until each has ended or won't begin; then
    say why the others have no log.
    """
    service, arn = session.target.pipelines, meant.execution.arn
    pause = _PAUSES.get(session.target.name, _PAUSE)
    marks = dict.fromkeys(meant.steps, "")
    last, silent = "", dict.fromkeys(meant.steps)
    while True:
        execution = service.describe_execution(arn)
        states = {state.name: state for state in service.list_steps(arn)}
        more = False
        for name in meant.steps:
            part = service.read_log_part(arn, name, mark=marks[name])
            marks[name], more = part.mark, more or part.more
            if part.text:
                silent.pop(name, None)
            if part.text and name != last and len(meant.steps) > 1:
                click.echo(f"==> {name} <==")
                last = name
            click.echo(shown(part.text), nl=False)
        over = execution is None or execution.status.ended
        if not more and (over or all(name in states and _has_ended(states[name]) for name in meant.steps)):
            for name in silent:
                say(_silence(name, states, session))
            return
        if not more:
            time.sleep(pause)


def _has_ended(state: StepState) -> bool:
    return state.ended is not None
