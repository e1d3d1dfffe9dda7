"""The definition that is given: read out of a file as it is, or out of what `describe-pipeline` answers."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.source import LONGEST_NUMBER, Source, found_in
from pipeline_builder.errors import InputProblems, Place, Problem

VERSION = "2020-12-01"
_MOST_BYTES = 8 << 20
_DEEPEST = 100
_BRANCHES = ("IfSteps", "ElseSteps")
_INSIDE = "PipelineDefinition"
# What describe-pipeline answers of a pipeline that is no part of its definition, and is said elsewhere or nowhere.
_BESIDE = ("PipelineDescription", "ParallelismConfiguration", "PipelineDisplayName")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A definition, with its pipeline's name and role where the file says them.

    `beside` has what the file says of the pipeline besides its definition.
    """

    label: str
    definition: Mapping[str, Any]
    name: str = ""
    role: str = ""
    beside: Mapping[str, Any] = field(default_factory=dict)


def load_given(path: Path, label: str) -> Given:
    """Read a definition's file.

    Raises:
        InputProblems: PB935 for one that can't be read, and as `read_given` does.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        _refuse(f"cannot read '{label}': {os.strerror(error.errno or 0)}", Place(label))
    return read_given(content, label)


def read_given(content: bytes, label: str) -> Given:
    """Read a definition.

    Raises:
        InputProblems: PB935 for what is no JSON (with its line and column) or no definition, PB936 for another version,
            PB937 for steps and parameters that can't be told apart; all that can be said at once.
    """
    outer = _load(_text_of(content, label), label, "")
    inner, at = outer, ""
    if _INSIDE in outer:
        text, at = outer[_INSIDE], f"in '{_INSIDE}': "
        inner = text if isinstance(text, dict) else _load(_texts(text, label), label, at)
    problems = [*_version(inner, label, at), *_structure(inner, label, at)]
    if problems:
        raise InputProblems(*problems)
    beside = {key: outer[key] for key in _BESIDE if outer is not inner and outer.get(key)}
    said = outer if outer is not inner else {}
    return Given(
        label=label,
        definition=inner,
        name=str(said.get("PipelineName") or ""),
        role=str(said.get("RoleArn") or ""),
        beside=beside,
    )


def _text_of(content: bytes, label: str) -> str:
    if len(content) > _MOST_BYTES:
        _refuse(f"'{label}' is larger than {_MOST_BYTES >> 20} MB", Place(label))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(f"'{label}' is not UTF-8 text: {found_in(error)}", Place(label))


def _texts(value: Any, label: str) -> str:
    if not isinstance(value, str):
        _refuse(f"'{_INSIDE}' is {describe(value)}, expected the definition as a text", Place(label))
    return value


def _load(text: str, label: str, at: str) -> dict[str, Any]:
    """Parse a JSON mapping; one inside of a text has its own lines, which are said in words."""
    source = Source(label, text)

    def place(position: int) -> tuple[str, Place]:
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        return (f" (line {line}, column {column} of it)", Place(label)) if at else ("", source.place(line, column))

    try:
        value = json.loads(text, object_pairs_hook=_mapping, parse_constant=_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        where, found = place(error.pos)
        _refuse(f"{at}it is no JSON: {error.msg}{where}", found)
    except (ValueError, RecursionError) as error:
        _refuse(f"{at}{error}" if isinstance(error, ValueError) else f"{at}it is nested too deep", Place(label))
    if not isinstance(value, dict):
        _refuse(f"{at}it is {describe(value)}, expected a mapping with 'Version' and 'Steps'", Place(label))
    _look_at(value, label, at)
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the member {describe(next(n for n in names if names.count(n) > 1))} is given twice")
    return found


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("a number in it is too large")
    return int(text)


def _constant(word: str) -> NoReturn:
    raise ValueError(f"'{word}' is no number of JSON")


def _look_at(value: Any, label: str, at: str, depth: int = 0) -> None:
    """Refuse what no file of ours could say: half of a character, and mappings in mappings without an end."""
    if depth > _DEEPEST:
        _refuse(f"{at}it is nested deeper than {_DEEPEST} levels", Place(label))
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        _refuse(f"{at}the text {describe(value)} has half of a character in it", Place(label))
    if isinstance(value, float) and not math.isfinite(value):
        _refuse(f"{at}a number in it is too large", Place(label))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _look_at(item, label, at, depth + 1)
    for key in value if isinstance(value, dict) else ():
        _look_at(key, label, at, depth)


def _version(inner: Mapping[str, Any], label: str, at: str) -> list[Problem]:
    version = inner.get("Version")
    if version == VERSION or (version is None and "Steps" not in inner):  # which is no definition at all
        return []
    says = "has no 'Version'" if version is None else f"is of version {describe(version)}"
    hint = "another version has another language: nothing of it is guessed at"
    message = f"{at}the definition {says}, expected '{VERSION}'"
    return [Problem(id="PB936", message=message, place=Place(label), hint=hint)]


def _structure(inner: Mapping[str, Any], label: str, at: str) -> list[Problem]:
    problems: list[Problem] = []

    def say(path: str, message: str) -> None:
        problems.append(Problem(id="PB937", message=f"{at}{path}: {message}", place=Place(label)))

    steps = inner.get("Steps")
    if not isinstance(steps, list) or not steps:
        _refuse(f"{at}it has no list of 'Steps', expected a pipeline's definition", Place(label))
    seen: set[str] = set()
    for path, step in _all_steps(steps, "Steps"):
        missing = [key for key in ("Name", "Type") if not isinstance(step, dict) or not isinstance(step.get(key), str)]
        if missing or not isinstance(step, dict):
            say(path, f"a step has no text as its {' and no '.join(missing)}")
        elif not isinstance(step.get("Arguments", {}), dict):
            say(f"{path}.Arguments", f"it is {describe(step['Arguments'])}, expected a mapping")
        elif step["Name"] in seen:
            say(path, f"two steps have the name '{step['Name']}'")
        else:
            seen.add(step["Name"])
    for path, message in (*_no_lists(steps), *_wrong_parameters(inner.get("Parameters") or [])):
        say(path, message)
    return problems


def _wrong_parameters(listed: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(listed, list):
        yield "Parameters", f"it is {describe(listed)}, expected a list"
        return
    for index, one in enumerate(listed):
        if not isinstance(one, dict) or not isinstance(one.get("Name"), str):
            yield f"Parameters[{index}]", "a parameter has no name"


def _no_lists(steps: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield the members of steps that have to be lists, and are something else."""
    for path, step in _all_steps(steps, "Steps"):
        given = step if isinstance(step, dict) else {}
        members = {key: given.get(key) for key in ("DependsOn", "OutputParameters")}
        arguments = given.get("Arguments")
        if given.get("Type") == "Condition" and isinstance(arguments, dict):
            members |= {f"Arguments.{key}": arguments.get(key) for key in _BRANCHES}
        for key, value in members.items():
            if not isinstance(value, list | None):
                yield f"{path}.{key}", f"it is {describe(value)}, expected a list"


def _all_steps(steps: list[Any], path: str) -> list[tuple[str, Any]]:
    """Return every step with its place, those in branches after the one that they stand in."""
    found: list[tuple[str, Any]] = []
    for index, step in enumerate(steps):
        here = f"{path}[{index}]"
        found.append((here, step))
        arguments = step.get("Arguments") if isinstance(step, dict) and step.get("Type") == "Condition" else None
        for branch in _BRANCHES:
            inner = arguments.get(branch) if isinstance(arguments, dict) else None
            found += _all_steps(inner, f"{here}.Arguments.{branch}") if isinstance(inner, list) else []
    return found


def _refuse(message: str, place: Place) -> NoReturn:
    hint = "it takes a definition, or what 'aws sagemaker describe-pipeline' prints"
    raise InputProblems(Problem(id="PB935", message=message, place=place, hint=hint))
