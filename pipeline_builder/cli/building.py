"""Commands from the manifest to what is deployed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import (
    FILE,
    common,
)
from pipeline_builder.cli.output import show
from pipeline_builder.cli.pipelines import Answer, Answers, answer_each, prepare
from pipeline_builder.cli.selecting import Shown, select_options
from pipeline_builder.errors import InputProblems

if TYPE_CHECKING:
    from pipeline_builder.release.plan import Plan
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
@common
@click.option("--suggest", is_flag=True, help="Write a policy that allows what today's confs ask for.")
def policy(session: Session, *, as_json: bool, suggest: bool) -> None:
    """Show what the confs of each repository may ask for.

    What --suggest writes takes the place of the manifest's 'policy:'; what no policy allows is said, with exit 1.

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
@select_options("Draw")
def graph(session: Session, *, as_json: bool, form: str, names: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    """Draw the graph of steps; as text with the pipeline's parameters, and what values they take.

    With --select or --exclude some of it only, by the same expressions as those of 'run': so one sees what they mean.

    \b
    Example: pipeline-builder graph --format mermaid
    """
    from dataclasses import asdict

    from pipeline_builder.release.overview import parameters_of
    from pipeline_builder.views import drawing, drawings
    from pipeline_builder.views.graphs.picture import render_image
    from pipeline_builder.views.parameters import render_parameters
    from pipeline_builder.views.uses import render_uses

    shown = Shown(session, names, exclude)
    draw = {"mermaid": drawing.render_mermaid, "dot": drawing.render_dot, "svg": render_image}
    if session.several and form in draw and not as_json:
        draw_all = {"mermaid": drawings.render_mermaid, "dot": drawings.render_dot, "svg": drawings.render_image}
        graphs = {title(one): shown.of(one) for one in shown.keep(prepare(session, Answers(as_json=False)))}
        show(None, as_json=False, text=draw_all[form](graphs))
        return

    def drawn(one: Session) -> Answer:
        nodes = shown.of(one)
        text = draw[form](nodes) if form in draw else drawing.render_text(nodes)
        definition = one.composed.definition
        listed = render_uses(definition) + render_parameters(parameters_of(one.composed)) if form == "text" else ""
        head = f"{title(one)}\n" if session.several else ""
        return Answer(result=[asdict(node) for node in nodes], text=f"{head}{text}{listed}")

    answer_each(session, drawn, as_json=as_json or form == "json", chosen=shown.keep)


def title(one: Session) -> str:
    """Return what stands above the graph of one of several pipelines."""
    return f"{one.manifest.entry.name}: {one.composed.definition.pipeline}"


@main.command()
@common
def build(session: Session, *, as_json: bool) -> None:
    """Compose the definition and its code bundles.

    \b
    Example: pipeline-builder build && cat build/pipeline_definition.json
    """

    def built(one: Session) -> Answer:
        path = one.build()
        definition = one.composed.definition
        bundles = {uri: list(bundle.files) for uri, bundle in definition.bundles.items()}
        result = {"definition": str(path), "sha256": definition.sha256, "bundles": bundles}
        return Answer(result=result, text=f"{definition.sha256}  {os.path.relpath(path)}")

    answer_each(session, built, as_json=as_json)


@main.command()
@common
@click.argument("plan_file", metavar="[PLAN]", required=False, type=FILE)
@click.option("--force", is_flag=True, help="Apply a plan that 'plan' calls unsafe.")
def apply(session: Session, *, as_json: bool, plan_file: Path | None, force: bool) -> None:
    """Deploy the definition and its code.

    PLAN, a file of 'plan --out', binds it: a pipeline that has moved since is refused.

    \b
    Example: pipeline-builder apply plan.json
    """
    from pipeline_builder.release.plan_files import load_plans, refuse_unbound

    plans = {plan.pipeline: plan for plan in load_plans(plan_file)} if plan_file else None
    if plan_file and plans and not session.named:
        refuse_unbound(plan_file, plans, frozenset(session.names.values()))

    def applied(one: Session) -> Answer:
        one.build()
        done = one.apply(plan_of(one, plans) if plans is not None else one.plan(), force=force)
        deployed = done.pipeline
        result = {"pipeline": deployed.arn, "version": deployed.version, "changed": done.changed}
        return Answer(result=result, text=f"{deployed.arn} version {deployed.version}")

    def chosen(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
        bound = tuple(one for one in sessions if plans is None or one.composed.definition.pipeline in plans)
        return bound or sessions[:1]  # whose problem it is

    answer_each(session, applied, as_json=as_json, chosen=chosen)


def plan_of(one: Session, plans: Mapping[str, Plan]) -> Plan:
    """Return the plan of the pipeline, or else another, which is refused as one of another definition."""
    return plans.get(one.composed.definition.pipeline) or next(iter(plans.values()))
