"""Which section configures a step of a class, and a model's sections read as what its steps make of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipeline_builder.conf.calls import CallbackSection, CallSection, LambdaSection
from pipeline_builder.conf.conf import IDS, ModelConf, ModelSection, StepSection
from pipeline_builder.conf.sections import (
    EvaluateSection,
    JobSection,
    PreprocessSection,
    TrainSection,
    TransformSection,
)
from pipeline_builder.conf.tuning import TuneSection
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import StepClass
from pipeline_builder.documents.schema import did_you_mean, known_keys, read_section
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Problem

SECTION_OF: Mapping[StepClass, str] = {
    "Processing": "preprocess",
    "Training": "train",
    "CreateModel": "registry",
    "Transform": "transform",
    "Metrics": "evaluate",
    "RegisterModel": "registry",
    "Baseline": "baseline",
    "Monitor": "monitor",
    "Lambda": "lambda",
    "Callback": "callback",
}
# Of a step that makes a model of a package.
USED = "model"
_KIND_OF: Mapping[str, type[JobSection]] = {
    "Processing": PreprocessSection,
    "Training": TrainSection,
    "Transform": TransformSection,
    "Metrics": EvaluateSection,
}
# Those that have a section, or stand in `arguments` as a whole, as all other types of the definition do.
CALL_OF: Mapping[str, type[CallSection]] = {"Lambda": LambdaSection, "Callback": CallbackSection}
# Read here, and imported where one is read, as few confs have them.
_WATCHING: Mapping[str, str] = {"Baseline": "baseline", "Monitor": "monitor"}
_JOB_SECTIONS = ("preprocess", "train", "transform", "evaluate", "postprocess")
# The classes whose step_type chooses a section.
CHOOSING = ("Processing", "Training", "Tuning", *_WATCHING, *CALL_OF)


def read_sections(
    name: str, conf: ModelConf, steps: tuple[StepSection, ...], read: Collection[str], problems: list[Problem]
) -> tuple[dict[str, JobSection], dict[str, TuneSection], dict[str, CallSection]]:
    """Return the model's job sections, its tunings and its calls; one of another name is what steps make of it.

    Those that are `read` already are none of these.
    """
    section = conf.section.models[name]
    jobs: dict[str, JobSection] = {key: job for key in _JOB_SECTIONS if (job := getattr(section, key, None))}
    tunings = {"tune": section.tune} if section.tune else {}
    named = {"lambda": section.function, "callback": section.callback}
    calls: dict[str, CallSection] = {key: call for key, call in named.items() if call}
    written = read_here(section)
    kinds = {**(_watching() if written.keys() & _WATCHING.values() else {}), **_kinds(section, steps)}
    for key, data in written.items():
        path: DataPath = ("conf", "models", name, key)
        if key in read:
            continue
        if key not in kinds:
            hint = did_you_mean(key, known_keys(ModelSection))
            message = f"the key '{key}' is not known here"
            place = conf.document.place(path, key=True)
            problems.append(Problem(id=IDS["unknown"], message=message, place=place, hint=hint))
            continue
        found, wrong = read_section(kinds[key], data, conf.document, path, IDS)
        problems.extend(wrong)
        if isinstance(found, TuneSection):
            tunings[key] = found
        elif isinstance(found, JobSection):
            jobs[key] = found
        elif isinstance(found, CallSection):
            calls[key] = found
    return jobs, tunings, calls


def read_here(section: ModelSection) -> dict[str, JSON]:
    """Return the model's sections that are read here, as they are written: those of few confs, and of other names."""
    watching = {key: data for key in _WATCHING.values() if (data := getattr(section, key, None)) is not None}
    return {**watching, **section.others}


def kind_of(step_class: str) -> type[JobSection | CallSection] | None:
    """Return the section that configures a step of the class; None for that of the registry."""
    return job_kind_of(step_class) or CALL_OF.get(step_class)


def job_kind_of(step_class: str) -> type[JobSection] | None:
    """Return the section of the class's job, if it has one."""
    name = _WATCHING.get(step_class)
    return _watching()[name] if name else _KIND_OF.get(step_class)


def _watching() -> Mapping[str, type[JobSection]]:
    from pipeline_builder.conf.monitoring import BaselineSection, MonitorSection

    return {"baseline": BaselineSection, "monitor": MonitorSection}


def _kinds(
    section: ModelSection, steps: tuple[StepSection, ...]
) -> dict[str, type[JobSection | TuneSection | CallSection]]:
    """Return what the sections of other names are: what steps name, and the trainings that those vary."""
    kinds: dict[str, type[JobSection | TuneSection | CallSection]] = {
        step.step_type: kind_of(step.step_class) or TuneSection for step in steps if step.step_class in CHOOSING
    }
    varied = [section.tune.train] if section.tune else []
    for name, kind in kinds.items():
        data = section.others.get(name)
        if kind is TuneSection and isinstance(data, dict) and isinstance(data.get("train"), str):
            varied.append(str(data["train"]))
    return {**dict.fromkeys(varied, TrainSection), **kinds}
