"""The nodes of the graph: modeling units and their steps, out of all conf files together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.conf.branching import read_own
from pipeline_builder.conf.calls import CallSection
from pipeline_builder.conf.conf import IDS, ModelConf, ModelSection, PipelineModel, PipelineSection, StepSection
from pipeline_builder.conf.kinds import (
    CALL_OF,
    CHOOSING,
    SECTION_OF,
    USED,
    job_kind_of,
    kind_of,
    read_here,
    read_sections,
)
from pipeline_builder.conf.raw import raw_problems
from pipeline_builder.conf.registration import RegistrySection
from pipeline_builder.conf.requests import (
    RequestSection,
    hint_for,
    missing_request,
    read_requests,
    request_name,
    request_of,
)
from pipeline_builder.conf.scripts import check_entry_points, find_source_directory
from pipeline_builder.conf.sdk import KEY, MadeSteps, sections_of
from pipeline_builder.conf.sections import (
    JobSection,
    TrainSection,
)
from pipeline_builder.conf.tuning import TuneSection
from pipeline_builder.conf.tunings import name_of_tuning, tuning_problems
from pipeline_builder.documents.fields import TYPED, StepClass
from pipeline_builder.documents.schema import Section, describe, did_you_mean
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place, Problem
from pipeline_builder.machine.resolving import Resolving

if TYPE_CHECKING:
    from pipeline_builder.conf.inference import UsedModelSection

_CALLED = frozenset(("FunctionArn", "SqsQueueUrl"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A modeling unit: one model's sections and the folder with its scripts.

    `jobs` are its job sections by name, `tunings` those that vary one; `requests` the sections of
    classes that run no script of the model's, None where one couldn't be read. `calls` are those of Lambda and
    Callback steps.
    """

    name: str
    section: ModelSection
    jobs: Mapping[str, JobSection]
    tunings: Mapping[str, TuneSection]
    requests: Mapping[str, RequestSection | None]
    conf: ModelConf
    source_directory: Path
    calls: Mapping[str, CallSection] = field(default_factory=dict)

    @property
    def infers(self) -> bool:
        """Whether it uses a model, and trains none."""
        return self.conf.kind == "inference"

    @property
    def path(self) -> DataPath:
        """Where the unit stands in its file."""
        return ("conf", "models", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step with the section that configures it, if its class has one.

    `depends_on` has every step that it needs, implied or asked for; `triggers` those that it waits for until a certain
    end of theirs. Of a tuning `section_name` is that of the training job, and `tune_name` its own; one whose request
    stands in `arguments` has neither. One that a factory has `made` stands at its section.
    """

    name: str
    step_class: StepClass
    unit: Unit
    section_name: str
    asked: StepSection
    conf: ModelConf
    path: DataPath
    tune_name: str = ""
    depends_on: tuple[str, ...] = ()
    explicit: tuple[str, ...] = ()
    triggers: tuple[tuple[str, str], ...] = ()
    written: Section | None = None
    holder: tuple[str, str] | None = None
    made: bool = False
    job: JobSection | None = field(init=False, repr=False, compare=False)
    """The section of the step's job; None for CreateModel and RegisterModel."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "job", self.unit.jobs.get(self.section_name))  # asked for dozens of times

    @property
    def kind(self) -> str:
        """What people call the step: its class, or of one that a factory has made its type."""
        return self.asked.step_type if self.made else self.step_class

    @property
    def definition_type(self) -> str:
        """Its type in the definition, as far as the conf says that itself."""
        return self.asked.step_type if self.made or self.step_class == "Raw" else self.step_class

    @property
    def call(self) -> CallSection | None:
        """The section of a Lambda or Callback step; None where all of the step stands in `arguments`, as whom it calls
        does, and no `step_type` names a section.
        """
        kind = CALL_OF.get(self.step_class)
        if kind is None or (not self.asked.step_type and _CALLED & self.asked.arguments.keys()):
            return None
        found = self.unit.calls.get(self.section_name)
        return found if isinstance(found, kind) else None

    @property
    def tune(self) -> TuneSection | None:
        """The section of a tuning; None of any other step, and of one whose request stands in `arguments`."""
        return self.unit.tunings.get(self.tune_name)

    @property
    def is_raw(self) -> bool:
        """Whether no section configures the step: its request stands in `arguments`."""
        return self.step_class in TYPED and not self.tune_name and self.call is None

    @property
    def trains(self) -> bool:
        """Whether a model comes out of it."""
        return self.step_class == "Training" or bool(self.tune_name)

    @property
    def own(self) -> JobSection | TuneSection | None:
        """The section that has the step's own `cache`, `retry` and `arguments`; None for CreateModel, RegisterModel."""
        return self.tune or self.job

    @property
    def request(self) -> RequestSection | None:
        """The section of a step that runs no script of the model's; None where its request stands in `arguments`."""
        return self.written if isinstance(self.written, RequestSection) else None

    @property
    def is_whole(self) -> bool:
        """Whether the section that configures the step is there and is of the right kind."""
        kind = job_kind_of(self.step_class)
        if self.tune_name:
            return self.tune is not None and isinstance(self.job, TrainSection)
        if self.step_class in CALL_OF:
            return self.call is not None or bool(self.asked.arguments)
        if self.step_class in TYPED:
            return self.request is not None or not self.section_name
        if kind is None:
            if self.unit.infers:  # where nothing is registered, whatever sections there are
                return self.step_class == "CreateModel" and self.unit.section.used is not None
            return self.unit.section.registry is not None
        return isinstance(self.job, kind)

    @property
    def registry(self) -> RegistrySection:
        assert self.unit.section.registry is not None
        return self.unit.section.registry

    @property
    def modelled(self) -> RegistrySection | UsedModelSection | None:
        """The section that a CreateModel or RegisterModel step takes its model from; None of any other step."""
        if self.step_class not in ("CreateModel", "RegisterModel"):
            return None
        return self.unit.section.used or self.registry

    @property
    def repository(self) -> str:
        """Whose the step is: the repository whose conf defines its model."""
        return self.unit.conf.repo

    @property
    def place(self) -> Place:
        """The place of the step's name."""
        return self.conf.document.place((*self.path, "step_name"))

    def tune_place(self, *keys: str | int) -> Place:
        """Return the place of a key of a tuning's section, or of the nearest thing around it."""
        return self.unit.conf.document.place((*self.unit.path, self.tune_name, *keys))

    def section_place(self, *keys: str | int) -> Place:
        """Return the place of a key of the step's section, or of the nearest thing around it."""
        return self.unit.conf.document.place((*self.unit.path, self.section_name, *keys))


def collect_models(files: tuple[ModelConf, ...], problems: list[Problem]) -> dict[str, ModelConf]:
    """Return the file of each model; two files with the same model are a problem."""
    models: dict[str, ModelConf] = {}
    for file in files:
        for name in file.section.models:
            path: DataPath = ("conf", "models", name)
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
                message = f"the model name {describe(name)} cannot be used, expected letters, digits, '.', '_' and '-'"
                problems.append(Problem(id="PB302", message=message, place=file.document.place(path, key=True)))
            if name in models:
                place, first = (one.document.place(path, key=True) for one in (file, models[name]))
                message = f"the model '{name}' is defined twice"
                problems.append(Problem(id="PB301", message=message, place=place, related=(first,)))
            models.setdefault(name, file)
    return models


def find_pipeline(
    files: tuple[ModelConf, ...], problems: list[Problem]
) -> tuple[ModelConf, PipelineSection] | tuple[None, None]:
    """Return the one pipeline section and its file."""
    found = [(file, file.section.pipeline) for file in files if file.section.pipeline]
    if not found:
        where = files[0].document.place(("conf",), key=True) if files else None
        message = "no file has a 'sagemakerPipeline' section, expected it in exactly one"
        problems.append(Problem(id="PB303", message=message, place=where))
        return None, None
    if len(found) > 1:
        places = [file.document.place(("conf", "sagemakerPipeline"), key=True) for file, _ in found]
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
    training = Resolving(training_dir)
    for name, conf in models.items():
        section = conf.section.models[name]
        asked = section.source_directory or default_source
        folder = find_source_directory(name, asked, conf, training, problems)
        steps = pipeline.models[name].steps if name in pipeline.models else ()
        requests = read_requests(name, conf, steps, IDS, problems)
        jobs, tunings, calls = read_sections(name, conf, steps, requests, problems)
        units[name] = Unit(
            name=name,
            section=section,
            jobs=jobs,
            calls=calls,
            tunings=tunings,
            requests=requests,
            conf=conf,
            source_directory=folder or conf.folder,
        )
        if folder:
            check_entry_points(units[name], problems)
    return units


def build_steps(
    owner: ModelConf,
    pipeline: PipelineSection,
    models: dict[str, ModelConf],
    units: dict[str, Unit],
    problems: list[Problem],
    *,
    made: Mapping[str, MadeSteps] | None = None,
) -> dict[str, Step]:
    """Return the steps of each model in the order of its list, each with the section that configures it, and then what
    its factory has `made`.

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
        for step in (*_listed(owner, units[model], listed, path, problems), *_made(units[model], made or {}, problems)):
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


def _listed(
    owner: ModelConf, unit: Unit, listed: PipelineModel, path: DataPath, problems: list[Problem]
) -> Iterator[Step]:
    for index, asked in enumerate(listed.steps):
        yield _step(owner, unit, asked, (*path, "steps", index), problems)


def _made(unit: Unit, made: Mapping[str, MadeSteps], problems: list[Problem]) -> Iterator[Step]:
    path = (*unit.path, KEY)
    for asked in sections_of(made[unit.name], path) if unit.name in made else ():
        yield replace(_step(unit.conf, unit, asked, path, problems), made=True)


def _step(owner: ModelConf, unit: Unit, asked: StepSection, path: DataPath, problems: list[Problem]) -> Step:
    chosen = asked.step_type if asked.step_class in CHOOSING else ""
    tune_name = name_of_tuning(unit, asked)
    section_name = chosen or (
        USED if unit.infers and asked.step_class == "CreateModel" else SECTION_OF.get(asked.step_class, "")
    )
    if asked.step_class == "Tuning":
        section_name = unit.tunings[tune_name].train if tune_name in unit.tunings else ""
    written = read_own(asked, owner, path, IDS, problems)
    if requested := request_name(unit, asked):
        section_name, written = requested, request_of(unit, asked, requested)
    step = Step(
        name=asked.step_name,
        step_class=asked.step_class,
        unit=unit,
        section_name=section_name,
        tune_name=tune_name,
        asked=asked,
        conf=owner,
        path=path,
        written=written,
    )
    for message in missing_request(unit, asked, requested) if requested else ():
        place = owner.document.place((*path, "step_type" if asked.step_type else "step_name"))
        problems.append(Problem(id="PB311", message=message, place=place, hint=hint_for(unit, requested)))
    if asked.step_class == "Raw":
        problems.extend(raw_problems(step))
    if tune_name:
        problems.extend(tuning_problems(step))
    elif not step.is_raw or (step.step_class in CALL_OF and not asked.arguments):
        problems.extend(_section_problems(step))
    return step


def _section_problems(step: Step) -> Iterable[Problem]:
    """The section that configures the step is there and is of the right kind."""
    unit, kind = step.unit, kind_of(step.step_class)
    if kind is None and unit.infers:
        return  # what a step of the kind needs is said where kinds are told apart
    if kind is None:
        found = unit.section.registry is not None
    else:  # a section that was read here, and couldn't be, has had its problems said already
        found = step.section_name in {*unit.jobs, *unit.calls, *read_here(unit.section)}
    if not found and unit.section.others.keys() - unit.jobs.keys() - unit.calls.keys():
        return  # a misspelt section is said already, and is most likely the one
    if not found and step.asked.step_type and step.step_class in CHOOSING:
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
