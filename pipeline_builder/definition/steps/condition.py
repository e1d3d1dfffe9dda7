"""Condition and Fail steps: what a conf compares and says, in the definition's own conditions and joins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from pipeline_builder.conf.comparisons import ALIASES, OPERATORS, Comparison, ConditionSection, FailSection, Operand
from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.steps.context import Context, Mapped, report_output
from pipeline_builder.definition.steps.typed import compose_typed
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import Expression, get, join
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import InputProblems, Problem

Means = Callable[[Operand, DataPath], JSON]
"""What a value of a run is in the definition, by where it stands in the conf."""


class Said(dict[str, JSON]):
    """A condition of the definition, and the entry of the conf that says it."""

    __slots__ = ("path", "value_key")

    def __init__(self, value: dict[str, JSON], path: DataPath, value_key: str = "") -> None:
        super().__init__(value)
        self.path, self.value_key = path, value_key


def compose_condition(context: Context, step: Step) -> Mapped:
    """Return the step with its conditions; the steps of its branches are put in when all are composed.

    Raises:
        InputProblems: PB882 for each metric that is in no file.
    """
    if not isinstance(step.written, ConditionSection):
        return compose_typed(context, step)
    problems: list[Problem] = []

    def means(operand: Operand, at: DataPath) -> JSON:
        try:
            return _meaning(context, step, operand, at)
        except InputProblems as error:
            problems.extend(error.problems)
            return None

    conditions: list[JSON] = [*_conditions(step, means)]
    if problems:
        raise InputProblems(*problems)
    return {"Type": "Condition", "Arguments": {"Conditions": conditions, "IfSteps": [], "ElseSteps": []}}


def compose_fail(context: Context, step: Step) -> Mapped:
    """Return the step with its message: a text, or what is put together when the execution comes to it."""
    if not isinstance(step.written, FailSection):
        return compose_typed(context, step)
    message, path = step.written.message, (*step.path, "message")
    parts = message if isinstance(message, list) else [message]
    said = [_plain(context, step, part, (*path, index)) for index, part in enumerate(parts)]
    return {"Type": "Fail", "Arguments": {"ErrorMessage": _put_together(said)}}


def place_in_conf(step: Step, below: DataPath) -> DataPath | None:
    """Return where in the conf a member below the arguments of a Condition or Fail step is said."""
    if isinstance(step.written, FailSection) and below[:1] == ("ErrorMessage",):
        return (*step.path, "message")
    if not isinstance(step.written, ConditionSection) or below[:1] != ("Conditions",):
        return None
    current: Any = list(_conditions(step, lambda _operand, _at: None))
    found: DataPath = (*step.path, "conditions")
    for before, member in pairwise(below):
        if before == "Values" and isinstance(member, int):
            found = (*found, member)
        if isinstance(current, Said) and member in ("LeftValue", "QueryValue"):
            found = (*found[:-1], current.value_key)
        current = (
            current[member]
            if isinstance(current, dict) and member in current
            else (
                current[member]
                if isinstance(current, list) and isinstance(member, int) and member < len(current)
                else None
            )
        )
        if isinstance(current, Said):
            found = current.path
    return found


def _conditions(step: Step, means: Means) -> Iterator[Said]:
    assert isinstance(step.written, ConditionSection)
    for index, entry in enumerate(step.written.conditions):
        yield from _entry(entry, (*step.path, "conditions", index), means)


def _entry(entry: Comparison, path: DataPath, means: Means) -> Iterator[Said]:
    """Yield the conditions of an entry, which all have to hold."""
    if entry.opposite is not None:
        yield _negated(list(_entry(entry.opposite, (*path, "not"), means)))
    elif entry.either is not None:
        ways = [_all_of(list(_entry(one, (*path, "any", index), means))) for index, one in enumerate(entry.either)]
        yield ways[0] if len(ways) == 1 else Said({"Type": "Or", "Conditions": [*ways]}, path)
    elif entry.both is not None:
        for index, one in enumerate(entry.both):
            yield from _entry(one, (*path, "all", index), means)
    else:
        for key in entry.operators:
            yield _compared(entry, key, path, means)


def _compared(entry: Comparison, key: str, path: DataPath, means: Means) -> Said:
    kind, holds = OPERATORS[key]
    spelt = ALIASES.get(key, key)
    said = ALIASES.get(entry.said, entry.said)
    left = _side(entry.value, (*path, "value"), means) if entry.said == "value" else means(entry, (*path, said))
    right, at = getattr(entry, key), (*path, spelt)
    if kind == "In":
        values: list[JSON] = [_side(item, (*at, index), means) for index, item in enumerate(right)]
        found = Said({"Type": "In", "QueryValue": left, "Values": values}, at, said)
    else:
        found = Said({"Type": kind, "LeftValue": left, "RightValue": _side(right, at, means)}, at, said)
    return found if holds else Said({"Type": "Not", "Condition": found}, at, said)


def _side(value: Any, path: DataPath, means: Means) -> JSON:
    if isinstance(value, dict) and not isinstance(value, Expression):
        return means(Operand.model_validate(value), path)
    return dict(value) if isinstance(value, Expression) else value


def _all_of(conditions: list[Said]) -> Said:
    """Return one condition for several that all have to hold, of which the definition has no kind: not one fails."""
    return conditions[0] if len(conditions) == 1 else _negated([_negated(conditions)])


def _negated(conditions: list[Said]) -> Said:
    """Return the condition that not all of these hold."""
    path = conditions[0].path[:-1] if len(conditions) > 1 else conditions[0].path
    each = [_opposite(condition) for condition in conditions]
    return each[0] if len(each) == 1 else Said({"Type": "Or", "Conditions": [*each]}, path)


def _opposite(condition: Said) -> Said:
    inner = condition.get("Condition")
    if condition["Type"] == "Not" and isinstance(inner, dict):
        return inner if isinstance(inner, Said) else Said(inner, condition.path)
    return Said({"Type": "Not", "Condition": condition}, condition.path, condition.value_key)


def none_or_some(conditions: Iterable[JSON]) -> list[JSON]:
    """Return the conditions of the other branch: that not all of these hold."""
    said = [one if isinstance(one, Said) else Said(one, ()) for one in conditions if isinstance(one, dict)]
    return [_negated(said)]


def _meaning(context: Context, step: Step, operand: Operand, path: DataPath) -> JSON:
    """Return a value of a run as the definition refers to it."""
    if operand.parameter:
        return get(f"Parameters.{operand.parameter}")
    if operand.variable:
        return get(f"Execution.{operand.variable.removeprefix('Execution.')}")
    if operand.attribute:
        return get(f"Steps.{operand.of}.{operand.attribute}")
    of = operand.of or _own_report(context, step, path)
    source = context.graph.by_name.get(of)
    named = operand.file or (report_output(source) if source and source.step_class == "Metrics" else "")
    if not named:
        message = f"step '{step.name}': the metric '{operand.metric}' is in no file of the step '{of}'"
        hint = "name its property file: 'file' beside 'metric'; a Metrics step has one by itself"
        raise InputProblems(Problem(id="PB882", message=message, place=step.conf.document.place(path), hint=hint))
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.{of}.PropertyFiles.{named}"), "Path": operand.metric}}


def _own_report(context: Context, step: Step, path: DataPath) -> str:
    metrics = context.needed(step, "Metrics")
    if metrics is not None:
        return metrics.name
    message = f"step '{step.name}': the metric is of no step, and the model '{step.unit.name}' has no Metrics step"
    hint = "say whose it is: 'of: <step>' beside 'metric'"
    raise InputProblems(Problem(id="PB882", message=message, place=step.conf.document.place(path), hint=hint))


def _plain(context: Context, step: Step, part: JSON, path: DataPath) -> JSON:
    if isinstance(part, Expression):
        return dict(part)
    if isinstance(part, dict):
        return _meaning(context, step, Operand.model_validate(part), path)
    return str(part).lower() if isinstance(part, bool) else str(part)


def _put_together(parts: list[JSON]) -> JSON:
    """Return the parts as one text; a join stays one, and neighbouring texts become one."""
    found: list[JSON] = []
    for part in parts:
        inner: Any = part.get("Std:Join") if isinstance(part, dict) else None
        whole = isinstance(inner, dict) and inner.get("On") == "" and isinstance(inner.get("Values"), list)
        for item in inner["Values"] if whole else [part]:
            if isinstance(item, str) and found and isinstance(found[-1], str):
                found[-1] += item
            else:
                found.append(item)
    return found[0] if len(found) == 1 and isinstance(found[0], str) else join("", *found)
