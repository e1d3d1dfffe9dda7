"""What a template comes to when its parameters, conditions, references and functions are worked out."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.service.cloudformation.evaluation.document import Resource, Template
from pipeline_builder.service.cloudformation.evaluation.functions import (
    FUNCTIONS,
    WrongArgumentError,
    as_text,
    find_in_map,
)
from pipeline_builder.service.cloudformation.evaluation.parameters import UNRESOLVED, read_parameters
from pipeline_builder.service.cloudformation.evaluation.physical import Home, fill, kind_of

# A literal may have any letters between its braces, IAM's `${$}` for one.
_VARIABLE = re.compile(r"\$\{(!?)((?<=!)[^{}]*|[^${}]*)\}")


class _NoValue:
    """What `AWS::NoValue` comes to: the key or item that it stands for isn't there."""


_NO_VALUE = _NoValue()
_Value = JSON | _NoValue


def resolve_template(template: Template, parameters: Mapping[str, str], home: Home) -> Template:
    """Return the template without functions; what a condition leaves out is gone, places are where things were written.

    Resources have made-up names where they have no name property (see physical.py); parameters without a value take
    their default.

    Raises:
        InputProblems: parameters that are missing, unknown or not allowed; references to what isn't there; functions
            that are unknown or wrongly written; all at once.
    """
    evaluation = _Evaluation(template, parameters, home)
    data = evaluation.whole()
    if evaluation.problems:
        raise InputProblems(*evaluation.problems)
    return Template(Document(template.document.source, data, lambda: (evaluation.keys, evaluation.values)))


def _pseudo_parameters(home: Home) -> dict[str, _Value]:
    return {
        "AWS::AccountId": home.account,
        "AWS::Region": home.region,
        "AWS::Partition": home.partition,
        "AWS::StackName": home.stack,
        "AWS::StackId": home.stack_id,
        "AWS::URLSuffix": home.suffix,
        "AWS::NotificationARNs": [],
        "AWS::NoValue": _NO_VALUE,
    }


class _Evaluation:
    """One walk over a template: values out, and on the way the places and the problems.

    `path` is where a value stands in the template, `out` where it comes to stand in the result; None where it goes
    into a text, or is looked at only.
    """

    def __init__(self, template: Template, parameters: Mapping[str, str], home: Home) -> None:
        self.template = template
        self.home = home
        self.resources = template.resources
        self.parameters, problems = read_parameters(template, parameters)
        self.problems = list[Problem](problems)
        self.keys: dict[DataPath, tuple[int, int]] = {}
        self.values: dict[DataPath, tuple[int, int]] = {}
        self.conditions: dict[str, bool] = {}
        self.open: list[str] = []
        self.pseudo = _pseudo_parameters(home)
        mappings = template.section("Mappings")
        plain = {**FUNCTIONS, "Fn::FindInMap": lambda argument: find_in_map(mappings, argument)}
        self.functions: Mapping[str, Callable[[JSON, DataPath], _Value]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            **{name: functools.partial(self._applied, function) for name, function in plain.items()},
            **dict.fromkeys(("Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"), self._misplaced),
        }

    def whole(self) -> dict[str, JSON]:
        result: dict[str, JSON] = {}
        for name, section in self.template.data.items():
            self._note((name,), (name,))
            if name in ("Resources", "Outputs") and isinstance(section, dict):
                result[name] = {
                    key: self._plain(entry, (name, key), (name, key))
                    for key, entry in section.items()
                    if isinstance(entry, dict) and self._is_made(entry, (name, key))
                }
            else:
                result[name] = section
                self._copy((name,))
        for name in self.template.section("Conditions"):
            self._condition(name, ("Conditions", name))
        return result

    def _is_made(self, entry: Mapping[str, JSON], path: DataPath) -> bool:
        condition = entry.get("Condition")
        return self._condition(condition, (*path, "Condition")) if isinstance(condition, str) else True

    def _note(self, path: DataPath, out: DataPath | None) -> None:
        if out is not None:
            for source, target in (
                (self.template.document.keys, self.keys),
                (self.template.document.values, self.values),
            ):
                if path in source:
                    target[out] = source[path]

    def _copy(self, path: DataPath) -> None:
        for source, target in ((self.template.document.keys, self.keys), (self.template.document.values, self.values)):
            target |= {known: at for known, at in source.items() if known[: len(path)] == path}

    def _plain(self, raw: JSON, path: DataPath, out: DataPath | None = None) -> JSON:
        """Return a value that must be there; where it is left out, nothing."""
        value = self._value(raw, path, out)
        return None if isinstance(value, _NoValue) else value

    def _value(self, raw: JSON, path: DataPath, out: DataPath | None = None) -> _Value:
        self._note(path, out)
        if isinstance(raw, list):
            return self._items(raw, path, out)
        if not isinstance(raw, dict):
            return raw
        name = next(iter(raw)) if len(raw) == 1 else ""
        if name == "Fn::If":
            return self._if(raw[name], (*path, name), out)
        if name in self.functions:
            return self.functions[name](raw[name], (*path, name))
        if name.startswith("Fn::"):
            return self._problem(path, f"the function '{name}' is not known here", did_you_mean(name, self.functions))
        return self._members(raw, path, out)

    def _items(self, raw: list[JSON], path: DataPath, out: DataPath | None) -> list[JSON]:
        items: list[JSON] = []
        for index, item in enumerate(raw):
            value = self._value(item, (*path, index), None if out is None else (*out, len(items)))
            if not isinstance(value, _NoValue):
                items.append(value)
        return items

    def _members(self, raw: dict[str, JSON], path: DataPath, out: DataPath | None) -> dict[str, JSON]:
        members: dict[str, JSON] = {}
        for key, item in raw.items():
            value = self._value(item, (*path, key), None if out is None else (*out, key))
            if not isinstance(value, _NoValue):
                members[key] = value
        return members

    def _problem(self, path: DataPath, message: str, hint: str | None = None) -> str:
        """Note a problem; what can't be worked out is an empty text to what is around it."""
        self.problems.append(Problem(id=UNRESOLVED, message=message, place=self.template.place(path), hint=hint))
        return ""

    def _misplaced(self, _argument: JSON, path: DataPath) -> _Value:
        return self._problem(path, f"'{path[-1]}' decides conditions, and nothing else", "write it under 'Conditions'")

    # References

    def _ref(self, argument: JSON, path: DataPath) -> _Value:
        name = argument if isinstance(argument, str) else ""
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        if name in self.resources:
            return self._physical(self.resources[name], "", path)
        known = (*self.parameters, *self.resources, *self.pseudo)
        message = f"{describe(argument)} is neither a parameter nor a resource of this template"
        return self._problem(path, message, did_you_mean(name, known))

    def _attribute(self, argument: JSON, path: DataPath) -> _Value:
        match argument:
            case [str(name), str(attribute)] if name in self.resources:
                return self._physical(self.resources[name], attribute, path)
            case [str(name), str(_)]:
                return self._problem(
                    path, f"'{name}' is no resource of this template", did_you_mean(name, self.resources)
                )
        return self._problem(path, "'Fn::GetAtt' takes a resource and an attribute")

    def _physical(self, resource: Resource, attribute: str, path: DataPath) -> _Value:
        """Return what Ref gives for the resource, or one of its attributes."""
        if not self._is_made(resource.body, ("Resources", resource.id)):
            return self._problem(path, f"'{resource.id}' is not made here: its condition is false")
        if resource.id in self.open:
            return self._problem(path, f"'{resource.id}' has a name that depends on itself")
        kind = kind_of(resource.type)
        form = kind.attributes.get(attribute) if attribute else kind.ref
        if form is None:
            message = f"{resource.type} has no attribute '{attribute}' that is known here"
            return self._problem(path, message, did_you_mean(attribute, kind.attributes))
        self.open.append(resource.id)
        try:
            words = {"name": kind.name} | {word: word for word in kind.also}
            found = {word: self._name(resource, key) for word, key in words.items()}
        finally:
            self.open.pop()
        return fill(form, self.home, resource.id, {**kind.also, **{word: name for word, name in found.items() if name}})

    def _name(self, resource: Resource, key: str) -> str:
        return as_text(self._plain(resource.properties.get(key), (*resource.path, key)))

    # Texts and lists

    def _sub(self, argument: JSON, path: DataPath) -> _Value:
        form, words = argument, dict[str, JSON]()
        if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
            form, words = argument[0], argument[1]
        if not isinstance(form, str):
            return self._problem(path, "'Fn::Sub' takes a text, or a list of a text and a mapping")

        def replace(match: re.Match[str]) -> str:
            name = match[2].strip()
            if match[1]:
                return f"${{{match[2]}}}"
            if name in words:
                return self._word(self._value(words[name], (*path, 1, name)), name, path)
            found = self._attribute(name.split(".", 1), path) if "." in name else self._ref(name, path)  # type: ignore[arg-type] # a list of texts is one of JSON
            return self._word(found, name, path)

        return _VARIABLE.sub(replace, form)

    def _word(self, value: _Value, name: str, path: DataPath) -> str:
        if isinstance(value, list | dict | _NoValue):
            self._problem(path, f"'${{{name}}}' is no text")
            return ""
        return as_text(value)

    def _applied(self, function: Callable[[JSON], JSON], argument: JSON, path: DataPath) -> _Value:
        try:
            return function(self._plain(argument, path))
        except WrongArgumentError as error:
            return self._problem(path, str(error))

    # Conditions

    def _if(self, argument: JSON, path: DataPath, out: DataPath | None) -> _Value:
        match argument:
            case [str(condition), then, otherwise]:
                met = self._condition(condition, (*path, 0))
                return self._value(then if met else otherwise, (*path, 1 if met else 2), out)
        return self._problem(path, "'Fn::If' takes a condition's name and two values")

    def _condition(self, name: str, path: DataPath) -> bool:
        if name in self.conditions:
            return self.conditions[name]
        section = self.template.section("Conditions")
        if name not in section or f"condition {name}" in self.open:
            message = f"'{name}' is no condition of this template" if name not in section else f"'{name}' needs itself"
            self._problem(path, message, did_you_mean(name, section) if name not in section else None)
            return False
        self.open.append(f"condition {name}")
        try:
            self.conditions[name] = self._truth(section[name], ("Conditions", name))
        finally:
            self.open.pop()
        return self.conditions[name]

    def _truth(self, raw: JSON, path: DataPath) -> bool:
        match raw:
            case {"Fn::Equals": [left, right]}:
                left, right = (
                    self._plain(side, (*path, "Fn::Equals", index)) for index, side in enumerate((left, right))
                )
                return _comparable(left) == _comparable(right)
            case {"Fn::Not": [item]}:
                return not self._truth(item, (*path, "Fn::Not", 0))
            case {"Fn::And": list(items)} if 2 <= len(items) <= 10:
                return all(self._truths(items, (*path, "Fn::And")))
            case {"Fn::Or": list(items)} if 2 <= len(items) <= 10:
                return any(self._truths(items, (*path, "Fn::Or")))
            case {"Condition": str(name)}:
                return self._condition(name, path)
        self._problem(path, "a condition is 'Fn::Equals', 'Fn::Not', 'Fn::And', 'Fn::Or' or 'Condition'")
        return False

    def _truths(self, items: list[JSON], path: DataPath) -> list[bool]:
        """All of them, also those that decide nothing: each may have a problem."""
        return [self._truth(item, (*path, index)) for index, item in enumerate(items)]


def _comparable(value: JSON) -> JSON:
    return value if isinstance(value, list | dict) else as_text(value)
