"""Steps of every other type of the definition: `arguments` is their request, with what all jobs of a model have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.conf.attempts import CacheSection
from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.shapes.kinds import ANY_TYPE, STEP_TYPES
from pipeline_builder.definition.steps.context import Context, Mapped, tag_list, vpc_config, without_empty
from pipeline_builder.descriptions import JSON

# Where in a request the role, the network and the tags of its jobs stand, by type: filled in where nothing is.
_ROLE: Mapping[str, tuple[str, ...]] = {
    "AutoML": ("RoleArn",),
    "NotebookJob": ("RoleArn",),
    "Job": ("RoleArn",),
    "QualityCheck": ("RoleArn",),
    "ClarifyCheck": ("RoleArn",),
    "Model": ("ExecutionRoleArn",),
    "Tuning": ("TrainingJobDefinition", "RoleArn"),
}
_NETWORK: Mapping[str, tuple[str, ...]] = {
    "AutoML": ("AutoMLJobConfig", "SecurityConfig", "VpcConfig"),
    "QualityCheck": ("NetworkConfig", "VpcConfig"),
    "ClarifyCheck": ("NetworkConfig", "VpcConfig"),
    "Model": ("VpcConfig",),
    "NotebookJob": ("VpcConfig",),
    "Tuning": ("TrainingJobDefinition", "VpcConfig"),
}
_ISOLATION: Mapping[str, tuple[str, ...]] = {
    "QualityCheck": ("NetworkConfig", "EnableNetworkIsolation"),
    "ClarifyCheck": ("NetworkConfig", "EnableNetworkIsolation"),
    "Model": ("EnableNetworkIsolation",),
    "NotebookJob": ("EnableNetworkIsolation",),
    "Tuning": ("TrainingJobDefinition", "EnableNetworkIsolation"),
}
_TAGGED = (
    "AutoML", "ClarifyCheck", "Endpoint", "EndpointConfig", "InferenceComponent", "Job", "Model", "NotebookJob",
    "QualityCheck", "Tuning",
)  # fmt: skip
_SEVERAL = "TrainingJobDefinitions"
# The SDK's class of a step, where its type in the definition is another.
_TYPES = {"NotebookJob": "Training"}
RAW = "Raw"
# What the SDK writes the role of into a request: what a factory makes gets the repository's, as all else that it runs.
_ROLE_MADE: Mapping[str, tuple[str, ...]] = {**_ROLE, "Processing": ("RoleArn",), "Training": ("RoleArn",)}
_NETWORK_MADE: Mapping[str, tuple[str, ...]] = {
    **_NETWORK, "Processing": ("NetworkConfig", "VpcConfig"), "Training": ("VpcConfig",),
}  # fmt: skip
_ISOLATION_MADE: Mapping[str, tuple[str, ...]] = {
    **_ISOLATION,
    "Processing": ("NetworkConfig", "EnableNetworkIsolation"),
    "Training": ("EnableNetworkIsolation",),
}
_TAGGED_MADE = (*_TAGGED, "Processing", "RegisterModel", "Training", "Transform")
_INPUTS = ("Callback", "Lambda")
_ANYWHERE = ("DisplayName", "Description")


def compose_typed(context: Context, step: Step) -> Mapped:
    """Return the step with what the conf doesn't have to say: its role, network and tags."""
    kind, asked = type_of(step), step.asked.arguments
    if step.made:
        return _compose_made(context, step, kind)
    request: Mapped = {}
    if kind in _TAGGED:
        request["Tags"] = tag_list(context, {})
    if kind != "Tuning" or _SEVERAL not in asked:  # each of several says its own
        _put(request, _ROLE.get(kind, ()), context.role(step))
        _put(request, _NETWORK.get(kind, ()), vpc_config(context.settings))
        _put(request, _ISOLATION.get(kind, ()), context.is_isolated(step) or None)
    cache: Mapped = {}
    if step.asked.enable_cache:
        cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": CacheSection().expire_after}}
    return {
        "Type": kind if step.step_class == RAW else _TYPES.get(kind, kind),
        "Arguments": without_empty(request),
        **cache,
    }


def _compose_made(context: Context, step: Step, kind: str) -> Mapped:
    """Return a step of a factory with what all jobs of its repository have."""
    request: Mapped = {"Tags": tag_list(context, {})} if kind in _TAGGED_MADE else {}
    if _SEVERAL not in (step.asked.arguments.get("Arguments") or {}):  # each of several says its own
        _put(request, _ROLE_MADE.get(kind, ()), context.role(step))
        _put(request, _NETWORK_MADE.get(kind, ()), vpc_config(context.settings))
        _put(request, _ISOLATION_MADE.get(kind, ()), context.is_isolated(step) or None)
    return {"Type": kind, "Arguments": without_empty(request)}


def split_arguments(step: Step) -> tuple[Mapped, dict[str, Any]]:
    """Return the members of `arguments` that stand beside the request in the definition, and those of the request.

    Those of a job that has a section are all of the request.
    """
    return split_given(step, step.asked.arguments) if step.is_raw or step.call else ({}, step.asked.arguments)


def type_of(step: Step) -> str:
    """Return the type that a step without a section asks for; of a Raw step it is its own word."""
    return step.asked.step_type if step.step_class == RAW else step.step_class


def split_given(step: Step, asked: dict[str, Any]) -> tuple[Mapped, dict[str, Any]]:
    """Return the members of what a step asks for that stand beside its request, and those of the request."""
    step_type = STEP_TYPES.get(_TYPES.get(step.step_class, type_of(step)), ANY_TYPE)
    if (step.made or step_type is ANY_TYPE) and isinstance(whole := asked.get("Arguments"), dict):
        return {key: value for key, value in asked.items() if key not in ("Arguments", "Name", "Type")}, whole
    named = () if step.step_class in _INPUTS else _ANYWHERE  # whose arguments are inputs of any name
    beside = (*step_type.keys, "RetryPolicies", *named)
    own = {key: value for key, value in asked.items() if key in beside and value is not None}
    return own, {key: value for key, value in asked.items() if key not in own}


def _put(request: Mapped, path: tuple[str, ...], value: JSON) -> None:
    """Put a value at the path, where there is a path, and a value."""
    if not path or value in (None, "", {}, []):
        return
    holder = request
    for key in path[:-1]:
        inner = holder.setdefault(key, {})
        assert isinstance(inner, dict)
        holder = inner
    holder[path[-1]] = value
