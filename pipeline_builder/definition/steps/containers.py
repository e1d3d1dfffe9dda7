"""The container definitions of a model: its one, or those that a request goes through one after the other."""

from __future__ import annotations

from pipeline_builder.conf.containers import ContainerSection, containers_of
from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.steps.context import Context, Mapped, model_uri, output_uri, without_empty
from pipeline_builder.definition.steps.merging import merge
from pipeline_builder.definition.steps.repack import needs_repack, repacked_uri
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import join

_IN_ARCHIVE = "/opt/ml/model/code"


def model_containers(context: Context, step: Step) -> list[JSON]:
    """Return the containers of a CreateModel or RegisterModel step."""
    several = containers_of(step)
    if not several:
        return [own_container(context, step)]
    return [_container(context, step, one, index) for index, one in enumerate(several)]


def own_container(context: Context, step: Step) -> Mapped:
    """Return image, model artifact and inference code.

    With repacking the code is in the archive. Without, it stays outside, and `SAGEMAKER_SUBMIT_DIRECTORY` tells the
    container's toolkit where to fetch it from, as the SDK's own models do.
    """
    repack = needs_repack(step)
    training, top = context.trained(step), step.asked.top_k
    section = step.unit.section.transform
    environment: Mapped = {}
    if section and section.entry_point:
        environment = _script(context, section.entry_point, _IN_ARCHIVE if repack else context.code[step.name])
    definition: Mapped = {
        "Image": context.image(step, step.registry.inference),
        "ModelDataUrl": repacked_uri(training, top) if repack else model_uri(training, top),
        "Environment": environment,
    }
    return without_empty(definition)


def image_name(index: int) -> str:
    """Return the name by which the image of a container is kept."""
    return f"registry.containers.{index}"


def _container(context: Context, step: Step, one: ContainerSection, index: int) -> JSON:
    if one.is_own:
        definition = own_container(context, step)
    else:
        script = _script(context, one.entry_point, context.code[step.name]) if one.entry_point else {}
        inference = context.image(step, step.registry.inference)
        definition = {"Image": inference, "ModelDataUrl": _artifact(context, one), "Environment": script}
    image = one.image_uri or context.images.get((step.unit.name, image_name(index)), "")
    environment = definition.get("Environment")
    assert environment is None or isinstance(environment, dict)
    definition = {
        "ContainerHostname": one.hostname,
        **definition,
        **({"Image": image} if image else {}),
        "Environment": {**(environment or {}), **context.texts(one.env)},
    }
    return merge(without_empty(definition), one.arguments)


def _script(context: Context, entry_point: str, folder: str) -> Mapped:
    return {
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SAGEMAKER_PROGRAM": entry_point,
        "SAGEMAKER_REGION": context.settings.region,
        "SAGEMAKER_SUBMIT_DIRECTORY": folder,
    }


def _artifact(context: Context, one: ContainerSection) -> JSON:
    if one.model_data_uri:
        return one.model_data_uri
    source = context.graph.by_name[one.step]
    return join("/", output_uri(source.name, one.output), one.file) if one.output else model_uri(source, None)
