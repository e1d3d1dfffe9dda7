"""The pipeline definition: the graph composed into SageMaker's own language, as canonical bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline_builder.bundle import ARCHIVE, Bundle, Bundler
from pipeline_builder.conf import TransformSection
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.graph import Graph, Step
from pipeline_builder.names import PIPELINE_NAME, parameter_name
from pipeline_builder.schema import describe
from pipeline_builder.steps import COMPOSERS
from pipeline_builder.steps.context import Context, Mapped
from pipeline_builder.target import JSON
from pipeline_builder.values import Settings

MANIFEST_PARAMETER = "ManifestCommit"
UNKNOWN_COMMIT = "unknown"
# The service takes 200 parameters per start; beyond this many repositories only the manifest's commit travels.
_MOST_COMMIT_PARAMETERS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A composed definition.

    `content` is canonical JSON (sorted keys, fixed separators, final newline), `sha256` its digest (hex). `bundles`
    maps the s3:// address of each code archive to what goes there, `groups` each model package group to its
    description.
    """

    pipeline: str
    content: bytes
    sha256: str
    bundles: Mapping[str, Bundle]
    groups: Mapping[str, str]
    commit_parameters: Mapping[str, str]
    warnings: tuple[Problem, ...] = ()


def canonical(value: JSON) -> bytes:
    """Return the one way in which a JSON value is written."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def build_definition(graph: Graph, settings: Settings, repository_urls: Mapping[str, str]) -> Definition:
    """Compose the graph.

    `repository_urls` has the url of each repository that a unit may come from. Nothing of time, machine or folder gets
    into the content; commits come in as parameters when an execution starts.

    Raises:
        InputProblems: PB320 to PB325, all of them.
    """
    context, bundles = _context(graph, settings, repository_urls)
    steps, problems = _compose_steps(context)
    problems += _pipeline_problems(graph)
    if problems:
        raise InputProblems(*problems)
    document: JSON = {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [_parameter(name) for name in (MANIFEST_PARAMETER, *context.commit_parameters.values())],
        "Steps": [*steps],
    }
    content = canonical(document)
    return Definition(
        pipeline=graph.pipeline,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        bundles=bundles,
        groups=_groups(graph, steps),
        commit_parameters=context.commit_parameters,
        warnings=tuple(warning for step in graph.steps for warning in _warnings(step)),
    )


def _context(
    graph: Graph, settings: Settings, repository_urls: Mapping[str, str]
) -> tuple[Context, Mapping[str, Bundle]]:
    bundles: dict[str, Bundle] = {}
    code: dict[str, str] = {}
    requirements = set()
    bundler = Bundler()
    for step in graph.steps:
        bundle = _bundle(step, bundler)
        if bundle is None:
            continue
        code[step.name] = f"s3://{settings.bucket}/{graph.pipeline}/code/{bundle.sha256}/{ARCHIVE}"
        bundles[code[step.name]] = bundle
        if bundle.has_requirements:
            requirements.add(step.name)
    repos = sorted({step.unit.conf.repo for step in graph.steps})
    names = repos if len(repos) <= _MOST_COMMIT_PARAMETERS else []
    context = Context(
        graph=graph,
        settings=settings,
        code=code,
        requirements=frozenset(requirements),
        commit_parameters={name: parameter_name("Commit", name) for name in names},
        manifest_parameter=MANIFEST_PARAMETER,
        repository_urls=repository_urls,
    )
    return context, bundles


def _bundle(step: Step, bundler: Bundler) -> Bundle | None:
    """Return the code of the step's script; for the model steps that is the inference code."""
    section = step.unit.section
    job = step.job if step.step_class != "Transform" else None
    if step.step_class in ("CreateModel", "RegisterModel"):
        job = section.transform
    if job is None or not job.entry_point:
        return None
    sections = (section.preprocess, section.train, section.transform, section.evaluate)
    others = [str(PurePosixPath(other.entry_point)) for other in sections if other and other.entry_point]
    entry_point = str(PurePosixPath(job.entry_point))
    return bundler.bundle(step.unit.source_directory, entry_point=entry_point, others=others, include=job.include)


def _compose_steps(context: Context) -> tuple[list[Mapped], list[Problem]]:
    steps: list[Mapped] = []
    problems: list[Problem] = []
    for step in context.graph.steps:
        problems.extend(_unsupported(step))
        try:
            composed = COMPOSERS[step.step_class](context, step)
        except InputProblems as error:
            problems.extend(error.problems)
            continue
        explicit: Mapped = {"DependsOn": list(step.explicit)} if step.explicit else {}
        steps.append({"Name": step.name, **composed, **explicit})
    return steps, problems


def _pipeline_problems(graph: Graph) -> list[Problem]:
    """Check the pipeline's name: job names are made of it, so fewer characters do than the service model says."""
    if len(graph.pipeline) <= PIPELINE_NAME and re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", graph.pipeline):
        return []
    place = graph.steps[0].conf.document.place(("conf", "sagemakerPipeline", "pipelineName"))
    message = f"the pipeline name {describe(graph.pipeline)} cannot be used"
    hint = f"letters, digits and single '-' between them, at most {PIPELINE_NAME}"
    return [Problem(id="PB325", message=message, place=place, hint=hint)]


def _parameter(name: str) -> JSON:
    return {"Name": name, "Type": "String", "DefaultValue": UNKNOWN_COMMIT}


def _groups(graph: Graph, steps: list[Mapped]) -> Mapping[str, str]:
    groups: dict[str, str] = {}
    for composed in steps:
        arguments = composed["Arguments"]
        if composed["Type"] == "RegisterModel" and isinstance(arguments, dict):
            step = graph.by_name[str(composed["Name"])]
            groups.setdefault(str(arguments["ModelPackageGroupName"]), step.registry.group_description)
    return groups


def _unsupported(step: Step) -> list[Problem]:
    """What the language has and this version can't compose yet is said, never left out."""
    problems = []
    if step.step_class == "Training" and step.job:
        for name, channel in step.job.channels.items():
            if len(channel.data_files) > 1:
                message = (
                    f"the training channel '{name}' has {len(channel.data_files)} files, which is not supported yet"
                )
                place = step.section_place("channels", name)
                hint = "give each file a channel of its own, or name their common prefix"
                problems.append(Problem(id="PB324", message=message, place=place, hint=hint))
    if step.step_class == "CreateModel" and step.registry.repack is None and _has_inference_code(step):
        message = "'ModelRepack' is on unless it is turned off, and it is not supported yet"
        place = step.section_place("ModelRepack")
        hint = "write 'ModelRepack: \"False\"' in 'registry': the container then fetches the inference code itself"
        problems.append(Problem(id="PB324", message=message, place=place, hint=hint))
    for name, channel in step.job.channels.items() if step.job else ():
        for file in channel.data_files:
            if not file.file_name.startswith("s3://") and not channel.bucket:
                message = f"the file '{file.file_name}' of channel '{name}' has no bucket"
                place = step.section_place("channels", name)
                hint = "write it as s3://bucket/key, or give the channel 's3BucketName' and 's3InputPrefix'"
                problems.append(Problem(id="PB322", message=message, place=place, hint=hint))
    return problems


def _has_inference_code(step: Step) -> bool:
    section = step.unit.section.transform
    return bool(section and section.entry_point)


# Keys that a section takes for compatibility, by what they'd be in the other sections, and why they do nothing there.
_WITHOUT_EFFECT: Mapping[str, Mapping[str, str]] = {
    "transform": {
        "image_uri": "the image of registry.InferenceSpecification is used",
        "volume_size": "a batch transform job has no volume size",
        "volume_size_in_gb": "a batch transform job has no volume size",
        "max_runtime_seconds": "a batch transform job has no maximum run time",
        "max_runtime_in_seconds": "a batch transform job has no maximum run time",
    },
    "evaluate": {
        "strategy": "it belongs to a batch transform",
        "max_payload": "it belongs to a batch transform",
        "content_type": "it belongs to a batch transform",
    },
    "preprocess": {"framework_version": "the image decides the version"},
}


def _warnings(step: Step) -> list[Problem]:
    """A key that is set and does nothing is said."""
    if step.job is None or (isinstance(step.job, TransformSection) and step.step_class != "Transform"):
        return []
    document = step.unit.conf.document
    found = []
    for key, why in _WITHOUT_EFFECT.get(step.section_name, {}).items():
        path = (*step.unit.path, step.section_name, key)
        if path in document.keys:
            message = f"'{key}' has no effect in '{step.section_name}': {why}"
            found.append(Problem(id="PB230", message=message, place=document.place(path, key=True), warning=True))
    return found
