"""The operations on model package groups and model packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.state import package_details as details
from pipeline_builder.engine.state.package_details import GroupRecord, PackageChange, PackageRecord
from pipeline_builder.engine.state.registry import ARN
from pipeline_builder.engine.state.tags import put_tags
from pipeline_builder.engine.state.tokens import once
from pipeline_builder.serve.background import new_id
from pipeline_builder.serve.paging import between, ordered, page
from pipeline_builder.serve.protocol import CONFLICT, VALIDATION, Call, Handler, ServiceError

if TYPE_CHECKING:
    import sqlite3

# Whom the history of approvals names for a change that came over the API, where signatures are not verified.
_BY = "API"
_CHANGED = (
    "ModelPackageRegistrationType", "AdditionalInferenceSpecifications", "InferenceSpecification", "SourceUri",
    "ModelCard", "ModelLifeCycle",
)  # fmt: skip
_METADATA_LIMIT = 50


def create_model_package_group(call: Call) -> Mapping[str, Any]:
    """Create a group."""
    name = call.request["ModelPackageGroupName"]
    with call.engine.state.transaction(lasting=True) as db:
        if db.execute("SELECT 1 FROM package_groups WHERE name = ? AND NOT deleted", (name,)).fetchone():
            arn = f"{details.GROUP_ARN}/{name}"
            raise ServiceError(VALIDATION, f"Model Package Group already exists: {arn}")
        arn = details.put_group(db, name, call.request.get("ModelPackageGroupDescription") or "")
        put_tags(db, arn, call.request.get("Tags") or ())
    return {"ModelPackageGroupArn": arn}


def _find_group(call: Call, name_or_arn: str) -> GroupRecord:
    found = details.find_group(call.engine.state, name_or_arn.rsplit("/", 1)[-1])
    if found is None or (":" in name_or_arn and name_or_arn != found.arn):
        arn = name_or_arn if ":" in name_or_arn else f"{details.GROUP_ARN}/{name_or_arn}"
        raise call.not_found(f"ModelPackageGroup {arn} does not exist.")
    return found


def describe_model_package_group(call: Call) -> Mapping[str, Any]:
    """Describe a group."""
    return {**_group(_find_group(call, call.request["ModelPackageGroupName"])), "CreatedBy": {}}


def _group(item: GroupRecord) -> dict[str, Any]:
    return {
        "ModelPackageGroupName": item.name,
        "ModelPackageGroupArn": item.arn,
        "ModelPackageGroupDescription": item.description or None,
        "CreationTime": item.created,
        "ModelPackageGroupStatus": "Completed",
    }


def list_model_package_groups(call: Call) -> Mapping[str, Any]:
    """List groups."""
    part = (call.request.get("NameContains") or "").lower()
    known = [item for item in details.list_groups(call.engine.state) if part in item.name.lower()]
    found = between(known, call.request, lambda item: item.created, "CreationTime")
    keys = {"Name": lambda item: item.name, "CreationTime": lambda item: item.created}
    items, token = page(call, ordered(found, call.request, keys, by="CreationTime"), lambda item: item.name)
    return {"ModelPackageGroupSummaryList": [_group(item) for item in items], "NextToken": token}


def delete_model_package_group(call: Call) -> None:
    """Delete a group that has no packages."""
    group = _find_group(call, call.request["ModelPackageGroupName"])
    if details.list_packages(call.engine.state, group.name):
        raise ServiceError(CONFLICT, f"Model Package Group {group.arn} cannot be deleted: it still has model packages.")
    with call.engine.state.transaction(lasting=True) as db:
        details.drop_group(db, group.name)


def create_model_package(call: Call) -> Mapping[str, Any]:
    """Add a version to a group; the same ClientToken again adds none."""
    if "ModelPackageGroupName" not in call.request:
        message = "only model packages of a group are served by the local engine: give a 'ModelPackageGroupName'"
        raise ServiceError(VALIDATION, message)
    group = _find_group(call, call.request["ModelPackageGroupName"])
    token = call.request.get("ClientToken") or new_id()
    request = {**call.request, "ModelPackageGroupName": group.name, "ClientRequestToken": token}
    with call.engine.state.transaction(lasting=True) as db:
        # The version itself is made below, once for each token.
        once(db, call.operation, request, lambda: token)
    package = call.engine.registry.register(call.request, execution="", step=token)
    with call.engine.state.transaction(lasting=True) as db:
        put_tags(db, package.arn, call.request.get("Tags") or ())
    return {"ModelPackageArn": package.arn}


def _find_package(call: Call, name_or_arn: str) -> PackageRecord:
    arn = name_or_arn if ":" in name_or_arn else f"{ARN}/{name_or_arn}"
    found = details.find_package(call.engine.state, arn)
    if found is None:
        raise call.not_found(f"ModelPackage {arn} does not exist.")
    return found


def describe_model_package(call: Call) -> Mapping[str, Any]:
    """Describe a package, with every change since it was made."""
    item = _find_package(call, call.request["ModelPackageName"])
    return {
        **item.members,
        **_package(item),
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": item.members.get("CertifyForMarketplace", False),
        "CustomerMetadataProperties": item.customer or None,
        "ApprovalDescription": item.approval_description or None,
        "LastModifiedTime": item.modified,
        "CreatedBy": {},
        "LastModifiedBy": {},
    }


def _package(item: PackageRecord) -> dict[str, Any]:
    return {
        "ModelPackageName": item.group,
        "ModelPackageGroupName": item.group,
        "ModelPackageVersion": item.version,
        "ModelPackageArn": item.arn,
        "ModelPackageDescription": item.members.get("ModelPackageDescription"),
        "CreationTime": item.created,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": item.approval,
        "ModelLifeCycle": item.members.get("ModelLifeCycle"),
    }


def batch_describe(call: Call) -> Mapping[str, Any]:
    """Describe many packages in short; what can't be described is said for each."""
    arns = call.request["ModelPackageArnList"]
    known = {arn: details.find_package(call.engine.state, arn) for arn in arns}
    found = {
        # The answer has to have an InferenceSpecification, and a package needs none.
        arn: {**item.members, **_package(item)}
        for arn, item in known.items()
        if item is not None and "InferenceSpecification" in item.members
    }
    why = {arn: "does not exist." if item is None else "has no InferenceSpecification." for arn, item in known.items()}
    failed = {
        arn: {"ErrorCode": VALIDATION, "ErrorResponse": f"ModelPackage {arn} {why[arn]}"}
        for arn in arns
        if arn not in found
    }
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": failed}


def update_model_package(call: Call) -> Mapping[str, Any]:
    """Approve or reject, add and take away metadata, change what else a package lets one change."""
    item = _find_package(call, call.request["ModelPackageArn"])
    added = call.request.get("CustomerMetadataProperties") or {}
    removed = call.request.get("CustomerMetadataPropertiesToRemove") or ()
    left = {key for key in {*item.customer, *added} if key not in removed}
    if len(left) > _METADATA_LIMIT:
        raise ServiceError(VALIDATION, f"a model package has at most {_METADATA_LIMIT} CustomerMetadataProperties")
    members = {member: call.request[member] for member in _CHANGED if member in call.request}
    if "AdditionalInferenceSpecificationsToAdd" in call.request:
        known = item.members.get("AdditionalInferenceSpecifications") or []
        more = call.request["AdditionalInferenceSpecificationsToAdd"]
        members["AdditionalInferenceSpecifications"] = [*known, *more]
    change = PackageChange(
        approval=call.request.get("ModelApprovalStatus"),
        approval_description=call.request.get("ApprovalDescription"),
        add=added,
        # What the engine itself keeps as MetadataProperties is no customer's to take away.
        remove=[key for key in removed if key in item.customer or key in added],
        members=members,
    )
    with call.engine.state.transaction(lasting=True) as db:
        request = {**call.request, "ClientRequestToken": call.request.get("ClientToken")}
        once(db, call.operation, request, lambda: _change(db, item.arn, change))
    return {"ModelPackageArn": item.arn}


def _change(db: sqlite3.Connection, arn: str, change: PackageChange) -> str:
    details.change_package(db, arn, change, by=_BY)
    return arn


def delete_model_package(call: Call) -> None:
    """Delete a package; its version isn't given again."""
    item = _find_package(call, call.request["ModelPackageName"])
    with call.engine.state.transaction(lasting=True) as db:
        details.drop_package(db, item.arn)


def list_model_packages(call: Call) -> Mapping[str, Any]:
    """List the packages of a group, or of all."""
    group = call.request.get("ModelPackageGroupName")
    name = _find_group(call, group).name if group else None
    if call.request.get("ModelPackageType") == "Unversioned":
        return {"ModelPackageSummaryList": []}
    status, part = call.request.get("ModelApprovalStatus"), (call.request.get("NameContains") or "").lower()
    known = [
        item
        for item in details.list_packages(call.engine.state, name)
        if status in (None, item.approval) and part in item.group.lower()
    ]
    found = between(known, call.request, lambda item: item.created, "CreationTime")
    keys = {"Name": lambda item: (item.group, item.version), "CreationTime": lambda item: item.created}
    items, token = page(call, ordered(found, call.request, keys, by="CreationTime"), lambda item: item.arn)
    return {"ModelPackageSummaryList": [_package(item) for item in items], "NextToken": token}


OPERATIONS: Mapping[str, Handler] = {
    "CreateModelPackageGroup": create_model_package_group,
    "DescribeModelPackageGroup": describe_model_package_group,
    "ListModelPackageGroups": list_model_package_groups,
    "DeleteModelPackageGroup": delete_model_package_group,
    "CreateModelPackage": create_model_package,
    "DescribeModelPackage": describe_model_package,
    "UpdateModelPackage": update_model_package,
    "DeleteModelPackage": delete_model_package,
    "BatchDescribeModelPackage": batch_describe,
    "ListModelPackages": list_model_packages,
}
