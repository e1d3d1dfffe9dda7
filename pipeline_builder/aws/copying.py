"""Copies of approved model packages in another account's group, for accounts that only serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.facts import token
from pipeline_builder.dag.packages import COPIED_FROM, baselines_of, containers_of, reports_of
from pipeline_builder.errors import PlanRefused, Problem

if TYPE_CHECKING:
    from boto3.session import Session

# What a description of a package and a request for one have in common, and what means the same in both accounts.
_COPIED = (
    "InferenceSpecification", "AdditionalInferenceSpecifications", "ModelMetrics", "DriftCheckBaselines", "Domain",
    "Task", "SamplePayloadUrl", "SourceUri", "MetadataProperties", "CustomerMetadataProperties",
)  # fmt: skip
_SESSION_SECONDS = 900
_MOST_METADATA = 50


def copy_package(aws: Aws, arn: str, role: str, *, region: str) -> str:
    """Create the package in the group of the same name, in the account of a role; return the copy's ARN.

    The copy names the same objects in S3: that account needs to be allowed to read them. Copying again finds the copy.

    Raises:
        PlanRefused: PB466 where the copy that is there isn't one of this package any more.
    """
    package = aws.call("sagemaker", "describe_model_package", ModelPackageName=arn)
    there = account_of(aws, role, region)
    group = package["ModelPackageGroupName"]
    try:
        there.call("sagemaker", "describe_model_package_group", ModelPackageGroupName=group)
    except NotFoundError:
        there.call("sagemaker", "create_model_package_group", ModelPackageGroupName=group)
    description = f"copy of {arn}"
    for page in there.pages("sagemaker", "list_model_packages", ModelPackageGroupName=group):
        for item in page["ModelPackageSummaryList"]:
            if item.get("ModelPackageDescription") == description:
                return _found(there, package, str(item["ModelPackageArn"]))
    return _create(there, package, group, description, token("copy", arn, role)[:36])


def _found(there: Aws, package: dict[str, Any], copy: str) -> str:
    found = there.call("sagemaker", "describe_model_package", ModelPackageName=copy)
    if _serves(found) != _serves(package):
        message = f"the copy '{copy}' of '{package['ModelPackageArn']}' is another by now: it serves something else"
        raise PlanRefused(Problem(id="PB466", message=message, hint="look at it, delete it there, and copy again"))
    return copy


def _serves(package: dict[str, Any]) -> object:
    """Return what a copy has to have as it was copied; the service adds digests and times of its own."""
    specifications = (
        package.get("InferenceSpecification") or {},
        *(package.get("AdditionalInferenceSpecifications") or ()),
    )
    environments = [c.get("Environment") or {} for s in specifications for c in s.get("Containers") or ()]
    return containers_of(package), environments, reports_of(package), baselines_of(package)


def _create(there: Aws, package: dict[str, Any], group: str, description: str, client_token: str) -> str:
    request: dict[str, Any] = {key: package[key] for key in _COPIED if package.get(key)}
    metadata = request.get("CustomerMetadataProperties") or {}
    if len(metadata) < _MOST_METADATA:
        request["CustomerMetadataProperties"] = {**metadata, COPIED_FROM: package["ModelPackageArn"][:256]}
    created = there.call(
        "sagemaker",
        "create_model_package",
        ModelPackageGroupName=group,
        ModelPackageDescription=description,
        ModelApprovalStatus=package["ModelApprovalStatus"],
        ClientToken=client_token,
        **request,
    )
    return str(created["ModelPackageArn"])


def account_of(aws: Aws, role: str, region: str) -> Aws:
    """Return AWS as a role of another account reaches it."""
    given = aws.call(
        "sts", "assume_role", RoleArn=role, RoleSessionName="pipeline-builder", DurationSeconds=_SESSION_SECONDS
    )["Credentials"]
    return Aws(region, session=_session(given, region))


def _session(given: dict[str, Any], region: str) -> Session:
    import boto3

    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=region or None,
    )
