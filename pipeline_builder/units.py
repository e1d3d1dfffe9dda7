"""The nodes of the graph: modeling units and their steps, out of all conf files together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.conf import (
    JobSection,
    ModelConf,
    ModelSection,
    PipelineSection,
    RegistrySection,
    StepClass,
    StepSection,
)
from pipeline_builder.errors import Place, Problem
from pipeline_builder.schema import describe, did_you_mean
from pipeline_builder.source import DataPath

_SECTION_OF: Mapping[StepClass, str] = {
    "Training": "train",
    "CreateModel": "registry",
    "Transform": "transform",
    "Metrics": "evaluate",
    "RegisterModel": "registry",
}
_JOB_CLASSES = ("Processing", "Training", "Transform", "Metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A modeling unit: one model's sections and the folder with its scripts."""

    name: str
    section: ModelSection
    conf: ModelConf
    source_directory: Path

    @property
    def path(self) -> DataPath:
        """Where the unit stands in its file."""
        return ("conf", "models", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step with the section that configures it. `depends_on` has every step that it needs, implied or asked for."""

    name: str
    step_class: StepClass
    unit: Unit
    section_name: str
    asked: StepSection
    conf: ModelConf
    path: DataPath
    depends_on: tuple[str, ...] = ()
    explicit: tuple[str, ...] = ()

    @property
    def job(self) -> JobSection | None:
        """The section of the step's job; None for CreateModel and RegisterModel."""
        section = getattr(self.unit.section, self.section_name, None)
        return section if isinstance(section, JobSection) else None

    @property
    def registry(self) -> RegistrySection:
        assert self.unit.section.registry is not None
        return self.unit.section.registry

    @property
    def place(self) -> Place:
        """The place of the step's name."""
        return self.conf.document.place((*self.path, "step_name"))

    def section_place(self, *keys: str) -> Place:
        """Return the place of a key of the step's section, or of the nearest thing around it."""
        return self.unit.conf.document.place((*self.unit.path, self.section_name, *keys))


def collect_models(files: tuple[ModelConf, ...], problems: list[Problem]) -> dict[str, ModelConf]:
    """Return the file of each model; two files with the same model are a problem."""
    models: dict[str, ModelConf] = {}
    for file in files:
        for name in file.section.models:
            place = file.document.place(("conf", "models", name), key=True)
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
                message = f"the model name {describe(name)} cannot be used, expected letters, digits, '.', '_' and '-'"
                problems.append(Problem(id="PB302", message=message, place=place))
            if name in models:
                first = models[name].document.place(("conf", "models", name), key=True)
                message = f"the model '{name}' is defined twice"
                problems.append(Problem(id="PB301", message=message, place=place, related=(first,)))
            models.setdefault(name, file)
    return models


def find_pipeline(
    files: tuple[ModelConf, ...], problems: list[Problem]
) -> tuple[ModelConf, PipelineSection] | tuple[None, None]:
    """Return the one pipeline section and its file."""
    found = [(file, file.section.pipeline) for file in files if file.section.pipeline]
    places = [file.document.place(("conf", "sagemakerPipeline"), key=True) for file, _ in found]
    if not found:
        where = files[0].document.place(("conf",), key=True) if files else None
        message = "no file has a 'sagemakerPipeline' section, expected it in exactly one"
        problems.append(Problem(id="PB303", message=message, place=where))
        return None, None
    if len(found) > 1:
        message = "two 'sagemakerPipeline' sections, expected it in exactly one of all files"
        problems.append(Problem(id="PB304", message=message, place=places[1], related=(places[0], *places[2:])))
    return found[0]


def build_units(
    models: dict[str, ModelConf], training_dir: Path, default_source: str, problems: list[Problem]
) -> dict[str, Unit]:
    """Return every model with its source directory, which must be there and stay below the training directory."""
    units = {}
    for name, conf in models.items():
        section = conf.section.models[name]
        asked = section.source_directory or default_source
        folder = _source_directory(name, asked, conf, training_dir, problems)
        units[name] = Unit(name=name, section=section, conf=conf, source_directory=folder or conf.folder)
        if folder:
            _check_entry_points(units[name], problems)
    return units


def _source_directory(
    name: str, asked: str, conf: ModelConf, training_dir: Path, problems: list[Problem]
) -> Path | None:
    place = conf.document.place(("conf", "models", name, "source_directory"))
    if not asked:
        message = f"the model '{name}' has no 'source_directory'"
        problems.append(Problem(id="PB305", message=message, place=place, hint="name the folder with its scripts"))
        return None
    for base in (training_dir, conf.folder):
        folder = (base / asked).resolve()
        if folder.is_dir():
            if folder.is_relative_to(training_dir.resolve()):
                return folder
            message = f"the source directory {describe(asked)} leaves the training directory"
            problems.append(Problem(id="PB306", message=message, place=place))
            return None
    message = f"the source directory {describe(asked)} of the model '{name}' is not there"
    hint = f"it was looked for below '{training_dir.name}' and in the repository '{conf.repo}'"
    problems.append(Problem(id="PB305", message=message, place=place, hint=hint))
    return None


def _check_entry_points(unit: Unit, problems: list[Problem]) -> None:
    """Every named script is there and stays in the source directory."""
    for name in ("preprocess", "train", "transform", "evaluate"):
        section: JobSection | None = getattr(unit.section, name)
        if section is None or not section.entry_point:
            continue
        script = (unit.source_directory / section.entry_point).resolve()
        place = unit.conf.document.place((*unit.path, name, "entry_point"))
        if not script.is_relative_to(unit.source_directory):
            message = f"the entry point {describe(section.entry_point)} leaves the source directory"
            problems.append(Problem(id="PB306", message=message, place=place))
        elif not script.is_file():
            scripts = {str(p.relative_to(unit.source_directory)) for p in unit.source_directory.rglob("*.py")}
            message = f"the entry point {describe(section.entry_point)} is not in the source directory"
            hint = did_you_mean(section.entry_point, scripts)
            problems.append(Problem(id="PB307", message=message, place=place, hint=hint))


def build_steps(
    owner: ModelConf,
    pipeline: PipelineSection,
    models: dict[str, ModelConf],
    units: dict[str, Unit],
    problems: list[Problem],
) -> dict[str, Step]:
    """Return the pipeline's steps in the order of the file, each with the section that configures it."""
    steps: dict[str, Step] = {}
    for model, listed in pipeline.models.items():
        path: DataPath = ("conf", "sagemakerPipeline", "models", model)
        if model not in models:
            message = f"the model '{model}' is not defined in any file"
            place = owner.document.place(path, key=True)
            problems.append(Problem(id="PB308", message=message, place=place, hint=did_you_mean(model, models)))
            continue
        for index, asked in enumerate(listed.steps):
            step = _step(owner, units[model], asked, (*path, "steps", index), problems)
            if step.name in steps:
                message = f"two steps have the name '{step.name}', expected it once in the pipeline"
                first = steps[step.name].place
                problems.append(Problem(id="PB309", message=message, place=step.place, related=(first,)))
            steps.setdefault(step.name, step)
    if not steps and not problems:
        message = "the pipeline has no steps"
        place = owner.document.place(("conf", "sagemakerPipeline", "models"), key=True)
        problems.append(Problem(id="PB310", message=message, place=place))
    return steps


def _step(owner: ModelConf, unit: Unit, asked: StepSection, path: DataPath, problems: list[Problem]) -> Step:
    name = asked.step_type if asked.step_class in ("Processing", "Training") and asked.step_type else ""
    section_name = name or _SECTION_OF.get(asked.step_class, "preprocess")
    step = Step(
        name=asked.step_name,
        step_class=asked.step_class,
        unit=unit,
        section_name=section_name,
        asked=asked,
        conf=owner,
        path=path,
    )
    problems.extend(_section_problems(step))
    return step


def _section_problems(step: Step) -> Iterable[Problem]:
    """The section that configures the step is there and is of the right kind."""
    unit, needed = step.unit, [step.section_name]
    jobs = [name for name in ("preprocess", "train", "transform", "evaluate") if getattr(unit.section, name)]
    if step.step_class in _JOB_CLASSES and step.section_name not in ("preprocess", "train", "transform", "evaluate"):
        message = f"step '{step.name}': there is no section '{step.section_name}'"
        place = step.conf.document.place((*step.path, "step_type"))
        yield Problem(id="PB311", message=message, place=place, hint=did_you_mean(step.section_name, jobs))
        return
    if step.step_class == "CreateModel":
        needed.append("transform") if unit.section.transform else None
    for name in needed:
        if getattr(unit.section, name) is None:
            message = f"step '{step.name}' ({step.step_class}) needs the section '{name}' of the model '{unit.name}'"
            place = unit.conf.document.place(unit.path, key=True)
            yield Problem(id="PB311", message=message, place=place, related=(step.place,))
