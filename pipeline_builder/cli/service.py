"""Commands that bring the service to AWS and take it away."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import coloured, say, show, terminal
from pipeline_builder.errors import PlanRefused, Problem

if TYPE_CHECKING:
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.errors import Place
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.service.deploy import Deployed, Manner, Watch
    from pipeline_builder.service.destroy import Demolition, DestroyManner
    from pipeline_builder.service.render import Rendered
    from pipeline_builder.session import Session
    from pipeline_builder.stacks.stack_plan import StackPlan
    from pipeline_builder.workspace import Workspace


@main.command()
@common
@click.option("--dry-run", is_flag=True, help="Show what would change, and leave nothing behind.")
@click.option("--yes", is_flag=True, help="Don't ask; for CI.")
@click.option("--force", is_flag=True, help="Also replace or remove what holds data.")
def deploy(session: Session, *, as_json: bool, dry_run: bool, yes: bool, force: bool) -> None:
    """Bring the service to AWS; shows what would change, and asks.

    Renders it, makes a change set for each of its two stacks, executes it and follows that to its end. What was
    interrupted goes on.

    \b
    Example: pipeline-builder deploy --dry-run
    """
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.identity import check_caller
    from pipeline_builder.aws.landing import find_silent
    from pipeline_builder.aws.stacks import Stacks
    from pipeline_builder.opened import Opened
    from pipeline_builder.service.deploy import ServiceTexts
    from pipeline_builder.service.deploy import deploy as deploy_service
    from pipeline_builder.service.render import render

    workspace = on_aws(session.workspace)
    opened = Opened(workspace, warn=session.warn, manifest=_decided(session.manifest, workspace))
    rendered = render(opened, now=datetime.now(timezone.utc))
    model, aws = rendered.model, Aws(rendered.model.place.region)
    check_caller(aws, account=model.place.account, region=model.place.region)
    texts = ServiceTexts(
        name=model.name,
        storage=rendered.storage,
        service=rendered.service,
        parameters=rendered.parameters,
        tags=model.tags,
    )
    session.warn_of(find_silent(aws, _landing(opened.manifest, model.artifact_bucket)))
    with session.stage("deploy") as words:
        manner = _manner(yes=yes, dry_run=dry_run, force=force, as_json=as_json)
        done = deploy_service(texts, Stacks(aws), manner)
        words.append(_outcome(done, dry_run=dry_run))
    left = () if dry_run else _left_to_do(aws, rendered, done)
    show(_deployed_json(done, left), as_json=as_json, text=_deployed_text(done, left))


def _landing(manifest: Manifest, own: str) -> dict[str, Place | None]:
    """Return the buckets whose data is to start a pipeline, but for the service's own, which its template tells."""
    landing = (item for entry in manifest.pipelines for item in entry.landing.items())
    return {bucket: place for bucket, place in landing if bucket != own}


@main.command()
@common
@click.option("--with-data", is_flag=True, help="Also delete the bucket with all that is in it.")
@click.option("--yes", is_flag=True, help="Don't ask; for CI. With --with-data it takes --force as well.")
@click.option("--force", is_flag=True, help="With --yes and --with-data: the data goes without a question.")
def destroy(session: Session, *, as_json: bool, with_data: bool, yes: bool, force: bool) -> None:
    """Delete the service from AWS; its bucket stays.

    With --with-data the bucket goes too, every version in it. That asks for the service's name, or takes --yes --force.

    \b
    Example: pipeline-builder destroy --target aws
    """
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.emptying import Buckets
    from pipeline_builder.aws.identity import check_caller
    from pipeline_builder.aws.stacks import Stacks
    from pipeline_builder.service.destroy import demolition_json
    from pipeline_builder.service.destroy import destroy as destroy_service

    name, values = session.manifest.service.name, on_aws(session.workspace).values
    account, region = values.get("SMP_ACCOUNTID", "").strip(), values.get("SMP_REGION", "").strip()
    aws = Aws(region)
    check_caller(aws, account=account, region=region)
    with session.stage("destroy") as words:
        plan = destroy_service(
            name,
            f"{name}-{account}-{region}",
            with_data=with_data,
            stacks=Stacks(aws),
            buckets=Buckets(aws, account, lambda count: say(f"          {count} versions of objects deleted")),
            manner=_destroy_manner(yes=yes, force=force, as_json=as_json),
        )
        words.append("nothing to delete" if plan.nothing else f"the service '{name}' is deleted")
    if as_json:
        show(demolition_json(plan), as_json=True, text="")


def on_aws(workspace: Workspace) -> Workspace:
    """Return the workspace with account and Region of the credentials, where nobody has set them.

    Raises:
        OutsideFailure: PB701 and its kind, where the account is neither set nor can be asked for.
    """
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.identity import look_up
    from pipeline_builder.documents.values import LOCAL_DEFAULTS

    values = workspace.values.items()
    given = {name: value for name, value in values if value.strip() and value != LOCAL_DEFAULTS.get(name)}
    if not {"SMP_ACCOUNTID", "SMP_REGION"} <= given.keys():
        found = look_up(given)
        given = {name: found[name] for name in ("SMP_ACCOUNTID", "SMP_REGION") if name in found} | given
    if "SMP_ACCOUNTID" not in given:
        # Whoever asks says why there is none: no credentials, no network.
        Aws(given.get("SMP_REGION", "")).call("sts", "get_caller_identity")
    return replace(workspace, values=given)


def _decided(manifest: Manifest, workspace: Workspace) -> Manifest:
    """Return the manifest with what the deployed service has, where it doesn't say."""
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.identity import check_caller
    from pipeline_builder.aws.stacks import Stacks
    from pipeline_builder.service.account import aws_values
    from pipeline_builder.service.unwritten import decide, describe_decided, is_written

    if is_written(manifest):
        return manifest
    values = aws_values(manifest, workspace.values)
    aws = Aws(values["SMP_REGION"].strip())
    check_caller(aws, account=values["SMP_ACCOUNTID"].strip(), region=values["SMP_REGION"].strip())
    decided = decide(manifest, Stacks(aws))
    for line in describe_decided(manifest, decided):
        say(f"          {line}")
    return decided


def _manner(*, yes: bool, dry_run: bool, force: bool, as_json: bool) -> Manner:
    from pipeline_builder.service.deploy import Manner
    from pipeline_builder.stacks.stack_plan import render_stack_plan

    def tell(plan: StackPlan) -> None:
        click.echo(coloured(render_stack_plan(plan)), nl=False, err=as_json)

    def confirm(plan: StackPlan) -> bool:
        return yes or _ask(f"Do this to the stack '{plan.stack}'?", "deploy")

    return Manner(say=say, show=tell, confirm=confirm, watching=_watching, dry_run=dry_run, force=force)


def _destroy_manner(*, yes: bool, force: bool, as_json: bool) -> DestroyManner:
    from pipeline_builder.service.destroy import DestroyManner, render_demolition

    def tell(plan: Demolition) -> None:
        click.echo(coloured(render_demolition(plan)), nl=False, err=as_json)

    def confirm(plan: Demolition) -> bool:
        if not plan.with_data:
            return yes or _ask(f"Delete the service '{plan.service}'?", "destroy")
        if yes and force:
            return True
        if not terminal():
            message = "deleting the data of a service takes a person who types its name, and there is no terminal"
            raise PlanRefused(Problem(id="PB676", message=message, hint="with --yes --force it goes without"))
        asked = f"This can't be undone. Type '{plan.service}' to delete it with all its data"
        return str(click.prompt(asked, err=True, default="", show_default=False)) == plan.service

    return DestroyManner(say=say, show=tell, confirm=confirm, watching=lambda: _watching(None))


def _ask(question: str, command: str) -> bool:
    """Ask a person; where there is none, say how to go on."""
    if not terminal():
        hint = f"'pipeline-builder {command} --yes' does it without asking"
        raise PlanRefused(Problem(id="PB668", message="nobody can be asked: this is no terminal", hint=hint))
    return click.confirm(question, err=True)


@contextmanager
def _watching(plan: StackPlan | None) -> Iterator[Watch]:
    """Show events as the steps of a run are shown: a table on a terminal, where it is known what will come."""
    from pipeline_builder.dag.outline import Node
    from pipeline_builder.stacks.stack_progress import StepStates
    from pipeline_builder.stacks.stacks import STACK_TYPE
    from pipeline_builder.views.progress import open_progress

    changes = [(plan.stack, STACK_TYPE), *((change.name, change.type) for change in plan.changes)] if plan else []
    nodes = [Node(name=name, type=kind, step_class=kind.removeprefix("AWS::"), model="") for name, kind in changes]
    states = StepStates()
    with open_progress(nodes, stream=sys.stderr, terminal=bool(nodes) and terminal()) as observe:
        yield lambda event: observe(states.of(event))


def _outcome(done: tuple[Deployed, ...], *, dry_run: bool) -> str:
    if not any(deployed.plan.changed for deployed in done):
        return "nothing has changed"
    return "nothing was changed: this was a dry run" if dry_run else "done"


def _left_to_do(aws: Aws, rendered: Rendered, done: tuple[Deployed, ...]) -> tuple[str, ...]:
    from pipeline_builder.aws.unfinished import find_unfinished

    model, outputs = rendered.model, _outputs(done)
    found = find_unfinished(aws, connections=model.connections, topic=outputs.get("TopicArn", ""))
    return (*(line for deployed in done for line in deployed.left), *found)


def _outputs(done: tuple[Deployed, ...]) -> Mapping[str, str]:
    return {name: value for deployed in done if deployed.stack for name, value in deployed.stack.outputs.items()}


def _deployed_json(done: tuple[Deployed, ...], left: tuple[str, ...]) -> dict[str, object]:
    from pipeline_builder.stacks.stack_plan import stack_plan_json

    stacks = [
        {**stack_plan_json(deployed.plan), "status": deployed.stack.status if deployed.stack else None}
        for deployed in done
    ]
    return {"stacks": stacks, "outputs": dict(_outputs(done)), "to_do": list(left)}


def _deployed_text(done: tuple[Deployed, ...], left: tuple[str, ...]) -> str:
    outputs = _outputs(done)
    width = max(map(len, outputs), default=0)
    lines = [f"{name:<{width}}  {value}" for name, value in outputs.items()]
    return "\n".join([*lines, *(f"to do: {line}" for line in left)])
