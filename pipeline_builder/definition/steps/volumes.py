"""The key of SMP_KMSKEY on the volumes of jobs: not where the instance type has local storage, which takes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_builder.conf.graph import Graph
from pipeline_builder.definition.rules.storage import local_storage
from pipeline_builder.definition.steps.context import Mapped
from pipeline_builder.definition.steps.keys import place_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import member_at
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import Problem

KEY = "VolumeKmsKeyId"
# The structure with the instance type and the volume, by the step's type.
HOLDERS: Mapping[str, tuple[str, ...]] = {
    "Processing": ("ProcessingResources", "ClusterConfig"),
    "Training": ("ResourceConfig",),
    "Tuning": ("TrainingJobDefinition", "ResourceConfig"),
    "Transform": ("TransformResources",),
    **dict.fromkeys(("QualityCheck", "ClarifyCheck"), ("ProcessingResources", "ClusterConfig")),
}
_PARAMETER = "Parameters."


def without_own_key(composed: Mapped, graph: Graph, *given: JSON) -> Mapped:
    """Return a composed step without the volume key where its instances have local storage; one in `given` stays.

    `given` are what the conf merges over the request. A parameter counts by its default.
    """
    path = HOLDERS.get(str(composed["Type"]), ())
    holder = member_at(composed["Arguments"], path) if path else None
    if (
        not isinstance(holder, dict)
        or KEY not in holder
        or any(KEY in _members(member_at(over, path)) for over in given)
    ):
        return composed
    if not has_local_storage(holder, defaults_of(graph)):
        return composed
    kept: JSON = {key: value for key, value in holder.items() if key != KEY}
    return {**composed, "Arguments": _with(composed["Arguments"], path, kept)}


def find_left_out(
    graph: Graph, steps: list[Mapped], owners: Mapping[str, str], settings: Settings
) -> Iterator[Problem]:
    """Say of each step whose volume doesn't have the key of SMP_KMSKEY that it is so, and why."""
    for composed in steps if settings.kms_key else ():
        path = HOLDERS.get(str(composed["Type"]), ())
        holder = member_at(composed["Arguments"], path) if path else None
        if not isinstance(holder, dict) or KEY in holder or not has_local_storage(holder, defaults_of(graph)):
            continue
        step = graph.by_name[owners[str(composed["Name"])]]
        shown = ", ".join(f"'{name}'" for name in sorted(set(instance_types(holder, defaults_of(graph)))))
        message = f"step '{composed['Name']}': the volume key of SMP_KMSKEY is left out: {shown} has local storage"
        hint = "SageMaker refuses a volume key there: that storage is encrypted by a key of the hardware"
        place = place_of(step, ("Arguments", *path, "InstanceType"))
        yield Problem(id="PB260", message=message, place=place, hint=hint, warning=True)


def has_local_storage(holder: Mapping[str, JSON], parameters: Mapping[str, JSON]) -> bool:
    """Tell whether any instance type of the structure has disks of its own; unknown ones have none."""
    return any(local_storage(name) for name in instance_types(holder, parameters))


def instance_types(holder: Mapping[str, JSON], parameters: Mapping[str, JSON]) -> list[str]:
    """Return the instance types that a structure names, parameters by their values."""
    lists = [holder.get(key) for key in ("InstanceGroups", "InstancePreferences")]
    entries = [holder, *(entry for found in lists if isinstance(found, list) for entry in found)]
    values = [entry.get("InstanceType") for entry in entries if isinstance(entry, dict)]
    return [name for value in values if isinstance(name := _value(value, parameters), str)]


def defaults_of(graph: Graph) -> dict[str, JSON]:
    """Return the defaults of the pipeline's parameters."""
    return {parameter.name: parameter.default for parameter in graph.parameters}


def _value(value: JSON, parameters: Mapping[str, JSON]) -> JSON:
    path = value.get("Get") if isinstance(value, dict) else None
    return parameters.get(path.removeprefix(_PARAMETER)) if isinstance(path, str) else value


def _members(value: JSON) -> Mapping[str, JSON]:
    return value if isinstance(value, dict) else {}


def _with(value: JSON, path: tuple[str, ...], inner: JSON) -> JSON:
    if not path:
        return inner
    return {**_members(value), path[0]: _with(_members(value).get(path[0]), path[1:], inner)}
