"""The step cache: what SageMaker compares, and the generation of results that an execution may take from.

SageMaker has no switch that turns its cache off for one execution. So every cached step carries a pipeline parameter in
its environment, which is compared. An execution that may take nothing has a value of its own there, and a full one so
begins a generation: those after it carry the same value, and take the results of that one or of each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.descriptions import JSON, Execution

COMPARED: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "Environment", "HyperParameters",
        "InputDataConfig",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "Tuning": (
        "AlgorithmSpecification", "HyperParameterRanges", "HyperParameterTuningJobConfig", "InputDataConfig",
        "StaticHyperParameters", "TrainingJobDefinitions", "TuningObjective",
    ),
}  # fmt: skip
"""Members of a request that SageMaker compares, by step type, of those types of which one is free for a generation.

It caches AutoML, EMR and the checks too, by members that all say something to the job [documentation].
"""
PARAMETER = "CacheGeneration"
VARIABLE = "SMP_CACHE_GENERATION"
"""The environment variable; its name says to whoever finds it in a job where it comes from."""
INPUT = "smp_generation"
"""What a Lambda or Callback step carries among its inputs."""
HYPERPARAMETER = "sagemaker_smp_cache_generation"
"""What a tuning carries instead: of its trainings no variable is compared. The toolkit keeps names that begin so."""
FIRST = "first"
"""The generation before any execution has begun one; the parameter's default."""


def compared(
    kind: str, arguments: Mapping[str, Any], members: Mapping[str, tuple[str, ...]] = COMPARED
) -> dict[str, Any]:
    """Return what the cache compares of a request; of a tuning's training definition single members are."""
    inner = arguments.get("TrainingJobDefinition") if kind == "Tuning" else None
    known = {**inner, **arguments} if isinstance(inner, dict) else arguments
    return {member: known.get(member) for member in members.get(kind, ())}


def current_generation(executions: Iterable[Execution]) -> str:
    """Return the generation that was begun last; `executions` are newest first.

    Not the newest execution's own: it may have been started beside the one that begins another.
    """
    carried = [execution.parameters.get(PARAMETER, FIRST).partition(".")[0] for execution in executions]
    begun = [generation for generation in dict.fromkeys(reversed(carried)) if generation != FIRST]
    return begun[-1] if begun else FIRST


def with_generation(
    definition: bytes, parameters: Mapping[str, str], executions: Iterable[Execution]
) -> Mapping[str, str]:
    """Let an execution go on with the generation that was begun last, where its definition knows of any."""
    declared = json.loads(definition).get("Parameters", ())
    if all(item["Name"] != PARAMETER for item in declared):
        return parameters
    return {**parameters, PARAMETER: current_generation(executions)}


def without_cache(parameters: Mapping[str, str], own: str, *, limited: bool) -> Mapping[str, str]:
    """Return the parameters of an execution whose steps take nothing from the cache; `own` is no other execution's.

    Where the execution is `limited` to some steps, `<generation>.<own>` begins no generation: what it leaves out would
    be missed by all that come after it.
    """
    if PARAMETER not in parameters:
        return parameters
    return {**parameters, PARAMETER: f"{parameters[PARAMETER]}.{own}" if limited else own}


def always_cached(definition: bytes) -> Mapping[str, str]:
    """Return the types of the cached steps that carry no generation: it has no room there, or somebody else composed
    the definition.
    """
    return always_cached_of(json.loads(definition).get("Steps", []))


def always_cached_of(steps: JSON) -> Mapping[str, str]:
    """Return the types of those of a definition's steps, nested ones too, that are cached and carry no generation."""
    return {
        name: str(step.get("Type"))
        for name, step in flat_steps(steps).items()
        if isinstance(step, dict) and _is_cached(step) and not _carries_generation(step)
    }


def _is_cached(step: Mapping[str, JSON]) -> bool:
    cache = step.get("CacheConfig")
    return isinstance(cache, dict) and bool(cache.get("Enabled"))


def _carries_generation(step: Mapping[str, JSON]) -> bool:
    arguments = step.get("Arguments")
    environment = arguments.get("Environment") if isinstance(arguments, dict) else None
    definition = arguments.get("TrainingJobDefinition") if isinstance(arguments, dict) else None
    static = definition.get("StaticHyperParameters") if isinstance(definition, dict) else None
    carried = ((environment, VARIABLE), (static, HYPERPARAMETER), (arguments, INPUT))
    return any(isinstance(it, dict) and it.get(name) == {"Get": f"Parameters.{PARAMETER}"} for it, name in carried)
