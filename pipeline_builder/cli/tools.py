"""Commands around the work: the local SageMaker, schemas, explanations."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pipeline_builder.cli.completion import problem_ids
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import (
    given_stubs,
    isolation_option,
    isolation_required,
    refuse_bytes,
    stubs_option,
)
from pipeline_builder.cli.output import say, show
from pipeline_builder.errors import render_problem
from pipeline_builder.machine.collector import collect_all


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8265, show_default=True, help="0 takes a free one.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path(".pipeline_builder"),
    show_default=True,
    metavar="DIR",
    help="The local target's state.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Take images and mounted data from its 'local' section.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Jobs of an execution that run at once.")
@click.option("--any-key", is_flag=True, help="Verify no signature; a key id of twelve digits is the account.")
@isolation_option
@stubs_option
@click.option("--json", "as_json", is_flag=True, help="Address and key as JSON, for machines.")
def serve(*, port: int, state: Path, manifest: Path | None, jobs: int | None, any_key: bool, as_json: bool) -> None:
    """Be SageMaker on 127.0.0.1: boto3 and the SageMaker SDK work against the local engine.

    Answers the calls on pipelines, executions, model packages and jobs, and those of S3, STS, IAM and CloudWatch Logs
    around them. Requests are taken that are signed with the key of the state's owner, which is printed as exports and
    kept in the state; with '--any-key' every user and program of this machine can start jobs, with your rights where
    they can't be isolated. It listens on 127.0.0.1 only. Ctrl-C ends it and its jobs; executions that were on their
    way go on when it is started again.

    \b
    Example: pipeline-builder serve --port 8265 --state .pipeline_builder
    """
    from dataclasses import replace

    from pipeline_builder.engine.execution.stubs import load_stubs
    from pipeline_builder.engine.local import engine_warnings, open_engine
    from pipeline_builder.here import load_local_settings
    from pipeline_builder.serve.access.access import Access
    from pipeline_builder.serve.access.keys import owners_key
    from pipeline_builder.serve.access.steps import StepKeys
    from pipeline_builder.serve.regions import CLIENTS
    from pipeline_builder.serve.server import make_server_on

    settings = load_local_settings(manifest.absolute() if manifest else None, jobs or os.cpu_count() or 1)
    settings = replace(settings, require_isolation=isolation_required(), stubs=load_stubs(given_stubs()))
    steps = StepKeys()
    settings = replace(settings, reach=steps.reach)
    refuse_bytes(state.absolute())
    engine = open_engine(state.absolute(), settings)
    for warning in engine_warnings(engine):
        say(render_problem(warning))
    key = None if any_key else owners_key(state.absolute())
    server = make_server_on(port, engine, access=Access(key, steps), steps=steps, say=say)
    exports = {
        "AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": CLIENTS,
        "AWS_ACCESS_KEY_ID": key.id if key else "local", "AWS_SECRET_ACCESS_KEY": key.secret if key else "local",
    }  # fmt: skip
    exported = "export " + " ".join(f"{name}={value}" for name, value in exports.items())
    show(exports, as_json=as_json, text=f"AWS_ENDPOINT_URL={server.url}\n{exported}")
    say("python -c \"import boto3; print(boto3.client('sagemaker').list_pipelines()['PipelineSummaries'])\"")
    try:
        collect_all()
        server.serve()
    except KeyboardInterrupt:
        say("ended; what was on its way goes on when it is started again")


@main.command()
@click.argument("which", type=click.Choice(["manifest", "conf", "inference"]), default="conf")
@click.option("--json", "as_json", is_flag=True, help="The same: a JSON Schema is JSON.")
def schema(which: str, *, as_json: bool) -> None:
    """Print a JSON Schema for editors.

    \b
    Example: pipeline-builder schema manifest > manifest.schema.json
    """
    del as_json
    from pipeline_builder.conf.conf import ConfFile
    from pipeline_builder.conf.inference import InferenceFile
    from pipeline_builder.manifest.sections import ManifestSection

    models: dict[str, type[ConfFile | ManifestSection]] = {
        "manifest": ManifestSection, "conf": ConfFile, "inference": InferenceFile,
    }  # fmt: skip
    show(models[which].model_json_schema(by_alias=True), as_json=True, text="")


@main.command()
@click.argument("problem", metavar="ID", shell_complete=problem_ids)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON, for machines.")
def explain(problem: str, *, as_json: bool) -> None:
    """Say what a problem means and what to do about it.

    \b
    Example: pipeline-builder explain PB204
    """
    from dataclasses import asdict

    from pipeline_builder.documents.schema import did_you_mean
    from pipeline_builder.explanations import load_explanations, render_explanation

    known = load_explanations()
    found = known.get(problem.upper())
    if found is None:
        hint = did_you_mean(problem.upper(), known)
        raise click.UsageError(f"there is no problem '{problem}'" + (f", {hint}" if hint else ""))
    show(asdict(found), as_json=as_json, text=render_explanation(found))
