"""Which instance types have local storage (NVMe), and how much: what a volume key can't be asked for on."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.resources import files


def local_storage(instance_type: str) -> int | None:
    """Return the size in GB of an instance type's own disks, 0 where it has none; None for what is no such type."""
    parts = instance_type.split(".")
    if len(parts) != 3 or parts[0] != "ml":
        return None
    family = _families().get(parts[1])
    return 0 if family is None else family.get(parts[2], max(family.values()))


@functools.cache
def _families() -> Mapping[str, Mapping[str, int]]:
    import yaml

    content = files("pipeline_builder.definition.rules").joinpath("storage.yaml").read_bytes()
    table: dict[str, dict[str, dict[str, int]]] = yaml.load(content, Loader=yaml.CSafeLoader)
    return table["families"]
