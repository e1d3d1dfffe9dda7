"""Offline checks of a pipeline definition: its own language, every step's request, every reference."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.definition.check.language import CONDITION_TYPES, LANGUAGE, PARAMETER_TYPES, STEP_TYPES, StepType
from pipeline_builder.definition.shapes.shapes import (
    EXPECTED,
    MISSING_FIELD,
    OUT_OF_RANGE,
    WRONG_TYPE,
    Fault,
    Lookup,
    NoProperty,
)
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import DataPath
from pipeline_builder.target import JSON

# PB401 to PB406, what a request has that its API doesn't take, are in service_model.py.
NO_STEP = "PB407"  # a step that isn't there is referred to or waited for
NO_PROPERTY = "PB408"  # a reference to a property that the step's Describe response doesn't have
NOT_DECLARED = "PB409"  # a reference to an output, input or channel that the step doesn't declare
NO_PARAMETER = "PB410"  # a reference to a parameter or an execution variable that isn't there
STRUCTURE = "PB411"  # the definition's own language: version, keys, types, names
DUPLICATE = "PB412"  # a name that has to be unique stands twice
PROPERTY_FILE = "PB413"  # a property file that isn't declared, or is declared wrongly
LIMIT = "PB414"  # a limit of the definition's own language: sizes, counts, ranges
CYCLE = "PB415"  # steps wait for each other


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in the step (its name; empty outside of steps) at `path`, from the definition's root on."""

    step: str
    path: DataPath
    id: str
    message: str
    hint: str | None = None


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
# Lists of the requests whose entries have a name that is theirs alone, by the member that has it.
_NAMED_LISTS: Mapping[tuple[str, ...], str] = {
    ("ProcessingInputs",): "InputName",
    ("ProcessingOutputConfig", "Outputs"): "OutputName",
    ("InputDataConfig",): "ChannelName",
}
_PROPERTY_FILE = re.compile(r"Steps\.(?P<step>[^.]+)\.PropertyFiles\.(?P<file>.+)")


def check_definition(definition: JSON) -> tuple[Finding, ...]:
    """Return everything that is wrong with a definition (its JSON, loaded), in the order of the document.

    Nothing of a network or an account is looked at: quotas, permissions and whether data is there stay open.
    """
    if not isinstance(definition, dict):
        return (Finding("", (), STRUCTURE, f"the definition is {describe(definition)}, expected a mapping"),)
    scope = _scope(definition)
    found = [_finding("", (), fault) for fault in _check_outside(definition)]
    waits: dict[str, dict[str, None]] = {}
    for place in _places(definition, ("Steps",)):
        name = _text(place.step, "Name")
        references = _References(scope, waits.setdefault(name, {}))
        if place.condition:
            references.waits[place.condition] = None
        found += [_finding(name, place.path, fault) for fault in _check_step(place, references)]
    found += [_cycle(scope, cycle) for cycle in _cycles(waits)]
    return tuple(sorted(found, key=_position))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A step as it stands at `path`; `condition` is the name of the Condition step that it is nested in."""

    path: DataPath
    step: JSON
    condition: str = ""


def _places(holder: JSON, path: DataPath, condition: str = "") -> Iterator[_Place]:
    """Yield every step of a list of steps in the order of the document, each before those nested in it."""
    for index, step in enumerate(_items(holder, str(path[-1]))):
        place = _Place(path=(*path, index), step=step, condition=condition)
        yield place
        for branch in ("IfSteps", "ElseSteps") if _text(step, "Type") == "Condition" else ():
            inner = (*place.path, "Arguments", branch)
            yield from _places(_at(step, ("Arguments",)), inner, _text(step, "Name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What references may ask of a step; `type` is None where there is no such type."""

    path: DataPath
    type: StepType | None
    arguments: JSON
    property_files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What references may name: the type of each parameter, each step."""

    parameters: Mapping[str, str]
    steps: Mapping[str, _Step]


def _scope(definition: JSON) -> _Scope:
    parameters: dict[str, str] = {}
    for item in _items(definition, "Parameters"):
        parameters.setdefault(_text(item, "Name"), _text(item, "Type"))
    steps: dict[str, _Step] = {}
    for place in _places(definition, ("Steps",)):
        step = place.step
        known = _Step(
            path=place.path,
            type=STEP_TYPES.get(_text(step, "Type")),
            arguments=_at(step, ("Arguments",)),
            property_files=tuple(_text(item, "PropertyFileName") for item in _items(step, "PropertyFiles")),
        )
        steps.setdefault(_text(step, "Name"), known)
    parameters.pop("", None)
    steps.pop("", None)
    return _Scope(parameters=parameters, steps=steps)


def _check_outside(definition: JSON) -> Iterator[Fault]:
    """Check all that isn't a step's own."""
    yield from _outer(LANGUAGE.check("the definition", definition))
    for index, item in enumerate(_items(definition, "Parameters")):
        kind = _text(item, "Type")
        found = LANGUAGE.check(f"{kind if kind in PARAMETER_TYPES else 'String'} parameters", item)
        yield from _outer(_below(("Parameters", index), found))
        values, default = _items(item, "EnumValues"), _at(item, ("DefaultValue",))
        if values and default is not None and default not in values:
            message = f"is {describe(default)}, expected one of the 'EnumValues'"
            yield Fault(STRUCTURE, ("Parameters", index, "DefaultValue"), message)
    yield from _below(("Parameters",), _repeated(_items(definition, "Parameters"), "Name"))


def _check_step(place: _Place, references: _References) -> Iterator[Fault]:
    step = place.step
    kind = _text(step, "Type")
    yield from _outer(LANGUAGE.check(f"{kind} steps" if kind in STEP_TYPES else "steps", step))
    first = references.scope.steps.get(_text(step, "Name"))
    if first and first.path != place.path:
        message = f"is that of {_subject(first.path)} already, and now of {_subject(place.path)}"
        yield Fault(DUPLICATE, ("Name",), message)
    for at, item in enumerate(_items(step, "DependsOn")):
        yield from _below(("DependsOn", at), _check_dependency(item, references))
    for at, policy in enumerate(_items(step, "RetryPolicies")):
        if isinstance(policy, dict) and {"MaxAttempts", "ExpireAfterMin"} <= policy.keys():
            yield Fault(STRUCTURE, ("RetryPolicies", at), "has both 'MaxAttempts' and 'ExpireAfterMin', expected one")
    if isinstance(step, dict) and kind in STEP_TYPES and "Arguments" in step:
        yield from _below(("Arguments",), _check_arguments(STEP_TYPES[kind], step["Arguments"], references))
        yield from _below(("PropertyFiles",), _check_property_files(step))


def _check_dependency(item: JSON, references: _References) -> Iterator[Fault]:
    """An entry is a step's name, or a step with the end of it that lets this one run."""
    if isinstance(item, dict):
        yield from _outer(LANGUAGE.check("run conditions", item))
    elif not isinstance(item, str):
        yield Fault(STRUCTURE, (), f"is {describe(item)}, expected the name of a step")
    before = item if isinstance(item, str) else _text(item, "Step")
    if before and isinstance(missing := references.step(before), Fault):
        yield missing


def _check_arguments(step_type: StepType, arguments: JSON, references: _References) -> Iterator[Fault]:
    if not step_type.api:
        yield from _outer(step_type.shapes.check(step_type.request, arguments, references))
        yield from _check_conditions(arguments, references)
        return
    for fault in step_type.shapes.check(step_type.request, arguments, references):
        if (fault.id, fault.path) != (MISSING_FIELD, (step_type.generated,)):
            yield fault
    for path, key in _NAMED_LISTS.items():
        yield from _below(path, _repeated(_at(arguments, path), key))


def _check_conditions(holder: JSON, references: _References) -> Iterator[Fault]:
    for index, item in enumerate(_items(holder, "Conditions")):
        yield from _below(("Conditions", index), _check_condition(item, references))


def _check_condition(item: JSON, references: _References) -> Iterator[Fault]:
    kind = _text(item, "Type")
    yield from _outer(
        LANGUAGE.check(f"{kind} conditions" if kind in CONDITION_TYPES else "conditions", item, references)
    )
    if kind == "Not" and _at(item, ("Condition",)) is not None:
        yield from _below(("Condition",), _check_condition(_at(item, ("Condition",)), references))
    if kind == "Or":
        yield from _check_conditions(item, references)


def _check_property_files(step: JSON) -> Iterator[Fault]:
    outputs = _names(_at(step, ("Arguments", "ProcessingOutputConfig", "Outputs")), "OutputName")
    for index, output in enumerate(_names(_at(step, ("PropertyFiles",)), "OutputName")):
        if output and output not in outputs:
            hint = did_you_mean(output, [name for name in outputs if name])
            yield Fault(PROPERTY_FILE, (index, "OutputName"), f"is '{output}', which the step has no output of", hint)
    yield from _repeated(_at(step, ("PropertyFiles",)), "PropertyFileName")


@dataclass(frozen=True, slots=True)
class _References:
    """Checks the references of one step; `waits` collects the steps that it needs."""

    scope: _Scope
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
                return (_fault(WRONG_TYPE, f"gets {describe(inner)}, expected a text such as 'Parameters.Name'"),)
        hint = did_you_mean(key, ("Std:Join", "Std:JsonGet"))
        return (_fault(WRONG_TYPE, f"has the function '{key}', which isn't there", hint),)

    def step(self, name: str) -> _Step | Fault:
        """Return the step and note that it is needed."""
        step = self.scope.steps.get(name)
        if step is None:
            message = f"refers to the step '{name}', which isn't there"
            return _fault(NO_STEP, message, did_you_mean(name, self.scope.steps))
        self.waits[name] = None
        return step

    def _function(self, key: str, inner: JSON) -> tuple[Fault, ...]:
        faults = _below((key,), LANGUAGE.check(key, inner, self))
        if faults or key == "Std:Join" or not isinstance(inner, dict):
            return faults
        if ("PropertyFile" in inner) == ("S3Uri" in inner):
            return (_fault(PROPERTY_FILE, "has a Std:JsonGet, which takes either 'PropertyFile' or 'S3Uri'"),)
        return self._property_file(_text(inner["PropertyFile"], "Get")) if "PropertyFile" in inner else ()

    def _property_file(self, path: str) -> tuple[Fault, ...]:
        match = _PROPERTY_FILE.fullmatch(path)
        if match is None:
            return (_fault(PROPERTY_FILE, f"reads '{path}', expected 'Steps.<step>.PropertyFiles.<name>'"),)
        step = self.step(match["step"])
        if isinstance(step, Fault):
            return (step,)
        if match["file"] in step.property_files:
            return ()
        message = f"reads the property file '{match['file']}', which the step '{match['step']}' doesn't declare"
        return (_fault(PROPERTY_FILE, message, did_you_mean(match["file"], step.property_files)),)

    def _get(self, path: str, wanted: str) -> tuple[Fault, ...]:
        kind, _, rest = path.partition(".")
        match kind:
            case "Parameters" if rest not in self.scope.parameters:
                hint = did_you_mean(rest, self.scope.parameters)
                return (_fault(NO_PARAMETER, f"refers to the parameter '{rest}', which isn't there", hint),)
            case "Parameters":
                return _unfit(f"the parameter '{rest}'", PARAMETER_TYPES.get(self.scope.parameters[rest]), wanted)
            case "Execution" if rest not in EXECUTION_VARIABLES:
                hint = did_you_mean(rest, EXECUTION_VARIABLES)
                return (_fault(NO_PARAMETER, f"refers to the execution variable '{rest}', which isn't there", hint),)
            case "Execution":
                return _unfit(f"the execution variable '{rest}'", "string", wanted)
            case "Steps":
                return self._property(path, *rest.partition(".")[::2], wanted)
        expected = "one that begins with 'Parameters.', 'Steps.' or 'Execution.'"
        return (_fault(WRONG_TYPE, f"is the reference '{path}', expected {expected}"),)

    def _property(self, path: str, name: str, inner: str, wanted: str) -> tuple[Fault, ...]:
        step = self.step(name)
        if isinstance(step, Fault):
            return (step,)
        if step.type is None:  # its own fault says so
            return ()
        found = step.type.shapes.property(step.type.response, inner)
        if isinstance(found, NoProperty):
            return (_fault(NO_PROPERTY, f"refers to '{path}', {found.message}", found.hint),)
        # Whether a property that is a number may stand for text isn't documented: it isn't refused here.
        unfit = _unfit(f"'{path}'", found.type, "scalar" if wanted == "string" else wanted)
        undeclared = (_undeclared(lookup, step.arguments) for lookup in found.lookups)
        return unfit or tuple(
            _fault(NOT_DECLARED, f"refers to '{path}', and the step '{name}' has {what}", hint)
            for what, hint in filter(None, undeclared)
        )


def _unfit(what: str, found: str | None, wanted: str) -> tuple[Fault, ...]:
    """Compare a reference's type with the one that is expected; None is a type that isn't known."""
    if found is None or found in _FITTING[wanted]:
        return ()
    hint = "put it into a Std:Join, which makes text of it" if wanted == "string" else None
    return (_fault(WRONG_TYPE, f"refers to {what}, which is {EXPECTED[found]}, expected {EXPECTED[wanted]}", hint),)


def _undeclared(lookup: Lookup, arguments: JSON) -> tuple[str, str | None] | None:
    """A list that request and response both have is the same list: say what the request's hasn't."""
    declared, where = _at(arguments, lookup.path), ".".join(lookup.path)
    if isinstance(lookup.at, int):
        short = isinstance(declared, list) and lookup.at >= len(declared)
        return (f"no [{lookup.at}] in '{where}'", None) if short else None
    names = _names(declared, lookup.key)
    if _NAMED_LISTS.get(lookup.path) != lookup.key or lookup.at in names or None in names:
        return None
    return f"no '{lookup.at}' in '{where}'", did_you_mean(lookup.at, [name for name in names if name])


def _cycles(waits: Mapping[str, Mapping[str, None]]) -> Iterator[list[str]]:
    """Yield cycles of steps that wait for each other until there is none; no step is in two of them."""
    left = {name: set(before) for name, before in waits.items()}
    while left:
        try:
            graphlib.TopologicalSorter(left).prepare()
            return
        except graphlib.CycleError as error:
            cycle: list[str] = error.args[1][:-1]
        yield cycle
        left = {name: before.difference(cycle) for name, before in left.items() if name not in cycle}


def _cycle(scope: _Scope, cycle: list[str]) -> Finding:
    """Show the cycle from its first step on, each step before the one that waits for it."""
    start = min(range(len(cycle)), key=lambda at: _order(scope.steps[cycle[at]].path))
    names = [*cycle[start:], *cycle[:start]]
    shown = " >> ".join([*names, names[0]])
    message = "the step waits for itself" if len(cycle) == 1 else f"steps wait for each other in a cycle: {shown}"
    return Finding(names[0], scope.steps[names[0]].path, CYCLE, message)


def _fault(problem_id: str, message: str, hint: str | None = None) -> Fault:
    return Fault(problem_id, (), message, hint)


def _below(path: DataPath, faults: Iterable[Fault]) -> tuple[Fault, ...]:
    return tuple(Fault(fault.id, (*path, *fault.path), fault.message, fault.hint) for fault in faults)


def _outer(faults: Iterable[Fault]) -> Iterator[Fault]:
    """Give faults of the definition's own language the ids of it: PB401 to PB406 are the API's."""
    for fault in faults:
        if fault.id > OUT_OF_RANGE:  # of a reference
            yield fault
            continue
        own = LIMIT if fault.id == OUT_OF_RANGE else STRUCTURE
        own = PROPERTY_FILE if "PropertyFiles" in fault.path else own
        yield Fault(own, fault.path, fault.message, fault.hint)


def _repeated(items: JSON, key: str) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, name in enumerate(_names(items, key)):
        if name is not None and first.setdefault(name, index) != index:
            yield Fault(DUPLICATE, (index, key), f"is '{name}', which [{first[name]}] has already")


def _finding(step: str, base: DataPath, fault: Fault) -> Finding:
    """Make a finding; its message names the place in the step, or where there is no step's name in the definition."""
    path = (*base, *fault.path)
    shown = fault.path if step else path
    subject = _subject(shown[1:] if step and shown[:1] == ("Arguments",) and len(shown) > 1 else shown)
    where = f"'{subject}'" if subject else "the step" if step else "the definition"
    return Finding(step, path, fault.id, f"{where} {fault.message}", fault.hint)


def _subject(path: DataPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _order(path: DataPath) -> list[tuple[int, str]]:
    return [(part, "") if isinstance(part, int) else (-1, part) for part in path]


def _position(finding: Finding) -> tuple[list[tuple[int, str]], str, str]:
    return _order(finding.path), finding.id, finding.message


def _at(value: JSON, path: tuple[str, ...]) -> JSON:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _items(value: JSON, key: str) -> list[JSON]:
    inner = _at(value, (key,))
    return inner if isinstance(inner, list) else []


def _text(value: JSON, key: str) -> str:
    inner = _at(value, (key,))
    return inner if isinstance(inner, str) else ""


def _names(items: JSON, key: str) -> list[str | None]:
    """Return the name of each entry of a list; None for one that is no plain text (a reference)."""
    return [_text(item, key) or None for item in items] if isinstance(items, list) else []
