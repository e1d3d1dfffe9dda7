"""What the confs of each repository may ask for, as people and machines read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.refusal import flow, shown_span

_KEYS = (
    "read", "write", "roles", "groups", "read_groups", "statuses", "images", "instances", "max_runtime", "network",
    "encryption", "tags", "variables", "indexes", "secrets", "factories",
)  # fmt: skip
_ALWAYS = (
    "Without a '#' it is the default. Always: all of SMP_S3BUCKETNAME may be read; a repository writes to",
    "<pipeline>/<repository>/ in it, and to prefixes that its conf names and nobody else has.",
)


def rules_json(rules: Rules) -> dict[str, Any]:
    """Return the rules as the policy has them."""
    found = {key: getattr(rules, key) for key in _KEYS if key != "instances"}
    found |= {"instances": {"types": list(rules.types), "count": rules.count}}
    found |= {"max_runtime": shown_span(rules.max_runtime), "secrets": dict(rules.secrets)}
    return {key: list(found[key]) if isinstance(found[key], tuple) else found[key] for key in _KEYS}


def render_policies(rules: Mapping[str, Rules]) -> str:
    """Return the rules by repository; what is alike for all stands once."""
    shown = {name: rules_json(one) for name, one in rules.items()}
    lines: list[str] = []
    for key in _KEYS:
        values = {name: f"{flow(found[key])}{_origin(rules[name], key)}" for name, found in shown.items()}
        if len(set(values.values())) == 1:
            lines.append(f"{key:<12} {next(iter(values.values()))}")
        else:
            lines += [f"{key:<12} {name}: {value}" for name, value in values.items()]
    return "\n".join([*lines, "", *_ALWAYS])


def _origin(rules: Rules, key: str) -> str:
    """Return which line of the manifest says so; nothing for a default."""
    keys = ("instances", "types", "count") if key == "instances" else (key,)
    places = {f"{place.file}:{place.line}": None for one in keys if (place := rules.places.get(one))}
    return f"  # {', '.join(places)}" if places else ""
