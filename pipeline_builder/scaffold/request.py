"""What a new model is asked to be, and whether it can be that."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.definition.names import PIPELINE_NAME
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.documents.values import substitute
from pipeline_builder.errors import Place, Problem
from pipeline_builder.scaffold.chaining import check_after
from pipeline_builder.scaffold.frameworks import FRAMEWORKS, regions_of
from pipeline_builder.scaffold.neighbours import Neighbours
from pipeline_builder.scaffold.skeleton import METRICS, REPORTS, Ci, Metric, Task, conf_text, scoring_name

_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*\Z")
_LONGEST_NAME = 40  # step, channel and job names add up to 24 characters to it
_PIPELINE = re.compile(r"[A-Za-z0-9](?:-*[A-Za-z0-9])*\Z")
_LONGEST_DESCRIPTION = 256
_JOB_TYPES = ("ProcessingInstanceType", "TrainingInstanceType", "TransformInstanceType")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for, unchecked. `anchor` and the bounds are None where nobody said anything about them.

    `bucket` is the one that SMP_S3BUCKETNAME names on the local target, `login` who commits where git knows nobody.
    """

    name: str
    out: Path
    manifest: Path
    description: str
    framework: str
    task: Task
    region: str
    instance_type: str
    metric: str
    low: float | None
    high: float | None
    pipeline: str
    anchor: bool | None
    ci: Ci
    git: bool
    add: bool
    bucket: str
    login: str
    inference: bool = False
    after: tuple[str, ...] = ()


def check_request(request: Request, neighbours: Neighbours) -> Iterator[Problem]:
    """Yield everything that is wrong with what was asked for."""
    yield from check_name(request.name)
    yield from _check_values(request)
    yield from _check_gate(request)
    yield from _check_scoring(request, neighbours)
    yield from check_after(request.after, neighbours, inference=request.inference)
    if request.pipeline and not is_anchor(request, neighbours):
        message = f"the new conf gets no pipeline that could be called {describe(request.pipeline)}"
        yield _value(message, "leave out --pipeline, or use --anchor for a pipeline of its own")
    if request.add:
        yield from _check_folder(request, neighbours)
        yield from _check_neighbours(request, neighbours)


def is_anchor(request: Request, neighbours: Neighbours) -> bool:
    """Tell whether the new conf gets the pipeline: where nobody said so, if no other has it."""
    return not neighbours.has_pipeline if request.anchor is None else request.anchor


def is_scoring_anchor(request: Request, neighbours: Neighbours) -> bool:
    """Tell the same of the conf that scores."""
    return not neighbours.has_scoring if request.anchor is None else request.anchor


def _check_scoring(request: Request, neighbours: Neighbours) -> Iterator[Problem]:
    if not request.inference:
        return
    if len(scoring_name(request.pipeline)) > PIPELINE_NAME:
        name = describe(scoring_name(request.pipeline))
        yield _value(f"the pipeline that scores cannot be called {name}: it has more than {PIPELINE_NAME} characters")
    if request.add and request.anchor and neighbours.scoring:
        message = f"the pipeline that scores is in {neighbours.scoring}, and there can be one only"
        hint = "use --no-anchor, and add the new steps there"
        yield Problem(id="PB693", message=message, place=Place(neighbours.label), hint=hint)


def check_name(name: str) -> Iterator[Problem]:
    """A model's name goes into names of SageMaker, of git, and of folders."""
    if not _NAME.match(name) or len(name) > _LONGEST_NAME:
        message = (
            f"the model cannot be called {describe(name)}: a name has lower-case letters, digits and single '-' "
            f"between them, at most {_LONGEST_NAME}, and begins with a letter"
        )
        better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:_LONGEST_NAME].strip("-")
        hint = f"such as '{better}'" if better and _NAME.match(better) else None
        yield Problem(id="PB691", message=message, hint=hint)
    elif name == "scripts":
        # The folder of the scripts in every new repository, which is looked for among the repositories first.
        message = "the model cannot be called 'scripts', which is where each model's scripts are"
        yield Problem(id="PB691", message=message)


def _check_values(request: Request) -> Iterator[Problem]:
    name = request.pipeline
    if name and (not _PIPELINE.match(name) or len(name) > PIPELINE_NAME):
        message = (
            f"the pipeline cannot be called {describe(name)}: SageMaker takes letters, digits and '-' between them"
        )
        yield _value(f"{message}, at most {PIPELINE_NAME}")
    framework = FRAMEWORKS[request.framework]
    if request.region not in (regions := regions_of(framework)):
        title = "scikit-learn" if framework.name == "none" else framework.title
        message = f"AWS has no {title} image in the Region {describe(request.region)}"
        yield _value(message, did_you_mean(request.region, regions))
    yield from _check_instance(request.instance_type)
    text = request.description
    if not text or len(text) > _LONGEST_DESCRIPTION or not text.isprintable():
        message = f"the description has {len(text)} characters, expected 1 to {_LONGEST_DESCRIPTION}, all visible"
        yield _value(message)
    elif _read_back(text) != text:
        yield _value(f"the description {describe(text)} has a placeholder in it, which would be filled in",
                     "write it without 'SMP_…', '$params.…' and nested '${…}'")  # fmt: skip


def _read_back(description: str) -> JSON:
    """Return the description as a build reads it out of the conf."""
    from pipeline_builder.documents.expressions import read_expressions

    document = parse_yaml(Source("description", conf_text(description)), "PB692")
    filled, unset = substitute(document, {})
    return None if unset else read_expressions(filled)


def _check_instance(name: str) -> Iterator[Problem]:
    """All jobs run on it, so that each kind has to take it."""
    from pipeline_builder.definition.shapes.services import load_sagemaker

    shapes = load_sagemaker()
    for shape in _JOB_TYPES:
        if faults := shapes.check(shape, name):
            kind = shape.removesuffix("InstanceType").lower()
            yield _value(f"the instance type {describe(name)} cannot be used for a {kind} job", faults[0].hint)
            return


def _check_gate(request: Request) -> Iterator[Problem]:
    known = {metric.name: metric for metric in METRICS[request.task]}
    if request.metric and request.metric not in known:
        hint = did_you_mean(request.metric, known)
        yield _value(f"a {request.task} reports no metric {describe(request.metric)}", hint)
    bounds = [bound for bound in (request.low, request.high) if bound is not None]
    if not all(math.isfinite(bound) for bound in bounds):
        yield _value("a bound of the gate is no number")
    elif len(bounds) > 1 and bounds[0] > bounds[1]:
        yield _value(f"the gate passes nothing: at least {bounds[0]:g} and at most {bounds[1]:g} are asked for")


def _check_folder(request: Request, neighbours: Neighbours) -> Iterator[Problem]:
    folder = relative(request.out, request.manifest.parent)
    hint = "name another with --out, or leave out --add"
    if not folder.isprintable() or "\\" in folder or "::" in folder or "://" in folder:
        message = f"the folder {describe(folder)} cannot stand in a manifest"
        yield Problem(id="PB696", message=message, hint=hint)
    if request.manifest.is_relative_to(request.out):
        message = f"the manifest '{neighbours.label}' would lie in the new folder"
        yield Problem(id="PB696", message=message, hint=hint)
    if request.out.is_relative_to(request.manifest.parent / neighbours.training_dir):
        message = f"'{neighbours.training_dir}' is where checkouts of this manifest go, not their repositories"
        yield Problem(id="PB696", message=message, hint=hint)


def _check_neighbours(request: Request, neighbours: Neighbours) -> Iterator[Problem]:
    place = Place(neighbours.label)
    if request.name in neighbours.repos:
        message = f"the manifest has a repository '{request.name}' already"
        yield Problem(id="PB694", message=message, place=place, hint="choose another name")
    elif request.name in neighbours.models:
        message = f"there is a model '{request.name}' already, in {neighbours.models[request.name]}"
        yield Problem(id="PB694", message=message, place=place, hint="choose another name")
    if request.anchor and neighbours.anchor:
        message = f"the pipeline of this manifest is in {neighbours.anchor}, and there can be one only"
        yield Problem(id="PB693", message=message, place=place, hint="use --no-anchor, and add the new steps there")


def _value(message: str, hint: str | None = None) -> Problem:
    return Problem(id="PB692", message=message, hint=hint)


def taken(folder: Path) -> Problem:
    """Return the problem of a folder that can't be made."""
    what = "is not empty" if folder.is_dir() else "is a file"
    if folder.is_symlink():
        what = "is a link"
    if Path.cwd().is_relative_to(folder):
        what = "is the current folder"
    message = f"'{os.path.relpath(folder)}' {what}, and nothing is ever overwritten"
    return Problem(id="PB690", message=message, hint="name another folder with --out, or move this one away")


def is_free(folder: Path) -> bool:
    """Tell whether the folder can be put there as a whole: nothing is there, or an empty folder that nobody is in."""
    if not os.path.lexists(folder):
        return True
    if folder.is_symlink() or not folder.is_dir():
        return False
    return not any(folder.iterdir()) and not Path.cwd().is_relative_to(folder)


def default_metric(task: Task, name: str = "") -> Metric:
    """Return the metric of that name, or the one that is looked at by default."""
    return next((metric for metric in METRICS[task] if metric.name == name), METRICS[task][0])


def short_metric(task: Task, name: str) -> str:
    """Return the name of a metric, which may be given as its path in the report."""
    return name.removeprefix(f"{REPORTS[task]}.").removesuffix(".value")


def relative(folder: Path, base: Path) -> str:
    """Return the way from one folder to the other, as a manifest takes it: it is no address and no option."""
    path = os.path.relpath(folder.resolve(), base.resolve())
    return f"./{path}" if path.startswith("-") or ":" in path.partition("/")[0] else path
