"""What a job's variables name in an account, and what stands for it here: MLflow's server, CodeArtifact's packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.engine.document.references import as_text
from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.errors import Problem

_SERVER, _EXPERIMENT, _INDEX = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "CA_REPOSITORY_ARN"
_CONFIG = "MlflowConfig"
# Newer ones of MLflow take folders only where it is told so.
_ALLOWED = "MLFLOW_ALLOW_FILE_STORE"
# Of a training it is part of what is kept as output.tar.gz.
_RUNS = {"Training": f"{OPT_ML}/output/data/mlruns", "Processing": f"{OPT_ML}/processing/mlruns"}
_KEPT = {"Training": "which output.tar.gz keeps", "Processing": "and are gone with it"}


def local_variables(step_type: str, request: Request) -> dict[str, str]:
    """Return the request's variables as they are here: a server of SageMaker's is a folder of the job's own.

    One that is no part of an account, and so has an address, stays. Packages are there already, from this machine's
    index: nobody is to ask for another.
    """
    found = {str(name): as_text(value) for name, value in (request.get("Environment") or {}).items()}
    found = {**_configured(request), **found}
    if found.get(_SERVER, "").startswith("arn:"):
        found |= {_SERVER: f"file:{_RUNS[step_type]}", _ALLOWED: "true"}
    found.pop(_INDEX, None)
    return found


def _configured(request: Request) -> dict[str, str]:
    """Return what a request's own member says of a server."""
    config: Mapping[str, Any] = request.get(_CONFIG) or {}
    members = {_SERVER: config.get("MlflowResourceArn"), _EXPERIMENT: config.get("MlflowExperimentName")}
    return {name: str(value) for name, value in members.items() if value}


def notes_of(step_type: str, request: Request) -> Iterator[tuple[str, Problem]]:
    """Yield what is otherwise here, each with the variable that it is about."""
    variables = {**_configured(request), **(request.get("Environment") or {})}
    server, index = variables.get(_SERVER), variables.get(_INDEX)
    if isinstance(server, str) and server.startswith("arn:"):
        where = f"runs are tracked in '{_RUNS[step_type]}' of the job, {_KEPT[step_type]}"
        yield _SERVER, _note(_SERVER, f"a server of SageMaker's isn't asked here: {where}")
    if index:
        yield _INDEX, _note(_INDEX, "CodeArtifact isn't asked here: packages come from this machine's own index")


def _note(name: str, words: str) -> Problem:
    return Problem(id="PB561", message=f"'{name}': {words}", warning=True)
