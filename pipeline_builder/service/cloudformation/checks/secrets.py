"""Secrets in plain text: whoever may describe the stack reads every value of its template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.credentials import looks_like_secret
from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks.view import Node, Service
from pipeline_builder.service.cloudformation.evaluation.buildspec import PLAINTEXT
from pipeline_builder.service.cloudformation.evaluation.document import Template

# A pair of name and value says by its name what the value is.
_NAMES, _VALUES = ("Name", "name", "Key", "ParameterKey"), ("Value", "value", "DefaultValue", "ParameterValue")
_ELSEWHERE = ("PARAMETER_STORE", "SECRETS_MANAGER")
_HINT = "keep it in Secrets Manager, and name it"


def check_secrets(service: Service) -> Iterator[Problem]:
    """Check every value by its key, and every line of the text by its form alone, comments too."""
    for template in service.templates:
        yield from _values(Node(template, (), dict(template.data)), "")
        yield from _lines(template)


def _values(node: Node, key: str) -> Iterator[Problem]:
    if isinstance(node.value, dict):
        for inner, child in node.entries():
            # A parameter's default is what the parameter's name says.
            yield from _values(child, key if inner == "Default" else _meaning(node.value, inner))
    elif isinstance(node.value, list):
        for item in node.items():
            yield from _values(item, key)
    elif isinstance(node.value, str) and "\n" not in node.value:  # lines are looked at one by one
        secret = next((name for name, text in _pairs(key, node.value) if looks_like_secret(name, text)), None)
        if secret is not None:
            message = f"the value of '{secret}' looks like a secret, and whoever may look at the stack can read it"
            yield node.problem(PLAINTEXT, message, _HINT)


def _meaning(pair: Mapping[str, JSON], key: str) -> str:
    """Return under which name a value of a mapping stands; nothing where it only tells where a secret is kept."""
    name = next((str(pair[word]) for word in _NAMES if word in pair), "")
    if key not in _VALUES or not name:
        return key
    return "" if any(pair.get(word) in _ELSEWHERE for word in ("Type", "type")) else name


def _pairs(key: str, value: JSON) -> Iterator[tuple[str, str]]:
    """Yield a text with its key; of a JSON text everything in it."""
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from _pairs(_meaning(value, inner), item)
    elif isinstance(value, list):
        for item in value:
            yield from _pairs(key, item)
    elif isinstance(value, str):
        yield key, value
        if value.startswith(("{", "[")):
            try:
                yield from _pairs(key, json.loads(value))
            except ValueError:
                return


def _lines(template: Template) -> Iterator[Problem]:
    source = template.document.source
    for number, line in enumerate(source.text.split("\n"), start=1):
        if looks_like_secret("", line):
            place = source.place(number, len(line) - len(line.lstrip()) + 1)
            message = "this line looks like a secret, and whoever may look at the stack can read it"
            yield Problem(id=PLAINTEXT, message=message, place=place, hint=_HINT)
