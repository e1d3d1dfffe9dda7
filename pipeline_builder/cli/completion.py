"""What a shell completes, out of the files that are there; where they can't be read it is nothing.

Nothing is composed, checked out or asked of AWS for it: who presses Tab waits for what Python takes to load, some
tenths of a second. Nor may anything be said: the shell would put it into the line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_builder.cli.options import Asked
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.release.record import RunRecord

_MOST = 100
_RUN, _DEFINITION = "run.json", "pipeline_definition.json"
_WHERE_A_NAME_BEGINS = re.compile(r"[\s,]@?(?:\d*\+)?|^@?(?:\d*\+)?")

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _quiet(complete: Completer) -> Completer:
    """Let a completer that fails complete nothing, whatever it is that is wrong with the files."""

    @functools.wraps(complete)
    def quietly(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        try:
            return complete(context, parameter, begun)[:_MOST]
        except Exception:  # noqa: BLE001 - a traceback in somebody's half-typed line helps nobody; the command says it
            return []

    return quietly


@_quiet
def models_of_the_last_run(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a model that was registered, out of the records of the last runs."""
    named = {
        package.model: f"version {package.version} {package.status}"
        for record in _records(context)
        for package in record.packages
    }
    given = context.params.get("models") or ()
    return _fitting({name: help_ for name, help_ in named.items() if name not in given}, begun)


@_quiet
def pipelines_of_the_manifest(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a pipeline, out of the manifest."""
    return _fitting({entry.name: entry.kind for entry in _manifest(context).pipelines}, begun)


@_quiet
def models_of_the_manifest(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a model that is in the manifest's repositories on this machine."""
    from pipeline_builder.scaffold.neighbours import load_neighbours

    given = context.params.get("after") or ()
    models = load_neighbours(_asked(context).manifest, {}).models
    return _fitting({name: where for name, where in models.items() if name not in given}, begun)


@_quiet
def groups_of_the_manifest(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a group of repositories, out of the manifest."""
    return _fitting(dict.fromkeys(_groups(context), "a group of repositories"), begun)


@_quiet
def expressions_of_steps(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the last name of a selection expression; all that stands before it stays."""
    start = [*_WHERE_A_NAME_BEGINS.finditer(begun)][-1].end()
    before, name = begun[:start], begun[start:]
    method, colon, value = name.partition(":")
    if colon:
        before, name = f"{before}{method}:", value
    found = _fitting(_answers(context, method if colon else ""), name)
    return [CompletionItem(before + item.value, help=item.help) for item in found]


@_quiet
def executions_of_the_state(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the id of an execution, newest first: out of the state, or on AWS of the last run's record."""
    if context.params.get("target") == "aws":
        records = [record for record in _records(context) if record.target == "aws"]
        return _fitting({r.execution.rsplit("/", 1)[-1]: f"{r.status} {r.pipeline}" for r in records}, begun)
    from pipeline_builder.engine.state.glance import newest_ids

    return [CompletionItem(name, help=about) for name, about in newest_ids(_asked(context).state, begun, _MOST)]


@_quiet
def problem_ids(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the id of a problem."""
    from pipeline_builder.explanations import load_explanations

    return _fitting({one.id: one.example for one in load_explanations().values()}, begun.upper())


def _fitting(named: Mapping[str, str], begun: str) -> list[CompletionItem]:
    """Return the names that begin so, each with its words; zsh and fish show them."""
    return [CompletionItem(name, help=about) for name, about in named.items() if name.startswith(begun)]


def _names(context: click.Context) -> dict[str, str]:
    """Return every step and model that is known: of what is checked out now, or else of what was built or run last."""
    units = _units(context)
    models = {model: "a model (all its steps)" for model in dict.fromkeys(units.values()) if model}
    return {**models, **{name: f"a step of {model}" if model else "a step" for name, model in units.items()}}


def _answers(context: click.Context, method: str) -> dict[str, str]:
    """Return what may stand after a method; without one also the methods themselves."""
    from pipeline_builder.release.expressions import METHODS, STATES

    answers: dict[str, Callable[[], Iterable[str]]] = {
        "step": lambda: _units(context),
        "model": lambda: filter(None, _units(context).values()),
        "group": lambda: _groups(context),
        "tag": lambda: _groups(context),
        "repo": lambda: (repo.name for repo in _manifest(context).repos),
        "state": lambda: STATES,
    }
    if not method:
        names = _names(context)
        return {**names, **(dict.fromkeys((f"{name}:" for name in METHODS), "a way to select") if names else {})}
    return dict.fromkeys(answers[method](), method) if method in answers else {}


def _units(context: click.Context) -> dict[str, str]:
    """Return the model of each step, empty where it isn't known."""
    return _kept_units(context) or _built_units(context)


def _kept_units(context: click.Context) -> dict[str, str]:
    """Return those of what was composed of the checkouts as they are, if it was; it is never composed for this."""
    from pipeline_builder.cli.options import open_workspace
    from pipeline_builder.dag.outline import outline
    from pipeline_builder.errors import PipelineBuilderError
    from pipeline_builder.opened import Opened

    found: dict[str, str] = {}
    try:
        main = Opened(open_workspace(_asked(context)), warn=lambda _: None)
        for entry in main.manifest.pipelines:
            narrowed = main.manifest.narrowed(entry.name)
            workspace = main.workspace.narrowed(narrowed.narrowed_to)
            known = Opened(workspace, warn=lambda _: None, manifest=narrowed).known_definition()
            found |= {step.name: known.units.get(step.name, "") for step in outline(known.content)} if known else {}
    except (PipelineBuilderError, OSError, click.ClickException):
        return {}  # what was built before may still be there
    return found


def _built_units(context: click.Context) -> dict[str, str]:
    """Return those of the definitions that were built, with the models that the last runs had for them."""
    from pipeline_builder.dag.outline import outline

    models = {step.name: step.model for record in _records(context) for step in record.steps}
    steps: dict[str, str] = {}
    for folder in _builds(context):
        path = folder / _DEFINITION
        steps |= {step.name: models.get(step.name, "") for step in outline(path.read_bytes())} if path.is_file() else {}
    return steps or models


def _records(context: click.Context) -> Iterable[RunRecord]:
    from pipeline_builder.release.record import load_record

    for folder in _builds(context):
        if record := load_record(folder / _RUN):
            yield record


def _builds(context: click.Context) -> Iterable[Path]:
    """Return the build folders: the main one, and that of each further pipeline."""
    main = _asked(context).build
    return (main, *sorted(main.glob("pipelines/*")))


def _asked(context: click.Context) -> Asked:
    from pipeline_builder.cli.options import asked_of

    return asked_of(context.params)


def _manifest(context: click.Context) -> Manifest:
    from pipeline_builder.documents.source import load_yaml
    from pipeline_builder.manifest.manifest import build_manifest

    path = _asked(context).manifest
    return build_manifest(load_yaml(path, str(path), "PB100", placed=True))


def _groups(context: click.Context) -> Iterable[str]:
    return _manifest(context).groups
