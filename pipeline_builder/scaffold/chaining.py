"""A new model after others: whether those can be asked, and where the steps of both go."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline_builder.conf.conf import ModelConf
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.machine.streams import write_file
from pipeline_builder.scaffold.insertion import insert
from pipeline_builder.scaffold.neighbours import Neighbours
from pipeline_builder.scaffold.skeleton import Asked

_ARTIFACT = "a step may take its artifact instead: docs/how-to/new-model.md#after-another"


def asking_step(model: str, other: str) -> str:
    """Return the name of the step by which a model is asked for another."""
    return f"{model}-asks-{other}"


def asked_by(model: str, after: tuple[str, ...]) -> tuple[Asked, ...]:
    """Return those that a model comes after, each once."""
    return tuple(Asked(model=other, step=asking_step(model, other)) for other in dict.fromkeys(after))


def check_after(after: tuple[str, ...], neighbours: Neighbours, *, inference: bool) -> Iterator[Problem]:
    """Yield why a model can't come after others: they aren't there, aren't known here, or can't be asked."""
    place = Place(neighbours.label)
    for other in dict.fromkeys(after):
        if other in neighbours.models:
            yield from _check_asked(other, neighbours)
        elif other in neighbours.repos or other in neighbours.unknown:
            message = f"the conf.yaml of '{other}' is not on this machine, so that nothing is known of its steps"
            yield Problem(id="PB044", message=message, place=place, hint="run 'pipeline-builder checkout' first")
        else:
            yield _missing(other, neighbours)
    if after and inference:
        message = (
            f"what scores a day with a model after {describe(after[0])} cannot be made; it would need that one's too"
        )
        yield Problem(id="PB046", message=message, hint="leave out --inference, or --after")


def _missing(other: str, neighbours: Neighbours) -> Problem:
    hint = did_you_mean(other, neighbours.models) if neighbours.models else "make that one first, with --add"
    message = f"there is no model {describe(other)} that the new one could come after"
    if neighbours.unknown:
        message += f"; the conf.yaml of {', '.join(neighbours.unknown)} is not on this machine"
    return Problem(id="PB043", message=message, place=Place(neighbours.label), hint=hint)


def _check_asked(other: str, neighbours: Neighbours) -> Iterator[Problem]:
    """The new model's rows are predicted by a batch transform of the other's model, as CSV."""
    conf = next(conf for conf in neighbours.confs if other in conf.section.models)
    place = conf.document.place(("conf", "models", other), key=True)
    transform = conf.section.models[other].transform
    why, hint = "", _ARTIFACT
    pipeline = anchor_conf(neighbours)
    if pipeline is None:
        why, hint = "the pipeline that has its steps is not on this machine", "run 'pipeline-builder checkout' first"
    elif other not in (models := pipeline.section.pipeline.models):  # type: ignore[union-attr] # it is the anchor's
        why, hint = f"{neighbours.anchor} has no steps of it", "put its steps there first"
    elif not any(step.step_class == "CreateModel" for step in models[other].steps):
        why = "it has no CreateModel step, whose model would answer"
    elif transform is None or not str(transform.content_type).startswith("text/csv"):
        why = "it has no 'transform' section that takes text/csv"
    elif any(channel.bucket for channel in transform.channels.values()):
        why = "its predictions have a folder of their own, where those for another would lie among them"
    if why:
        yield Problem(id="PB045", message=f"'{other}' cannot be asked: {why}", place=place, hint=hint)


def anchor_conf(neighbours: Neighbours) -> ModelConf | None:
    """Return the conf with the pipeline, where it is known."""
    return next((conf for conf in neighbours.confs if conf.section.pipeline), None)


def put_steps(path: Path, model: str, steps: str, asking: Mapping[str, str], *, checkouts: Path) -> bool:
    """Put a new model's steps into the conf that has the pipeline; tell whether they are in it.

    `steps` is the text of its own, `asking` that of the step by which each other model is asked. A checkout is not
    anybody's to edit, and where no place is certainly right the file stays as it is.
    """
    if path.resolve().is_relative_to(checkouts.resolve()):
        return False
    label, content = os.path.relpath(path), path.read_bytes()
    bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    try:
        text = content.decode("utf-8-sig")
        if model in _pipeline_models(text, label):
            return True
        wanted = {other: {"steps": parse_yaml(Source(label, step), "PB695").data} for other, step in asking.items()}
        own = parse_yaml(Source(label, steps), "PB695").data
        assert isinstance(own, dict)
        models: dict[str, JSON] = {**wanted, **own}
        new = insert(text, {"conf": {"sagemakerPipeline": {"models": models}}}, label=label)
    except (InputProblems, UnicodeDecodeError):
        return False
    write_file(path, bom + new.encode())
    return True


def _pipeline_models(text: str, label: str) -> Mapping[str, JSON]:
    found: JSON = parse_yaml(Source(label, text), "PB695").data
    for key in ("conf", "sagemakerPipeline", "models"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
