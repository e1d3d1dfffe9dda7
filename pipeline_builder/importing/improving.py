"""Says steps in another way where they don't come out as they were given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.dag import caching
from pipeline_builder.documents.source import DataPath
from pipeline_builder.importing.comparing import BRANCHES, NOTHING, flat, same
from pipeline_builder.importing.confs import Composed
from pipeline_builder.importing.drafts import Draft, merged
from pipeline_builder.importing.saying import usual_section
from pipeline_builder.importing.wording import worded

Mapped = dict[str, Any]
_OUTER = ("Name", "Type", "Arguments", "DependsOn")


def improve(steps: Mapping[str, Draft], composed: Composed) -> bool:
    """Say steps better that don't come out as they were given: once with what is different merged over, then in the
    next way. Tell whether anything has changed.
    """
    there = flat(composed.definition)
    broken = _broken(steps, composed)
    changed = False
    for name, step in steps.items():
        if name in broken or name not in there:
            changed |= step.next_way() or step.without_over()
        elif not same(step.given, there[name]):
            if step.patched:
                changed |= step.next_way()
            else:
                step.patched = True
                step.over = merged(step.over, _over(step, there[name]))
                changed = changed or bool(step.over)
    return changed


def _over(step: Draft, composed: Mapped) -> Mapped:
    """Return what is merged over a request to make it what was given."""
    found = _patch(step.given["Arguments"], composed["Arguments"])
    if step.said.section_name:
        beside = [key for key in step.given if key not in _OUTER]
        found |= {key: worded(step.given[key]) for key in beside if not same(step.given[key], composed.get(key))}
    return found


def _patch(given: Mapped, composed: Mapped) -> Mapped:
    found: Mapped = {}
    for key in (*given, *(key for key in composed if key not in given)):
        one, other = given.get(key, NOTHING), composed.get(key, NOTHING)
        if key in (*BRANCHES, "Conditions") or same(one, other) or _is_generation(key, one, other):
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            found[key] = _patch(one, other)
        else:
            found[key] = None if one is NOTHING else worded(one)
    return found


def _is_generation(key: str, given: Any, composed: Any) -> bool:
    """Tell whether composing has added what holds a cached step to its generation, which no conf may take out."""
    ours = (caching.VARIABLE, caching.HYPERPARAMETER)
    return given is NOTHING and (key in ours or (isinstance(composed, dict) and set(composed) == {caching.VARIABLE}))


def _broken(steps: Mapping[str, Draft], composed: Composed) -> set[str]:
    """Return the steps that problems are about, by the lines that these are on."""
    lines = {problem.place.line for problem in composed.problems if problem.place and problem.place.line}
    if not lines:
        return set()
    spans = sorted(_spans(composed))
    found = set()
    for line in lines:
        before = [name for start, name in spans if start <= line]
        if before and before[-1]:
            found.add(before[-1])
    return found & steps.keys()


def _spans(composed: Composed) -> Iterator[tuple[int, str]]:
    """Yield the line on which each step, and each section, begins, with the step's name."""
    data: Any = composed.document.data
    for model, body in data["conf"]["sagemakerPipeline"]["models"].items():
        for index, step in enumerate(body["steps"]):
            path: DataPath = ("conf", "sagemakerPipeline", "models", model, "steps", index)
            yield composed.document.place(path).line, step["step_name"]
            section = step.get("step_type") or usual_section(step["step_class"])
            if section in data["conf"]["models"][model]:
                yield composed.document.place(("conf", "models", model, section), key=True).line, step["step_name"]
    yield composed.document.place(("conf", "sagemakerPipeline", "parameters"), key=True).line, ""
