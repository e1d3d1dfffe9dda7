"""The table of operations is true: each one is an operation of AWS's, and is answered as one that is there."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore import xform_name

from pipeline_builder.serve.operations import served_operations
from tests.serve.serving import Served, serving

NO = ("UnknownOperationException", "InvalidAction", "NotImplemented")


@pytest.mark.parametrize("service", sorted(served_operations()))
def test_every_operation_is_one_of_aws(service: str) -> None:
    client = boto3.session.Session().client(
        service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    known = set(client.meta.service_model.operation_names)
    assert {name for names in served_operations()[service].values() for name in names} <= known


@pytest.mark.long
def test_what_is_in_the_table_is_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        codes = {name: code(served, name) for names in served_operations()["sagemaker"].values() for name in names}
        assert [name for name, found in codes.items() if found in NO] == []
        assert code(served, "CreateEndpoint") in NO


def code(served: Served, operation: str) -> str:
    """Ask for an operation with nothing in its request; return the error's code."""
    client = served.client("sagemaker", parameter_validation=False)
    try:
        getattr(client, xform_name(operation))()
    except client.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    finally:
        client.close()
    return ""


def test_a_manifest_needs_no_repositories(tmp_path: Path) -> None:
    from pipeline_builder.here import load_local_settings

    manifest = tmp_path / "model_repos.yaml"
    manifest.write_text("version: 1\nlocal:\n  images: [{match: 'a:*', requirements: [boto3]}]\n  s3: {b: data}\n")
    settings = load_local_settings(manifest, 1)
    assert (settings.images[0][0], settings.mounts) == ("a:*", {"b": tmp_path / "data"})
    manifest.write_text("version: 1\nrepos: []\nlocal: {imagse: []}\n")
    with pytest.raises(Exception, match="imagse"):
        load_local_settings(manifest, 1)
