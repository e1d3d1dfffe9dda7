"""Remaking: the record of a run that nobody has kept one of, out of what the target and the archive of evidence know.

Runs of older versions, and those that others have started on AWS, are shown by this. What can't be told is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER, UNKNOWN_COMMIT
from pipeline_builder.errors import InputProblems, PlanRefused
from pipeline_builder.release.archive import find_newest, load_evidence
from pipeline_builder.release.evidence import Evidence
from pipeline_builder.release.judging import judge_evidence
from pipeline_builder.release.past.hosts import kind_of
from pipeline_builder.release.record import RepoRecord, RunRecord
from pipeline_builder.target import Target

COMMIT = "commit-"
"""How custom properties of packages begin that have the commit of a repository."""


def remake(fresh: RunRecord, target: Target) -> RunRecord:
    """Return what was collected of a run with its commits, and with the verdict that its evidence gives.

    Of an inference run what became of its data isn't in it.
    """
    evidence, words = _evidence(fresh, target)
    repos = _repos(fresh, evidence, target)
    unknown = [words] if words else []
    if not repos:
        unknown.append("no commits: neither evidence nor parameters nor model packages of this run name any")
    record = fresh.model_copy(update={"repos": repos})
    if evidence and not evidence.scores:
        record = judge_evidence(evidence, record)
    return record.model_copy(update={"unknown": tuple(unknown)})


def _evidence(fresh: RunRecord, target: Target) -> tuple[Evidence | None, str]:
    """Return what a run was judged by last, or in words why there is nothing of it."""
    try:
        digest = find_newest(target, fresh.pipeline, fresh.execution)
        found = load_evidence(target, fresh.pipeline, digest) if digest else None
    except (PlanRefused, InputProblems) as error:
        return None, f"the gate's verdict: {error.problems[0].message}"
    if found and found.execution != fresh.execution:
        return None, f"the gate's verdict: the evidence {digest[:12]} is of another run"
    return found, "" if found else "the gate's verdict: no evidence was kept of this run"


def _repos(fresh: RunRecord, evidence: Evidence | None, target: Target) -> tuple[RepoRecord, ...]:
    """Return the commits: as evidence has them, else as the run was started with them, else as its packages say."""
    if evidence and evidence.commits:
        return tuple(_repo(one.name, one.commit, one.url) for one in evidence.commits)
    urls, parameters = _named(target.pipelines.definition_of(fresh.execution))
    started = {name: fresh.parameters.get(parameter, "") for name, parameter in parameters.items()}
    known = {name: commit for name, commit in started.items() if commit not in ("", UNKNOWN_COMMIT)}
    for package in fresh.packages:
        known = commits_of(package.metadata) | known
    return tuple(_repo(name, commit, urls.get(name, "")) for name, commit in sorted(known.items()))


def commits_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the commits that the properties of a model package name, by repository."""
    found = {key.removeprefix(COMMIT): value for key, value in metadata.items() if key.startswith(COMMIT)}
    return {name: commit for name, commit in found.items() if commit not in ("", UNKNOWN_COMMIT)}


def _repo(name: str, commit: str, url: str) -> RepoRecord:
    """Return a repository of which nobody knows more than its commit; whoever may read there isn't said."""
    scheme, mark, rest = url.partition("://")
    if mark and scheme in ("http", "https"):
        url = f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}{rest[rest.find('/') :] if '/' in rest else ''}"
    kind = kind_of(url) if url else ""
    return RepoRecord(name=name, url=url, revision="", commit=commit, tree="", committed=None, kind=kind)


def _named(definition: bytes) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the urls of repositories, and the parameters with their commits, as the steps that register name them."""
    urls: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for arguments in _registering(definition):
        custom, properties = (
            _members(arguments, "CustomerMetadataProperties"),
            _members(arguments, "MetadataProperties"),
        )
        own = {k.removeprefix(COMMIT): _parameter(v) for k, v in custom.items() if k.startswith(COMMIT)}
        parameters |= {name: parameter for name, parameter in own.items() if parameter}
        url, commit = properties.get("Repository"), _parameter(properties.get("CommitId"))
        # One that is a folder of the machine that has composed it is called by its name there.
        if isinstance(url, str) and url not in own:
            urls |= {name: url for name, parameter in own.items() if parameter == commit}
    return urls, {name: parameter for name, parameter in parameters.items() if parameter != MANIFEST_PARAMETER}


def _registering(definition: bytes) -> Iterator[Mapping[str, Any]]:
    for step in flat_steps(json.loads(definition).get("Steps")).values():
        arguments = step.get("Arguments") if isinstance(step, dict) and step.get("Type") == "RegisterModel" else None
        if isinstance(arguments, dict):
            yield arguments


def _members(arguments: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = arguments.get(name)
    return found if isinstance(found, dict) else {}


def _parameter(value: Any) -> str:
    """Return the name of the parameter that a value is taken from; empty where it is anything else."""
    named = value.get("Get") if isinstance(value, dict) else None
    return named.removeprefix("Parameters.") if isinstance(named, str) and named.startswith("Parameters.") else ""
