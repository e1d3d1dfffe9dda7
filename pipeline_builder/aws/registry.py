"""The model registry of SageMaker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.copying import copy_package
from pipeline_builder.dag.packages import QUALITY, baselines_of, containers_of, reports_of, stage_of
from pipeline_builder.descriptions import ApprovalChange, ApprovalStatus, ModelPackage
from pipeline_builder.target import GROUP_OWNER, decided_meanwhile, no_package

_DESCRIPTION = 1024
_METADATA = 50
_VALUE = 256
_UNFIT = re.compile(r"[^\w .:/=+\-@]")
"""What CustomerMetadataProperties don't take: parentheses of a role behind a name for one."""


class SageMakerRegistry:
    """Model package groups and packages of one account and Region."""

    def __init__(self, aws: Aws, tags: Mapping[str, str] | None = None) -> None:
        self._aws = aws
        self._tags = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        self._groups: dict[str, str] | None = None

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._aws.call("sagemaker", operation, **arguments)

    def put_group(self, name: str, description: str, owner: str = "") -> None:
        """Create the group, unless it is there."""
        if name in self._known_groups():
            return
        tags = [*self._tags, *([{"Key": GROUP_OWNER, "Value": owner}] if owner else [])]
        more: dict[str, Any] = {"Tags": tags} if tags else {}
        if description:
            more["ModelPackageGroupDescription"] = description
        made = self._call("create_model_package_group", ModelPackageGroupName=name, **more)
        self._known_groups()[name] = made["ModelPackageGroupArn"]

    def _known_groups(self) -> dict[str, str]:
        """Return the ARN of every group that is there; it is asked once."""
        if self._groups is None:
            pages = self._aws.pages("sagemaker", "list_model_package_groups")
            listed = [group for page in pages for group in page["ModelPackageGroupSummaryList"]]
            self._groups = {group["ModelPackageGroupName"]: group["ModelPackageGroupArn"] for group in listed}
        return self._groups

    def group_owner(self, name: str) -> str | None:
        """Return the repository that the group's tag names."""
        if (arn := self._known_groups().get(name)) is None:
            return None
        tags = [tag for page in self._aws.pages("sagemaker", "list_tags", ResourceArn=arn) for tag in page["Tags"]]
        return next((str(tag["Value"]) for tag in tags if tag["Key"] == GROUP_OWNER), "")

    def tag_group(self, name: str, owner: str) -> None:
        """Write the tag of the repository that owns it on a group."""
        self._call("add_tags", ResourceArn=self._known_groups()[name], Tags=[{"Key": GROUP_OWNER, "Value": owner}])

    def list_packages(self, group: str) -> tuple[ModelPackage, ...]:
        """Newest version first. The list alone has neither metrics nor metadata: `describe_package` has."""
        try:
            return tuple(sorted(self._listed(group), key=lambda package: -package.version))
        except NotFoundError:
            return ()

    def _listed(self, group: str) -> Iterator[ModelPackage]:
        pages = self._aws.pages(
            "sagemaker", "list_model_packages", ModelPackageGroupName=group, SortBy="CreationTime",
            SortOrder="Descending",
        )  # fmt: skip
        for page in pages:
            for item in page["ModelPackageSummaryList"]:
                stage, stage_status = stage_of(item)
                yield ModelPackage(
                    arn=item["ModelPackageArn"],
                    group=group,
                    version=int(item.get("ModelPackageVersion") or 0),
                    status=ApprovalStatus(item.get("ModelApprovalStatus") or ApprovalStatus.PENDING.value),
                    created=item.get("CreationTime"),
                    stage=stage,
                    stage_status=stage_status,
                )

    def describe_package(self, arn: str) -> ModelPackage:
        """Return the package.

        Raises:
            InputProblems: PB531 where there is none with this ARN.
        """
        try:
            return _package(self._call("describe_model_package", ModelPackageName=arn))
        except NotFoundError as error:
            raise no_package(arn) from error

    def set_approval(
        self,
        arn: str,
        status: ApprovalStatus,
        *,
        description: str,
        metadata: Mapping[str, str],
        by: str,
        since: ModelPackage | None = None,
    ) -> ModelPackage:
        """Set the status; the same status and description again change nothing.

        SageMaker has no write on a condition, so it is looked at before and after: of two within the same instant the
        later one stands, and the other is told.

        Raises:
            PlanRefused: PB481 where the package isn't as it was `since`, or somebody's answer stands where this one was
                written.
        """
        del by  # it stands in the description, and CloudTrail knows the caller
        current = self.describe_package(arn)
        shown = description if len(description) <= _DESCRIPTION else f"{description[: _DESCRIPTION - 1]}…"
        if current.status is status and current.approval_description == shown:
            return current
        if since and _word(current) != _word(since):
            raise decided_meanwhile(current)
        room = max(_METADATA - len(current.metadata), 0)
        fit = {key: _UNFIT.sub("-", value)[:_VALUE] for key, value in metadata.items()}
        short = {key: value for key, value in fit.items() if value}  # an empty value is refused
        new = {key: value for key, value in short.items() if key not in current.metadata}
        kept = {key: value for key, value in short.items() if key in current.metadata}
        sent = {**kept, **dict(list(new.items())[:room])}
        self._call(
            "update_model_package",
            ModelPackageArn=arn,
            ModelApprovalStatus=status.value,
            ApprovalDescription=shown,
            **({"CustomerMetadataProperties": sent} if sent else {}),  # the service refuses an empty one
        )
        written = self.describe_package(arn)
        if since and _word(written) not in ((status, shown), _word(current)):
            raise decided_meanwhile(written)
        return written

    def set_stage(self, arn: str, stage: str, status: str, *, description: str) -> None:
        """Set the stage; that a package is approved is another matter, and stays as it is."""
        found = self.describe_package(arn)
        if (found.stage, found.stage_status) == (stage, status):
            return
        shown = description[:_DESCRIPTION]
        cycle = {"Stage": stage, "StageStatus": status, **({"StageDescription": shown} if shown else {})}
        self._call("update_model_package", ModelPackageArn=arn, ModelLifeCycle=cycle)

    def copy_package(self, arn: str, role: str) -> str:
        """Copy a package into another account; what that account reads the artifact with is its own matter."""
        return copy_package(self._aws, arn, role, region=self._aws.region)

    def list_approvals(self) -> tuple[ApprovalChange, ...]:
        """Nothing: SageMaker keeps the present state of a package only; CloudTrail has what came before."""
        return ()


def _word(package: ModelPackage) -> tuple[ApprovalStatus, str]:
    return package.status, package.approval_description


def _package(found: Mapping[str, Any]) -> ModelPackage:
    containers, reports = containers_of(found), reports_of(found)
    stage, stage_status = stage_of(found)
    provenance = {
        key: value for key, value in (found.get("MetadataProperties") or {}).items() if isinstance(value, str)
    }
    return ModelPackage(
        arn=found["ModelPackageArn"],
        group=found.get("ModelPackageGroupName", ""),
        version=int(found.get("ModelPackageVersion") or 0),
        status=ApprovalStatus(found.get("ModelApprovalStatus") or ApprovalStatus.PENDING.value),
        approval_description=found.get("ApprovalDescription", ""),
        model_data_url=containers[0].model_data_url if containers else "",
        image=containers[0].image if containers else "",
        metrics_uri=reports.get(QUALITY, ""),
        metadata={**provenance, **(found.get("CustomerMetadataProperties") or {})},
        created=found.get("CreationTime"),
        modified=found.get("LastModifiedTime"),
        containers=containers,
        reports=reports,
        baselines=baselines_of(found),
        stage=stage,
        stage_status=stage_status,
    )
