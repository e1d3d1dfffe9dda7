"""From checked-out repositories to a checked definition: conf files, graph, definition and every problem in them."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.conf.conf import ModelConf, read_conf
from pipeline_builder.conf.graph import Graph, Step, read_graph
from pipeline_builder.definition.definition import Definition, read_definition
from pipeline_builder.definition.images import resolve_images
from pipeline_builder.definition.prefixes import find_neighbours
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.values import Settings, build_settings
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.manifest.manifest import Manifest, Repo

if TYPE_CHECKING:
    from pipeline_builder.definition.check.finding import Finding
    from pipeline_builder.manifest.lock import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The graph, and the definition that was made of it and passed every check; `images` are what the lock gets."""

    graph: Graph
    definition: Definition
    warnings: tuple[Problem, ...]
    images: Mapping[str, str]


def compose(
    manifest: Manifest, lock: Lock, *, root: Path, values: Mapping[str, str], tags: Mapping[str, str] | None = None
) -> Composed:
    """Read the conf files of every enabled repository and compose them.

    `root` is the manifest's folder, `values` what placeholders may name, `tags` go on every job.

    Raises:
        InputProblems: PB2xx to PB4xx. After a problem the stages go on with the rest, and of what they find all is said
            that doesn't come from the problem itself.
    """
    confs, problems = read_confs(manifest, lock, root=root, values=values)
    settings = _settings(values, tags, problems)
    graph = _graph(confs, problems, root / manifest.training_dir, values)
    if settings is None or graph is None or any(problem.id == "PB210" for problem in problems):
        raise InputProblems(*problems)
    images, resolved = _images(graph, settings, lock, problems)
    urls = {repo.name: _public_url(repo) for repo in manifest.repos}
    definition, found = read_definition(graph, settings, urls, images)
    _add_certain(problems, found)
    _add_certain(problems, _findings(definition, graph))
    if problems:
        raise InputProblems(*problems)
    warnings = (*definition.warnings, *find_neighbours(graph, definition, bucket=settings.bucket))
    return Composed(graph=graph, definition=definition, warnings=warnings, images=resolved)


def _settings(values: Mapping[str, str], tags: Mapping[str, str] | None, problems: list[Problem]) -> Settings | None:
    try:
        return build_settings(values, tags)
    except InputProblems as error:
        problems.extend(error.problems)
        return None


# What holds whatever was meant by something else that is wrong: clashes, missing files, cycles, wrong values.
_CERTAIN = frozenset(
    (
        *("PB301", "PB302", "PB303", "PB304", "PB306", "PB307", "PB308", "PB309", "PB310", "PB312", "PB313", "PB314"),
        *("PB217", "PB315", "PB316", "PB318", "PB322", "PB325", "PB326", "PB328"),
        *("PB401", "PB403", "PB404", "PB405", "PB406"),
    )
)


def _add_certain(problems: list[Problem], found: Iterable[Problem]) -> None:
    """Add a stage's problems; after those of an earlier stage only what certainly doesn't come from them."""
    said = {problem.place for problem in problems}
    problems.extend([p for p in found if not said or (p.id in _CERTAIN and p.place not in said)])


def _graph(
    confs: tuple[ModelConf | None, ...], problems: list[Problem], training_dir: Path, values: Mapping[str, str]
) -> Graph | None:
    """Combine the files; where one couldn't be read at all, what it has would be missed everywhere."""
    whole = [conf for conf in confs if conf is not None]
    if len(whole) < len(confs):
        return None
    source = values.get("SMP_SOURCE_DIR_PATH", "")
    graph, found = read_graph(whole, training_dir=training_dir, default_source=source)
    _add_certain(problems, found)
    return graph


def _images(
    graph: Graph, settings: Settings, lock: Lock, problems: list[Problem]
) -> tuple[Mapping[tuple[str, str], str], Mapping[str, str]]:
    try:
        return resolve_images(graph, settings, lock.images)
    except InputProblems as error:
        _add_certain(problems, error.problems)
        return {
            (step.unit.name, name): "unknown" for step in graph.steps for name in (step.section_name, "registry")
        }, {}


def read_confs(
    manifest: Manifest, lock: Lock, *, root: Path, values: Mapping[str, str]
) -> tuple[tuple[ModelConf | None, ...], list[Problem]]:
    """Return what could be read of every conf file, in the order of the manifest, and every problem in them."""
    commits = {locked.name: locked.commit for locked in lock.repos}
    confs: list[ModelConf | None] = []
    problems: list[Problem] = []
    matches = _matches(manifest, root / manifest.training_dir, values)
    for repo in manifest.repos:
        folder = root / manifest.training_dir / repo.name
        files = _files(repo, folder, matches)
        if not files:
            confs.append(None)
            problems.append(_no_file(repo, folder, manifest, values))
        for path in files:
            label = f"{repo.name}@{commits.get(repo.name, '')[:7]}:{path.relative_to(folder).as_posix()}"
            conf, found = read_conf(path, label=label, repo=repo.name, folder=folder, values=values)
            confs.append(conf)
            problems.extend(found)
    return tuple(confs), problems


def _matches(manifest: Manifest, training_dir: Path, values: Mapping[str, str]) -> Mapping[str, list[Path]]:
    """Return what the glob below the training directory finds, by the folder of the repository."""
    pattern = _glob(manifest, values)
    found: dict[str, list[Path]] = {}
    for path in training_dir.glob(pattern) if not pattern.startswith("/") else ():
        found.setdefault(path.relative_to(training_dir).parts[0], []).append(path)
    return found


def _files(repo: Repo, folder: Path, matches: Mapping[str, list[Path]]) -> tuple[Path, ...]:
    """Return the repository's conf files, by its own patterns, or by the glob below the training directory."""
    found = (
        {path for pattern in repo.config for path in folder.glob(pattern)}
        if repo.config
        else matches.get(repo.name, ())
    )
    inside = folder.resolve()
    return tuple(sorted(p for p in found if p.is_file() and p.resolve().is_relative_to(inside)))


def _glob(manifest: Manifest, values: Mapping[str, str]) -> str:
    return values.get("SMP_MODEL_CONFIGPATH", "").strip() or manifest.config


def _no_file(repo: Repo, folder: Path, manifest: Manifest, values: Mapping[str, str]) -> Problem:
    if not folder.is_dir():
        message = f"the repository '{repo.name}' is not checked out"
        return Problem(id="PB206", message=message, place=repo.place, hint="run 'pipeline-builder checkout'")
    pattern = " or ".join(describe(glob) for glob in repo.config) or describe(_glob(manifest, values))
    message = f"no configuration file of the repository '{repo.name}' matches {pattern}"
    return Problem(id="PB206", message=message, place=repo.place, hint="name it with 'config: …'")


def _public_url(repo: Repo) -> str:
    """A relative url says nothing elsewhere; the repository's name does."""
    return repo.url if "://" in repo.url or ":" in repo.url else repo.name


def _findings(definition: Definition, graph: Graph) -> list[Problem]:
    from pipeline_builder.definition.check.check import check_definition

    return [_problem(finding, graph, definition) for finding in check_definition(json.loads(definition.content))]


def _problem(finding: Finding, graph: Graph, definition: Definition) -> Problem:
    step = graph.by_name.get(definition.owners.get(finding.step, finding.step))
    message = f"step '{finding.step}': {finding.message}" if step else finding.message
    place = _place(step, finding) if step else _pipeline_place(graph)
    return Problem(id=finding.id, message=message, place=place, hint=finding.hint)


# The conf keys behind a member of a request, by the member's name: where a reader would mend it.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "InstanceType": ("instance_type",),
    "InstanceCount": ("instance_count",),
    "VolumeSizeInGB": ("volume_size_in_gb", "volume_size"),
    "MaxRuntimeInSeconds": ("max_runtime_seconds", "max_runtime_in_seconds"),
    "ImageUri": ("image_uri",),
    "TrainingImage": ("image_uri",),
    "Image": ("image_uri",),
    "ProcessingJobName": ("base_job_name",),
    "TrainingJobName": ("base_job_name",),
    "TransformJobName": ("base_job_name",),
    "Environment": ("env",),
    "HyperParameters": ("hyperparams", "hyperparameters"),
    "Tags": ("tags",),
    "ChannelName": ("channels",),
    "InputName": ("channels",),
    "LocalPath": ("channels",),
    "S3Uri": ("channels",),
    "S3OutputPath": ("output_path",),
    "ContainerEntrypoint": ("entry_point",),
    "MaxPayloadInMB": ("max_payload",),
    "ModelPackageGroupName": ("ModelPackageGroupName",),
    "ModelPackageDescription": ("ModelPackageDescription",),
    "ModelApprovalStatus": ("ModelApprovalStatus",),
    "InferenceSpecification": ("InferenceSpecification",),
    "SupportedContentTypes": ("InferenceSpecification", "supported_content_types"),
    "SupportedResponseMIMETypes": ("InferenceSpecification", "supported_response_MIME_types"),
    "SupportedRealtimeInferenceInstanceTypes": (
        "InferenceSpecification",
        "SupportedRealtimeInferenceInstanceTypes",
    ),
    "SupportedTransformInstanceTypes": ("InferenceSpecification", "SupportedTransformInstanceTypes"),
}


def _place(step: Step, finding: Finding) -> Place:
    """Return the place in the conf that a finding most likely comes from: the nearest key, else the step."""
    document = step.unit.conf.document
    section = (*step.unit.path, step.section_name)
    for member in reversed(finding.path):
        keys = _KEYS.get(str(member), ())
        for path in ((*section, *keys), *((*section, key) for key in keys)):
            if keys and path in document.values:
                return document.place(path)
    return step.place


def _pipeline_place(graph: Graph) -> Place | None:
    for step in graph.steps:
        return step.conf.document.place(("conf", "sagemakerPipeline", "pipelineName"))
    return None


@contextmanager
def without_collector() -> Iterator[None]:
    """Composing makes trees that all live to its end: looking for garbage among them takes a fifth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
