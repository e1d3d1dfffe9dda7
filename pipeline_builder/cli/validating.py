"""The command that checks everything: of several pipelines at once, and what was found before is said again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline_builder.cli.group import main
from pipeline_builder.cli.known import Found, Known
from pipeline_builder.cli.options import Asked, located, open_session, stubs_option, target_is_given
from pipeline_builder.cli.output import problems_json, say, show
from pipeline_builder.cli.pipelines import begins, is_left_out, left_out_json, left_out_line, shares
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.collector import without_collector

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.opened import Opened
    from pipeline_builder.session import Session

Checked = TypeVar("Checked", bound="Opened")


@main.command()
@located
@stubs_option
def validate(asked: Asked, *, as_json: bool) -> None:
    """Check manifest, confs, graph and definition, and say all that is wrong at once.

    Offline, but for --target aws: there it also looks at credentials, role, bucket, key, images and quotas.
    Steps that only AWS runs are a warning, and with --target local, where they need a --stub, a problem.

    \b
    Example: pipeline-builder validate --json
    """
    started = time.monotonic()
    known = Known(asked)
    if found := known.find():
        found.repeat(time.monotonic() - started)
    elif asked.target == "aws":
        found = _check_on_aws(open_session(asked))
    else:
        with without_collector():  # what is imported and read stays to the end, too
            found = _check_here(known)
            known.keep(found)
    show(found.result, as_json=as_json, text=found.text)


def _check_here(known: Known) -> Found:
    """Check everything for this machine; warnings have been said by then."""
    from pipeline_builder.views.lines import validate_line

    lines: list[str] = []
    several = known.open()
    stubs = _stubs(several)

    def check(opened: Opened) -> Found:
        started = time.monotonic()
        composed = opened.composed
        lines.append(validate_line(composed))
        known.say_line(lines[-1], time.monotonic() - started)
        return _found(composed, [*composed.warnings, *_not_here(opened, stubs(opened)), *_not_by_service(opened)])

    found = _check_each(several, check, known.say)
    return Found(result=found.result, text=found.text, lines=lines, said=known.said)


def _check_on_aws(session: Session) -> Found:
    seen: list[Problem] = []

    def check(one: Session) -> Found:
        composed = one.validate()
        return _found(composed, [*composed.warnings, *_on_aws(one, seen), *_not_by_service(one)])

    return _check_each(session.each, check, say)


def _check_each(several: Sequence[Checked], check: Callable[[Checked], Found], tell: Callable[[str], None]) -> Found:
    """Check each pipeline; what is wrong in any is said of all at once."""
    if len(several) == 1:
        return check(several[0])
    from pipeline_builder.several import find_rings

    found: dict[str, Found] = {}
    left: dict[str, Sequence[Problem]] = {}
    errors: list[InputProblems | OutsideFailure] = []
    for one in several:
        name = one.manifest.entry.name
        tell(begins(name))
        try:
            found[name] = check(one)
        except (InputProblems, OutsideFailure) as error:
            if is_left_out(one, error.problems):
                left[name] = error.problems
                tell(left_out_line(name, error.problems))
            else:
                errors.append(error)
    if not errors and (rings := find_rings(one for one in several if one.manifest.entry.name in found)):
        errors.append(InputProblems(*rings))
    if errors:
        kind = next((InputProblems for error in errors if isinstance(error, InputProblems)), OutsideFailure)
        raise kind(*dict.fromkeys(problem for error in errors for problem in error.problems))
    results = {name: one.result for name, one in found.items()} | {
        name: left_out_json(why) for name, why in left.items()
    }
    return Found(result={"pipelines": results}, text="\n".join(one.text for one in found.values()))


def _found(composed: Composed, warnings: Sequence[Problem]) -> Found:
    steps = [name for name, owner in composed.definition.owners.items() if name == owner]
    return Found(
        result={**problems_json(warnings), "steps": steps},
        text=f"valid: pipeline '{composed.definition.pipeline}' with {len(steps)} steps",
    )


def _on_aws(session: Session, seen: list[Problem]) -> tuple[Problem, ...]:
    """Return the warnings about the account, and about the Region that the manifest's service goes to.

    Those that are `seen` were said of another pipeline.
    """
    from pipeline_builder.service.render import regional

    found = tuple(problem for problem in regional(session) if problem not in seen)
    seen += found
    try:
        checked = session.preflight()
    except (InputProblems, OutsideFailure) as error:
        raise type(error)(*found, *error.problems) from error
    if any(not problem.warning for problem in found):
        raise InputProblems(*found)
    session.warn_of(found)
    return (*found, *checked)


def _stubs(several: Sequence[Opened]) -> Callable[[Opened], Mapping[str, Path]]:
    """Return what gives the stubs of each pipeline: those of its own steps, the first one also those of no step."""
    given = several[0].workspace.stubs
    if len(several) == 1 or not given:
        return lambda _: given
    names = (one.workspace.pipeline for one in several)
    own = dict(zip(names, shares(given, [_steps(one) for one in several]), strict=True))
    return lambda one: own[one.workspace.pipeline]


def _steps(one: Opened) -> frozenset[str]:
    try:
        return frozenset(one.composed.definition.owners)
    except InputProblems:
        return frozenset()


def _not_by_service(opened: Opened) -> tuple[Problem, ...]:
    """Return a warning for each parameter that the manifest's service can't give, where it has one."""
    if not opened.manifest.has_service:
        return ()
    from pipeline_builder.service.startable import find_unstartable

    warnings = tuple(replace(problem, warning=True) for problem in find_unstartable(opened.composed))
    opened.warn_of(warnings)
    return warnings


def _not_here(opened: Opened, stubs: Mapping[str, Path]) -> tuple[Problem, ...]:
    """Return a warning for each step that this machine can't run; where it was asked for, they are problems."""
    from pipeline_builder.here import find_unrunnable_here

    found = find_unrunnable_here(opened.composed, stubs, opened.kept)
    if found and (target_is_given() or any(problem.id != "PB501" for problem in found)):
        raise InputProblems(*found)
    warnings = tuple(replace(problem, warning=True) for problem in found)
    opened.warn_of(warnings)
    return warnings
