"""A refusal: a problem with what a conf asks for, and the line of the policy that would allow it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.policy import Rules, RulesSection

Grant = tuple[str, str, Any]
"""What would allow it: the repository, the policy's key, and the value for it; of a list an entry more."""
_INSTANCES = ("types", "count")
_SPANS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Problem):
    """A problem that the policy makes; without `grant` nothing can allow it."""

    grant: Grant | None = field(default=None, compare=False)


def refuse(rules: Rules, key: str, value: Any, *, problem_id: str, message: str, place: Place | None) -> Refused:
    """Return the problem at a place of a conf, with the policy's line, and the one that would allow it.

    `value` is what the key would have to have: an entry more of a list, another value of anything else.
    """
    at = rules.at(key)
    related = (at,) if at else ()
    if not _can_be_written(key, value):
        hint = "correct it: a policy takes nothing of that form"
        return Refused(id=problem_id, message=message, place=place, related=related, hint=hint)
    hint = f"who owns the manifest may allow it, {_where(rules, key)}: {_line(rules, key, value)}"
    grant = (rules.repo, key, value)
    return Refused(id=problem_id, message=message, place=place, related=related, hint=hint, grant=grant)


def _can_be_written(key: str, value: Any) -> bool:
    """Tell whether the policy's own rules take the value: what a conf has may be of any form."""
    plain = isinstance(value, list | dict) or key in ("count", "max_runtime", "network", "encryption", "factories")
    section = {key: value if plain else [value]}
    try:
        RulesSection.model_validate({"instances": section} if key in _INSTANCES else section)
    except ValidationError:
        return False
    return True


def shown_span(seconds: int) -> str:
    """Return seconds as the policy writes them: 5d, 36h, 90m."""
    size, unit = next((size, unit) for size, unit in _SPANS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def widened(rules: Rules, key: str, value: Any) -> Any:
    """Return the value that the key would have, as it is written; a list stands for the whole of one."""
    found = getattr(rules, key)
    if isinstance(value, list):
        return value
    if isinstance(found, tuple):
        return [*found, value] if value not in found else list(found)
    if isinstance(found, dict):
        return {**found, **value}
    return shown_span(value) if key == "max_runtime" else value


def _where(rules: Rules, key: str) -> str:
    own = rules.places.get("instances" if key in _INSTANCES else key) if key in rules.own else None
    if own:
        return f"in line {own.line} of '{own.file}'"
    match rules.depth:
        case "repository":
            return f"below 'policy: repos: {rules.repo}:'"
        case "repos":
            return "below 'policy: repos:'"
        case "policy":
            return "below 'policy:'"
        case _:
            return "in the manifest"


def _line(rules: Rules, key: str, value: Any) -> str:
    content = {key: widened(rules, key, value)}
    if key in _INSTANCES:
        content = {"instances": {"types": list(rules.types), "count": rules.count} | content}
    nested: dict[str, Any] = content
    if key not in rules.own and rules.depth != "repository":
        nested = {rules.repo: nested}
        if rules.depth != "repos":
            nested = {"repos": nested}
        if not rules.depth:
            nested = {"policy": nested}
    ((name, inner),) = nested.items()
    return f"{name}: {flow(inner)}"


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=100_000, allow_unicode=True, sort_keys=False)
    return str(text).removesuffix("...\n").strip()
