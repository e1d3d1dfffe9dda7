"""Secrets of a job: their names travel in the definition, and a launcher in the job's code reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.conf.sections import JobSection, TransformSection
from pipeline_builder.definition.inside import smp_secrets

FILE = "smp_secrets.py"
MODULE = "smp_secrets"
PREFIX = smp_secrets.PREFIX
_PROGRAM = smp_secrets.PROGRAM


def is_handed(job: JobSection | None) -> bool:
    """Tell whether a job gets secrets; a model's server never does."""
    return job is not None and bool(job.secrets) and not isinstance(job, TransformSection)


def secret_variables(job: JobSection, program: str = "") -> dict[str, str]:
    """Return what tells the launcher which secrets to read, and what to run; nothing for a job without any."""
    if not is_handed(job):
        return {}
    named = {f"{PREFIX}{name}": secret for name, secret in sorted(job.secrets.items())}
    return {_PROGRAM: program, **named} if program else named


def launcher_files(job: JobSection) -> Mapping[str, bytes]:
    """Return what a job's code has besides its own files."""
    return {FILE: Path(smp_secrets.__file__).read_bytes()} if is_handed(job) else {}
