"""The containers of a model that is a pipeline of several: a request goes through them in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from pipeline_builder.conf.sections import ImageSection
from pipeline_builder.documents.fields import Arguments, Env, Image, Word
from pipeline_builder.documents.schema import Section, did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.paths import RelativePath

if TYPE_CHECKING:
    from pipeline_builder.conf.units import Step

_MODELLED = ("CreateModel", "RegisterModel")


class ContainerSection(Section):
    """One container of several. One that names no artifact has the model's own, as it is without `containers`."""

    step: str = Field("", description="step whose artifact it has: a Training step, or a Processing step with 'output'")
    output: str = Field("", description="output of the Processing step, which has the archive")
    file: RelativePath = Field("model.tar.gz", description="name of the archive in that output")
    model_data_uri: Word = Field("", description="s3:// address of an archive, instead of a step")
    image_uri: Image = Field("", description="address of its image; default: that of InferenceSpecification")
    image: ImageSection | None = Field(None, description="one of AWS's own images, instead of image_uri")
    entry_point: RelativePath | None = Field(None, description="inference script, below the source directory")
    env: Env = Field({}, description="environment variables of the container")
    hostname: Word = Field("", description="its name among the containers")
    arguments: Arguments = Field({}, description="merged over its ContainerDefinition, and checked like it")

    @model_validator(mode="after")
    def _one_artifact(self) -> ContainerSection:
        if self.step and self.model_data_uri:
            raise ValueError("both 'step' and 'model_data_uri' are given, expected one of them")
        if self.output and not self.step:
            raise ValueError("'output' is of no step, expected 'step' beside it")
        if self.image_uri and self.image is not None:
            raise ValueError("both 'image_uri' and 'image' are given, expected one of them")
        if self.is_own and self.entry_point:
            raise ValueError("'entry_point' stands at the model's own container, whose script is transform.entry_point")
        return self

    @property
    def is_own(self) -> bool:
        """Whether its artifact is the one of the model's own training."""
        return not self.step and not self.model_data_uri


def containers_of(step: Step) -> tuple[ContainerSection, ...]:
    """Return the containers that a CreateModel or RegisterModel step names; none where its model has one."""
    registry = step.unit.section.registry if step.step_class in _MODELLED else None
    return registry.containers if registry else ()


def needs_training(step: Step) -> bool:
    """Tell whether a CreateModel or RegisterModel step takes what its own model's training has made."""
    if step.unit.infers:
        return False
    containers = containers_of(step)
    return not containers or any(one.is_own for one in containers)


def sources_of(step: Step) -> tuple[str, ...]:
    """Return the steps whose artifacts the containers have."""
    return tuple(dict.fromkeys(one.step for one in containers_of(step) if one.step))


def check_containers(steps: Mapping[str, Step], problems: list[Problem]) -> None:
    """Check that the step of each container is there and makes an archive."""
    said = set()
    for step in steps.values():
        for problem in _wrong(step, steps):
            if problem.place not in said:  # CreateModel and RegisterModel share the section
                said.add(problem.place)
                problems.append(problem)


def _wrong(step: Step, steps: Mapping[str, Step]) -> Iterator[Problem]:
    for index, one in enumerate(containers_of(step)):
        path = (*step.unit.path, "registry", "containers", index)
        place = step.unit.conf.document.place((*path, "step"))
        source = steps.get(one.step)
        if one.step and source is None:
            hint = did_you_mean(one.step, steps)
            yield Problem(id="PB313", message=f"there is no step '{one.step}'", place=place, hint=hint)
        elif source is not None and not (source.trains or (source.step_class == "Processing" and one.output)):
            message = f"the step '{one.step}' ({source.step_class}) makes no archive that a container could have"
            hint = "name the Processing step's output: 'output' beside 'step'" if source.job else None
            yield Problem(id="PB883", message=message, place=place, hint=hint)
