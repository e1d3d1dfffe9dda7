"""Sections of step classes that run no script of the model's: what they all have, and which class has which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from pipeline_builder.conf.attempts import CacheSection, Retry
from pipeline_builder.documents.fields import Arguments, Count, Env, Image, Tags, Word
from pipeline_builder.documents.schema import Section, did_you_mean, known_keys, read_section
from pipeline_builder.errors import Problem

if TYPE_CHECKING:
    from pipeline_builder.conf.conf import ModelConf, StepSection
    from pipeline_builder.conf.units import Step, Unit

NAMES: Mapping[str, str] = {
    "QualityCheck": "quality_check", "ClarifyCheck": "clarify_check", "EMR": "emr", "EMRServerless": "emr_serverless",
    "AutoML": "automl", "NotebookJob": "notebook",
}  # fmt: skip
"""The section of each class, unless a step's `step_type` names another."""
CHECKS = ("QualityCheck", "ClarifyCheck")
"""Those of them whose sections are of a check, which makes a baseline, and holds data against one."""


class RequestSection(Section):
    """What all of them have."""

    tags: Tags = Field({}, description="tags of the job")
    cache: CacheSection = Field(CacheSection.model_construct(), description="expiry of the step cache")
    arguments: Arguments = Field({}, description="merged over the request to the service, and checked like it")

    @property
    def attempts(self) -> Retry:
        """When the service tries again."""
        found: Retry = getattr(self, "retry", ())
        return found


class ManagedJobSection(RequestSection):
    """A job on instances of SageMaker's."""

    image_uri: Image = Field("", description="address of the container image")
    base_job_name: Word = Field("", description="prefix of the job's name")
    instance_count: Count = Field(1, description="instances")
    instance_type: Word = Field("ml.m5.xlarge", description="instance type")
    volume_size: Count = Field(30, alias="volume_size_in_gb", description="storage volume, GB")
    max_runtime: Count = Field(3600, alias="max_runtime_seconds", description="maximum run time, seconds")
    env: Env = Field({}, description="environment variables of the job")


def kinds() -> Mapping[str, type[RequestSection]]:
    """Return the section of each class; read when a conf has one."""
    from pipeline_builder.conf.analytics import AutoMLSection, EMRSection, EMRServerlessSection, NotebookSection
    from pipeline_builder.conf.checks import ClarifyCheckSection, QualityCheckSection

    return {
        "QualityCheck": QualityCheckSection, "ClarifyCheck": ClarifyCheckSection, "EMR": EMRSection,
        "EMRServerless": EMRServerlessSection, "AutoML": AutoMLSection, "NotebookJob": NotebookSection,
    }  # fmt: skip


def read_requests(
    name: str, conf: ModelConf, steps: Sequence[StepSection], ids: Mapping[str, str], problems: list[Problem]
) -> dict[str, RequestSection | None]:
    """Return such sections of a model by their names: those of the classes, and those that steps name.

    One that couldn't be read is None.
    """
    section = conf.section.models[name]
    own = {key: kind for kind, key in NAMES.items()}
    asked = {step.step_type: step.step_class for step in steps if step.step_class in NAMES}
    wanted = {**own, **{key: kind for key, kind in asked.items() if key in section.others}}
    written: dict[str, Any] = {
        key: data
        for key in wanted
        if (data := getattr(section, key) if key in own else section.others[key]) is not None
    }
    found: dict[str, RequestSection | None] = {}
    for key, data in written.items():
        found[key], wrong = read_section(kinds()[wanted[key]], data, conf.document, ("conf", "models", name, key), ids)
        problems.extend(wrong)
    return found


def request_name(unit: Unit, asked: StepSection) -> str:
    """Return the name of the section of such a step; empty where its whole request stands in `arguments`."""
    if asked.step_class not in NAMES:
        return ""
    name = asked.step_type or NAMES[asked.step_class]
    return name if name in unit.requests or not asked.arguments else ""


def request_of(unit: Unit, asked: StepSection, name: str) -> RequestSection | None:
    """Return a step's section; None where it couldn't be read, or is of another class."""
    section = unit.requests.get(name)
    return section if isinstance(section, kinds()[asked.step_class]) else None


def missing_request(unit: Unit, asked: StepSection, name: str) -> Iterator[str]:
    """Yield what is wrong where a step's section isn't there, or is of another class."""
    section = unit.requests.get(name)
    if name not in unit.requests and name in known_keys(type(unit.section)) and name != NAMES[asked.step_class]:
        yield f"step '{asked.step_name}': the section '{name}' is not one for a {asked.step_class} step"
    elif name not in unit.requests:
        yield (
            f"step '{asked.step_name}' ({asked.step_class}) needs the section '{name}' of the model '{unit.name}', "
            "or its whole request in 'arguments'"
        )
    elif section is not None and not isinstance(section, kinds()[asked.step_class]):
        yield f"step '{asked.step_name}': the section '{name}' is not one for a {asked.step_class} step"


def hint_for(unit: Unit, name: str) -> str | None:
    """Return the section that was most likely meant."""
    return did_you_mean(name, unit.requests) if unit.requests else None


def is_check(step: Step) -> bool:
    """Tell whether a step's section is one of a check, whose baseline a registration has."""
    return step.step_class in CHECKS and step.request is not None


def takes_dataset(step: Step) -> bool:
    """Tell whether a step's section takes its data from a chained step."""
    return hasattr(step.request, "dataset")


def models_of(step: Step, siblings: Iterable[Step]) -> tuple[str, ...]:
    """Return the CreateModel step whose model a check asks."""
    if step.step_class != "ClarifyCheck":
        return ()
    from pipeline_builder.conf.checks import ClarifyCheckSection

    section = step.request
    if not isinstance(section, ClarifyCheckSection) or section.check == "data_bias":
        return ()
    return (section.model,) if section.model else tuple(s.name for s in siblings if s.step_class == "CreateModel")[-1:]
