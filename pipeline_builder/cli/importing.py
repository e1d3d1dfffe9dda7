"""The command that takes a pipeline over that somebody else has written."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import FILE
from pipeline_builder.cli.output import problems_json, say, show
from pipeline_builder.errors import ExitCode, InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.importing.comparing import Difference
    from pipeline_builder.importing.importing import Imported

_LONGEST = 60


@main.command(name="import")
@click.argument("definition", type=FILE)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The repository; default: the model's name."
)
@click.option("--name", default="", metavar="NAME", help="Name of the pipeline, where the file doesn't say it.")
@click.option("--model", default="", metavar="NAME", help="Name of the model in the conf; default: the pipeline's.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON, for machines.")
def import_(*, definition: Path, out: Path | None, name: str, model: str, as_json: bool) -> None:
    """Write a conf for a pipeline that is there: its definition, or what describe-pipeline prints.

    Steps are said in the keys of their class where there are any, and else by their request. The conf is composed and
    held against what was given: every difference is listed with its place. Nothing that is there is written over.

    \b
    Example: pipeline-builder import churn.json --out churn
    with: aws sagemaker describe-pipeline --pipeline-name churn > churn.json
    """
    from pipeline_builder.importing.allowing import allow
    from pipeline_builder.importing.given import load_given
    from pipeline_builder.importing.importing import import_definition
    from pipeline_builder.importing.writing import write_repository

    _refuse_programs(definition)
    label = os.path.relpath(definition)
    done = import_definition(load_given(definition, label), name=name, model=model)
    folder = out or Path(done.model)
    allowed = allow(done.text, done.model, done.role)
    problems = done.problems or allowed.problems
    written = write_repository(folder, done.text)
    result = {**_json(done, folder, written), "policy": allowed.text, **problems_json(problems)}
    show(result, as_json=as_json, text=_text(done, folder, written, allowed.text))
    for line in _hints(done, folder):
        say(line)
    if problems:
        if as_json:
            raise click.exceptions.Exit(ExitCode.INPUT)
        raise InputProblems(*problems)


def _refuse_programs(definition: Path) -> None:
    """A program builds its pipeline when it is run, which is not done here."""
    if definition.suffix == ".py":
        hint = (
            "run it and give what it says: python -c 'from pipeline import pipeline; print(pipeline.definition())'"
            " > definition.json"
        )
        message = f"'{definition.name}' is a program: it isn't run here, so its pipeline isn't known"
        raise InputProblems(Problem(id="PB941", message=message, hint=hint))


def _json(done: Imported, folder: Path, written: tuple[str, ...]) -> dict[str, Any]:
    from dataclasses import asdict

    from pipeline_builder.importing.comparing import NOTHING

    return {
        "folder": str(folder),
        "written": list(written),
        "pipeline": done.pipeline,
        "model": done.model,
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
        lines += [f"  {one.step}: {one.program or '?'} in {_short(one.address)}" for one in done.codes]
    if policy:
        lines.append("what the manifest has to allow:")
        lines += [f"  {line}" for line in policy.rstrip().splitlines()]
    return "\n".join(lines)


def _line(one: Difference) -> str:
    match one.kind:
        case "lost":
            return f"{one.place}: not said, {_short(one.given)} ({one.why})"
        case "added":
            return f"{one.place}: added, {_short(one.composed)} ({one.why})"
        case _:
            return f"{one.place}: {_short(one.given)} became {_short(one.composed)} ({one.why})"


def _short(value: Any) -> str:
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _hints(done: Imported, folder: Path) -> list[str]:
    shown = shlex.quote(os.path.relpath(folder))
    hints = [f"next: commit {shown}, and name it in the manifest: repos: [{{name: {done.model}, url: {shown}}}]"]
    if done.role:
        hints.append(f"its role was {done.role}: SMP_ROLE, or 'role' in framework.yaml")
    return hints
