"""Commands from the manifest to what is deployed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.dates import date_option
from pipeline_builder.cli.group import main
from pipeline_builder.cli.known import Found, Known
from pipeline_builder.cli.options import (
    FILE,
    Asked,
    common,
    located,
    open_session,
    parameters_option,
    stubs_option,
    target_is_given,
)
from pipeline_builder.cli.output import coloured, problems_json, show
from pipeline_builder.errors import ExitCode, InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.collector import without_collector

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.opened import Opened
    from pipeline_builder.session import Session


@main.command()
@common
@click.option("--locked", is_flag=True, help="Take exactly the commits of the lock.")
def checkout(session: Session, *, as_json: bool, locked: bool) -> None:
    """Check out every model repository.

    \b
    Example: pipeline-builder checkout --locked
    """
    from dataclasses import asdict

    done = session.checkout(locked=locked)
    repos = [
        {
            "name": r.name,
            "commit": r.commit,
            "tree": r.tree,
            "revision": r.revision,
            "changed": folder.changed,
            "bytes": folder.fetched,
            "seconds": folder.seconds,
            **({} if r.submodules is None else {"submodules": [asdict(one) for one in r.submodules]}),
        }
        for r, folder in zip(done.lock.repos, done.repos, strict=True)
    ]
    show({"repos": repos}, as_json=as_json, text="\n".join(f"{r['name']}  {r['commit']}" for r in repos))


@main.command()
@located
@stubs_option
def validate(asked: Asked, *, as_json: bool) -> None:
    """Check everything; all problems at once.

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

    opened = known.open()
    started = time.monotonic()
    composed = opened.composed
    line = validate_line(composed)
    known.say_line(line, time.monotonic() - started)
    return _found(composed, [*composed.warnings, *_not_here(opened)], line=line, said=known.said)


def _check_on_aws(session: Session) -> Found:
    composed = session.validate()
    return _found(composed, [*composed.warnings, *_on_aws(session)])


def _found(
    composed: Composed, warnings: Sequence[Problem], *, line: str = "", said: Sequence[str | None] = ()
) -> Found:
    steps = [name for name, owner in composed.definition.owners.items() if name == owner]
    return Found(
        result={**problems_json(warnings), "steps": steps},
        text=f"valid: pipeline '{composed.definition.pipeline}' with {len(steps)} steps",
        line=line,
        said=said,
    )


def _on_aws(session: Session) -> tuple[Problem, ...]:
    """Return the warnings about the account, and about the Region that the manifest's service goes to."""
    from pipeline_builder.service.render import regional

    found = regional(session)
    try:
        checked = session.preflight()
    except (InputProblems, OutsideFailure) as error:
        raise type(error)(*found, *error.problems) from error
    if any(not problem.warning for problem in found):
        raise InputProblems(*found)
    session.warn_of(found)
    return (*found, *checked)


def _not_here(opened: Opened) -> tuple[Problem, ...]:
    """Return a warning for each step that this machine can't run; where it was asked for, they are problems."""
    from dataclasses import replace

    from pipeline_builder.here import find_unrunnable_here

    found = find_unrunnable_here(opened.composed, opened.workspace.stubs, opened.kept)
    if found and (target_is_given() or any(problem.id != "PB501" for problem in found)):
        raise InputProblems(*found)
    warnings = tuple(replace(problem, warning=True) for problem in found)
    opened.warn_of(warnings)
    return warnings


@main.command()
@common
@click.option("--suggest", is_flag=True, help="Write a policy that allows what today's confs ask for.")
def policy(session: Session, *, as_json: bool, suggest: bool) -> None:
    """Show what the confs of each repository may ask for.

    What --suggest writes stands instead of the manifest's 'policy:'; what no policy allows is said, with exit 1.

    \b
    Example: pipeline-builder policy --suggest
    """
    from pipeline_builder.views.policies import render_policies, rules_json

    if suggest:
        found = session.suggest_policy()
        show({"policy": found.text}, as_json=as_json, text=found.text)
        if found.problems:
            raise InputProblems(*found.problems)
        return
    rules = session.rules
    show({name: rules_json(one) for name, one in rules.items()}, as_json=as_json, text=render_policies(rules))


@main.command()
@common
@click.option(
    "--format", "form", type=click.Choice(["text", "mermaid", "dot", "svg", "json"]), default="text", show_default=True
)
def graph(session: Session, *, as_json: bool, form: str) -> None:
    """Draw the graph of steps; as text with the pipeline's parameters, and what values they take.

    \b
    Example: pipeline-builder graph --format mermaid
    """
    from dataclasses import asdict

    from pipeline_builder.release.overview import nodes_of, parameters_of
    from pipeline_builder.views import drawing
    from pipeline_builder.views.parameters import render_parameters

    nodes = nodes_of(session.composed)
    as_json = as_json or form == "json"
    draw = {"mermaid": drawing.render_mermaid, "dot": drawing.render_dot, "svg": drawing.render_image}
    text = draw[form](nodes) if form in draw else drawing.render_text(nodes)
    listed = render_parameters(parameters_of(session.composed)) if form == "text" else ""
    show([asdict(node) for node in nodes], as_json=as_json, text=f"{text}{listed}")


@main.command()
@common
def build(session: Session, *, as_json: bool) -> None:
    """Compose the definition and its code bundles.

    \b
    Example: pipeline-builder build && cat build/pipeline_definition.json
    """
    path = session.build()
    definition = session.composed.definition
    bundles = {uri: list(bundle.files) for uri, bundle in definition.bundles.items()}
    result = {"definition": str(path), "sha256": definition.sha256, "bundles": bundles}
    show(result, as_json=as_json, text=f"{definition.sha256}  {os.path.relpath(path)}")


@main.command()
@common
@date_option
@click.option("--out", type=click.Path(path_type=Path), help="Also write the plan as JSON, for 'apply PLAN'.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 where there are changes.")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@parameters_option
def plan(
    session: Session,
    *,
    as_json: bool,
    out: Path | None,
    detailed_exitcode: bool,
    form: str,
    given: Mapping[str, str],
) -> None:
    """Show what would change and what would run.

    \b
    Example: pipeline-builder plan --out plan.json --detailed-exitcode
    """
    from pipeline_builder.machine.streams import write_file
    from pipeline_builder.release.plan import plan_json, render_markdown, render_plan

    session.given = given
    as_json = as_json or form == "json"
    planned = session.plan(whole=as_json or out is not None)
    if out:
        write_file(out.absolute(), (json.dumps(plan_json(planned), indent=2) + "\n").encode())
    text = render_markdown(planned) if form == "markdown" else coloured(render_plan(planned))
    show(plan_json(planned), as_json=as_json, text=text)
    if detailed_exitcode and planned.changed:
        raise click.exceptions.Exit(ExitCode.USAGE)


@main.command()
@common
@click.argument("plan_file", metavar="[PLAN]", required=False, type=FILE)
@click.option("--force", is_flag=True, help="Apply a plan that is unsafe.")
def apply(session: Session, *, as_json: bool, plan_file: Path | None, force: bool) -> None:
    """Deploy the definition and its code.

    PLAN, a file of 'plan --out', binds it: a pipeline that has moved since is refused.

    \b
    Example: pipeline-builder apply plan.json
    """
    from pipeline_builder.release.plan import load_plan

    session.build()
    applied = session.apply(load_plan(plan_file) if plan_file else session.plan(), force=force)
    deployed = applied.pipeline
    result = {"pipeline": deployed.arn, "version": deployed.version, "changed": applied.changed}
    show(result, as_json=as_json, text=f"{deployed.arn} version {deployed.version}")
