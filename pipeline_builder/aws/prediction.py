"""What SageMaker's step cache would answer: the comparison that the service documents, made beforehand.

It looks at the request only. Compared are some of its members; instance types, outputs and tags don't count, and the
data behind an unchanged address isn't looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pipeline_builder.dag.caching import COMPARED, compared
from pipeline_builder.dag.outline import OutlinedStep, flat_steps, outline, referred_steps
from pipeline_builder.descriptions import CachePrediction, Execution
from pipeline_builder.durations import duration

_NEVER = {
    "Model": "models are always made anew",
    "RegisterModel": "a run registers a new version",
    "Condition": "conditions are always decided anew",
    "Fail": "an execution that comes to it fails",
}


@dataclass(frozen=True, slots=True)
class Earlier:
    """An execution, the definition that it ran (canonical bytes), its parameters, the steps that did not succeed."""

    execution: Execution
    definition: bytes
    parameters: Mapping[str, str]
    undone: frozenset[str]


def predict(
    definition: bytes, parameters: Mapping[str, str], earlier: Earlier | None, now: datetime | None = None
) -> tuple[CachePrediction, ...]:
    """Say for each step whether it would run or come from the cache, and why."""
    new = _resolved(definition, parameters)
    old = _resolved(earlier.definition, earlier.parameters) if earlier else {}
    before = {name: step for name, step in old.items() if earlier and name not in earlier.undone}
    runs: set[str] = set()
    found = []
    for step in _in_order(outline(definition)):
        reason = _reason(new[step.name], before.get(step.name), runs, earlier, now or datetime.now(timezone.utc))
        hit = not reason
        if not hit:
            runs.add(step.name)
        since = f"execution {earlier.execution.id} of {earlier.execution.started:%Y-%m-%d %H:%M} UTC" if earlier else ""
        source = earlier.execution.arn if earlier and hit else ""
        found.append(CachePrediction(step=step.name, hit=hit, reason=reason or since, source=source))
    return tuple(found)


def _in_order(steps: tuple[OutlinedStep, ...]) -> Iterator[OutlinedStep]:
    """Yield each step after those that it depends on."""
    from graphlib import TopologicalSorter

    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: step.depends_on for step in steps}).static_order()
    yield from (by_name[name] for name in order)


def _reason(
    step: Mapping[str, Any], before: Mapping[str, Any] | None, runs: set[str], earlier: Earlier | None, now: datetime
) -> str:
    """Return why the step would run; empty where the cache would answer."""
    kind = str(step["Type"])
    if kind in _NEVER:
        return _NEVER[kind]
    if not _caches(step):
        return "the cache is off for this step"
    if kind not in COMPARED:
        return f"what SageMaker's cache has of {kind} steps can't be told"
    now_compared = compared(kind, step["Arguments"])
    if after := next((name for name in referred_steps(now_compared) if name in runs), ""):
        return f"after '{after}', which runs"
    if earlier is None or before is None:
        return "it has not run before"
    then = compared(kind, before["Arguments"])
    changed = ", ".join(member for member, value in now_compared.items() if then[member] != value)
    return f"changed: {changed}" if changed else _outdated(step, before, earlier.execution.started, now)


def _caches(step: Mapping[str, Any]) -> bool:
    return bool((step.get("CacheConfig") or {}).get("Enabled"))


def _outdated(step: Mapping[str, Any], before: Mapping[str, Any], made: datetime, now: datetime) -> str:
    if not _caches(before):
        return "its cache was off then"
    expires = step["CacheConfig"].get("ExpireAfter")
    return f"its result of {made:%Y-%m-%d} has expired" if expires and made + duration(expires) < now else ""


def _resolved(definition: bytes, parameters: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the steps by name, their parameters replaced by what they stand for."""
    document = json.loads(definition)
    defaults = {item["Name"]: item.get("DefaultValue") for item in document.get("Parameters", ())}
    values = {name: str(value) for name, value in {**defaults, **parameters}.items()}

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(item) for item in value]
        if isinstance(value, dict):
            path = value.get("Get")
            if isinstance(path, str) and path.startswith("Parameters."):
                return values.get(path.removeprefix("Parameters."))
            return {key: fill(item) for key, item in value.items()}
        return value

    return {name: fill(step) for name, step in flat_steps(document.get("Steps", [])).items()}
