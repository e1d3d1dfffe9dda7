"""Pipelines, their versions and aliases, and tags, by boto3 over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.definitions import definition, fail, script
from tests.serve.serving import ROLE, Served, refused, serving

ONE, TWO, THREE = (definition(script("A", f"echo {number}")) for number in (1, 2, 3))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


def update(served: Served, content: bytes, **more: Any) -> int:
    updated = served.sagemaker.update_pipeline(PipelineName="p", PipelineDefinition=content.decode(), **more)
    return int(updated["PipelineVersionId"])


def describe(served: Served, **which: Any) -> dict[str, Any]:
    return dict(served.sagemaker.describe_pipeline(PipelineName="p", **which))


def test_a_pipeline_is_described_as_it_was_made(served: Served) -> None:
    details = {
        "PipelineDisplayName": "the-first",
        "PipelineDescription": "what for",
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
    }
    arn = served.create("p", ONE, **details)
    found = describe(served)
    assert {key: found[key] for key in details} == details
    assert (found["PipelineArn"], found["RoleArn"], found["PipelineStatus"]) == (arn, ROLE, "Active")
    assert found["PipelineDefinition"].encode() == ONE
    assert "LastRunTime" not in found
    assert served.sagemaker.describe_pipeline(PipelineName=arn)["PipelineName"] == "p"


def test_a_name_is_taken_once_and_the_same_token_makes_nothing_twice(served: Served) -> None:
    token = "t" * 32
    arn = served.create("p", ONE, ClientRequestToken=token)
    assert served.create("p", ONE, ClientRequestToken=token) == arn
    with refused("ConflictException", "was used with another"):
        served.create("p", TWO, ClientRequestToken=token)
    with refused("ValidationException", "must be unique within an AWS account and region"):
        served.create("p", ONE)
    assert len(served.sagemaker.list_pipeline_versions(PipelineName="p")["PipelineVersionSummaries"]) == 1


def test_every_definition_is_a_version_and_the_same_again_none(served: Served) -> None:
    served.create("p", ONE)
    assert [update(served, content) for content in (ONE, TWO, TWO, ONE)] == [1, 2, 2, 3]
    listed = served.sagemaker.list_pipeline_versions(PipelineName="p", SortOrder="Ascending")
    assert [item["PipelineVersionId"] for item in listed["PipelineVersionSummaries"]] == [1, 2, 3]
    assert describe(served, PipelineVersionId=2)["PipelineDefinition"].encode() == TWO
    assert describe(served)["PipelineDefinition"].encode() == ONE
    with refused("ResourceNotFound", "no version with the id 4"):
        describe(served, PipelineVersionId=4)


def test_an_alias_leads_to_one_version_and_moves(served: Served) -> None:
    served.create("p", ONE, PipelineVersionAliases=["live", "first"])
    update(served, TWO)
    assert describe(served, PipelineVersionAlias="live")["PipelineDefinition"].encode() == ONE
    update(served, THREE, PipelineVersionAliases=["live"])
    assert describe(served, PipelineVersionAlias="live")["PipelineDefinition"].encode() == THREE
    listed = served.sagemaker.list_pipeline_versions(PipelineName="p")["PipelineVersionSummaries"]
    aliases = {item["PipelineVersionId"]: item.get("PipelineVersionAliases", []) for item in listed}
    assert aliases == {3: ["live"], 2: [], 1: ["first"]}
    with refused("ResourceNotFound", "alias 'dead'"):
        describe(served, PipelineVersionAlias="dead")


def test_a_version_gets_a_name_and_other_aliases(served: Served) -> None:
    arn = served.create("p", ONE, PipelineVersionAliases=["old"])
    changed = served.sagemaker.update_pipeline_version(
        PipelineArn=arn,
        PipelineVersionId=1,
        PipelineVersionDisplayName="first",
        PipelineVersionAliasOperations={"Add": ["new"], "Remove": ["old"]},
    )
    assert changed["PipelineVersionId"] == 1
    (item,) = served.sagemaker.list_pipeline_versions(PipelineName="p")["PipelineVersionSummaries"]
    assert (item["PipelineVersionDisplayName"], item["PipelineVersionAliases"]) == ("first", ["new"])


def test_a_definition_may_lie_in_the_store(served: Served) -> None:
    served.s3.create_bucket(Bucket="bucket")
    served.s3.put_object(Bucket="bucket", Key="d.json", Body=ONE)
    place = {"Bucket": "bucket", "ObjectKey": "d.json"}
    served.sagemaker.create_pipeline(PipelineName="p", PipelineDefinitionS3Location=place, RoleArn=ROLE)
    assert describe(served)["PipelineDefinition"].encode() == ONE
    with refused("ValidationException", "no pipeline definition at 's3://bucket/e.json'"):
        served.sagemaker.update_pipeline(
            PipelineName="p", PipelineDefinitionS3Location={"Bucket": "bucket", "ObjectKey": "e.json"}
        )
    with refused("ValidationException", "only one of"):
        update(served, TWO, PipelineDefinitionS3Location=place)
    with refused("ValidationException", "must be given"):
        served.sagemaker.create_pipeline(PipelineName="q", RoleArn=ROLE)


def test_what_is_left_out_of_an_update_stays(served: Served) -> None:
    served.create("p", ONE, PipelineDescription="what for")
    served.sagemaker.update_pipeline(PipelineName="p", PipelineDisplayName="renamed")
    found = describe(served)
    assert (found["PipelineDescription"], found["PipelineDisplayName"]) == ("what for", "renamed")
    assert found["PipelineDefinition"].encode() == ONE


def test_pipelines_are_listed_by_name_or_time_in_pages(served: Served) -> None:
    names = [f"p{number}" for number in (3, 1, 2, 0, 4)]
    for name in [*names, "other"]:
        served.create(name, ONE)
    pages = served.sagemaker.get_paginator("list_pipelines").paginate(
        PipelineNamePrefix="p", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    found = [[item["PipelineName"] for item in page["PipelineSummaries"]] for page in pages]
    assert found == [["p0", "p1"], ["p2", "p3"], ["p4"]]
    newest = served.sagemaker.list_pipelines(PipelineNamePrefix="p")["PipelineSummaries"]
    assert [item["PipelineName"] for item in newest] == names[::-1]
    after = newest[-1]["CreationTime"]
    later = served.sagemaker.list_pipelines(PipelineNamePrefix="p", CreatedAfter=after)["PipelineSummaries"]
    assert {item["PipelineName"] for item in later} <= {*names}


def test_a_page_is_of_its_own_request(served: Served) -> None:
    for name in ("p1", "p2", "p3"):
        served.create(name, ONE)
    first = served.sagemaker.list_pipelines(MaxResults=1, SortBy="Name", SortOrder="Ascending")
    served.create("p0", ONE)  # moves nothing
    second = served.sagemaker.list_pipelines(
        MaxResults=1, SortBy="Name", SortOrder="Ascending", NextToken=first["NextToken"]
    )
    assert [item["PipelineName"] for item in second["PipelineSummaries"]] == ["p2"]
    with refused("ValidationException", "of another request"):
        served.sagemaker.list_pipelines(NextToken=first["NextToken"])
    with refused("ValidationException", "NextToken"):
        served.sagemaker.list_pipelines(NextToken="bm9uZQ==")


def test_a_deleted_pipeline_is_gone_and_may_come_again(served: Served) -> None:
    arn = served.create("p", ONE, PipelineDescription="old", PipelineVersionAliases=["live"])
    served.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    for _ in range(2):  # the same token again is answered as before
        assert served.sagemaker.delete_pipeline(PipelineName="p", ClientRequestToken="d" * 32)["PipelineArn"] == arn
    with refused("ResourceNotFound", "does not exist"):
        describe(served)
    with refused("ResourceNotFound", "does not exist"):
        served.sagemaker.delete_pipeline(PipelineName="p", ClientRequestToken="e" * 32)
    assert served.sagemaker.list_pipelines()["PipelineSummaries"] == []
    served.create("p", TWO)
    found = describe(served)
    assert "PipelineDescription" not in found
    assert found["PipelineDefinition"].encode() == TWO
    assert served.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_a_definition_that_cannot_run_is_refused(served: Served) -> None:
    with refused("ValidationException"):
        served.create("p", b"{}")
    with refused("ValidationException"):
        served.create("p", b"no json")
    unknown = {"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Lamda", "Arguments": {}}]}
    with refused("ValidationException", "Lamda"):
        served.create("p", json.dumps(unknown).encode())
    wrong = script("A", "true")
    wrong["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = "two"
    with refused("ValidationException", "InstanceCount"):
        served.create("p", definition(wrong))
    with refused("ValidationException", "'B'"):
        served.create("p", definition(script("A", "true", DependsOn=["B"])))
    assert served.sagemaker.list_pipelines()["PipelineSummaries"] == []


def test_what_depends_on_a_fail_step_is_refused_in_the_words_of_the_service(served: Served) -> None:
    with refused("ValidationException", "A can not depends on End"):
        served.create("p", definition(fail("End", "no"), script("A", "true", DependsOn=["End"])))


def test_an_empty_text_is_a_default_and_no_value_of_a_start(served: Served) -> None:
    document = json.loads(definition(fail("End", {"Get": "Parameters.Why"})))
    document["Parameters"] = [{"Name": "Why", "Type": "String", "DefaultValue": ""}]
    served.create("p", json.dumps(document).encode())
    assert "FailureReason" not in served.steps(served.end(served.start("p"))["PipelineExecutionArn"])["End"]
    with refused("ValidationException", "too short (length: 0, required minimum: 1)"):
        served.start("p", PipelineParameters=[{"Name": "Why", "Value": ""}])


def test_a_request_that_the_service_model_refuses_is_refused(served: Served) -> None:
    client = served.client("sagemaker", parameter_validation=False)
    with refused("ValidationException", "'PipelineName' is 'a_b'"):
        client.create_pipeline(PipelineName="a_b", PipelineDefinition="{}", RoleArn=ROLE, ClientRequestToken="t" * 32)
    with refused("ValidationException", "'RoleArn'"):
        client.create_pipeline(PipelineName="p", PipelineDefinition="{}", ClientRequestToken="t" * 32)
    with refused("ValidationException", "'MaxResults'"):
        client.list_pipelines(MaxResults=101)
    with refused("ValidationException", "'SortBy'"):
        client.list_pipelines(SortBy="Size")
    client.close()


def test_tags_of_pipelines(served: Served) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    arn = served.create("p", definition(fail("A")), Tags=tags)
    served.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}])
    served.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a", "none"])
    pages = served.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    assert [tag for page in pages for tag in page["Tags"]] == [
        {"Key": "b", "Value": "3"},
        {"Key": "c", "Value": "4"},
    ]
    with refused("ValidationException", "there is no resource"):
        served.sagemaker.list_tags(ResourceArn=f"{arn}x")
    with refused("ValidationException", "at most 50 tags"):
        served.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)])
    for keys, words in ((["aws:b"], "AWS's own"), (["AWS:b"], "AWS's own"), (["b", "b"], "Duplicate tag keys")):
        with refused("ValidationException", words):
            served.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": key, "Value": ""} for key in keys])
