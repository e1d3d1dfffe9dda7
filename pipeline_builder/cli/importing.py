"""The command that takes a pipeline over that somebody else has written."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import FILE
from pipeline_builder.cli.output import problems_json, say, show
from pipeline_builder.errors import ExitCode, InputProblems
from pipeline_builder.inert import inert_line

if TYPE_CHECKING:
    from pipeline_builder.importing.comparing import Difference
    from pipeline_builder.importing.importing import Imported

_LONGEST = 60


@main.command(name="import")
@click.argument("definition", type=FILE)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The repository; default: named for the model."
)
@click.option("--name", default="", metavar="NAME", help="Name of the pipeline, where the file doesn't say it.")
@click.option("--model", default="", metavar="NAME", help="Name of the model in the conf; default: the pipeline's.")
@click.option("--function", metavar="NAME", help="Of a program: the function that builds the pipeline.")
@click.option("--sdk", "version", type=click.Choice(["2", "3"]), help="Of a program: version of the SDK; default: 2.")
@click.option(
    "--region", metavar="REGION", help="Of a program: the Region that it finds; default: AWS_REGION, us-east-1."
)
@click.option("--bucket", metavar="BUCKET", help="Of a program: the default bucket of its sessions; default: local.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON, for machines.")
def import_(*, definition: Path, out: Path | None, name: str, model: str, as_json: bool, **program: Any) -> None:
    """Write a conf for a pipeline that is there: of its definition, of what describe-pipeline prints, or of a program.

    Steps are said in the keys of their class where there are any, and else by their request. The conf is composed and
    held against what was given: every difference is listed with its place. Nothing that is there is written over.

    A program (.py) that builds a pipeline with the SageMaker SDK is run up to where it would make or start it, apart
    from this machine, without network and credentials.

    \b
    Example: pipeline-builder import churn.json --out churn
    with: aws sagemaker describe-pipeline --pipeline-name churn > churn.json
    """
    from pipeline_builder.importing.allowing import allow
    from pipeline_builder.importing.writing import write_repository

    done, uploads = _take(definition, name, model, program)
    folder = out or Path(done.repository)
    allowed = allow(done.text, done.repository, done.role)
    problems = done.problems or allowed.problems
    written = write_repository(folder, done.text, uploads)
    result = {**_json(done, folder, written), "policy": allowed.text, "uploads": [*uploads], **problems_json(problems)}
    show(result, as_json=as_json, text=_text(done, folder, written, allowed.text))
    for line in (*_hints(done, folder), *_uploaded(folder, uploads)):
        say(line)
    if problems:
        if as_json:
            raise click.exceptions.Exit(ExitCode.INPUT)
        raise InputProblems(*problems)


def _take(definition: Path, name: str, model: str, program: Mapping[str, Any]) -> tuple[Imported, Mapping[str, bytes]]:
    """Return what a definition, or the one that a program builds, comes to, and the program's uploads."""
    from pipeline_builder.importing.given import load_given
    from pipeline_builder.importing.importing import import_definition

    if definition.suffix != ".py":
        if given := [option for option, value in program.items() if value is not None]:
            option = {"version": "--sdk"}.get(given[0], f"--{given[0]}")
            raise click.UsageError(f"{option} is for a program (.py), and this is a definition")
        return import_definition(load_given(definition, os.path.relpath(definition)), name=name, model=model), {}
    from pipeline_builder.importing.programs import Asked, run_program, with_own_role
    from pipeline_builder.workspace import begin_state

    state = Path(os.environ.get("SMP_STATE") or ".pipeline_builder").absolute()
    begin_state(state)
    asked = Asked(
        path=definition.absolute(),
        function=program["function"] or "",
        version=int(program["version"] or 2),
        pipeline=name,
        region=program["region"] or os.environ.get("AWS_REGION") or "us-east-1",
        bucket=program["bucket"] or os.environ.get("SMP_S3BUCKETNAME") or "local",
    )
    built = run_program(asked, state, say)
    return with_own_role(import_definition(built.given, name=name, model=model)), built.uploads


def _uploaded(folder: Path, uploads: Mapping[str, bytes]) -> list[str]:
    """Say what to do with what the program would have uploaded."""
    if not uploads:
        return []
    bucket = next(iter(uploads)).removeprefix("s3://").partition("/")[0]
    where = shlex.quote(os.path.relpath(folder / "uploads"))
    return [
        f"the {len(uploads)} files that it uploads are in {where}: aws s3 cp --recursive {where} s3://{bucket}/uploads"
    ]


def _json(done: Imported, folder: Path, written: tuple[str, ...]) -> dict[str, Any]:
    from dataclasses import asdict

    from pipeline_builder.importing.comparing import NOTHING

    return {
        "folder": str(folder),
        "written": list(written),
        "pipeline": done.pipeline,
        "model": done.model,
        "repository": done.repository,
        "role": done.role or None,
        "steps": done.steps,
        "keyed": done.keyed,
        "code": [asdict(code) for code in done.codes],
        "differences": [
            {
                "place": one.place,
                "kind": one.kind,
                "why": one.why,
                **{
                    key: value
                    for key, value in (("given", one.given), ("composed", one.composed))
                    if value is not NOTHING
                },
            }
            for one in done.differences
        ],
    }


def _text(done: Imported, folder: Path, written: tuple[str, ...], policy: str) -> str:
    where = os.path.relpath(folder)
    plural = "step" if done.steps == 1 else "steps"
    what = f"{done.steps} {plural}, {done.keyed} in keys of their class"
    lines = [f"{where}/conf/conf.yaml: {what}" + ("" if written else "; it was there already")]
    if done.differences:
        lines.append("composed it is what was given, but for:")
        lines += [f"  {_line(one)}" for one in done.differences]
    else:
        lines.append("composed it is what was given")
    if done.codes:
        lines.append("scripts that stay where they lie:")
        lines += [
            f"  {inert_line(one.step)}: {inert_line(one.program) or '?'} in {_short(one.address)}" for one in done.codes
        ]
    if policy and policy.strip() != "policy: {}":
        lines.append("what the manifest has to allow:")
        lines += [f"  {line}" for line in policy.rstrip().splitlines()]
    return "\n".join(lines)


def _line(one: Difference) -> str:
    place = inert_line(one.place)
    match one.kind:
        case "lost":
            return f"{place}: not said, {_short(one.given)} ({one.why})"
        case "added":
            return f"{place}: added, {_short(one.composed)} ({one.why})"
        case _:
            return f"{place}: {_short(one.given)} became {_short(one.composed)} ({one.why})"


def _short(value: Any) -> str:
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = inert_line(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _hints(done: Imported, folder: Path) -> list[str]:
    shown = shlex.quote(os.path.relpath(folder))
    hints = [f"next: commit {shown}, and name it in the manifest: repos: [{{name: {done.repository}, url: {shown}}}]"]
    if done.role:
        hints.append(f"its role was {inert_line(done.role)}: SMP_ROLE, or 'role' in framework.yaml")
    return hints
