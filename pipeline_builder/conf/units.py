"""The nodes of the graph: modeling units and their steps, out of all conf files together."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.conf.calls import CallbackSection, CallSection, LambdaSection
from pipeline_builder.conf.conf import IDS, ModelConf, ModelSection, PipelineSection, StepSection
from pipeline_builder.conf.registration import RegistrySection
from pipeline_builder.conf.sections import (
    EvaluateSection,
    JobSection,
    PreprocessSection,
    TrainSection,
    TransformSection,
)
from pipeline_builder.documents.fields import TYPED, StepClass
from pipeline_builder.documents.schema import describe, did_you_mean, known_keys, read_section
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place, Problem

_SECTION_OF: Mapping[StepClass, str] = {
    "Processing": "preprocess",
    "Training": "train",
    "CreateModel": "registry",
    "Transform": "transform",
    "Metrics": "evaluate",
    "RegisterModel": "registry",
    "Lambda": "lambda",
    "Callback": "callback",
}
_KIND_OF: Mapping[str, type[JobSection]] = {
    "Processing": PreprocessSection,
    "Training": TrainSection,
    "Transform": TransformSection,
    "Metrics": EvaluateSection,
}
# Those that have a section, or stand in `arguments` as a whole, as all other types of the definition do.
_CALL_OF: Mapping[str, type[CallSection]] = {"Lambda": LambdaSection, "Callback": CallbackSection}
_CALLED = frozenset(("FunctionArn", "SqsQueueUrl"))
JOB_SECTIONS = ("preprocess", "train", "transform", "evaluate")
# The classes whose step_type chooses a section.
_CHOOSING = ("Processing", "Training", *_CALL_OF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A modeling unit: one model's sections and the folder with its scripts; `jobs` are its job sections by name.

    `calls` are those of Lambda and Callback steps.
    """

    name: str
    section: ModelSection
    jobs: Mapping[str, JobSection]
    conf: ModelConf
    source_directory: Path
    calls: Mapping[str, CallSection] = field(default_factory=dict)

    @property
    def path(self) -> DataPath:
        """Where the unit stands in its file."""
        return ("conf", "models", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step with the section that configures it, if its class has one.

    `depends_on` has every step that it needs, implied or asked for; `triggers` those that it waits for until a certain
    end of theirs.
    """

    name: str
    step_class: StepClass
    unit: Unit
    section_name: str
    asked: StepSection
    conf: ModelConf
    path: DataPath
    depends_on: tuple[str, ...] = ()
    explicit: tuple[str, ...] = ()
    triggers: tuple[tuple[str, str], ...] = ()

    @property
    def job(self) -> JobSection | None:
        """The section of the step's job; None for CreateModel and RegisterModel."""
        return self.unit.jobs.get(self.section_name)

    @property
    def call(self) -> CallSection | None:
        """The section of a Lambda or Callback step; None where all of the step stands in `arguments`, as whom it calls
        does, and no `step_type` names a section.
        """
        if not self.asked.step_type and _CALLED & self.asked.arguments.keys():
            return None
        found = self.unit.calls.get(self.section_name)
        return found if isinstance(found, _CALL_OF.get(self.step_class, ())) else None

    @property
    def is_whole(self) -> bool:
        """Whether the section that configures the step is there and is of the right kind."""
        kind = _KIND_OF.get(self.step_class)
        if self.step_class in TYPED:
            return True
        return self.unit.section.registry is not None if kind is None else isinstance(self.job, kind)

    @property
    def registry(self) -> RegistrySection:
        assert self.unit.section.registry is not None
        return self.unit.section.registry

    @property
    def repository(self) -> str:
        """Whose the step is: the repository whose conf defines its model."""
        return self.unit.conf.repo

    @property
    def place(self) -> Place:
        """The place of the step's name."""
        return self.conf.document.place((*self.path, "step_name"))

    def section_place(self, *keys: str | int) -> Place:
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
    models: dict[str, ModelConf],
    pipeline: PipelineSection,
    training_dir: Path,
    default_source: str,
    problems: list[Problem],
) -> dict[str, Unit]:
    """Return every model with its source directory, which must be there and stay below the training directory."""
    units = {}
    for name, conf in models.items():
        section = conf.section.models[name]
        asked = section.source_directory or default_source
        folder = _source_directory(name, asked, conf, training_dir, problems)
        steps = pipeline.models[name].steps if name in pipeline.models else ()
        jobs, calls = _sections(name, conf, steps, problems)
        units[name] = Unit(
            name=name,
            section=section,
            jobs=jobs,
            calls=calls,
            conf=conf,
            source_directory=folder or conf.folder,
        )
        if folder:
            _check_entry_points(units[name], problems)
    return units


def _sections(
    name: str, conf: ModelConf, steps: tuple[StepSection, ...], problems: list[Problem]
) -> tuple[dict[str, JobSection], dict[str, CallSection]]:
    """Return the sections of the model's jobs and calls; one of another name is what its step makes of it."""
    section = conf.section.models[name]
    jobs: dict[str, JobSection] = {key: job for key in JOB_SECTIONS if (job := getattr(section, key))}
    named = {"lambda": section.function, "callback": section.callback}
    calls: dict[str, CallSection] = {key: call for key, call in named.items() if call}
    kinds = {s.step_type: kind for s in steps if s.step_class in _CHOOSING and (kind := _kind_of(s.step_class))}
    for key, data in section.others.items():
        path: DataPath = ("conf", "models", name, key)
        if key not in kinds:
            hint = did_you_mean(key, known_keys(ModelSection))
            message = f"the key '{key}' is not known here"
            place = conf.document.place(path, key=True)
            problems.append(Problem(id=IDS["unknown"], message=message, place=place, hint=hint))
            continue
        read, found = read_section(kinds[key], data, conf.document, path, IDS)
        problems.extend(found)
        if isinstance(read, JobSection):
            jobs[key] = read
        elif isinstance(read, CallSection):
            calls[key] = read
    return jobs, calls


def _kind_of(step_class: str) -> type[JobSection | CallSection] | None:
    """Return the section that configures a step of the class; None for that of the registry."""
    return _KIND_OF.get(step_class) or _CALL_OF.get(step_class)


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
    handlers = {name: call for name, call in unit.calls.items() if isinstance(call, LambdaSection)}
    named: dict[str, JobSection | LambdaSection] = {**unit.jobs, **handlers}
    for name, section in named.items():
        if not section.entry_point or _is_plain_file(unit.source_directory, section.entry_point):
            continue
        script = Path(os.path.realpath(unit.source_directory / section.entry_point))
        place = unit.conf.document.place((*unit.path, name, "entry_point"))
        if not script.is_relative_to(unit.source_directory):
            message = f"the entry point {describe(section.entry_point)} leaves the source directory"
            problems.append(Problem(id="PB306", message=message, place=place))
        elif not script.is_file():
            scripts = {str(p.relative_to(unit.source_directory)) for p in unit.source_directory.rglob("*.py")}
            message = f"the entry point {describe(section.entry_point)} is not in the source directory"
            hint = did_you_mean(section.entry_point, scripts)
            problems.append(Problem(id="PB307", message=message, place=place, hint=hint))


def _is_plain_file(folder: Path, name: str) -> bool:
    """Tell whether a file lies directly in the folder and is no link: then nothing has to be resolved."""
    try:
        return "/" not in name and stat.S_ISREG(os.lstat(f"{folder}/{name}").st_mode)
    except OSError:
        return False


def build_steps(
    owner: ModelConf,
    pipeline: PipelineSection,
    models: dict[str, ModelConf],
    units: dict[str, Unit],
    problems: list[Problem],
) -> dict[str, Step]:
    """Return the steps of each model in the order of its list, each with the section that configures it.

    The models come by their names: the order of a mapping's keys decides nothing.
    """
    steps: dict[str, Step] = {}
    for model, listed in sorted(pipeline.models.items()):
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
    chosen = asked.step_type if asked.step_class in _CHOOSING else ""
    section_name = chosen or _SECTION_OF.get(asked.step_class, "")
    step = Step(
        name=asked.step_name,
        step_class=asked.step_class,
        unit=unit,
        section_name=section_name,
        asked=asked,
        conf=owner,
        path=path,
    )
    if step.step_class not in TYPED or (step.step_class in _CALL_OF and not asked.arguments):
        problems.extend(_section_problems(step))
    return step


def _section_problems(step: Step) -> Iterable[Problem]:
    """The section that configures the step is there and is of the right kind."""
    unit, kind = step.unit, _kind_of(step.step_class)
    if kind is None:
        found = unit.section.registry is not None
    else:  # a section of another name that couldn't be read has had its problems said already
        found = step.section_name in {*unit.jobs, *unit.calls} or step.section_name in unit.section.others
    if not found and unit.section.others.keys() - unit.jobs.keys() - unit.calls.keys():
        return  # a misspelt section is said already, and is most likely the one
    if not found and step.asked.step_type and step.step_class in _CHOOSING:
        message = f"step '{step.name}': there is no section '{step.section_name}'"
        place = step.conf.document.place((*step.path, "step_type"))
        yield Problem(
            id="PB311", message=message, place=place, hint=did_you_mean(step.section_name, {**unit.jobs, **unit.calls})
        )
    elif not found:
        message = (
            f"step '{step.name}' ({step.step_class}) needs the section '{step.section_name}' of the model '{unit.name}'"
        )
        place = unit.conf.document.place(unit.path, key=True)
        yield Problem(id="PB311", message=message, place=place, related=(step.place,))
    elif kind is not None and (read := step.job or unit.calls.get(step.section_name)) and not isinstance(read, kind):
        message = f"step '{step.name}': the section '{step.section_name}' is not one for a {step.step_class} step"
        place = step.conf.document.place((*step.path, "step_type"))
        yield Problem(id="PB311", message=message, place=place)
