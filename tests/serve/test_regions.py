"""ARNs are of the Region that a client signs for, and are taken back as such; the state has them as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from pipeline_builder.serve.regions import inwards, outwards
from tests.engine.definitions import definition, fail
from tests.serve.serving import ROLE, Served, refused, serving

US, HOME = (f"arn:aws:sagemaker:{region}:000000000000:" for region in ("us-west-2", "localhost"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(Path(tmp_path_factory.mktemp("regions")), any_key=True) as found:
        yield found


def client(served: Served, **session: Any) -> Any:
    config = Config(retries={"total_max_attempts": 1}, **({"signature_version": UNSIGNED} if not session else {}))
    kept = {**served.keys, **session}
    return boto3.session.Session(**kept).client("sagemaker", endpoint_url=served.url, config=config)


def test_only_our_own_arns_change() -> None:
    theirs = b"arn:aws:sagemaker:us-west-2:123456789012:pipeline/p arn:aws:iam::000000000000:role/r"
    assert inwards(theirs, "us-west-2") == outwards(theirs, "us-west-2") == theirs
    assert outwards(inwards(f"{US}pipeline/p".encode(), "us-west-2"), "us-west-2") == f"{US}pipeline/p".encode()


def test_arns_come_and_go_in_the_region_of_the_client(served: Served) -> None:
    west, unsigned = client(served, region_name="us-west-2"), client(served)
    text = definition({**fail("End", "no"), "Description": f"{US}model-package/g/1"}).decode()
    arn = west.create_pipeline(PipelineName="p", PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken="t" * 32)
    assert arn["PipelineArn"] == f"{US}pipeline/p"
    found = west.describe_pipeline(PipelineName=arn["PipelineArn"])
    assert (found["PipelineArn"], found["PipelineDefinition"]) == (f"{US}pipeline/p", text)
    west.add_tags(ResourceArn=arn["PipelineArn"], Tags=[{"Key": "a", "Value": "b"}])
    assert west.list_tags(ResourceArn=arn["PipelineArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    started = west.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
    assert started.startswith(f"{US}pipeline/p/execution/")
    assert west.describe_pipeline_execution(PipelineExecutionArn=started)["PipelineArn"] == f"{US}pipeline/p"
    assert unsigned.describe_pipeline(PipelineName=f"{HOME}pipeline/p")["PipelineArn"] == f"{HOME}pipeline/p"
    with refused("ResourceNotFound", f"Pipeline '{US}pipeline/none' does not exist"):
        west.describe_pipeline(PipelineName=f"{US}pipeline/none")
    for region in ("eu-west-1", "localhost"):  # there is one state for all of them
        again = west.describe_pipeline(PipelineName=f"arn:aws:sagemaker:{region}:000000000000:pipeline/p")
        assert (again["PipelineArn"], again["PipelineDefinition"]) == (f"{US}pipeline/p", text)
    with refused("ResourceNotFound", "arn:aws:sagemaker:us-west-2:123456789012:pipeline/p"):
        west.describe_pipeline(PipelineName="arn:aws:sagemaker:us-west-2:123456789012:pipeline/p")
    [row] = served.engine.state.query("SELECT arn FROM executions")
    assert str(row["arn"]).startswith(f"{HOME}pipeline/p/execution/")


def test_a_key_of_twelve_digits_is_the_account(served: Served) -> None:
    theirs = client(served, region_name="eu-central-1", aws_access_key_id="123456789012")
    arn = theirs.create_pipeline(
        PipelineName="of", PipelineDefinition=definition(fail("End", "no")).decode(), RoleArn=ROLE
    )
    assert arn["PipelineArn"] == "arn:aws:sagemaker:eu-central-1:123456789012:pipeline/of"
    assert theirs.describe_pipeline(PipelineName=arn["PipelineArn"])["PipelineArn"] == arn["PipelineArn"]
    session = boto3.session.Session(**{**served.keys, "aws_access_key_id": "123456789012"})
    sts, s3 = (session.client(name, endpoint_url=served.url) for name in ("sts", "s3"))
    assert sts.get_caller_identity()["Account"] == "123456789012"
    s3.head_bucket(Bucket="sagemaker-us-east-1-123456789012")
    for one in (theirs, sts, s3):
        one.close()


def test_a_definition_in_the_store_is_taken_alike(served: Served) -> None:
    west = client(served, region_name="us-west-2")
    text = json.dumps({**json.loads(definition(fail("End", f"{US}model-package/g/1"))), "Metadata": {}})
    served.engine.store.put("s3://local/d.json", text.encode())
    place = {"Bucket": "local", "ObjectKey": "d.json"}
    west.create_pipeline(PipelineName="stored", PipelineDefinitionS3Location=place, RoleArn=ROLE)
    assert west.describe_pipeline(PipelineName="stored")["PipelineDefinition"] == text
    unsigned = client(served).describe_pipeline(PipelineName="stored")["PipelineDefinition"]
    assert f"{HOME}model-package/g/1" in unsigned
