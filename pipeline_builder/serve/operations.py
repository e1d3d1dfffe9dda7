"""Which operations of which services there are, for the documentation, by what each is about."""

from __future__ import annotations

from pipeline_builder.serve import (
    callbacks,
    executions,
    experiments,
    identity,
    jobs,
    logs,
    models,
    packages,
    pipelines,
    search,
    starting,
    steps,
    surroundings,
    tagging,
    tunings,
)  # fmt: skip
from pipeline_builder.serve.s3.routes import COPIES, ROUTES


def served_operations() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the names of operations by service, as botocore calls it, and within that by what they are about."""
    sagemaker = {
        "pipelines": pipelines.OPERATIONS,
        "executions": {**callbacks.OPERATIONS, **executions.OPERATIONS, **steps.OPERATIONS},
        "jobs": {**starting.OPERATIONS, **jobs.OPERATIONS, **tunings.OPERATIONS},
        "experiments": experiments.OPERATIONS,
        "models": models.OPERATIONS,
        "model packages and their groups": packages.OPERATIONS,
        "tags, search": {**tagging.OPERATIONS, **search.OPERATIONS},
    }
    s3 = [name for routes in ROUTES.values() for name, _ in routes.values()]
    ecr, quotas = surroundings.OPERATIONS.values()
    return {
        "sagemaker": {about: tuple(sorted(operations)) for about, operations in sagemaker.items()},
        "s3": {"buckets and objects": tuple(sorted({*s3, *COPIES}))},
        "sts": {"who one is": identity.STS},
        "iam": {"roles": identity.IAM},
        "logs": {"logs of jobs": tuple(sorted(logs.OPERATIONS))},
        "ecr": {"images": ecr},
        "service-quotas": {"quotas": quotas},
    }
