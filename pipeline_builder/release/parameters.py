"""The parameters that an execution starts with: commits, fingerprints of data, and what somebody has given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.dag.caching import PARAMETER, with_generation
from pipeline_builder.dag.requests import values_of
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER, UNKNOWN_COMMIT
from pipeline_builder.descriptions import Execution, ExecutionStatus
from pipeline_builder.documents.dates import PARAMETERS as DATES
from pipeline_builder.documents.dates import fill_parameters
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem, sort_problems
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.target import ObjectStore, PipelineService

if TYPE_CHECKING:
    from pipeline_builder.conf.parameters import ParameterSection
    from pipeline_builder.definition.policy.policy import Policed


def check_given(given: Mapping[str, str], own: Iterable[str], policed: Callable[[], Policed]) -> None:
    """Refuse values for parameters that a run sets itself (commits, fingerprints, the cache's generation), those by
    which a step would ask for what SageMaker refuses, and those by which it would get what the policy doesn't allow.

    Raises:
        InputProblems: PB505, each of them; PB403 to PB414; PB231 to PB245.
    """
    if taken := sorted({*given} & {*own}):
        raise InputProblems(*(_set_by_run(name) for name in taken))
    if not given:
        return
    from pipeline_builder.definition.findings import given_findings
    from pipeline_builder.definition.policy.policy import check_policy

    asked = policed()
    if unlisted := [*_unlisted(given, asked.graph.parameters)]:
        raise InputProblems(*unlisted)
    if wrong := given_findings(asked.definition, asked.graph, given):
        raise InputProblems(*sort_problems(wrong))
    if refused := check_policy(asked, given):
        raise InputProblems(*refused)


def _unlisted(given: Mapping[str, str], declared: Iterable[ParameterSection]) -> Iterator[Problem]:
    """Yield each value that is none of those which its parameter may have: every target refuses it, some later."""
    for parameter in declared:
        value = given.get(parameter.name)
        if value is None or not parameter.values or value in parameter.values:
            continue
        shown = ", ".join(f"'{one}'" for one in parameter.values)
        message = f"the parameter '{parameter.name}' is '{value}', expected one of {shown}"
        hint = parameter.description or did_you_mean(value, parameter.values)
        yield Problem(id="PB505", message=message, hint=hint)


def _set_by_run(name: str) -> Problem:
    hint = "leave it out"
    if name == PARAMETER:
        hint = "leave it out; '--rerun' takes nothing from the step cache"
    elif name.startswith("ModelPackage-"):
        hint = "'model' of the inference conf says which version is used"
    elif name in DATES:
        hint = "'--date' says which day the run is about"
    return Problem(id="PB505", message=f"the parameter '{name}' can't be given: a run sets it itself", hint=hint)


def data_addresses(definition: Definition, values: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Return the addresses that results depend on, by the parameter with their fingerprint, as a start reads them.

    `values` are its parameters, which the address of an inference conf may name; others have their defaults.
    """
    if not any("${" in uri for uris in definition.data.values() for uri in uris):
        return definition.data
    known = values_of(json.loads(definition.content), values)
    return {name: tuple(fill_parameters(uri, known) for uri in uris) for name, uris in definition.data.items()}


def data_fingerprints(
    definition: Definition, store: ObjectStore, values: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return fingerprints of the data that the conf wants cached results to depend on, as `values` say where it is."""
    return {name: store.data_fingerprint(uris) for name, uris in data_addresses(definition, values or {}).items()}


def start_parameters(definition: Definition, lock: Lock, fingerprints: Mapping[str, str]) -> dict[str, str]:
    """Return what a run sets itself."""
    commits = {repo.name: repo.commit for repo in lock.repos}
    named = definition.commit_parameters.items()
    manifest = {MANIFEST_PARAMETER: lock.manifest_commit or UNKNOWN_COMMIT}
    return manifest | {parameter: commits[repo] for repo, parameter in named if repo in commits} | dict(fingerprints)


def started_for(execution: Execution) -> str:
    """Return the commit of the manifest that an execution was started for; empty where it isn't known."""
    commit = execution.parameters.get(MANIFEST_PARAMETER, UNKNOWN_COMMIT)
    return "" if commit == UNKNOWN_COMMIT else commit


def find_moved(own: Execution, fingerprints: Mapping[str, str]) -> Problem | None:
    """Return the warning, PB452, about data that has changed since an execution started that is to be gone on with."""
    moved = [name for name, value in fingerprints.items() if own.parameters.get(name, value) != value]
    if not moved or own.status is ExecutionStatus.SUCCEEDED:
        return None
    message = f"data has changed since execution '{own.id}' started: {', '.join(moved)}"
    hint = "it goes on with the new data, and what has succeeded stays; let the pipeline run anew to redo that"
    return Problem(id="PB452", message=message, hint=hint, warning=True)


def cached_parameters(
    service: PipelineService, pipeline: str, definition: bytes, parameters: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the parameters with which an execution would start that takes from the step cache what it can."""
    return with_generation(definition, parameters, service.list_executions(pipeline))
