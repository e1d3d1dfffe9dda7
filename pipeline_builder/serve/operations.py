"""Which operations of which services there are, by what each is about: the server's table, and the documentation's."""

from __future__ import annotations

from collections.abc import Mapping

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
from pipeline_builder.serve.protocol import Handler
from pipeline_builder.serve.s3.routes import COPIES, ROUTES

SAGEMAKER: Mapping[str, Mapping[str, Handler]] = {
    "pipelines": pipelines.OPERATIONS,
    "executions": {**callbacks.OPERATIONS, **executions.OPERATIONS, **steps.OPERATIONS},
    "jobs": {**starting.OPERATIONS, **jobs.OPERATIONS, **tunings.OPERATIONS},
    "experiments": experiments.OPERATIONS,
    "models": models.OPERATIONS,
    "model packages and their groups": packages.OPERATIONS,
    "tags, search": {**tagging.OPERATIONS, **search.OPERATIONS},
}
OPERATIONS: Mapping[str, Handler] = {name: run for about in SAGEMAKER.values() for name, run in about.items()}
"""Every operation of SageMaker that is answered."""


def served_operations() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the names of operations by service, as botocore calls it, and within that by what they are about."""
    s3 = [name for routes in ROUTES.values() for name, _ in routes.values()]
    ecr, quotas = surroundings.OPERATIONS.values()
    return {
        "sagemaker": {about: tuple(sorted(operations)) for about, operations in SAGEMAKER.items()},
        "s3": {"buckets and objects": tuple(sorted({*s3, *COPIES}))},
        "sts": {"who one is": identity.STS},
        "iam": {"roles": identity.IAM},
        "logs": {"logs of jobs": tuple(sorted(logs.OPERATIONS))},
        "ecr": {"images": ecr},
        "service-quotas": {"quotas": quotas},
    }
