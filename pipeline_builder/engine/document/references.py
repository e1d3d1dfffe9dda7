"""References of a definition, resolved: parameters, execution variables, properties of steps, joins, JSON files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.dag.property_paths import PathError, value_at
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import is_unicode

# A path: names with dots between them, each with list indices or quoted names behind it.
_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']*)'\]")
# Lists of structures that a path may look into by name, by the member that has the name.
_NAME_KEYS = ("OutputName", "InputName", "ChannelName", "MetricName", "Name")
_PROPERTY_FILE = re.compile(r"Steps\.([^.]+)\.PropertyFiles\.(.+)")


class UnresolvedError(Exception):
    """A reference to a step that has no result (yet); `step` is its name."""

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(step)


def _nothing(uri: str) -> bytes:
    raise KeyError(uri)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What references can see. `results` maps the steps that have ended to their Describe-shaped results.

    `property_files` has the property files of each step, by step and name, as (output, path below it); `read` returns
    the content of an object of the store, KeyError where there is none.
    """

    parameters: Mapping[str, Any]
    execution: Mapping[str, str]
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    property_files: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    read: Callable[[str], bytes] = _nothing


def resolve(value: Any, scope: Scope) -> Any:
    """Return the value with every reference below it replaced.

    Raises:
        UnresolvedError: for a property of a step that has no result.
        InputProblems: PB504 for a reference that leads nowhere, PB506 for a JSON file that hasn't what is asked for.
    """
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("Get"), str) and len(value) == 1:
        return _get(value["Get"], scope)
    if "Std:Join" in value and len(value) == 1:
        join = value["Std:Join"]
        return str(join["On"]).join(as_text(resolve(item, scope)) for item in join["Values"])
    if "Std:JsonGet" in value and len(value) == 1:
        return _json_get(value["Std:JsonGet"], scope)
    for key in value:
        if key.startswith("Std:"):
            raise _broken(next(iter(value)), "the local engine doesn't support this function yet")
    return {key: resolve(item, scope) if isinstance(item, dict | list) else item for key, item in value.items()}


def as_text(value: Any) -> str:
    """Return a value as it is where a request has texts: in a Join, a variable, a hyperparameter, an argument."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _get(path: str, scope: Scope) -> Any:
    kind, _, rest = path.partition(".")
    if kind == "Parameters" and rest in scope.parameters:
        return scope.parameters[rest]
    if kind == "Execution" and rest in scope.execution:
        return scope.execution[rest]
    if kind != "Steps":
        raise _broken(path, "there is no such parameter or execution variable")
    step, _, inner = rest.partition(".")
    if step not in scope.results:
        raise UnresolvedError(step)
    return _walk(scope.results[step], inner, path)


def _walk(value: Any, inner: str, path: str) -> Any:
    position = 0
    while position < len(inner):
        match = _PART.match(inner, position)
        if not match:
            raise _broken(path, f"it can't be read from '{inner[position:]}' on")
        position = match.end()
        name, index, quoted = match.groups()
        value = _member(value, name or quoted, int(index) if index else None, path)
    return value


def _member(value: Any, name: str | None, index: int | None, path: str) -> Any:
    if isinstance(value, Mapping) and name is not None and name in value:
        return value[name]
    if isinstance(value, list) and index is not None and index < len(value):
        return value[index]
    if isinstance(value, list) and name is not None:
        for item in value:
            if any(item.get(key) == name for key in _NAME_KEYS):
                return item
    raise _broken(path, f"the step's result has no '{name if index is None else index}' there")


def _broken(path: str, why: str) -> InputProblems:
    return InputProblems(Problem(id="PB504", message=f"the reference '{path}' leads nowhere: {why}"))


# --- Std:JsonGet


def _json_get(get: Any, scope: Scope) -> str | int | float | bool:
    """Return the number, text or flag at a path in a step's property file, or in the object at an address."""
    if not isinstance(get, Mapping) or "Path" not in get or not {"PropertyFile", "S3Uri"} & get.keys():
        raise _broken("Std:JsonGet", f"it is {json.dumps(get)[:80]}, expected 'Path' and 'PropertyFile' or 'S3Uri'")
    path = str(get["Path"])
    uri = str(resolve(get["S3Uri"], scope)) if "S3Uri" in get else _property_file(get["PropertyFile"], scope)
    try:
        value = json.loads(scope.read(uri))
    except KeyError:
        raise _unreadable(uri, f"it isn't there, and '{path}' was to be read from it") from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(uri, f"it is no JSON: {error}") from None
    try:
        found = value_at(value, path)
    except PathError as error:
        raise _unreadable(uri, str(error)) from None
    if isinstance(found, str) and not is_unicode(found):
        raise _unreadable(uri, f"'{path}' has half a character (a lone surrogate) there, expected Unicode text")
    if isinstance(found, str | int | float):
        return found
    kind = "a list" if isinstance(found, list) else "a mapping" if isinstance(found, dict) else "empty"
    raise _unreadable(uri, f"'{path}' is {kind} there, expected a number, a text or a flag")


def _property_file(reference: Any, scope: Scope) -> str:
    text = str(reference.get("Get") if isinstance(reference, Mapping) else reference)
    match = _PROPERTY_FILE.fullmatch(text) if isinstance(reference, Mapping) else None
    if match is None:
        raise _broken(text, "expected a Get of 'Steps.<step>.PropertyFiles.<name>'")
    step, name = match.groups()
    found = scope.property_files.get(step, {}).get(name)
    if found is None:
        raise _broken(text, "the step declares no such property file")
    output, path = found
    uri = _get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri", scope)
    return f"{str(uri).rstrip('/')}/{path}"


def _unreadable(uri: str, why: str) -> InputProblems:
    return InputProblems(Problem(id="PB506", message=f"the JSON file '{uri}' can't be used: {why}"))
