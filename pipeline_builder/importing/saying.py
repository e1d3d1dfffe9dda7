"""Ways to say a step in a conf: in the keys of its class where there are any, else as its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.conf.attempts import CacheSection
from pipeline_builder.conf.requests import NAMES
from pipeline_builder.dag import caching
from pipeline_builder.definition.shapes.kinds import ANY_TYPE, STEP_TYPES
from pipeline_builder.documents.fields import TYPED
from pipeline_builder.importing.branches import say_condition, say_fail
from pipeline_builder.importing.sections import say_automl, say_call, say_emr, say_emr_serverless, say_quality_check
from pipeline_builder.importing.wording import worded

Mapped = dict[str, Any]
_OUTER = ("Name", "Type", "Arguments", "DependsOn")
_ANYWHERE = ("RetryPolicies", "DisplayName", "Description")
_USUAL = CacheSection().expire_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One way to say a step: keys of the step, and a section with its usual name where its class has one.

    `left` are members of the step that a conf has no place for.
    """

    keys: Mapped
    section_name: str = ""
    section: Mapped = field(default_factory=dict)
    left: tuple[str, ...] = ()

    @property
    def is_keyed(self) -> bool:
        """Whether it says more than a request."""
        return bool(self.section) or bool({"conditions", "message"} & self.keys.keys())


_SECTIONED: Mapping[str, tuple[str, Callable[[Mapped], Mapped | None]]] = {
    "Lambda": ("lambda", lambda step: say_call(step, "function", "FunctionArn")),
    "Callback": ("callback", lambda step: say_call(step, "sqs_queue", "SqsQueueUrl")),
    "QualityCheck": ("quality_check", say_quality_check),
    "EMR": ("emr", say_emr),
    "EMRServerless": ("emr_serverless", say_emr_serverless),
    "AutoML": ("automl", say_automl),
}


def usual_section(step_class: str) -> str:
    """Return the usual name of a class's section; empty where it has none."""
    return _SECTIONED[step_class][0] if step_class in _SECTIONED else ""


def ways_of(step: Mapped) -> list[Said]:
    """Return the ways to say a step, the clearest first; the last one is its whole request."""
    found: list[Said] = []
    if (own := _own_keys(step)) is not None:
        found.append(Said(keys={**_head(step, step["Type"]), **own, **_tail(step)}, left=_left(step)))
    if (said := _sectioned(step)) is not None:
        found.append(said)
    return [*found, _request(step)]


def _sectioned(step: Mapped) -> Said | None:
    """Return a step in the section of its class; None where there is none, or its request isn't one of that class."""
    if step["Type"] not in _SECTIONED:
        return None
    name, say = _SECTIONED[step["Type"]]
    try:
        section = say(step)
        if section is None:
            return None
        keys = {**_head(step, step["Type"]), **_cache(step, section), **_tail(step)}
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    return Said(keys=keys, section_name=name, section=section, left=_left(step))


def _own_keys(step: Mapped) -> Mapped | None:
    if step["Type"] == "Condition":
        return say_condition(step)
    return say_fail(step) if step["Type"] == "Fail" else None


def _request(step: Mapped) -> Said:
    """Everything below `arguments`, with the members beside the request, as steps without a section have it."""
    kind = step["Type"]
    keys = _head(step, kind, raw=True)
    beside = {key: step[key] for key in _beside(step) if step[key] is not None}
    if beside.get("CacheConfig") == {"Enabled": True, "ExpireAfter": _USUAL}:
        keys["enable_cache"] = True
        del beside["CacheConfig"]
    request = _without_generation(step)
    if STEP_TYPES.get(kind, ANY_TYPE) is ANY_TYPE:
        more = {key: step[key] for key in step if key not in (*_OUTER, *beside, "CacheConfig")}
        arguments = {**beside, **more, "Arguments": worded(request)} if request or beside or more else {}
        return Said(keys={**keys, **({"arguments": worded(arguments)} if arguments else {}), **_tail(step)})
    arguments = {**beside, **request}
    return Said(
        keys={**keys, **({"arguments": worded(arguments)} if arguments else {}), **_tail(step)},
        left=_left(step),
    )


def _without_generation(step: Mapped) -> Mapped:
    """Return a step's request without the variable that composing puts into those that are cached, if it is ours."""
    request: Mapped = step.get("Arguments") or {}
    ours = {"Get": f"Parameters.{caching.PARAMETER}"}
    environment = request.get("Environment")
    if not isinstance(environment, dict) or environment.get(caching.VARIABLE) != ours:
        return request
    rest = {key: value for key, value in environment.items() if key != caching.VARIABLE}
    without = {key: value for key, value in request.items() if key != "Environment"}
    return {**without, "Environment": rest} if rest else without


def _head(step: Mapped, kind: str, *, raw: bool = False) -> Mapped:
    """A class that has sections takes one where there is any, so a whole request is said without the class."""
    if kind in TYPED and kind != "Raw" and not (raw and kind in NAMES):
        return {"step_name": step["Name"], "step_class": kind}
    return {"step_name": step["Name"], "step_class": "Raw", "step_type": kind}


def _tail(step: Mapped) -> Mapped:
    waits = step.get("DependsOn") or []
    found = [_waited(one) for one in waits]
    return {"depends_on": found} if found else {}


def _waited(one: Any) -> Any:
    if isinstance(one, dict) and set(one) <= {"Step", "Trigger"}:
        plain = one.get("Trigger", "Completed") == "Completed"
        return one.get("Step") if plain else {"step": one.get("Step"), "trigger": one["Trigger"]}
    return one


def _cache(step: Mapped, section: Mapped) -> Mapped:
    config = step.get("CacheConfig") or {}
    if not config.get("Enabled"):
        return {}
    if config.get("ExpireAfter") != _USUAL:
        section["cache"] = {"expire_after": config.get("ExpireAfter")}
    return {"enable_cache": True}


def _beside(step: Mapped) -> list[str]:
    """Return the members of a step beside its request that `arguments` may have."""
    allowed = {*STEP_TYPES.get(step["Type"], ANY_TYPE).keys, *_ANYWHERE}
    return [key for key in step if key in allowed]


def _left(step: Mapped) -> tuple[str, ...]:
    return tuple(key for key in step if key not in _OUTER and key not in _beside(step) and step[key] is not None)
