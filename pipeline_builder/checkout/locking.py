"""The lock that a checkout leaves: with what git can't tell of it, and what stays of the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.lock import Lock, load_lock, write_lock


def lock_checkout(path: Path, found: Lock, environment: Mapping[str, str]) -> Lock:
    """Write the lock of what was checked out, and return it as it is written."""
    # An archive of the manifest's repository has no commit of its own; whoever unpacked it knows which it is.
    commit = found.manifest_commit or environment.get("SMP_MANIFEST_COMMIT", "")
    lock = replace(found, manifest_commit=commit, images=_images(path))
    write_lock(path, lock)
    return lock


def _images(path: Path) -> Mapping[str, str]:
    """Images that were resolved stay so: commits move with a checkout, addresses of images don't."""
    if not path.is_file():
        return {}
    try:
        return load_lock(path).images
    except InputProblems:
        return {}
