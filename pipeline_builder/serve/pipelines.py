"""The operations on pipelines and their versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.check.finding import Finding
from pipeline_builder.engine.execution.starts import count_running
from pipeline_builder.engine.local import put_version
from pipeline_builder.engine.state import catalogue
from pipeline_builder.engine.state.catalogue import PIPELINE_ARN, PipelineRecord, VersionRecord
from pipeline_builder.engine.state.tags import put_tags
from pipeline_builder.engine.state.tokens import once
from pipeline_builder.serve.paging import between, ordered, page
from pipeline_builder.serve.protocol import CONFLICT, VALIDATION, Call, Handler, ServiceError
from pipeline_builder.serve.regions import inwards

if TYPE_CHECKING:
    import sqlite3

_DETAILS = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
_VERSION_DETAILS = ("PipelineVersionDisplayName", "PipelineVersionDescription")


def create_pipeline(call: Call) -> Mapping[str, Any]:
    """Create a pipeline with its first version."""
    name = call.request["PipelineName"]
    definition = _definition(call)
    if definition is None:
        message = "one of 'PipelineDefinition' and 'PipelineDefinitionS3Location' must be given"
        raise ServiceError(VALIDATION, message)
    _check_definition(definition)
    with call.engine.state.transaction() as db:
        arn = once(db, call.operation, call.request, lambda: _create(call, db, definition))
    return {"PipelineArn": arn or f"{PIPELINE_ARN}/{name}"}


def _create(call: Call, db: sqlite3.Connection, definition: bytes) -> str:
    name = call.request["PipelineName"]
    if db.execute("SELECT 1 FROM pipelines WHERE name = ? AND NOT deleted", (name,)).fetchone():
        # The SDK's upsert looks for these words.
        message = f"Pipeline names must be unique within an AWS account and region. Pipeline '{name}' already exists."
        raise ServiceError(VALIDATION, message)
    version = put_version(db, name, definition)
    catalogue.put_details(db, name, _given(call, _DETAILS), anew=True)
    catalogue.put_aliases(db, name, version, call.request.get("PipelineVersionAliases") or ())
    arn = f"{PIPELINE_ARN}/{name}"
    put_tags(db, arn, call.request.get("Tags") or ())
    return arn


def update_pipeline(call: Call) -> Mapping[str, Any]:
    """Change what is given; a definition of other bytes is a new version."""
    known = find(call, call.request["PipelineName"])
    definition = _definition(call)
    if definition is not None:
        _check_definition(definition)
    with call.engine.state.transaction() as db:
        version = put_version(db, known.name, definition) if definition is not None else known.version
        catalogue.put_details(db, known.name, _given(call, _DETAILS))
        catalogue.put_aliases(db, known.name, version, call.request.get("PipelineVersionAliases") or ())
    return {"PipelineArn": known.arn, "PipelineVersionId": version}


def _given(call: Call, members: tuple[str, ...]) -> dict[str, Any]:
    return {member: call.request[member] for member in members if member in call.request}


def _definition(call: Call) -> bytes | None:
    text, place = call.request.get("PipelineDefinition"), call.request.get("PipelineDefinitionS3Location")
    if text is not None and place is not None:
        message = "only one of 'PipelineDefinition' and 'PipelineDefinitionS3Location' may be given"
        raise ServiceError(VALIDATION, message)
    if place is None:
        return text.encode() if text is not None else None
    uri = f"s3://{place['Bucket']}/{place['ObjectKey']}"
    if "VersionId" in place:
        raise ServiceError(VALIDATION, f"objects have no versions here, so '{uri}' can't be had by its VersionId")
    try:
        return inwards(call.engine.store.get(uri), call.region, call.account)
    except KeyError:
        raise ServiceError(VALIDATION, f"there is no pipeline definition at '{uri}'") from None


def _check_definition(definition: bytes) -> None:
    """Refuse what SageMaker refuses when a pipeline is made; the rest it says when the pipeline runs.

    What this machine can't run is refused when an execution starts.
    """
    try:
        document = json.loads(definition)
    except (ValueError, RecursionError) as error:
        raise ServiceError(VALIDATION, f"Unable to parse pipeline definition. {error}") from error
    if findings := [finding for finding in check_definition(document) if finding.stage == "create"]:
        said = "; ".join(map(_said, findings))
        raise ServiceError(VALIDATION, f"Unable to parse pipeline definition. Model Validation failed: {said}")


def _said(finding: Finding) -> str:
    where = f"step '{finding.step}': {finding.message}" if finding.step else finding.message
    return f"{finding.said}: {where}" if finding.said else where


def find(call: Call, name_or_arn: str) -> PipelineRecord:
    """Return the pipeline with this name or ARN.

    Raises:
        ServiceError: there is none.
    """
    found = catalogue.find_pipeline(call.engine.state, name_or_arn.rsplit("/", 1)[-1])
    if found is None or (":" in name_or_arn and name_or_arn != found.arn):
        arn = name_or_arn if ":" in name_or_arn else f"{PIPELINE_ARN}/{name_or_arn}"
        raise call.not_found(f"Pipeline '{arn}' does not exist.")
    return found


def find_version(call: Call, pipeline: PipelineRecord) -> VersionRecord:
    """Return the version that the request names by id or alias, the newest where it names none.

    Raises:
        ServiceError: there is none.
    """
    number, alias = call.request.get("PipelineVersionId"), call.request.get("PipelineVersionAlias")
    found = catalogue.find_version(call.engine.state, pipeline.name, number, alias)
    if found is None:
        what = f"alias '{alias}'" if alias is not None else f"id {number}"
        raise call.not_found(f"Pipeline '{pipeline.arn}' has no version with the {what}.")
    return found


def describe_pipeline(call: Call) -> Mapping[str, Any]:
    """Describe a pipeline and one of its versions."""
    known = find(call, call.request["PipelineName"])
    version = find_version(call, known)
    return {
        **known.details,
        **version.details,
        "PipelineArn": known.arn,
        "PipelineName": known.name,
        "PipelineDefinition": version.definition,
        "PipelineStatus": "Active",
        "CreationTime": known.created,
        "LastModifiedTime": known.modified,
        "LastRunTime": known.last_run,
        "CreatedBy": {},
        "LastModifiedBy": {},
        "PipelineVersionAliases": version.aliases,
    }


def list_pipelines(call: Call) -> Mapping[str, Any]:
    """List pipelines."""
    prefix = call.request.get("PipelineNamePrefix") or ""
    known = [item for item in catalogue.list_pipelines(call.engine.state) if item.name.startswith(prefix)]
    found = between(known, call.request, lambda item: item.created)
    keys = {"Name": lambda item: item.name, "CreationTime": lambda item: item.created}
    items, token = page(call, ordered(found, call.request, keys, by="CreationTime"), lambda item: item.name)
    return {"PipelineSummaries": [_summary(item) for item in items], "NextToken": token}


def _summary(item: PipelineRecord) -> dict[str, Any]:
    times = {"CreationTime": item.created, "LastModifiedTime": item.modified, "LastExecutionTime": item.last_run}
    return {**item.details, **times, "PipelineArn": item.arn, "PipelineName": item.name}


def delete_pipeline(call: Call) -> Mapping[str, Any]:
    """Delete a pipeline that nothing runs of."""
    with call.engine.state.transaction() as db:
        return {"PipelineArn": once(db, call.operation, call.request, lambda: _delete(call, db))}


def _delete(call: Call, db: sqlite3.Connection) -> str:
    known = find(call, call.request["PipelineName"])
    if count_running(db, known.name):
        raise ServiceError(CONFLICT, f"Pipeline '{known.arn}' has executions that go on: stop them first.")
    catalogue.drop_pipeline(db, known.name)
    return known.arn


def list_pipeline_versions(call: Call) -> Mapping[str, Any]:
    """List the versions of a pipeline."""
    known = find(call, call.request["PipelineName"])
    oldest_first = catalogue.list_versions(call.engine.state, known.name)[::-1]
    found = between(oldest_first, call.request, lambda item: item.created)
    versions = ordered(found, call.request, {"Version": lambda item: item.version}, by="Version")
    items, token = page(call, versions, lambda item: str(item.version))
    return {"PipelineVersionSummaries": [_version(known, item) for item in items], "NextToken": token}


def _version(known: PipelineRecord, item: VersionRecord) -> dict[str, Any]:
    return {
        **item.details,
        "PipelineArn": known.arn,
        "PipelineVersionId": item.version,
        "CreationTime": item.created,
        "LastExecutionPipelineExecutionArn": item.last_run or None,
        "PipelineVersionAliases": item.aliases,
    }


def update_pipeline_version(call: Call) -> Mapping[str, Any]:
    """Name and describe a version, add aliases to it and take some away."""
    known = find(call, call.request["PipelineArn"])
    number = find_version(call, known).version
    aliases = call.request.get("PipelineVersionAliasOperations") or {}
    with call.engine.state.transaction() as db:
        catalogue.put_version_details(db, known.name, number, _given(call, _VERSION_DETAILS))
        catalogue.drop_aliases(db, known.name, number, aliases.get("Remove") or ())
        catalogue.put_aliases(db, known.name, number, aliases.get("Add") or ())
    return {"PipelineArn": known.arn, "PipelineVersionId": number}


OPERATIONS: Mapping[str, Handler] = {
    "CreatePipeline": create_pipeline,
    "UpdatePipeline": update_pipeline,
    "DescribePipeline": describe_pipeline,
    "ListPipelines": list_pipelines,
    "DeletePipeline": delete_pipeline,
    "ListPipelineVersions": list_pipeline_versions,
    "UpdatePipelineVersion": update_pipeline_version,
}
