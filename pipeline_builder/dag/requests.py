"""Requests of steps as an execution has made them: references resolved as far as the definition's bytes tell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.descriptions import JSON

_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']*)'\]")
_NAMES = ("OutputName", "InputName", "ChannelName", "Name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What an execution ran: each step of its definition, the values of its parameters, and its variables."""

    steps: Mapping[str, JSON]
    parameters: Mapping[str, str]
    variables: Mapping[str, str]


def read_ran(definition: bytes, parameters: Mapping[str, str], arn: str) -> Ran:
    """Return what an execution ran by the definition's bytes; parameters that it wasn't given have their defaults."""
    document = json.loads(definition)
    variables = {"PipelineExecutionId": arn.rsplit("/", 1)[-1], "PipelineExecutionArn": arn}
    return Ran(steps=flat_steps(document.get("Steps")), parameters=values_of(document, parameters), variables=variables)


def values_of(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a definition's parameters: those that were given, and defaults of the others."""
    declared = definition.get("Parameters") or ()
    return {str(item["Name"]): str(item["DefaultValue"]) for item in declared if "DefaultValue" in item} | dict(given)


RanOf = Callable[[str], Ran]
"""Returns what ran a step: the execution itself, or the one whose result it has taken."""


def request_of(step: str, ran: RanOf) -> JSON:
    """Return the arguments of a step without references; None stands for what is known only by its result."""
    found = ran(step).steps.get(step)
    return _resolved(found.get("Arguments") if isinstance(found, dict) else None, ran(step), ran)


def outputs_of(step: str, ran: RanOf) -> dict[str, str]:
    """Return where a Processing job's outputs, or (with the name '') a Transform job's, have been put."""
    request = request_of(step, ran)
    if isinstance(path := _at(request, ["TransformOutput", "S3OutputPath"]), str):
        return {"": path}
    outputs = _at(request, ["ProcessingOutputConfig", "Outputs"])
    found = {}
    for output in outputs if isinstance(outputs, list) else ():
        name, uri = _at(output, ["OutputName"]), _at(output, ["S3Output", "S3Uri"])
        if isinstance(name, str) and isinstance(uri, str):
            found[name] = uri
    return found


def inputs_of(step: str, ran: RanOf) -> Iterator[tuple[str, str, str]]:
    """Yield name, address and S3DataType of what a Processing or Transform job reads."""
    request = request_of(step, ran)
    if isinstance(source := _at(request, ["TransformInput", "DataSource", "S3DataSource"]), dict):
        yield "", str(source.get("S3Uri") or ""), str(source.get("S3DataType") or "S3Prefix")
    inputs = _at(request, ["ProcessingInputs"])
    for item in inputs if isinstance(inputs, list) else ():
        if isinstance(given := _at(item, ["S3Input"]), dict):
            name = str(_at(item, ["InputName"]) or "")
            yield name, str(given.get("S3Uri") or ""), str(given.get("S3DataType") or "S3Prefix")


def _resolved(value: JSON, here: Ran, ran: RanOf) -> JSON:
    if isinstance(value, list):
        return [_resolved(item, here, ran) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(path := value.get("Get"), str) and len(value) == 1:
        return _value(path, here, ran)
    if any(key.startswith("Std:") for key in value):
        return _joined(value.get("Std:Join"), here, ran)
    return {key: _resolved(item, here, ran) for key, item in value.items()}


def _joined(join: JSON, here: Ran, ran: RanOf) -> JSON:
    parts = _resolved(join.get("Values"), here, ran) if isinstance(join, dict) else None
    if not isinstance(join, dict) or not isinstance(parts, list):
        return None
    if any(part is None or isinstance(part, dict | list) for part in parts):
        return None
    return str(join.get("On", "")).join(map(str, parts))


def _value(path: str, here: Ran, ran: RanOf) -> JSON:
    kind, _, rest = path.partition(".")
    if kind in ("Parameters", "Execution"):
        return (here.parameters if kind == "Parameters" else here.variables).get(rest)
    step, _, inner = rest.partition(".")
    source = ran(step)
    found = source.steps.get(step)
    parts = [name or quoted or int(index) for name, index, quoted in _PART.findall(inner)]
    return _resolved(_at(found.get("Arguments") if isinstance(found, dict) else None, parts), source, ran)


def _at(value: JSON, path: list[str | int] | list[str]) -> JSON:
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        elif isinstance(value, list):
            named = (item for item in value if isinstance(item, dict) and part in (item.get(key) for key in _NAMES))
            value = next(named, None)
        else:
            return None
    return value
