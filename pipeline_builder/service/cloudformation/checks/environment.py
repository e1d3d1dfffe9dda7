"""Environment variables of builds: of the projects, and those that actions and schedules set on top."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks.view import Node, Service

ENVIRONMENT = "PB624"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPES = ("PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER")


def check_environments(service: Service) -> Iterator[Problem]:
    """Check the variables of every project."""
    for project in service.projects.values():
        variables = project.at("Environment", "EnvironmentVariables")
        yield from check_variables(variables, variables.value, ("Name", "Value", "Type"))


def check_variables_json(node: Node) -> Iterator[Problem]:
    """Check the variables that an action sets: a text with a JSON list of name, value and type."""
    if node.value is None or isinstance(node.value, list | dict):
        return
    try:
        variables = json.loads(node.text)
    except ValueError as error:
        yield node.problem(ENVIRONMENT, f"'EnvironmentVariables' is no JSON: {error}")
        return
    yield from check_variables(node, variables, ("name", "value", "type"))


def check_variables(node: Node, variables: JSON, keys: tuple[str, str, str]) -> Iterator[Problem]:
    """Check a list of variables; `keys` are name, value and type as they are spelled there."""
    if variables is None:
        return
    if not isinstance(variables, list):
        message = f"the variables are {describe(variables)}, expected a list of {', '.join(keys)}"
        yield node.problem(ENVIRONMENT, message)
        return
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        # Of a JSON text only the whole has a place.
        at = Node(node.template, (*node.path, index), variable) if isinstance(node.value, list) else node
        yield from _variable(at, variable, keys, seen)


def _variable(node: Node, variable: JSON, keys: tuple[str, str, str], seen: set[str]) -> Iterator[Problem]:
    if not isinstance(variable, dict):
        yield node.problem(ENVIRONMENT, f"a variable is {describe(variable)}, expected a mapping of {', '.join(keys)}")
        return
    name, value, kind = (variable.get(key) for key in keys)
    for key in variable.keys() - set(keys):
        message = f"'{key}' is no part of a variable, expected {', '.join(keys)}"
        yield node.problem(ENVIRONMENT, message, did_you_mean(key, keys))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"{describe(name)} can't be a variable's name, expected letters, digits and '_', no digit first"
        yield node.problem(ENVIRONMENT, message)
        return
    if name.startswith("CODEBUILD_"):
        message = f"the variable '{name}' has a name that CodeBuild keeps for itself ('CODEBUILD_')"
        yield node.problem(ENVIRONMENT, message)
    if name in seen:
        yield node.problem(ENVIRONMENT, f"the variable '{name}' is set twice")
    seen.add(name)
    if value is None or isinstance(value, list | dict):
        yield node.problem(ENVIRONMENT, f"the variable '{name}' is {describe(value)}, expected a text")
    if kind is not None and kind not in _TYPES:
        yield node.problem(
            ENVIRONMENT, f"the variable '{name}' has the type {describe(kind)}", did_you_mean(str(kind), _TYPES)
        )
