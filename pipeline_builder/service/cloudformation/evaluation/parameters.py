"""The parameters of a template: the values given for them, or their defaults, checked as CloudFormation does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.evaluation.document import Template

UNRESOLVED = "PB621"


def read_parameters(template: Template, given: Mapping[str, str]) -> tuple[dict[str, JSON], tuple[Problem, ...]]:
    """Return what Ref gives for each parameter: a text, a number or a list of texts."""
    declared = {key: entry for key, entry in template.section("Parameters").items() if isinstance(entry, dict)}
    problems = [
        Problem(
            id=UNRESOLVED,
            message=f"the template has no parameter '{name}'",
            place=template.place(("Parameters",), key=True),
            hint=did_you_mean(name, declared),
        )
        for name in given
        if name not in declared
    ]
    values: dict[str, JSON] = {}
    for name, entry in declared.items():
        value = given[name] if name in given else entry.get("Default")
        found = [
            Problem(id=UNRESOLVED, message=message, place=template.place(("Parameters", name), key=True))
            for message in _faults(name, entry, value)
        ]
        problems += found
        values[name] = None if found else _typed(str(entry["Type"]), value)
    return values, tuple(problems)


def _faults(name: str, entry: Mapping[str, JSON], value: JSON) -> Iterator[str]:
    if value is None:
        yield f"the parameter '{name}' has no value and no default"
        return
    shown = "a value" if entry.get("NoEcho") in (True, "true") else describe(value)
    allowed, pattern = entry.get("AllowedValues"), entry.get("AllowedPattern")
    if isinstance(allowed, list) and str(value) not in map(str, allowed):
        yield f"the parameter '{name}' is {shown}, expected one of {', '.join(map(str, allowed))}"
    if isinstance(pattern, str) and not re.fullmatch(pattern, str(value)):
        yield f"the parameter '{name}' is {shown}, which doesn't match '{pattern}'"
    for low, high, size in (("MinLength", "MaxLength", len(str(value))), ("MinValue", "MaxValue", _number(value))):
        least, most = _number(entry.get(low)), _number(entry.get(high))
        if size is not None and ((least is not None and size < least) or (most is not None and size > most)):
            limits = f"{low} {entry.get(low, '-')} and {high} {entry.get(high, '-')}"
            yield f"the parameter '{name}' is {shown}, which is not within {limits}"
    if entry["Type"] == "Number" and _number(value) is None:
        yield f"the parameter '{name}' is {shown}, expected a number"


def _number(value: JSON) -> float | None:
    try:
        return None if value is None or isinstance(value, bool | list | dict) else float(value)
    except ValueError:
        return None


def _typed(kind: str, value: JSON) -> JSON:
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in str(value).split(",")] if str(value) else []
    if kind == "Number":
        number = float(str(value))
        return int(number) if number.is_integer() else number
    return str(value)
