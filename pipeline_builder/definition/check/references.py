"""References of a step: to parameters, execution variables, properties of steps and property files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.definition.check.faults import (
    NO_PARAMETER,
    NO_PROPERTY,
    NO_STEP,
    NOT_DECLARED,
    PROPERTY_FILE,
    below,
    fault_here,
)
from pipeline_builder.definition.check.language import LANGUAGE, NAMED_LISTS, PARAMETER_TYPES
from pipeline_builder.definition.check.members import member_at, names_of, text_of
from pipeline_builder.definition.check.scope import Scope, Step
from pipeline_builder.definition.shapes.fault import EXPECTED, WRONG_TYPE, Fault
from pipeline_builder.definition.shapes.properties import Lookup, NoProperty
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean

EXECUTION_VARIABLES = (
    *("PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn"),
    *("StartDateTime", "CurrentDateTime"),
)
# Which types may stand where one is expected. A parameter that is no text can't stand for text: the service refuses it
# (aws/sagemaker-python-sdk, issues 2425 and 2631).
_WHOLE = ("integer", "long")
_NUMBER = (*_WHOLE, "float", "double")
_FITTING: Mapping[str, tuple[str, ...]] = {
    "string": ("string",),
    **dict.fromkeys(_WHOLE, _WHOLE),
    **dict.fromkeys(("float", "double"), _NUMBER),
    "boolean": ("boolean",),
    "scalar": ("string", *_NUMBER, "boolean", "timestamp"),
}
_PROPERTY_FILE = re.compile(r"Steps\.(?P<step>[^.]+)\.PropertyFiles\.(?P<file>.+)")


@dataclass(frozen=True, slots=True)
class References:
    """Checks the references of one step; `waits` collects the steps that it needs."""

    scope: Scope
    waits: dict[str, None]

    def __call__(self, value: dict[str, JSON], wanted: str) -> tuple[Fault, ...]:
        ((key, inner),) = value.items()
        match key, inner:
            case "Get", str():
                return self._get(inner, wanted)
            case "Std:Join", _:
                return (*self._function(key, inner), *_unfit(key, "string", wanted))
            case "Std:JsonGet", _:  # what the file has there, of whatever type
                return self._function(key, inner)
            case "Get", _:
                return (fault_here(WRONG_TYPE, f"gets {describe(inner)}, expected a text such as 'Parameters.Name'"),)
        hint = did_you_mean(key, ("Std:Join", "Std:JsonGet"))
        return (fault_here(WRONG_TYPE, f"has the function '{key}', which isn't there", hint),)

    def step(self, name: str) -> Step | Fault:
        """Return the step and note that it is needed."""
        step = self.scope.steps.get(name)
        if step is None:
            message = f"refers to the step '{name}', which isn't there"
            return fault_here(NO_STEP, message, did_you_mean(name, self.scope.steps))
        self.waits[name] = None
        return step

    def _function(self, key: str, inner: JSON) -> tuple[Fault, ...]:
        faults = below((key,), LANGUAGE.check(key, inner, self))
        if faults or key == "Std:Join" or not isinstance(inner, dict):
            return faults
        if ("PropertyFile" in inner) == ("S3Uri" in inner):
            return (fault_here(PROPERTY_FILE, "has a Std:JsonGet, which takes either 'PropertyFile' or 'S3Uri'"),)
        return self._property_file(text_of(inner["PropertyFile"], "Get")) if "PropertyFile" in inner else ()

    def _property_file(self, path: str) -> tuple[Fault, ...]:
        match = _PROPERTY_FILE.fullmatch(path)
        if match is None:
            return (fault_here(PROPERTY_FILE, f"reads '{path}', expected 'Steps.<step>.PropertyFiles.<name>'"),)
        step = self.step(match["step"])
        if isinstance(step, Fault):
            return (step,)
        if match["file"] in step.property_files:
            return ()
        message = f"reads the property file '{match['file']}', which the step '{match['step']}' doesn't declare"
        return (fault_here(PROPERTY_FILE, message, did_you_mean(match["file"], step.property_files)),)

    def _get(self, path: str, wanted: str) -> tuple[Fault, ...]:
        kind, _, rest = path.partition(".")
        match kind:
            case "Parameters" if rest not in self.scope.parameters:
                hint = did_you_mean(rest, self.scope.parameters)
                return (fault_here(NO_PARAMETER, f"refers to the parameter '{rest}', which isn't there", hint),)
            case "Parameters":
                return _unfit(f"the parameter '{rest}'", PARAMETER_TYPES.get(self.scope.parameters[rest]), wanted)
            case "Execution" if rest not in EXECUTION_VARIABLES:
                message = f"refers to the execution variable '{rest}', which isn't there"
                return (fault_here(NO_PARAMETER, message, did_you_mean(rest, EXECUTION_VARIABLES)),)
            case "Execution":
                return _unfit(f"the execution variable '{rest}'", "string", wanted)
            case "Steps":
                return self._property(path, *rest.partition(".")[::2], wanted)
        expected = "one that begins with 'Parameters.', 'Steps.' or 'Execution.'"
        return (fault_here(WRONG_TYPE, f"is the reference '{path}', expected {expected}"),)

    def _property(self, path: str, name: str, inner: str, wanted: str) -> tuple[Fault, ...]:
        step = self.step(name)
        if isinstance(step, Fault):
            return (step,)
        if step.type is None:  # its own fault says so
            return ()
        found = step.type.shapes.property(step.type.response, inner)
        if isinstance(found, NoProperty):
            return (fault_here(NO_PROPERTY, f"refers to '{path}', {found.message}", found.hint),)
        # Whether a property that is a number may stand for text isn't documented: it isn't refused here.
        unfit = _unfit(f"'{path}'", found.type, "scalar" if wanted == "string" else wanted)
        undeclared = (_undeclared(lookup, step.arguments) for lookup in found.lookups)
        return unfit or tuple(
            fault_here(NOT_DECLARED, f"refers to '{path}', and the step '{name}' has {what}", hint)
            for what, hint in filter(None, undeclared)
        )


def _unfit(what: str, found: str | None, wanted: str) -> tuple[Fault, ...]:
    """Compare a reference's type with the one that is expected; None is a type that isn't known."""
    if found is None or found in _FITTING[wanted]:
        return ()
    hint = "put it into a Std:Join, which makes text of it" if wanted == "string" else None
    return (fault_here(WRONG_TYPE, f"refers to {what}, which is {EXPECTED[found]}, expected {EXPECTED[wanted]}", hint),)


def _undeclared(lookup: Lookup, arguments: JSON) -> tuple[str, str | None] | None:
    """A list that request and response both have is the same list: say what the request's hasn't."""
    declared, where = member_at(arguments, lookup.path), ".".join(lookup.path)
    if isinstance(lookup.at, int):
        short = isinstance(declared, list) and lookup.at >= len(declared)
        return (f"no [{lookup.at}] in '{where}'", None) if short else None
    names = names_of(declared, lookup.key)
    if NAMED_LISTS.get(lookup.path) != lookup.key or lookup.at in names or None in names:
        return None
    return f"no '{lookup.at}' in '{where}'", did_you_mean(lookup.at, [name for name in names if name])
