"""Access of jobs to what their scripts track with, and to what their packages are installed from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipeline_builder.service.cloudformation.access.statements import Statement, literal
from pipeline_builder.service.cloudformation.access.surroundings import read_indexes
from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts

# What logging a run takes, artifacts and the model among them [service authorization: sagemaker-mlflow]. Nothing is
# deleted, renamed or restored, and of the registry only what 'registered_model_name' adds.
_LOGGING = (
    "CreateExperiment", "CreateModelVersion", "CreateRegisteredModel", "CreateRun", "GetExperiment",
    "GetExperimentByName", "GetMetricHistory", "GetModelVersion", "GetRegisteredModel", "GetRun", "ListArtifacts",
    "LogBatch", "LogInputs", "LogMetric", "LogModel", "LogParam", "SearchExperiments", "SearchRuns",
    "SetExperimentTag", "SetTag", "UpdateRun",
)  # fmt: skip
# An app has one action for its whole interface.
_APP = ("sagemaker:CallMlflowAppApi",)
_PARTS = re.compile(r"(?P<head>arn:[^:]+:codeartifact:[^:]+:[^:]+:)repository/(?P<domain>[^/]+)/(?P<name>.+)")


def tracking_and_indexes(touched: DefinitionFacts) -> tuple[Statement, ...]:
    """Return what jobs take that track on a server of SageMaker's, and those that install from CodeArtifact."""
    return (*_tracking(touched.servers), *_indexes(touched.indexes))


def _tracking(servers: Iterable[str]) -> Iterator[Statement]:
    apps = tuple(sorted(literal(arn) for arn in servers if ":mlflow-app/" in arn))
    others = tuple(sorted(literal(arn) for arn in servers if ":mlflow-app/" not in arn))
    if others:
        actions = tuple(f"sagemaker-mlflow:{verb}" for verb in _LOGGING)
        yield Statement(
            sid="Tracking", actions=actions, resources=others, why="scripts log their runs there ('mlflow')"
        )
    if apps:
        yield Statement(sid="TrackingApps", actions=_APP, resources=apps, why="scripts log their runs there ('mlflow')")


def _indexes(repositories: Iterable[str]) -> Iterator[Statement]:
    found = [match for arn in repositories if (match := _PARTS.fullmatch(arn))]
    if not found:
        return
    domains = tuple(sorted({literal(f"{match['head']}domain/{match['domain']}") for match in found}))
    why = "requirements.txt is installed from there ('codeartifact')"
    repositories = tuple(sorted({literal(match[0]) for match in found}))
    yield from read_indexes(domains, repositories, why)
