"""Account, Region and role out of the credentials; STS and IAM are moto's, a role's session is the Stubber's."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.identity import look_up

SESSION = {"Account": "123456789012", "UserId": "x", "Arn": "arn:aws:sts::123456789012:assumed-role/ci/build-7"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_set_is_not_asked_for() -> None:
    values = {"SMP_REGION": "eu-west-1", "SMP_ACCOUNTID": "1", "SMP_ROLE": "r", "SMP_KMSKEY": ""}
    aws = Aws("eu-west-1")
    assert look_up(values, aws) == {"SMP_REGION": "eu-west-1", "SMP_ACCOUNTID": "1", "SMP_ROLE": "r"}
    assert aws.calls == {}


def test_a_user_has_no_role() -> None:
    with mock_aws():
        found = look_up({"SMP_S3BUCKETNAME": "b"}, Aws("eu-west-1"))
    assert found == {"SMP_S3BUCKETNAME": "b", "SMP_REGION": "eu-west-1", "SMP_ACCOUNTID": "123456789012"}


@pytest.mark.parametrize(("path", "expected"), [("/", "role/ci"), ("/ml/", "role/ml/ci")])
def test_the_role_of_a_session(path: str, expected: str) -> None:
    with mock_aws():
        aws = Aws("eu-west-1")
        aws.client("iam").create_role(RoleName="ci", Path=path, AssumeRolePolicyDocument="{}")
        with Stubber(aws.client("sts")) as sts:
            sts.add_response("get_caller_identity", SESSION)
            assert look_up({}, aws)["SMP_ROLE"] == f"arn:aws:iam::123456789012:{expected}"


def test_a_role_that_may_not_look_at_itself() -> None:
    aws = Aws("eu-west-1")
    with Stubber(aws.client("sts")) as sts, Stubber(aws.client("iam")) as iam:
        sts.add_response("get_caller_identity", SESSION)
        iam.add_client_error("get_role", "AccessDenied")
        assert look_up({}, aws)["SMP_ROLE"] == "arn:aws:iam::123456789012:role/ci"


@pytest.mark.long
def test_without_credentials_it_stays_unset() -> None:
    aws = Aws("eu-west-1")
    with Stubber(aws.client("sts")) as sts:
        sts.add_client_error("get_caller_identity", "ExpiredToken")
        assert look_up({}, aws) == {"SMP_REGION": "eu-west-1"}


def test_where_no_region_is_configured_none_is_found() -> None:
    with mock_aws():
        assert look_up({}, Aws("")) == {"SMP_ACCOUNTID": "123456789012"}
