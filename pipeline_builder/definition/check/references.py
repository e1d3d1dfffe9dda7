"""References of a step: to parameters, execution variables, properties of steps and property files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.dag.property_paths import bare_blank
from pipeline_builder.definition.check.behind import shape_at
from pipeline_builder.definition.check.faults import (
    NO_PARAMETER,
    NO_PROPERTY,
    NO_STEP,
    NOT_DECLARED,
    PROPERTY_FILE,
    below,
    fault_here,
)
from pipeline_builder.definition.check.flow import check_wait
from pipeline_builder.definition.check.language import LANGUAGE, NAMED_LISTS, PARAMETER_TYPES
from pipeline_builder.definition.check.scope import Scope, Step
from pipeline_builder.definition.shapes.fault import EXPECTED, WRONG_TYPE, Fault, is_reference
from pipeline_builder.definition.shapes.properties import Lookup, NoProperty, Property
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import member_at, names_of, text_of
from pipeline_builder.documents.schema import describe, did_you_mean

# The SDK's ExecutionVariables; the last two are of the step's own job.
EXECUTION_VARIABLES = (
    *("PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn"),
    *("StartDateTime", "CurrentDateTime", "TrainingJobName", "ProcessingJobName"),
)
# Where there is such a job: elsewhere the variable has no value.
_JOB_VARIABLES = {
    "TrainingJobName": ("Training", "Tuning"),
    "ProcessingJobName": ("Processing", "QualityCheck", "ClarifyCheck"),
}
_ITEM, _OUTPUT = "ForEach", "IterationOutput"
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
_OUTPUT_PARAMETER = re.compile(r"OutputParameters\[(?P<quote>['\"])(?P<name>[^'\"]*)(?P=quote)\]")
_PROPERTY_FILE = re.compile(r"Steps\.(?P<step>[^.]+)\.PropertyFiles\.(?P<file>.+)")


@dataclass(frozen=True, slots=True)
class References:
    """Checks the references of the step `name`; `waits` collects the steps that it needs."""

    scope: Scope
    waits: dict[str, None]
    name: str = ""

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
        if never := next(check_wait(self.scope, self.name, name), None):
            return never
        self.waits[name] = None
        return step

    def type_of(self, path: str) -> str | None:
        """Return the type of what a path leads to, in the service model's words; None where that isn't known."""
        kind, _, rest = path.partition(".")
        if kind == "Parameters":
            return PARAMETER_TYPES.get(self.scope.parameters.get(rest, ""))
        if kind == "Execution":
            return "string" if rest in EXECUTION_VARIABLES else None
        name, _, inner = rest.partition(".")
        step = self.scope.steps.get(name)
        if kind != "Steps" or step is None or step.type is None:
            return None
        if output := _OUTPUT_PARAMETER.fullmatch(inner):
            return PARAMETER_TYPES.get(step.outputs.get(output["name"], ""))
        found = _find(step.type.responses, inner)
        return None if isinstance(found, NoProperty) else found.type

    def anywhere(self, value: JSON) -> Iterator[Fault]:
        """Check every reference below a value whose own shape nobody has published."""
        if isinstance(value, dict) and is_reference(value):
            yield from self(value, "scalar")
        elif isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from below((key,), self.anywhere(item))

    def _function(self, key: str, inner: JSON) -> tuple[Fault, ...]:
        faults = below((key,), LANGUAGE.check(key, inner, self))
        if faults or key == "Std:Join" or not isinstance(inner, dict):
            return faults
        if ("PropertyFile" in inner) == ("S3Uri" in inner):
            return (fault_here(PROPERTY_FILE, "has a Std:JsonGet, which takes either 'PropertyFile' or 'S3Uri'"),)
        path = inner["Path"]
        if isinstance(path, str) and (quoted := bare_blank(path)):
            message = f"reads '{path}', where SageMaker takes a name with a blank in brackets only"
            return (fault_here(PROPERTY_FILE, message, f"write {quoted}"),)
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
            case "Parameters":
                return self._parameter(rest, wanted)
            case "Execution":
                return self._variable(rest, wanted)
            case "Steps":
                return self._property(path, *rest.partition(".")[::2], wanted)
            case _ if kind in (_ITEM, _OUTPUT) and self._iterates(kind):
                return ()
        expected = "one that begins with 'Parameters.', 'Steps.' or 'Execution.'"
        return (fault_here(WRONG_TYPE, f"is the reference '{path}', expected {expected}"),)

    def _parameter(self, name: str, wanted: str) -> tuple[Fault, ...]:
        if name not in self.scope.parameters:
            hint = did_you_mean(name, self.scope.parameters)
            return (fault_here(NO_PARAMETER, f"refers to the parameter '{name}', which isn't there", hint),)
        return _unfit(f"the parameter '{name}'", PARAMETER_TYPES.get(self.scope.parameters[name]), wanted)

    def _variable(self, name: str, wanted: str) -> tuple[Fault, ...]:
        if name not in EXECUTION_VARIABLES:
            message = f"refers to the execution variable '{name}', which isn't there"
            return (fault_here(NO_PARAMETER, message, did_you_mean(name, EXECUTION_VARIABLES)),)
        step, needed = self.scope.steps.get(self.name), _JOB_VARIABLES.get(name)
        if needed and step and step.type and step.kind not in needed:
            kinds = " or ".join(f"{kind}" for kind in needed)
            message = f"refers to the execution variable '{name}', which only a step of the type {kinds} has"
            return (fault_here(NO_PARAMETER, message),)
        return _unfit(f"the execution variable '{name}'", "string", wanted)

    def _iterates(self, kind: str) -> bool:
        """Tell whether there is an item here (within a ForEach step), or an iteration's output (in its selector)."""
        step = self.scope.steps.get(self.name)
        inside = step is not None and step.branch is not None and step.branch.type == _ITEM
        return step is not None and (step.kind == _ITEM if kind == _OUTPUT else inside)

    def _property(self, path: str, name: str, inner: str, wanted: str) -> tuple[Fault, ...]:
        step = self.step(name)
        if isinstance(step, Fault):
            return (step,)
        if step.type is None:  # its own fault says so
            return ()
        if output := _OUTPUT_PARAMETER.fullmatch(inner):
            return _output(path, step, name, output["name"], wanted)
        found = _find(step.type.responses, inner)
        if isinstance(found, NoProperty):
            return (fault_here(NO_PROPERTY, f"refers to '{path}', {found.message}", found.hint),)
        # Whether a property that is a number may stand for text isn't documented: it isn't refused here.
        known = found.type if found.type != "anything" else None
        unfit = _unfit(f"'{path}'", known, "scalar" if wanted == "string" else wanted)
        undeclared = (_undeclared(lookup, step.arguments) for lookup in found.lookups)
        return unfit or tuple(
            fault_here(NOT_DECLARED, f"refers to '{path}', and the step '{name}' has {what}", hint)
            for what, hint in filter(None, undeclared)
        )


def _find(responses: tuple[str, ...], path: str) -> Property | NoProperty:
    """Follow a path in the first of the responses that has it; else say what is wrong by the first."""
    missed = NoProperty("and the step has no properties")
    for index, response in enumerate(responses):
        shapes, name = shape_at(response)
        found = shapes.property(name, path)
        if not isinstance(found, NoProperty):
            return found
        missed = missed if index else found
    return missed


def _output(path: str, step: Step, name: str, output: str, wanted: str) -> tuple[Fault, ...]:
    """Look for an output parameter of a Lambda or Callback step among those that it declares."""
    if output not in step.outputs:
        message = f"refers to '{path}', and the step '{name}' has no '{output}' in 'OutputParameters'"
        return (fault_here(NOT_DECLARED, message, did_you_mean(output, step.outputs)),)
    kind = PARAMETER_TYPES.get(step.outputs[output])
    return _unfit(f"'{path}'", kind, "scalar" if wanted == "string" else wanted)


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
