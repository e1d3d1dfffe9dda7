"""What belongs to which kind of pipeline: one trains models and registers them, the other uses those."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pipeline_builder.conf.sections import PreprocessSection
from pipeline_builder.conf.units import Step, Unit
from pipeline_builder.dag.outline import NESTED
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import Problem

# Sections and types of steps that make models.
_TRAINING_SECTIONS = ("train", "tune", "automl", "registry", "baseline")
_TRAINING_TYPES = ("Training", "Tuning", "AutoML", "RegisterModel", "Baseline")
_INFERENCE_SECTIONS = ("model", "monitor", "publish")
_INFERENCE_CLASSES = ("Monitor",)
_MODEL = "write 'model: {group: …}' there: the model package group whose newest approved version scores"


def check_kind(units: Mapping[str, Unit], steps: Mapping[str, Step], problems: list[Problem]) -> None:
    """Check that no file has what only files of the other kind can have, and that what uses a model has one."""
    named: dict[str, set[str]] = {}
    for step in steps.values():
        named.setdefault(step.unit.name, set()).add(step.section_name)
    for unit in units.values():
        problems.extend(_of_inference(unit) if unit.infers else _of_training(unit, named.get(unit.name, ())))
    lonely: dict[str, Step] = {}
    for step in steps.values():
        if (step.unit.infers and _trains(step)) or (not step.unit.infers and step.step_class in _INFERENCE_CLASSES):
            problems.append(_misplaced(step))
        elif step.unit.infers and step.unit.section.used is None and uses_model(step):
            lonely.setdefault(step.unit.name, step)
    problems.extend(_without_model(step) for step in lonely.values())


def uses_model(step: Step) -> bool:
    """Tell whether a step takes the model package of its unit."""
    return step.step_class in ("CreateModel", "Monitor") or bool(channel_of(step))


def channel_of(step: Step) -> str:
    """Return the name of the folder that the model's artifact is mounted in; empty where it is in none."""
    return step.job.model_channel if step.unit.infers and isinstance(step.job, PreprocessSection) else ""


def _of_inference(unit: Unit) -> Iterator[Problem]:
    for name in _TRAINING_SECTIONS:
        if getattr(unit.section, name) is None:
            continue
        message = f"the section '{name}' of the model '{unit.name}' makes a model, and this conf uses one"
        hint = "it belongs into a conf of a training pipeline; here 'model:' says which package is used"
        place = unit.conf.document.place((*unit.path, name), key=True)
        yield Problem(id="PB960", message=message, place=place, hint=hint)


def _of_training(unit: Unit, named: Collection[str]) -> Iterator[Problem]:
    """Yield what is about using models; `named` are the sections that configure the unit's steps."""
    hint = (
        "it belongs into a conf of an inference pipeline: 'kind: inference' of its entry in the manifest's 'pipelines'"
    )
    for name in _INFERENCE_SECTIONS:
        if name in unit.section.others and name not in named:
            message = f"the section '{name}' of the model '{unit.name}' is about using a model, and this conf makes one"
            place = unit.conf.document.place((*unit.path, name), key=True)
            yield Problem(id="PB961", message=message, place=place, hint=hint)
    for name, job in unit.jobs.items():
        if isinstance(job, PreprocessSection) and job.model_channel:
            message = f"'model_channel' of '{name}' mounts a model package, and this conf makes the model"
            place = unit.conf.document.place((*unit.path, name, "model_channel"), key=True)
            yield Problem(id="PB961", message=message, place=place, hint="chain the Training step instead")


def _misplaced(step: Step) -> Problem:
    if step.unit.infers:
        message = f"step '{step.name}' ({step.kind}) makes a model, and this pipeline uses those that there are"
        hint = "train in a pipeline of the kind 'training'; a CreateModel step here is made from its model package"
        return Problem(id="PB960", message=message, place=step.place, hint=hint)
    message = f"step '{step.name}' ({step.kind}) is about using a model, and this pipeline makes one"
    return Problem(id="PB961", message=message, place=step.place, hint="list it in a pipeline of the kind 'inference'")


def _trains(step: Step) -> bool:
    """Tell whether a model would come out of a step, or of one that stands in its arguments."""
    if step.step_class in _TRAINING_TYPES or (
        (step.made or step.step_class == "Raw") and step.definition_type in _TRAINING_TYPES
    ):
        return True
    whole = step.asked.arguments.get("Arguments") if step.made else step.asked.arguments
    return step.is_raw and any(_types(step.definition_type, whole))


def _types(kind: str, arguments: JSON) -> Iterator[bool]:
    """Yield for each step that stands in the arguments of a Condition or ForEach whether a model comes out of it."""
    for member in NESTED.get(kind, ()):
        items = arguments.get(member) if isinstance(arguments, dict) else None
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield item.get("Type") in _TRAINING_TYPES
                yield from _types(str(item.get("Type")), item.get("Arguments"))


def _without_model(step: Step) -> Problem:
    message = f"step '{step.name}' ({step.step_class}) uses a model package, and '{step.unit.name}' names none"
    place = step.unit.conf.document.place(step.unit.path, key=True)
    return Problem(id="PB962", message=message, place=place, related=(step.place,), hint=_MODEL)
