"""What is to give credentials and fails in its own way: programs, files and settings of a profile, for real."""

from __future__ import annotations

import types
from pathlib import Path

import boto3
import botocore.endpoint
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.errors import ExitCode, OutsideFailure, Problem
from tests.serve.serving import serving

PROFILES = {
    "credential_process = /no/such/program": "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/program'",
    "credential_process = echo no JSON": "JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "credential_process = echo 5": "AttributeError: ",
    'credential_process = "open': "ValueError: No closing quotation",
    "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = p": "InfiniteLoopConfigError: ",
    "sso_session = nobodys\nsso_account_id = 123456789012\nsso_role_name = x": "InvalidConfigError: ",
    "role_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = /no/such/file": "FileNotFoundError: ",
}


def asked(aws: Aws) -> Problem:
    """Ask who we are, and return the problem with it."""
    with pytest.raises(OutsideFailure) as caught:
        aws.call("sts", "get_caller_identity")
    (problem,) = caught.value.problems
    assert caught.value.exit_code == ExitCode.OUTSIDE
    return problem


@pytest.mark.parametrize("profile", PROFILES)
def test_what_gives_credentials_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(f"[profile p]\n{profile}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "p")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    problem = asked(Aws("eu-central-1"))
    expected = f"no credentials for AWS: what is to give them fails: {PROFILES[profile]}"
    assert (problem.id, problem.message[: len(expected)]) == ("PB701", expected)
    assert "credential_process" in str(problem.hint)


def test_a_token_with_the_end_of_a_line_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _: None))
    with serving(tmp_path) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        session = boto3.session.Session(
            aws_access_key_id="AKIA", aws_secret_access_key="b", aws_session_token="FwoG-confidential\r"
        )
        problem = asked(Aws("eu-central-1", session=session))
    assert (problem.id, "has the end of a line in it" in problem.message) == ("PB701", True)
    assert "confidential" not in str(problem)
