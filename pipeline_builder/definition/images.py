"""AWS's own images by framework and version: resolved by the image data of the SageMaker SDK, kept in the lock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import cast

from pipeline_builder.conf.checks import CheckSection
from pipeline_builder.conf.containers import ContainerSection, containers_of
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.registration import InferenceSpecification
from pipeline_builder.conf.sections import ImageSection, JobSection
from pipeline_builder.definition.steps.containers import image_name
from pipeline_builder.documents.source import DataPath
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import InputProblems, Place, Problem

_Imaged = JobSection | InferenceSpecification | ContainerSection | CheckSection
# The images of AWS's own that a check runs in, unless its section names another.
_OF_CHECKS: Mapping[str, str] = {"QualityCheck": "model-monitor", "ClarifyCheck": "clarify"}
# The local target's Region isn't one of AWS's; its definitions name the images of this one.
_LOCAL_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An image that a section asks for: what decides its address, and where it stands."""

    image: ImageSection
    instance_type: str
    scope: str
    place: Place

    def key(self, region: str) -> str:
        """Return the image's key in the lock, which says all that the address depends on."""
        facts = {name: value for name, value in self.image.model_dump().items() if value is not None}
        facts |= {"region": region, "scope": self.scope, "instance_type": self.instance_type}
        return json.dumps(facts, sort_keys=True)


def resolve_images(
    graph: Graph, settings: Settings, locked: Mapping[str, str]
) -> tuple[Mapping[tuple[str, str], str], Mapping[str, str]]:
    """Return the address of each image by (model, section), and all of them by their key for the lock.

    `locked` are the addresses that the lock has; the SDK is asked for others only.

    Raises:
        InputProblems: PB217 where the SDK isn't installed or doesn't know the image; all of them.
    """
    region = _LOCAL_REGION if settings.region == "local" else settings.region
    found: dict[tuple[str, str], str] = {}
    keys: dict[str, str] = {}
    problems: list[Problem] = []
    for at, wanted in _wanted(graph):
        key = wanted.key(region)
        try:
            keys[key] = locked.get(key) or keys.get(key) or _ask_sdk(wanted, region)
            found[at] = keys[key]
        except InputProblems as error:
            problems.extend(error.problems)
    if problems:
        raise InputProblems(*problems)
    return found, keys


def _wanted(graph: Graph) -> Iterator[tuple[tuple[str, str], Wanted]]:
    seen = set()
    for step in graph.steps:
        for name, section in _sections(step):
            at = (step.unit.name, name)
            image = _image_of(step, section)
            if section is None or image is None or at in seen:
                continue
            seen.add(at)
            yield at, _want(step, name, section, image)


def _image_of(step: Step, section: _Imaged | None) -> ImageSection | None:
    """Return the image that a section names by its framework; a check has one by itself."""
    if isinstance(section, CheckSection):
        known = ImageSection(framework=_OF_CHECKS[step.step_class], version="")
        return None if section.image_uri else known
    return section.image if section else None


def _sections(step: Step) -> Iterator[tuple[str, _Imaged | None]]:
    yield step.section_name, step.request if isinstance(step.request, CheckSection) else step.job
    if step.unit.section.registry:
        yield "registry", step.registry.inference
        for index, one in enumerate(containers_of(step)):
            yield image_name(index), one


def _want(step: Step, name: str, section: _Imaged, image: ImageSection) -> Wanted:
    path: DataPath = (*step.unit.path, name, *(("InferenceSpecification",) if name == "registry" else ()), "image")
    if isinstance(section, JobSection):
        instance, scope = section.instance_type, "training"
    elif isinstance(section, CheckSection):
        instance, scope, path = "", "", (*step.unit.path, name)
    else:
        inference = step.registry.inference
        instance, scope = next(iter(inference.realtime_instances), ""), "inference"
    if isinstance(section, ContainerSection):
        path = (*step.unit.path, "registry", "containers", int(name.rpartition(".")[2]), "image")
    return Wanted(
        image=image,
        instance_type=instance if isinstance(instance, str) else "",
        scope=scope,
        place=step.unit.conf.document.place(path),
    )


def _ask_sdk(wanted: Wanted, region: str) -> str:
    image = wanted.image
    try:
        image_uris = _image_data()
    except ImportError as error:
        message = (
            f"the image of {image.framework} {image.version} needs the SageMaker SDK's image data, which isn't there"
        )
        hint = "pip install 'sagemaker<3', or write the address as image_uri"
        raise InputProblems(Problem(id="PB217", message=message, place=wanted.place, hint=hint)) from error
    try:
        return str(
            image_uris.retrieve(
                image.framework,
                region,
                version=image.version or None,
                py_version=image.py_version,
                instance_type=wanted.instance_type or None,
                image_scope=wanted.scope or None,
                base_framework_version=image.base_framework_version,
            )
        )
    except (ValueError, KeyError, TypeError) as error:
        message = f"the SageMaker SDK knows no image of {image.framework} {image.version}: {str(error)[:300]}"
        raise InputProblems(Problem(id="PB217", message=message, place=wanted.place)) from error


def _image_data() -> ModuleType:
    """Return the SDK's module, which version 3 has in another place."""
    try:
        from sagemaker import image_uris
    except ImportError:
        from sagemaker.core import image_uris
    return cast("ModuleType", image_uris)
