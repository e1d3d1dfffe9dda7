"""The command that shows what would change and what would run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.dates import date_option
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common, parameters_option
from pipeline_builder.cli.output import coloured, terminal
from pipeline_builder.cli.pipelines import Answer, answer_each
from pipeline_builder.cli.selecting import Shown, select_options
from pipeline_builder.errors import ExitCode

if TYPE_CHECKING:
    from pipeline_builder.checkout.behind import Behind
    from pipeline_builder.descriptions import JSON
    from pipeline_builder.session import Session


@main.command()
@common
@date_option
@click.option("--refresh", is_flag=True, help="Check out what the repositories have now, and plan with that.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the plan as JSON, for 'apply PLAN'.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 where there are changes.")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@select_options("Show")
@parameters_option
def plan(
    session: Session,
    *,
    as_json: bool,
    refresh: bool,
    out: Path | None,
    detailed_exitcode: bool,
    form: str,
    names: tuple[str, ...],
    exclude: tuple[str, ...],
    given: Mapping[str, str],
) -> None:
    """Show what would change and what would run.

    It is about what is checked out. Where a repository on this machine has newer commits, or changes that nobody has
    committed, that is said first; on a terminal also where another host has newer ones. --refresh takes them.

    \b
    Example: pipeline-builder plan --out plan.json --detailed-exitcode
    """
    from pipeline_builder.machine.streams import write_file
    from pipeline_builder.release.ownership import foresee_refusals
    from pipeline_builder.release.plan import narrowed, plan_json
    from pipeline_builder.views.plans import render_markdown, render_plan

    if out and (names or exclude):
        raise click.UsageError(
            "--out writes the whole plan, which an apply is bound to: leave --select and --exclude out"
        )
    session.given = given
    as_json = as_json or form == "json"
    shown = Shown(session, names, exclude)  # before anything is checked out for it
    if refresh:
        session.checkout(locked=False)
    plans: dict[str, JSON] = {}
    behind: list[tuple[Behind, ...]] = []

    def planned(one: Session) -> Answer:
        plan = one.plan(whole=as_json or out is not None)
        one.warn_of(foresee_refusals(one.composed, one.target.registry))
        first = not behind
        behind.append(behind[0] if behind else session.look_behind(elsewhere=terminal() and not as_json))
        plan = replace(one.tell(plan), behind=behind[0])
        changed, steps = plan.changed, shown.steps(one)
        of = len(plan.models) if steps is not None else 0
        plan = plan if steps is None else narrowed(plan, steps)
        found = plans[one.manifest.entry.name] = plan_json(plan)
        if out:
            whole = {"pipelines": plans} if session.several else found
            write_file(out.absolute(), (json.dumps(whole, indent=2) + "\n").encode())
        said = plan if first and not refresh else replace(plan, behind=())  # which the checkout has said
        text = render_markdown(said) if form == "markdown" else coloured(render_plan(said, of=of))
        return Answer(result=found, text=text, code=ExitCode.USAGE if detailed_exitcode and changed else 0)

    answer_each(session, planned, as_json=as_json, chosen=shown.keep)
