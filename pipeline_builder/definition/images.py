"""AWS's own images by framework and version: whoever is handed in is asked for their addresses, kept in the lock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline_builder.conf.containers import ContainerSection, containers_of
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.registration import InferenceSpecification
from pipeline_builder.conf.requests import ManagedJobSection, is_check
from pipeline_builder.conf.sections import ImageSection, JobSection, TransformSection
from pipeline_builder.definition.steps.containers import image_name
from pipeline_builder.documents.source import DataPath
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import InputProblems, OutsideFailure, Place, Problem

_Imaged = JobSection | InferenceSpecification | ContainerSection | ManagedJobSection
# The images of AWS's own that a check runs in, unless its section names another.
_OF_CHECKS: Mapping[str, str] = {"QualityCheck": "model-monitor", "ClarifyCheck": "clarify"}
# The local target's Region isn't one of AWS's; its definitions name the images of this one.
_LOCAL_REGION = "us-east-1"
ImageAsker = Callable[[Sequence[str]], list[Any]]
"""Returns for each key of an image `{"address"}`, or `{"refused"}` with why there is none; the SDK's is in `sdk/`."""


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


def ask_nobody(keys: Sequence[str]) -> list[Any]:
    """Tell no address, where only those of the lock are known."""
    message = f"nobody is asked here for the addresses of images ({len(keys)} of them)"
    raise OutsideFailure(Problem(id="PB915", message=message, hint="run 'pipeline-builder build' first"))


def resolve_images(
    graph: Graph, settings: Settings, locked: Mapping[str, str], ask: ImageAsker = ask_nobody
) -> tuple[Mapping[tuple[str, str], str], Mapping[str, str]]:
    """Return the address of each image by (model, section), and all of them by their key for the lock.

    `locked` are the addresses that the lock has; the SDK is asked for others only, and once for all.

    Raises:
        InputProblems: PB217 where the SDK doesn't know an image; all of them.
        OutsideFailure: PB915, PB916 where it can't be asked, at each that it was to be asked for.
    """
    region = _LOCAL_REGION if settings.region == "local" else settings.region
    wanted = {at: (one, one.key(region)) for at, one in _wanted(graph)}
    missing = {key: one for one, key in reversed([*wanted.values()]) if not locked.get(key)}
    answers = dict(zip(missing, _answers(ask, missing), strict=True)) if missing else {}
    refused = {key: str(answer["refused"]) for key, answer in answers.items() if "address" not in answer}
    if problems := [_unknown(one, refused[key]) for one, key in wanted.values() if key in refused]:
        raise InputProblems(*problems)
    told = {key: str(answer["address"]) for key, answer in answers.items()}
    keys = {key: locked.get(key) or told[key] for _, key in wanted.values()}
    return {at: keys[key] for at, (_, key) in wanted.items()}, keys


def _answers(ask: ImageAsker, missing: Mapping[str, Wanted]) -> list[Any]:
    try:
        return ask([*missing])
    except OutsideFailure as error:
        places = [one.place for one in missing.values()]
        raise OutsideFailure(*(replace(why, place=place) for place in places for why in error.problems)) from error


def _unknown(wanted: Wanted, why: str) -> Problem:
    image = wanted.image
    message = f"the SageMaker SDK knows no image of {image.framework} {image.version}: {why[:300]}"
    return Problem(id="PB217", message=message, place=wanted.place)


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
    if isinstance(section, ManagedJobSection):
        known = ImageSection(framework=_OF_CHECKS[step.step_class], version="")
        return None if section.image_uri else known
    if section is None or isinstance(section, TransformSection):  # which runs what the registry names
        return None
    return section.image


def _sections(step: Step) -> Iterator[tuple[str, _Imaged | None]]:
    yield step.section_name, _check_of(step) or step.job
    if step.unit.section.registry:
        yield "registry", step.registry.inference
        for index, one in enumerate(containers_of(step)):
            yield image_name(index), one


def _check_of(step: Step) -> ManagedJobSection | None:
    return step.request if isinstance(step.request, ManagedJobSection) and is_check(step) else None


def _want(step: Step, name: str, section: _Imaged, image: ImageSection) -> Wanted:
    path: DataPath = (*step.unit.path, name, *(("InferenceSpecification",) if name == "registry" else ()), "image")
    if isinstance(section, JobSection):
        instance, scope = section.instance_type, "training"
    elif isinstance(section, ManagedJobSection):
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
