"""Secrets in plain text: whoever may describe the stack reads every value of its template."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline_builder.cloudformation.checks.environment import secret_problem
from pipeline_builder.cloudformation.checks.view import Node, Service
from pipeline_builder.cloudformation.document import Template
from pipeline_builder.credentials import looks_like_secret
from pipeline_builder.errors import Problem
from pipeline_builder.target import JSON

_NAMES, _VALUES = ("Name", "name", "Key", "ParameterKey"), ("Value", "value", "DefaultValue", "ParameterValue")


def check_secrets(service: Service) -> Iterator[Problem]:
    """Check every value by its key, and every line of the text by its form alone, comments too."""
    for template in service.templates:
        found = list(_values(Node(template, (), dict(template.data)), ""))
        lines = {problem.place.line for problem in found if problem.place}
        yield from found
        yield from (problem for problem in _lines(template) if problem.place and problem.place.line not in lines)


def _values(node: Node, key: str) -> Iterator[Problem]:
    if isinstance(node.value, dict):
        name = next((node.at(word).text for word in _NAMES if node.at(word).text), "")
        for inner, child in node.entries():
            # A pair of name and value says by its name what the value is; a parameter's default by the parameter.
            default = key if inner == "Default" else inner
            yield from _values(child, name if inner in _VALUES and name else default)
    elif isinstance(node.value, list):
        for item in node.items():
            yield from _values(item, key)
    elif isinstance(node.value, str) and any(looks_like_secret(*pair) for pair in _pairs(key, node.value)):
        yield secret_problem(node, f"the value of '{key}'")


def _pairs(key: str, value: str) -> Iterator[tuple[str, str]]:
    """Yield a text with its key, and those of a JSON text."""
    yield key, value
    if value.startswith(("{", "[")):
        try:
            yield from _inner(key, json.loads(value))
        except ValueError:
            return


def _inner(key: str, value: JSON) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        name = next((str(value[word]) for word in _NAMES if word in value), "")
        for inner, item in value.items():
            yield from _inner(name if inner in _VALUES and name else inner, item)
    elif isinstance(value, list):
        for item in value:
            yield from _inner(key, item)
    elif isinstance(value, str):
        yield key, value


def _lines(template: Template) -> Iterator[Problem]:
    source = template.document.source
    for number, line in enumerate(source.text.split("\n"), start=1):
        if looks_like_secret("", line):
            column = len(line) - len(line.lstrip()) + 1
            problem = secret_problem(Node(template, (), None), "this line")
            yield Problem(id=problem.id, message=problem.message, place=source.place(number, column), hint=problem.hint)
