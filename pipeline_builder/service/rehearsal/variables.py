"""`#{namespace.name}` in the configuration of actions and rules, put in as CodePipeline does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline_builder.service.rehearsal.template import Rule

REFERENCE = re.compile(r"#\{([A-Za-z0-9@_-]+)\.([A-Za-z0-9@_-]+)\}")
# The longest value of a variable, and of the text of an approval.
MOST_CHARACTERS = 1000
Namespaces = Mapping[str, Mapping[str, str]]


class UnresolvedError(Exception):
    """A reference leads nowhere, or to what can't be used there; CodePipeline fails the action then."""


def resolve(text: str, namespaces: Namespaces) -> str:
    """Return the text with every reference replaced, raw, as CodePipeline does: nothing is escaped.

    Raises:
        UnresolvedError: no action has put such a variable there.
    """

    def value(match: re.Match[str]) -> str:
        namespace, name = match.groups()
        if namespace not in namespaces:
            raise UnresolvedError(f"'{match[0]}': no action that has run has the namespace '{namespace}'")
        if name not in namespaces[namespace]:
            known = ", ".join(sorted(namespaces[namespace])) or "none"
            raise UnresolvedError(f"'{match[0]}': '{namespace}' has no variable '{name}' (it has: {known})")
        return namespaces[namespace][name]

    return REFERENCE.sub(value, text)


def resolve_all(configuration: Mapping[str, str], namespaces: Namespaces) -> dict[str, str]:
    """Return an action's configuration with its references replaced.

    Raises:
        UnresolvedError: a reference leads nowhere.
    """
    return {key: resolve(value, namespaces) for key, value in configuration.items()}


def environment_variables(text: str) -> dict[str, str]:
    """Return the variables of an action's `EnvironmentVariables`, which is JSON.

    Raises:
        UnresolvedError: it is no list of names and values; a value with a quote in it makes it none.
    """
    try:
        listed: Any = json.loads(text or "[]")
        return {str(item["name"]): str(item["value"]) for item in listed}
    except (ValueError, KeyError, TypeError) as error:
        raise UnresolvedError(f"EnvironmentVariables is no JSON list of names and values: {text}") from error


def rule_passes(rule: Rule, namespaces: Namespaces) -> bool:
    """Tell whether a VariableCheck passes; a variable that no action has put there is an empty text.

    Source: the reference of the rule VariableCheck in CodePipeline's user guide.
    """
    wanted = rule.configuration.get("Value", "")
    try:
        found = resolve(rule.configuration.get("Variable", ""), namespaces)
    except UnresolvedError:
        return False
    match rule.configuration.get("Operator"):
        case "EQ":
            return found == wanted
        case "NE":
            return found != wanted
        case "CONTAINS":
            return wanted in found
        case "MATCHES":
            return re.fullmatch(wanted, found) is not None
        case _:
            return False
