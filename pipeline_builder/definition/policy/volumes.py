"""The volume key of a job whose instance type a parameter says: the definition has it, or not, by the default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.steps.volumes import HOLDERS, KEY, has_local_storage, instance_types
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import member_at
from pipeline_builder.documents.values import Settings
from pipeline_builder.manifest.refusal import Refused


def check_volume(asking: Asking, settings: Settings, defaults: Mapping[str, JSON]) -> Iterator[Refused]:
    """Refuse a given instance type that would run without the key of SMP_KMSKEY, as the default can't have it.

    The other way round, a key where the given type takes none, is refused by the definition's rules.
    """
    path = HOLDERS.get(asking.type, ())
    holder = member_at(asking.request, path) if path and settings.kms_key else None
    if not isinstance(holder, dict) or KEY in holder or not has_local_storage(holder, defaults):
        return
    if not has_local_storage(holder, asking.known.parameters):
        before, now = (", ".join(instance_types(holder, found)) for found in (defaults, asking.known.parameters))
        message = f"'{now}' would run without the volume key of SMP_KMSKEY, which the default '{before}' can't have"
        hint = "give a type with local storage too, or change the default and apply it"
        yield asking.forbid("PB261", message, (*path, "InstanceType"), hint)
