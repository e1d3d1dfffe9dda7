"""Where a job's metrics and parameters are tracked, and where its packages come from: MLflow, CodeArtifact."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, describe

ARTIFACTS = "SMP_MLFLOW_ARTIFACTS"
"""A variable that no client reads: policy and roles see by it where a job's client will write."""
_SERVER = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:mlflow-(tracking-server|app)/[A-Za-z0-9-]+", re.ASCII)
_ADDRESS = re.compile(r"https?://[^\s@/]+(/\S*)?")
_REPOSITORY = re.compile(
    r"arn:aws[a-z-]*:codeartifact:[a-z0-9-]+:\d{12}:repository/[a-z][a-z0-9-]{0,48}[a-z0-9]/[A-Za-z0-9][A-Za-z0-9._-]{1,99}",
    re.ASCII,
)


def _server(value: str) -> str:
    if not _SERVER.fullmatch(value) and not _ADDRESS.fullmatch(value):
        raise ValueError(
            f"'server' is {describe(value)}, expected the ARN of SageMaker's tracking server or MLflow app, or the "
            "https:// address of another, without a login"
        )
    return value


def _repository(value: str) -> str:
    if not _REPOSITORY.fullmatch(value):
        raise ValueError(
            f"'codeartifact' is {describe(value)}, expected "
            "arn:aws:codeartifact:<region>:<account>:repository/<domain>/<repository>"
        )
    return value


def _artifacts(value: str) -> str:
    if value and not re.match(r"s3://[^/\s]+(/\S*)?\Z", value):
        raise ValueError(f"'artifacts' is {describe(value)}, expected an s3:// address")
    return value


class MlflowSection(Section):
    """The MLflow server that a job tracks with, and as what."""

    server: Annotated[str, AfterValidator(_server)] = Field(
        description="ARN of SageMaker's MLflow tracking server or app, or the https:// address of another server"
    )
    experiment: str = Field("", max_length=256, description="name of the experiment")
    run: str = Field("", max_length=256, description="of a train section: name of the run")
    artifacts: Annotated[str, AfterValidator(_artifacts)] = Field(
        "", description="s3:// address of the server's artifact store, where clients write models and files themselves"
    )

    @property
    def is_managed(self) -> bool:
        """Whether the server is one of SageMaker's."""
        return self.server.startswith("arn:")

    @property
    def variables(self) -> dict[str, str]:
        """What MLflow's client finds the server by; for an ARN it takes the package sagemaker-mlflow."""
        found = {
            "MLFLOW_TRACKING_URI": self.server,
            "MLFLOW_EXPERIMENT_NAME": self.experiment,
            ARTIFACTS: self.artifacts,
        }
        return {name: value for name, value in found.items() if value}


def _as_server(value: JSON) -> JSON:
    """A text is short for the server."""
    return {"server": value} if isinstance(value, str) else value


Mlflow = Annotated[MlflowSection, BeforeValidator(_as_server, json_schema_input_type=MlflowSection | str)]
Repository = Annotated[str, AfterValidator(_repository)]
VARIABLE = "CA_REPOSITORY_ARN"
"""By which AWS's training toolkit finds the repository that it installs from."""


def index_variables(repository: str) -> dict[str, str]:
    """Return what says where a job's packages come from; nothing where nothing else than its image's index is asked."""
    return {VARIABLE: repository} if repository else {}
