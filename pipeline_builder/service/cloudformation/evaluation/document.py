"""A CloudFormation template with the place of every node, and what its references and functions come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import DataPath, Document, Source, parse_yaml
from pipeline_builder.errors import InputProblems, Place, Problem

UNREADABLE = "PB620"
_FUNCTIONS = (
    "And", "Base64", "Cidr", "Equals", "FindInMap", "GetAZs", "GetAtt", "If", "ImportValue", "Join", "Not", "Or",
    "Select", "Split", "Sub", "Transform",
)  # fmt: skip
_TAGS = {"!Ref": "Ref", "!Condition": "Condition"} | {f"!{name}": f"Fn::{name}" for name in _FUNCTIONS}
_SECTIONS = (
    "AWSTemplateFormatVersion", "Conditions", "Description", "Mappings", "Metadata", "Outputs", "Parameters",
    "Resources", "Rules", "Transform",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource of a template: `body` is all of it, `properties` what its type takes."""

    id: str
    type: str
    body: Mapping[str, JSON]

    @property
    def properties(self) -> Mapping[str, JSON]:
        found = self.body.get("Properties")
        return found if isinstance(found, dict) else {}

    @property
    def path(self) -> DataPath:
        """Where its properties are in the template."""
        return ("Resources", self.id, "Properties")


@dataclass(frozen=True)
class Template:
    """A template, as it was written or resolved; functions have their long forms (`Ref`, `Fn::Sub`)."""

    document: Document

    @property
    def label(self) -> str:
        return self.document.source.label

    @property
    def data(self) -> Mapping[str, JSON]:
        assert isinstance(self.document.data, dict)
        return self.document.data

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """Every resource by its logical id."""
        return {
            key: Resource(id=key, type=str(body["Type"]), body=body)
            for key, body in self.section("Resources").items()
            if isinstance(body, dict)
        }

    def section(self, name: str) -> Mapping[str, JSON]:
        """Return a section such as `Parameters`; empty where there is none."""
        found = self.data.get(name)
        return found if isinstance(found, dict) else {}

    def of_type(self, resource_type: str) -> tuple[Resource, ...]:
        """Return all resources of the type, in the template's order."""
        return tuple(resource for resource in self.resources.values() if resource.type == resource_type)

    def place(self, path: DataPath = (), *, key: bool = False) -> Place:
        """Return the place of the value at the path (of its key with `key`), or of the nearest thing around it."""
        return self.document.place(path, key=key)


def load_template(text: str, label: str) -> Template:
    """Read a template with its functions' short forms (`!Ref`, `!Sub`, `!GetAtt`, …).

    Raises:
        InputProblems: it isn't YAML, or has not the shape of a template; all problems at once.
    """
    document = parse_yaml(Source(label, text), UNREADABLE, _TAGS, placed=True)
    document = Document(document.source, _long(document.data), document.look)
    problems = _shape_problems(document)
    if problems:
        raise InputProblems(*problems)
    return Template(document)


def _long(value: JSON) -> JSON:
    """Attributes may be written as one text; the long form is a list of the resource and the attribute."""
    if isinstance(value, list):
        return [_long(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: list[JSON](item.split(".", 1)) if key == "Fn::GetAtt" and isinstance(item, str) else _long(item)
        for key, item in value.items()
    }


def _shape_problems(document: Document) -> list[Problem]:
    data = document.data
    if not isinstance(data, dict):
        message = f"the template is {describe(data)}, expected a mapping with 'Resources'"
        return [Problem(id=UNREADABLE, message=message, place=document.place())]
    problems = [
        Problem(
            id=UNREADABLE,
            message=f"the section '{key}' is not one of a template",
            place=document.place((key,), key=True),
            hint=did_you_mean(key, _SECTIONS),
        )
        for key in data
        if key not in _SECTIONS
    ]
    for name in ("Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        section = data.get(name, {})
        if not isinstance(section, dict) or (name == "Resources" and not section):
            message = f"'{name}' is {describe(section) if section else 'empty'}, expected a mapping"
            problems.append(Problem(id=UNREADABLE, message=message, place=document.place((name,), key=True)))
        elif name != "Conditions":
            problems += [_entry_problem(document, name, key) for key, entry in section.items() if _odd(name, entry)]
    return problems


def _odd(section: str, entry: JSON) -> bool:
    return not isinstance(entry, dict) or (
        section in ("Resources", "Parameters") and not isinstance(entry.get("Type"), str)
    )


def _entry_problem(document: Document, section: str, key: str) -> Problem:
    message = f"'{key}' in '{section}' has no 'Type', or is no mapping"
    if section not in ("Resources", "Parameters"):
        message = f"'{key}' in '{section}' is no mapping"
    return Problem(id=UNREADABLE, message=message, place=document.place((section, key), key=True))
