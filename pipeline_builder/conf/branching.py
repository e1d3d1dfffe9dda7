"""Branches: what Condition and Fail steps say in their own keys, and which step stands in which branch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_builder.documents.schema import did_you_mean, read_section
from pipeline_builder.errors import Problem

if TYPE_CHECKING:
    from pipeline_builder.conf.conf import ModelConf, StepSection
    from pipeline_builder.conf.units import Step
    from pipeline_builder.documents.schema import Section
    from pipeline_builder.documents.source import DataPath

CLASSES = ("Condition", "Fail")
"""The classes whose keys stand in the step itself: they run no job, and are nobody's model."""
_KEYS = {"conditions": "Condition", "if": "Condition", "else": "Condition", "message": "Fail"}
_RAW = {"conditions": "Conditions", "if": "IfSteps", "else": "ElseSteps", "message": "ErrorMessage"}
IF, ELSE = "if", "else"


def read_own(
    asked: StepSection, conf: ModelConf, path: DataPath, ids: Mapping[str, str], problems: list[Problem]
) -> Section | None:
    """Return the section that the step's own keys are; None where there are none, or where they are wrong."""
    written: dict[str, Any] = {
        "conditions": asked.conditions,
        "if": asked.if_steps,
        "else": asked.else_steps,
        "message": asked.message,
    }
    given = {key: value for key, value in written.items() if value not in (None, ())}
    for key in given:
        place = conf.document.place((*path, key), key=True)
        if _KEYS[key] != asked.step_class:
            message = f"step '{asked.step_name}': '{key}' is for {_KEYS[key]} steps only"
            problems.append(Problem(id="PB880", message=message, place=place))
        elif _RAW[key] in asked.arguments:
            message = f"step '{asked.step_name}': '{key}' and '{_RAW[key]}' of its 'arguments' say the same"
            problems.append(Problem(id="PB880", message=message, place=place, hint="leave one of them out"))
    own = {key: value for key, value in given.items() if _KEYS[key] == asked.step_class}
    if not own:
        return None
    from pipeline_builder.conf.comparisons import ConditionSection, FailSection

    kind: type[Section] = ConditionSection if asked.step_class == "Condition" else FailSection
    section, found = read_section(kind, own, conf.document, path, ids)
    problems.extend(found)
    return section


def names_of(step: Step) -> Iterator[tuple[str, DataPath]]:
    """Yield each step and parameter that a step's own keys name, with its place."""
    if step.step_class in CLASSES:
        from pipeline_builder.conf.comparisons import named_in

        yield from named_in(step.asked.conditions, (*step.path, "conditions"))
        yield from named_in(step.asked.message, (*step.path, "message"))


def reads_own_report(step: Step) -> bool:
    """Tell whether a step's own keys name a metric of the model's report."""
    if step.step_class not in CLASSES:
        return False
    from pipeline_builder.conf.comparisons import wants_report

    return wants_report([step.asked.conditions, step.asked.message])


def place_branches(steps: Mapping[str, Step], problems: list[Problem]) -> dict[str, tuple[str, str]]:
    """Return the Condition step and the branch (`if` or `else`) of each step that stands in one."""
    found: dict[str, tuple[str, str]] = {}
    for step in steps.values():
        for branch in (IF, ELSE):
            for index, name in enumerate(members(step, branch)):
                place = step.conf.document.place((*step.path, branch, index))
                if name not in steps:
                    message, hint = f"there is no step '{name}'", did_you_mean(name, steps)
                    problems.append(Problem(id="PB313", message=message, place=place, hint=hint))
                elif name in found:
                    message = f"the step '{name}' stands in the '{found[name][1]}' of '{found[name][0]}' already"
                    hint = "a step runs in one branch: what comes after both depends on a step of each"
                    problems.append(Problem(id="PB881", message=message, place=place, hint=hint))
                else:
                    found[name] = (step.name, branch)
    return found


def members(step: Step, branch: str) -> tuple[str, ...]:
    """Return the names of the steps of a branch."""
    if step.step_class != "Condition" or step.written is None:
        return ()
    from pipeline_builder.conf.comparisons import ConditionSection

    assert isinstance(step.written, ConditionSection)
    return step.written.if_steps if branch == IF else step.written.else_steps
