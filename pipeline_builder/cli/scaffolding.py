"""The command that makes a new model repository, and what it asks a person."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline_builder.cli.completion import models_of_the_manifest
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import FILE, refuse_bytes
from pipeline_builder.cli.output import say, show, terminal
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.people import login_name

if TYPE_CHECKING:
    from pipeline_builder.scaffold.making import Scaffolded
    from pipeline_builder.scaffold.neighbours import Neighbours

Answer = TypeVar("Answer", str, float, bool)
_FRAMEWORKS = ("sklearn", "xgboost", "pytorch", "tensorflow", "none")
_TASKS = ("classification", "regression")
_CI = ("github", "gitlab", "none")
_INSTANCE = "ml.m5.large"


@main.command()
@click.argument("model")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The new folder; default: MODEL.")
@click.option("--framework", type=click.Choice(_FRAMEWORKS), help="none: plain Python.")
@click.option("--task", type=click.Choice(_TASKS), help="Default: classification.")
@click.option("--description", metavar="TEXT", help="What the model is for, in a sentence.")
@click.option("--region", metavar="REGION", help="Region of AWS's image; default: SMP_REGION, AWS_REGION, us-east-1.")
@click.option("--instance-type", metavar="TYPE", help=f"Of every job; default: {_INSTANCE}.")
@click.option("--metric", metavar="NAME", help="The gate's metric; default: auc, or r2 for a regression.")
@click.option("--min", "low", type=float, metavar="NUMBER", help="Below it a model is never registered.")
@click.option("--max", "high", type=float, metavar="NUMBER", help="Above it a model is never registered.")
@click.option("--pipeline", metavar="NAME", help="Name of the pipeline, where the new conf has it; default: MODEL.")
@click.option("--anchor/--no-anchor", default=None, help="Give its conf the pipeline; default: if no other has it.")
@click.option(
    "--after",
    multiple=True,
    metavar="MODEL",
    shell_complete=models_of_the_manifest,
    help="What this model predicts is a feature of the new one. May be repeated.",
)
@click.option("--inference", is_flag=True, help="Also make what scores each day's data: conf/inference.yaml.")
@click.option("--manifest", type=FILE, default="model_repos.yaml", show_default=True)
@click.option("--add/--no-add", default=None, help="Add it to manifest and pipeline; default: the lines are printed.")
@click.option("--git/--no-git", default=None, help="Make it a git repository with a first commit; default: yes.")
@click.option("--ci", type=click.Choice(_CI), help="Whose CI runs its tests; default: github.")
@click.option("--yes", "silent", is_flag=True, help="Ask nothing: what isn't given is the default.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON, for machines.")
def new(*, model: str, manifest: Path, silent: bool, as_json: bool, **given: Any) -> None:
    """Make a new model repository that trains at once, and with --inference scores.

    With sample data, tests and a README. On a terminal it asks for what isn't given.

    \b
    Example: pipeline-builder new churn --framework xgboost --add && pipeline-builder up
    """
    from pipeline_builder.checkout.git import Git
    from pipeline_builder.scaffold.making import scaffold
    from pipeline_builder.scaffold.neighbours import load_neighbours
    from pipeline_builder.scaffold.request import check_name, is_free, taken
    from pipeline_builder.workspace import load_values

    manifest = manifest.absolute()
    env_file = manifest.parent / ".env"
    values, _ = load_values(
        os.environ, env_file if env_file.is_file() else None, "local", manifest.parent / "framework.yaml"
    )
    given["out"] = Path(os.path.abspath(given["out"] or model))  # noqa: PTH100 - '..' goes, links stay
    refuse_bytes(manifest, given["out"])
    asks = terminal() and not silent
    if asks:  # nobody wants to answer ten questions to hear this
        problems = [*check_name(model), *(() if is_free(given["out"]) or given["add"] else (taken(given["out"]),))]
        if problems:
            raise InputProblems(*problems)
    answers = _complete(model, given, values, asks=asks, neighbours=load_neighbours(manifest, values))
    request = _request(model, manifest, answers, values)
    done = scaffold(request, Git(environment=dict(os.environ)), values)
    show(_json(done), as_json=as_json, text=_text(done))
    for line in _hints(done):
        say(line)


def _complete(
    model: str, given: Mapping[str, Any], values: Mapping[str, str], *, asks: bool, neighbours: Neighbours
) -> dict[str, Any]:
    """Return all answers: what was given, what a person says, and else the defaults."""
    from pipeline_builder.scaffold.frameworks import FRAMEWORKS
    from pipeline_builder.scaffold.request import default_metric, short_metric
    from pipeline_builder.scaffold.skeleton import METRICS

    found = dict(given)

    def answer(key: str, question: str, default: Any, kind: Any = None, *, ask: bool = asks) -> None:
        if found[key] is None:
            found[key] = _ask(question, default, kind) if ask else default

    answer("framework", "Framework", "sklearn", click.Choice(list(FRAMEWORKS)))
    answer("task", "Task", "classification", click.Choice(_TASKS))
    noun = "classifier" if found["task"] == "classification" else "regression"
    title = FRAMEWORKS[found["framework"]].title
    answer("description", "What it is for", f"A {noun} in {title}")
    found["description"] = " ".join(found["description"].split())
    answer("instance_type", "Instance type of its jobs", _INSTANCE)
    metrics = [metric.name for metric in METRICS[found["task"]]]
    answer("metric", "Metric of the gate", metrics[0], click.Choice(metrics))
    found["metric"] = short_metric(found["task"], found["metric"])
    metric = default_metric(found["task"], found["metric"])
    if found["low"] is None and found["high"] is None:
        bound, words = ("low", "at least") if metric.higher_is_better else ("high", "at most")
        answer(bound, f"The {metric.name} has to be {words}", metric.bound, float)
    has_pipeline = found["anchor"] if found["anchor"] is not None else not neighbours.has_pipeline
    answer("pipeline", "Name of the pipeline", model if asks and has_pipeline else "", ask=asks and has_pipeline)
    answer("add", f"Add it to {neighbours.label}", asks, bool)
    answer("git", "Make it a git repository with a first commit", True, bool)
    answer("ci", "CI", "github", click.Choice(_CI))
    answer("region", "", _region(values), ask=False)
    return found


def _ask(question: str, default: Any, kind: Any) -> Any:
    if kind is bool:
        return click.confirm(question, default=default, err=True)
    return click.prompt(question, default=default, type=kind, err=True)


def _region(values: Mapping[str, str]) -> str:
    """Return the Region that the environment names; the local target's own isn't one of AWS's."""
    named = (values.get(name, "") for name in ("SMP_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"))
    return next((region for region in named if region not in ("", "local")), "us-east-1")


def _request(model: str, manifest: Path, answers: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    from pipeline_builder.scaffold.request import Request

    return Request(name=model, manifest=manifest, bucket=values["SMP_S3BUCKETNAME"], login=login_name(), **answers)


def _json(done: Scaffolded) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "files": list(done.files),
        "commit": done.commit or None,
        "manifest": {"file": done.manifest, "added": done.added, "lines": done.lines},
        "pipeline": {
            "own": done.model.anchor,
            "file": done.anchor or None,
            "steps": done.steps,
            "after": dict(done.asking),
            "added": done.joined,
        },
        **({"scoring": _scoring_json(done)} if done.model.inference else {}),
    }


def _scoring_json(done: Scaffolded) -> dict[str, Any]:
    return {
        "own": done.model.scoring_anchor,
        "file": done.scoring or None,
        "steps": done.scoring_steps,
        "added": done.scoring_joined,
    }


def _text(done: Scaffolded) -> str:
    model, folder = done.model, os.path.relpath(done.folder)
    commit = f", commit {done.commit[:7]}" if done.commit else ""
    lines = [f"{folder}: {model.framework.title}, {model.task}, {len(done.files)} files{commit}"]
    if done.added:
        lines.append(f"{done.manifest}: '{model.name}' is in it")
    else:
        lines += [f"\nfor {done.manifest}:\n", done.lines.rstrip("\n")]
    if done.joined:
        lines.append(f"{done.anchor}: its steps are in it, not committed")
    elif done.steps:
        where = done.anchor or "the conf.yaml that has the pipeline"
        lines += [f"\nfor {where}, below conf.sagemakerPipeline.models:\n", done.steps.rstrip("\n")]
        for other, step in done.asking.items():
            at = f"conf.sagemakerPipeline.models.{other}.steps"
            lines += [f"\nfor {where}, at the end of {at}:\n", step.rstrip("\n")]
    if done.scoring_joined:
        lines.append(f"{done.scoring}: its steps are in it, not committed")
    elif done.scoring_steps:
        where = done.scoring or "the inference.yaml that has the pipeline"
        lines += [f"\nfor {where}, below conf.sagemakerPipeline.models:\n", done.scoring_steps.rstrip("\n")]
    return "\n".join(lines)


def _first(done: Scaffolded) -> str:
    """Return what has to be done before the next command."""
    put = not done.added or (done.steps and not done.joined) or (done.scoring_steps and not done.scoring_joined)
    files = [file for file, joined in ((done.anchor, done.joined), (done.scoring, done.scoring_joined)) if joined]
    commit = f"commit {' and '.join(map(shlex.quote, files))}, then " if files else ""
    return f"{'put the lines above where they belong, ' if put else ''}{'then ' if put and not commit else ''}{commit}"


def _hints(done: Scaffolded) -> list[str]:
    """Return what a person does next, and should know."""
    from pipeline_builder.scaffold.skeleton import DAY

    folder = shlex.quote(os.path.relpath(done.folder))
    hints = []
    if done.author:
        hints.append(f"git knows no name of yours, so the commit is by {done.author}")
    if done.outer and done.commit:
        outer = os.path.relpath(done.outer)
        around = "this folder's" if outer == "." else f"that of {shlex.quote(outer)}"
        hints.append(f"{folder} is a repository of its own inside {around}: push it to a host, and don't add it there")
    if not done.commit and done.outer:
        hints.append(f"commit {folder}: only what is committed is checked out")
    elif not done.commit and not (done.folder / ".git").exists():
        hints.append(f"make {folder} a git repository with a commit: only what is committed is checked out")
    if done.steps:
        hints.append(
            "it is trained with the others once its steps are committed there; alone at once, in its own folder"
        )
    hints.append(f"next: {_first(done)}pipeline-builder up")
    if done.model.inference:
        hints.append(f"and with an approved model: pipeline-builder up --date {DAY}, which scores the sample day")
    hints.append("for AWS: push it to its git host, and write that address into the manifest as its url")
    return hints
