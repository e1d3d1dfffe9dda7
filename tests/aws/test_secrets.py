"""Tokens out of AWS Secrets Manager, by a real client against moto."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from pipeline_builder.aws.secrets import make_secret_reader
from pipeline_builder.checkout.keys import Keys, remote_of
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.manifest import Repo, build_manifest

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name=REGION)
        secrets.create_secret(Name="git/plain", SecretString="t0ken\n")
        secrets.create_secret(Name="git/json", SecretString='{"token": "s3cret"}')
        secrets.create_secret(Name="git/bytes", SecretBinary=b"\x00")
        yield


def repo(credentials: str) -> Repo:
    text = f"version: 1\nrepos:\n  - {{url: 'https://git.example.com/a.git', credentials: '{credentials}'}}\n"
    return build_manifest(parse_yaml(Source("m.yaml", text), "PB100")).repos[0]


def token(credentials: str) -> str:
    keys = Keys(root=Path(), environment={}, read_secret=make_secret_reader(REGION))
    with remote_of(repo(credentials), keys).access() as given:
        return given.hidden[0]


@pytest.mark.long
def test_a_secret_is_a_token() -> None:
    assert token("secretsmanager:git/plain") == "t0ken"
    assert token("secretsmanager:git/json#token") == "s3cret"


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("secretsmanager:git/none", "the secret 'git/none' is not there"),
        ("secretsmanager:git/bytes", "the secret 'git/bytes' is no text"),
        (
            "secretsmanager:git/plain#token",
            "the secret 'git/plain' of the repository 'a' is no JSON with a text as the key 'token'",
        ),
        (
            "secretsmanager:git/json#other",
            "the secret 'git/json' of the repository 'a' is no JSON with a text as the key 'other'",
        ),
    ],
)
def test_problems(credentials: str, expected: str) -> None:
    with pytest.raises(InputProblems) as caught:
        token(credentials)
    (problem,) = caught.value.problems
    assert (problem.id, problem.message) == ("PB164", expected)
    assert "t0ken" not in str(problem)


def test_a_secret_is_read_once() -> None:
    read = make_secret_reader(REGION)
    before = read("git/plain")
    boto3.client("secretsmanager", region_name=REGION).put_secret_value(SecretId="git/plain", SecretString="new")
    assert read("git/plain") == before
