"""Which section a Tuning step has, and what is wrong where it is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline_builder.conf.conf import StepSection
from pipeline_builder.conf.sections import TrainSection
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem

if TYPE_CHECKING:
    from pipeline_builder.conf.units import Step, Unit

_DEFINITIONS = ("TrainingJobDefinition", "TrainingJobDefinitions")


def name_of_tuning(unit: Unit, asked: StepSection) -> str:
    """Return the name of a tuning's section; empty where its whole request stands in `arguments`."""
    name = asked.step_type or "tune"
    if asked.step_class != "Tuning":
        return ""
    there = name in unit.tunings or name in unit.section.others
    return name if there or not any(key in asked.arguments for key in _DEFINITIONS) else ""


def tuning_problems(step: Step) -> Iterable[Problem]:
    """The section of a tuning is there, and the one of the training that it varies."""
    unit, tune = step.unit, step.tune
    if tune is None and step.tune_name in unit.section.others:
        return  # it couldn't be read, which is said
    if tune is None:
        message = (
            f"step '{step.name}' (Tuning) needs the section '{step.tune_name}' of the model '{unit.name}', or its "
            "whole request in 'arguments'"
        )
        place = step.conf.document.place((*step.path, "step_type" if step.asked.step_type else "step_name"))
        hint = did_you_mean(step.tune_name, unit.tunings)
        yield Problem(id="PB311", message=message, place=place, hint=hint)
    elif not isinstance(step.job, TrainSection) and tune.train not in unit.section.others:
        what = "is not one for a Training step" if step.job else "is not there"
        message = f"step '{step.name}': the section '{tune.train}', which it varies, {what}"
        hint = did_you_mean(tune.train, [name for name, job in unit.jobs.items() if isinstance(job, TrainSection)])
        yield Problem(id="PB857", message=message, place=step.tune_place("train"), hint=hint)
