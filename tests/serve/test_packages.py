"""Model package groups and model packages by boto3 over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.engine.definitions import definition
from tests.serve.serving import Served, refused, serving

SPECIFICATION = {
    "Containers": [{"Image": "image:1", "ModelDataUrl": "s3://local/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


def add(served: Served, group: str = "g", **more: Any) -> str:
    added = served.sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **more
    )
    return str(added["ModelPackageArn"])


def describe(served: Served, arn: str) -> dict[str, Any]:
    return dict(served.sagemaker.describe_model_package(ModelPackageName=arn))


def listed(served: Served, **more: Any) -> list[int]:
    pages = served.sagemaker.get_paginator("list_model_packages").paginate(**more)
    return [item["ModelPackageVersion"] for page in pages for item in page["ModelPackageSummaryList"]]


def test_groups(served: Served) -> None:
    client = served.sagemaker
    made = client.create_model_package_group(
        ModelPackageGroupName="g", ModelPackageGroupDescription="what for", Tags=[{"Key": "a", "Value": "1"}]
    )
    arn = made["ModelPackageGroupArn"]
    found = client.describe_model_package_group(ModelPackageGroupName=arn)
    assert (found["ModelPackageGroupName"], found["ModelPackageGroupStatus"]) == ("g", "Completed")
    assert found["ModelPackageGroupDescription"] == "what for"
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    with refused("ValidationException", "already exists"):
        client.create_model_package_group(ModelPackageGroupName="g")
    for name in ("h", "f"):
        client.create_model_package_group(ModelPackageGroupName=name)
    pages = client.get_paginator("list_model_package_groups").paginate(
        SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    names = [[g["ModelPackageGroupName"] for g in page["ModelPackageGroupSummaryList"]] for page in pages]
    assert names == [["f", "g"], ["h"]]
    client.delete_model_package_group(ModelPackageGroupName="h")
    with refused("ValidationException", "does not exist"):
        client.describe_model_package_group(ModelPackageGroupName="h")
    with refused("ValidationException", "does not exist"):
        client.delete_model_package_group(ModelPackageGroupName="h")


def test_a_package_is_described_as_it_was_made(served: Served) -> None:
    served.sagemaker.create_model_package_group(ModelPackageGroupName="g")
    details: dict[str, Any] = {
        "ModelPackageDescription": "the first",
        "MetadataProperties": {"CommitId": "c0ffee", "Repository": "churn"},
        "CustomerMetadataProperties": {"rows": "5"},
        "ModelMetrics": {
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://local/metrics.json"}}
        },
        "ModelApprovalStatus": "PendingManualApproval",
    }
    arn = add(served, **details)
    found = describe(served, arn)
    assert {key: found[key] for key in details} == details
    assert (found["ModelPackageGroupName"], found["ModelPackageVersion"]) == ("g", 1)
    assert found["ModelPackageStatus"] == "Completed"
    containers = found["InferenceSpecification"]["Containers"]
    assert [container["ModelDataUrl"] for container in containers] == ["s3://local/model.tar.gz"]


def test_versions_count_on_and_a_token_makes_one(served: Served) -> None:
    served.sagemaker.create_model_package_group(ModelPackageGroupName="g")
    with ThreadPoolExecutor(6) as pool:
        arns = list(pool.map(lambda number: add(served, ClientToken=f"token-{number % 3}"), range(6)))
    assert len(set(arns)) == 3
    assert sorted(listed(served, ModelPackageGroupName="g")) == [1, 2, 3]
    with refused("ConflictException", "was used with another"):
        add(served, ClientToken="token-0", ModelPackageDescription="another")
    served.sagemaker.delete_model_package(ModelPackageName=f"{arns[0].rsplit('/', 1)[0]}/3")
    assert sorted(listed(served, ModelPackageGroupName="g")) == [1, 2]
    assert add(served).endswith("/4")
    with refused("ConflictException", "still has model packages"):
        served.sagemaker.delete_model_package_group(ModelPackageGroupName="g")
    with refused("ValidationException", "does not exist"):
        add(served, group="none")


def test_approval_and_metadata_change(served: Served) -> None:
    client = served.sagemaker
    client.create_model_package_group(ModelPackageGroupName="g")
    arn = add(served, MetadataProperties={"CommitId": "c0ffee"}, CustomerMetadataProperties={"rows": "5", "old": "x"})
    client.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="by me",
        CustomerMetadataProperties={"rows": "6", "new": "y"},
        CustomerMetadataPropertiesToRemove=["old"],
        ModelLifeCycle={"Stage": "Live", "StageStatus": "PendingApproval"},
    )
    found = describe(served, arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Approved", "by me")
    assert found["CustomerMetadataProperties"] == {"rows": "6", "new": "y"}
    assert found["MetadataProperties"] == {"CommitId": "c0ffee"}
    assert found["ModelLifeCycle"]["Stage"] == "Live"
    assert found["LastModifiedTime"] > found["CreationTime"]
    (change,) = served.engine.registry.list_approvals()
    assert (change.before.value, change.after.value, change.by) == ("PendingManualApproval", "Approved", "API")
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="by me")
    assert len(served.engine.registry.list_approvals()) == 1
    with refused("ValidationException", "does not exist"):
        client.update_model_package(ModelPackageArn=f"{arn}7", ModelApprovalStatus="Rejected")
    with refused("ValidationException", "at most 50"):
        many = {f"key-{number}": "x" for number in range(50)}
        client.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties=many)
    loose = served.client("sagemaker", parameter_validation=False)
    with refused("ValidationException", "'ModelApprovalStatus' is 'Maybe'"):
        loose.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Maybe")
    loose.close()


def test_packages_are_listed_by_time_and_status_in_pages(served: Served) -> None:
    for group in ("g", "h"):
        served.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    for number in range(5):
        add(served, ModelApprovalStatus="Approved" if number % 2 else "PendingManualApproval")
    add(served, group="h")
    assert listed(served, ModelPackageGroupName="g") == [5, 4, 3, 2, 1]
    assert listed(served, ModelPackageGroupName="g", SortOrder="Ascending") == [1, 2, 3, 4, 5]
    assert listed(served, ModelPackageGroupName="g", ModelApprovalStatus="Approved") == [4, 2]
    paged = listed(served, ModelPackageGroupName="g", PaginationConfig={"PageSize": 2})
    assert paged == [5, 4, 3, 2, 1]
    newest = served.sagemaker.list_model_packages(
        ModelPackageGroupName="g", ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending",
        MaxResults=1,
    )  # fmt: skip
    assert [item["ModelPackageVersion"] for item in newest["ModelPackageSummaryList"]] == [4]
    assert "ModelMetrics" not in newest["ModelPackageSummaryList"][0]
    with refused("ValidationException", "does not exist"):
        listed(served, ModelPackageGroupName="none")


def test_what_an_execution_registers_is_a_package(served: Served) -> None:
    register = {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": "g", "InferenceSpecification": SPECIFICATION},
    }
    served.s3.create_bucket(Bucket="local")
    served.s3.put_object(Bucket="local", Key="model.tar.gz", Body=b"")
    served.create("p", definition(register))
    arn = served.start("p")
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    package = served.steps(arn)["Register"]["Metadata"]["RegisterModel"]["Arn"]
    assert describe(served, package)["ModelPackageVersion"] == 1
    assert listed(served, ModelPackageGroupName="g") == [1]
    assert served.sagemaker.describe_model_package_group(ModelPackageGroupName="g")["ModelPackageGroupName"] == "g"
    served.sagemaker.add_tags(ResourceArn=package, Tags=[{"Key": "a", "Value": "1"}])


def test_a_package_outside_of_groups_is_refused_as_such(served: Served) -> None:
    with refused("ValidationException", "only model packages of a group"):
        served.sagemaker.create_model_package(ModelPackageName="alone", InferenceSpecification=SPECIFICATION)
