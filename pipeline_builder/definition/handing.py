"""What a job's code has besides its own files: the launcher that reads its secrets, the one that wants a report."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.conf import tracking
from pipeline_builder.conf.sections import (
    EvaluateSection,
    JobSection,
    PreprocessSection,
    TrainSection,
    TransformSection,
)
from pipeline_builder.definition.inside import smp_secrets

FILE = "smp_secrets.py"
MODULE = "smp_secrets"
METRICS = "smp_metrics.sh"
INDEX = "smp_index.py"
ARTIFACTS = tracking.ARTIFACTS
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


def job_variables(job: TrainSection | PreprocessSection | EvaluateSection) -> dict[str, str]:
    """Return what tells a job's script where it tracks, and its toolkit where packages come from."""
    return {**(job.mlflow.variables if job.mlflow else {}), **tracking.index_variables(job.codeartifact or "")}


def launcher_files(job: JobSection) -> Mapping[str, bytes]:
    """Return what a job's code has besides its own files, by name."""
    names = [
        *([METRICS] if isinstance(job, EvaluateSection) else []),
        *([FILE] if is_handed(job) else []),
        *([INDEX] if isinstance(job, PreprocessSection | EvaluateSection) and job.codeartifact else []),
    ]
    return {name: _shipped(name) for name in names}


@functools.cache
def _shipped(name: str) -> bytes:
    return (Path(smp_secrets.__file__).parent / name).read_bytes()
