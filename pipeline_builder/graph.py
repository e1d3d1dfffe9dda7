"""The graph of steps: all conf files of all repositories combined, every name resolved, in topological order."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
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
from pipeline_builder.errors import InputProblems, Place, Problem
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
_CHAINABLE = ("Processing", "Training", "Transform")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The whole DAG; `steps` are in topological order, stable against the order of the files."""

    pipeline: str
    steps: tuple[Step, ...]
    by_name: Mapping[str, Step]
    units: Mapping[str, Unit]

    def ancestors(self, name: str) -> frozenset[str]:
        """Return every step that the step depends on, directly or not."""
        return frozenset(_reach(name, {step.name: step.depends_on for step in self.steps}))


def build_graph(confs: Iterable[ModelConf], *, training_dir: Path, default_source: str = "") -> Graph:
    """Combine the files into one graph.

    `training_dir` is where the repositories are checked out, `default_source` the source directory of models that name
    none.

    Raises:
        InputProblems: PB301 to PB316, all of them.
    """
    files = tuple(confs)
    problems: list[Problem] = []
    models = _collect_models(files, problems)
    owner, pipeline = _find_pipeline(files, problems)
    if owner is None or pipeline is None:
        raise InputProblems(*problems)
    units = _units(models, training_dir, default_source, problems)
    steps = _steps(owner, pipeline, models, units, problems)
    edges = _explicit_edges(owner, pipeline, steps, problems)
    _check_chains(steps, problems)
    problems.extend(_missing_siblings(steps))
    if problems:
        raise InputProblems(*problems)
    ordered = _order(_with_edges(steps, edges), owner)
    return Graph(pipeline=pipeline.name, steps=ordered, by_name={step.name: step for step in ordered}, units=units)


def _collect_models(files: tuple[ModelConf, ...], problems: list[Problem]) -> dict[str, ModelConf]:
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


def _find_pipeline(
    files: tuple[ModelConf, ...], problems: list[Problem]
) -> tuple[ModelConf, PipelineSection] | tuple[None, None]:
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


def _units(
    models: dict[str, ModelConf], training_dir: Path, default_source: str, problems: list[Problem]
) -> dict[str, Unit]:
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


def _steps(
    owner: ModelConf,
    pipeline: PipelineSection,
    models: dict[str, ModelConf],
    units: dict[str, Unit],
    problems: list[Problem],
) -> dict[str, Step]:
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


def _explicit_edges(
    owner: ModelConf, pipeline: PipelineSection, steps: dict[str, Step], problems: list[Problem]
) -> set[tuple[str, str]]:
    """Return (before, after) pairs of `dependencies`, whatever white space is around the arrows."""
    edges: set[tuple[str, str]] = set()
    for index, text in enumerate(pipeline.dependencies):
        place = owner.document.place(("conf", "sagemakerPipeline", "dependencies", index))
        names = [name.strip() for name in text.split(">>")]
        if len(names) < 2 or not all(names):
            message = f"the dependency {describe(text)} has no 'a >> b' in it"
            problems.append(Problem(id="PB312", message=message, place=place))
            continue
        problems.extend(_unknown_step(name, steps, place) for name in names if name not in steps)
        edges.update(pairwise(names))
    return edges


def _unknown_step(name: str, steps: Iterable[str], place: Place) -> Problem:
    message = f"there is no step '{name}'"
    return Problem(id="PB313", message=message, place=place, hint=did_you_mean(name, steps))


def _check_chains(steps: dict[str, Step], problems: list[Problem]) -> None:
    for step in steps.values():
        place = step.conf.document.place((*step.path, "chain_input_source_step"))
        if step.asked.chained and step.step_class in ("CreateModel", "RegisterModel"):
            message = f"step '{step.name}': a {step.step_class} step takes no chained input"
            problems.append(Problem(id="PB314", message=message, place=place))
        if step.asked.prefix and step.step_class != "Transform":
            message = f"step '{step.name}': 'chain_input_additional_prefix' is for Transform steps only"
            at = step.conf.document.place((*step.path, "chain_input_additional_prefix"), key=True)
            problems.append(Problem(id="PB314", message=message, place=at))
        for source in step.asked.chained:
            if source not in steps:
                problems.append(_unknown_step(source, steps, place))
            elif steps[source].step_class not in _CHAINABLE:
                message = f"step '{source}' ({steps[source].step_class}) has no output that another step could take"
                problems.append(Problem(id="PB314", message=message, place=place))


def _missing_siblings(steps: dict[str, Step]) -> Iterable[Problem]:
    """A model is made of a trained artifact, a transform runs a model."""
    needs = {"CreateModel": "Training", "RegisterModel": "Training", "Transform": "CreateModel"}
    there = {(step.unit.name, step.step_class) for step in steps.values()}
    for step in steps.values():
        needed = needs.get(step.step_class)
        if needed and (step.unit.name, needed) not in there:
            message = f"step '{step.name}' ({step.step_class}) needs a {needed} step of the model '{step.unit.name}'"
            yield Problem(id="PB316", message=message, place=step.place)


def _with_edges(steps: dict[str, Step], edges: set[tuple[str, str]]) -> dict[str, Step]:
    explicit: dict[str, tuple[str, ...]] = dict.fromkeys(steps, ())
    for before, after in sorted(edges):
        explicit[after] = (*explicit[after], before)
    by_unit = _by_unit(steps)
    result = {}
    for name, step in steps.items():
        implied = (*step.asked.chained, *_implied(step, by_unit[step.unit.name], explicit, steps))
        depends_on = tuple(dict.fromkeys((*implied, *explicit[name])))
        result[name] = replace(step, depends_on=depends_on, explicit=explicit[name])
    return result


def _by_unit(steps: dict[str, Step]) -> dict[str, list[Step]]:
    units: dict[str, list[Step]] = {}
    for step in steps.values():
        units.setdefault(step.unit.name, []).append(step)
    return units


def _implied(
    step: Step, siblings: list[Step], explicit: Mapping[str, tuple[str, ...]], steps: dict[str, Step]
) -> tuple[str, ...]:
    """Return the steps of the same unit that the step's request refers to."""
    last = _last_training(step, siblings, explicit, steps)
    match step.step_class:
        case "CreateModel":
            return last
        case "Transform":
            return tuple(s.name for s in siblings if s.step_class == "CreateModel")
        case "RegisterModel":
            return (*last, *(s.name for s in siblings if s.step_class == "Metrics"))
        case _:
            return ()


def _last_training(
    step: Step, siblings: list[Step], explicit: Mapping[str, tuple[str, ...]], steps: dict[str, Step]
) -> tuple[str, ...]:
    """Return the unit's last Training step along the DAG; of those that come before the step where any is said to."""
    training = [s.name for s in siblings if s.step_class == "Training"]
    if len(training) < 2:
        return tuple(training)
    before = {name: {*steps[name].asked.chained, *explicit[name]} for name in steps}
    order = list(_topological(before, tuple(steps)))
    ancestors = _reach(step.name, before)
    candidates = [name for name in training if name in ancestors] or training
    return (max(candidates, key=order.index),)


def _reach(name: str, before: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for other in before.get(todo.pop(), ()):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def _topological(before: Mapping[str, Iterable[str]], names: tuple[str, ...]) -> tuple[str, ...]:
    """Order the names; of those that are ready the first listed comes first. A cycle leaves them as listed."""
    try:
        sorter = graphlib.TopologicalSorter({name: sorted(before[name]) for name in names})
        sorter.prepare()
    except graphlib.CycleError:
        return names
    position = {name: index for index, name in enumerate(names)}
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        order += ready
        sorter.done(*ready)
    return tuple(order)


def _order(steps: dict[str, Step], owner: ModelConf) -> tuple[Step, ...]:
    before = {name: set(step.depends_on) for name, step in steps.items()}
    try:
        graphlib.TopologicalSorter(before).prepare()
    except graphlib.CycleError as error:
        raise InputProblems(_cycle(error.args[1], steps, owner)) from None
    return tuple(steps[name] for name in _topological(before, tuple(steps)))


def _cycle(cycle: list[str], steps: dict[str, Step], owner: ModelConf) -> Problem:
    """Show the cycle from its first step in the file on, at the place of the dependency that closes it."""
    names = cycle[:-1]
    start = names.index(min(names, key=list(steps).index))
    names = names[start:] + names[:start]
    message = "the steps depend on each other in a cycle: " + " >> ".join([*names, names[0]])
    pairs = set(zip(names, [*names[1:], names[0]], strict=True))
    assert owner.section.pipeline
    for index, text in enumerate(owner.section.pipeline.dependencies):
        parts = [part.strip() for part in text.split(">>")]
        if pairs & set(pairwise(parts)):
            place = owner.document.place(("conf", "sagemakerPipeline", "dependencies", index))
            return Problem(id="PB315", message=message, place=place, hint="take one of these arrows out")
    return Problem(id="PB315", message=message, place=steps[names[0]].place, hint="take one of these links out")
