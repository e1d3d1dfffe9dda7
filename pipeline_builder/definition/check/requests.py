"""A step's request against its API, and what the step says of the files that the job makes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

from pipeline_builder.definition.check.behind import shape_at
from pipeline_builder.definition.check.conditions import check_conditions
from pipeline_builder.definition.check.faults import NUL, PROPERTY_FILE, STRUCTURE, as_own, below, repeated
from pipeline_builder.definition.check.language import LANGUAGE, NAMED_LISTS, OF_CHECKS
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.shapes.fault import MISSING_FIELD, Fault
from pipeline_builder.definition.shapes.kinds import StepType
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, names_of, text_of
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.documents.source import DataPath

# What a container's process gets as its words and variables.
_OF_PROCESS = frozenset(
    ("Environment", "HyperParameters", "StaticHyperParameters", "ContainerArguments", "ContainerEntrypoint")
)
_ANYTHING = ("own:any arguments", "own:the arguments of Lambda steps", "own:the arguments of Callback steps")


def check_arguments(step_type: StepType, step: JSON, references: References) -> Iterator[Fault]:
    """Check what a step asks for, by its type; the name that the service makes may be missing."""
    arguments = member_at(step, ("Arguments",))
    shapes, name = shape_at(step_type.request)
    found = shapes.check(name, arguments, references)
    if not step_type.api:
        yield from as_own(found)
        yield from _check_own(step_type, text_of(step, "Type"), arguments, references)
        return
    for fault in found:
        if (fault.id, fault.path) != (MISSING_FIELD, (step_type.generated,)):
            yield fault
    for at in _nuls(arguments):
        words = "has a NUL (\\0), which no process can be given in its arguments and variables"
        yield Fault(NUL, at, words, stage="job")
    for path, key in NAMED_LISTS.items():
        for fault in below(path, repeated(member_at(arguments, path), key)):
            yield replace(fault, stage="job")


def _nuls(arguments: JSON) -> Iterator[DataPath]:
    """Yield where a text that a process is given has the character that ends one there; the API takes it."""
    todo: list[tuple[DataPath, JSON]] = [((), arguments)]  # a request may be of any depth
    while todo:
        path, value = todo.pop()
        given = not _OF_PROCESS.isdisjoint(path)
        match value:
            case dict():
                if given and any("\0" in key for key in value):
                    yield path
                todo += [((*path, key), item) for key, item in reversed(value.items())]
            case list():
                todo += [((*path, index), item) for index, item in enumerate(value)][::-1]
            case str() if given and "\0" in _decoded(value):
                yield path


def _decoded(text: str) -> str:
    """Return a text as a toolkit hands it on: hyperparameters are JSON, which it reads."""
    if "\\u0000" not in text:
        return text
    with contextlib.suppress(ValueError):
        inner = json.loads(text)
        return inner if isinstance(inner, str) else text
    return text


def _check_own(step_type: StepType, kind: str, arguments: JSON, references: References) -> Iterator[Fault]:
    """Check what the shape of arguments in the definition's own language leaves open."""
    match kind:
        case "Condition":
            yield from check_conditions(arguments, references)
        case "EMR" | "EMRServerless":
            pair = ("ClusterId", "ClusterConfig") if kind == "EMR" else ("ApplicationId", "ApplicationConfig")
            given = [key for key in pair if isinstance(arguments, dict) and key in arguments]
            if len(given) != 1:
                yield Fault(
                    STRUCTURE, (), f"has {' and '.join(given) or 'none'} of '{pair[0]}' and '{pair[1]}', expected one"
                )
        case "Cleanup":
            for index, item in enumerate(items_of(member_at(arguments, ("Resources",)), "S3")):
                found = references.step(text_of(item, "StepName"))
                if isinstance(found, Fault):
                    yield from below(("Resources", "S3", index, "StepName"), (found,))
        case "ForEach":
            for key in ("IterableItems", "Selector"):
                yield from below((key,), references.anywhere(member_at(arguments, (key,))))
        case _ if step_type.request in _ANYTHING:
            yield from references.anywhere(arguments)


def check_own_keys(step_type: StepType, step: JSON, references: References) -> Iterator[Fault]:
    """Check the members beside a step's arguments that only its type has: references may stand in them."""
    for key in step_type.own_keys:
        value = member_at(step, (key,))
        if key == "OutputParameters":
            faults = as_own(LANGUAGE.check("OutputParameterList", value)) if value is not None else ()
            yield from below((key,), (*faults, *repeated(value, "OutputName")))
        elif key in OF_CHECKS:
            faults = as_own(LANGUAGE.check(key, value, references)) if value is not None else ()
            yield from below((key,), faults)
        else:
            yield from below((key,), references.anywhere(value))


def check_property_files(step: JSON) -> Iterator[Fault]:
    """Check that each property file is of an output that the job has."""
    outputs = names_of(member_at(step, ("Arguments", "ProcessingOutputConfig", "Outputs")), "OutputName")
    for index, output in enumerate(names_of(member_at(step, ("PropertyFiles",)), "OutputName")):
        if output and output not in outputs:
            hint = did_you_mean(output, [name for name in outputs if name])
            yield Fault(PROPERTY_FILE, (index, "OutputName"), f"is '{output}', which the step has no output of", hint)
    yield from repeated(member_at(step, ("PropertyFiles",)), "PropertyFileName")
