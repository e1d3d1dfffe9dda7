"""The code of a Baseline's or Monitor's job: this room's own modules, and beside them what the conf says."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.canonical import canonical
from pipeline_builder.descriptions import JSON

PACKAGE = "smp_monitoring"
SETTINGS = "monitoring.json"


def job_files(settings: JSON) -> Mapping[str, bytes]:
    """Return the files by their names: the same settings and the same version of this program, the same bytes."""
    return {**_modules(), f"{PACKAGE}/{SETTINGS}": canonical(settings)}


@functools.cache
def _modules() -> Mapping[str, bytes]:
    folder = Path(__file__).parent / "inside"
    return {f"{PACKAGE}/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.py"))}
