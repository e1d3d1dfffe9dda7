"""Credentials over https: one header for one address; connections and CodeCommit by signed requests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pipeline_builder.aws.git import AwsGitSigner
from pipeline_builder.checkout.heads import Head
from pipeline_builder.checkout.keys import Keys, connection_url, remote_of
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.gitops.watch import look_up
from pipeline_builder.workspace import Workspace
from tests.checkout.hosts import Hosts, basic
from tests.checkout.opening import check_out, failure, keys, manifest
from tests.checkout.repositories import ENVIRONMENT

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/00000000-0000-0000-0000-000000000001"
ENDPOINT = "codeconnections.eu-west-1.amazonaws.com"
BEHIND = "git-http/111122223333/eu-west-1/00000000-0000-0000-0000-000000000001/acme/churn"
CODECOMMIT = "git-codecommit.eu-west-1.amazonaws.com"


@pytest.fixture
def _signed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_SESSION_TOKEN": "tok/en+1==",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)


# --- https: one header, for one address


@pytest.mark.long
def test_what_the_users_git_has_is_no_second_login(tmp_path: Path, world: Hosts, repository: Path, head: str) -> None:
    world.repositories["github.com"] = {"acme/churn": repository}
    world.guards["github.com"] = lambda header: header == basic("x-access-token:t0ken")
    helper, asked = tmp_path / "helper", tmp_path / "asked"
    helper.write_text(f"#!/bin/sh\necho $1 >> {asked}\necho username=me\necho password=mine\n")
    helper.chmod(0o755)
    (tmp_path / "config").write_text(
        f'[credential]\n helper = {helper}\n[url "git@github.com:"]\n insteadOf = https://github.com/\n'
        "[http]\n extraHeader = Authorization: Basic b3RoZXI=\n"
        '[http "https://github.com/"]\n extraHeader = "X-Gateway: ours"\n'
    )
    own = {"GIT_CONFIG_GLOBAL": str(tmp_path / "config"), "GIT_ASKPASS": str(helper)}
    environment = {**world.environment, **own, "TOKEN": "t0ken"}
    what = manifest("url: https://github.com/acme/churn.git", "credentials: env:TOKEN")
    assert check_out(tmp_path, what, keys(tmp_path, environment)) == head
    assert {len(headers) for _, _, headers in world.seen} == {1}
    assert set(world.gateway) == {"ours"}  # a header that lets nobody in goes along
    assert world.logins("github.com") == {"x-access-token:t0ken"}
    problem = failure(tmp_path, what, keys(tmp_path, {**environment, "TOKEN": "wr0ng"}))
    assert (problem.id, problem.hint) == (
        "PB155",
        "the token that 'env:TOKEN' names may be expired, or may not read the repository",
    )
    assert "wr0ng" not in str(problem)
    assert not asked.exists()  # it would have been told to forget the user's own


def test_a_redirect_gets_nothing(tmp_path: Path, world: Hosts, repository: Path) -> None:
    world.repositories["other.example.com"] = {"acme/churn": repository}
    world.redirects["github.com"] = "other.example.com"
    what = manifest("url: https://github.com/acme/churn.git", "credentials: env:TOKEN")
    failure(tmp_path, what, keys(tmp_path, {**world.environment, "TOKEN": "t0ken"}))
    assert not [at for at, _, _ in world.seen if at == "other.example.com"]


# --- signed: CodeCommit and connections


@pytest.mark.long
@pytest.mark.usefixtures("_signed")
def test_a_connection_opens_its_repository(tmp_path: Path, world: Hosts, repository: Path, head: str) -> None:
    world.repositories[ENDPOINT] = {BEHIND: repository}
    world.guards[ENDPOINT] = bool
    service = f"service: {{connection: '{CONNECTION}'}}\n"
    url = "url: https://github.com/acme/churn.git"
    for lines, aws in (((url, "credentials: connection"), False), ((url, "trigger: connection"), True)):
        what = manifest(*lines, service=service)
        assert check_out(tmp_path / str(aws), what, keys(tmp_path, world.environment, aws=aws)) == head
    named = manifest("url: git@github.com:acme/churn.git", f"credentials: 'connection:{CONNECTION}'")
    assert check_out(tmp_path / "named", named, keys(tmp_path, world.environment)) == head
    assert {at for at, _, _ in world.seen} == {ENDPOINT}
    (login,) = {re.sub(r":\d{8}T\d{6}Z[0-9a-f]{64}$", ":SIGNATURE", login) for login in world.logins(ENDPOINT)}
    assert login == "AKIDEXAMPLE%tok/en+1==:SIGNATURE"


@pytest.mark.long
@pytest.mark.usefixtures("_signed")
def test_a_machine_has_what_its_git_has_where_only_the_trigger_is_a_connection(
    tmp_path: Path, world: Hosts, repository: Path, head: str
) -> None:
    world.repositories["github.com"] = {"acme/churn": repository}
    what = manifest(
        "url: https://github.com/acme/churn.git",
        "trigger: connection",
        service=f"service: {{connection: '{CONNECTION}'}}",
    )
    assert check_out(tmp_path, what, keys(tmp_path, world.environment)) == head
    world.guards["github.com"] = lambda _: False
    hint = "write 'credentials: connection' to go by the connection here as well, or name a token"
    assert failure(tmp_path, what, keys(tmp_path, world.environment)).hint == hint
    refused = failure(tmp_path, what, keys(tmp_path, {**world.environment, "TOKEN": "x"}, aws=False))
    assert refused.id == "PB155"


@pytest.mark.usefixtures("_signed")
def test_a_connection_that_is_refused_says_what_the_role_needs(tmp_path: Path, world: Hosts, repository: Path) -> None:
    world.repositories[ENDPOINT] = {BEHIND: repository}
    world.guards[ENDPOINT] = lambda _: False
    what = manifest("url: https://github.com/acme/churn.git", f"credentials: 'connection:{CONNECTION}'")
    problem = failure(tmp_path, what, keys(tmp_path, world.environment))
    assert problem.id == "PB155"
    assert str(problem.hint).startswith(f"the role needs codeconnections:UseConnection on {CONNECTION}")
    assert "tok/en" not in str(problem)


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (CONNECTION, f"https://{ENDPOINT}/{BEHIND}.git"),
        (
            "arn:aws-cn:codestar-connections:cn-north-1:111122223333:connection/1",
            "https://codestar-connections.cn-north-1.amazonaws.com.cn/git-http/111122223333/cn-north-1/1/acme/churn.git",
        ),
        (
            "arn:aws-eusc:codeconnections:eusc-de-east-1:111122223333:connection/1",
            "https://codeconnections.eusc-de-east-1.amazonaws.eu/git-http/111122223333/eusc-de-east-1/1/acme/churn.git",
        ),
    ],
)
def test_where_connections_are(arn: str, expected: str) -> None:
    assert connection_url(arn, "acme/churn")[0] == expected


@pytest.mark.long
@pytest.mark.usefixtures("_signed")
@pytest.mark.parametrize(
    ("lines", "aws"),
    [
        (("url: codecommit::eu-west-1://churn",), False),
        (("url: codecommit://churn",), True),
        ((f"url: https://{CODECOMMIT}/v1/repos/churn",), True),
        ((f"url: https://{CODECOMMIT}/v1/repos/churn",), False),  # the user's git has no helper
        ((f"url: https://{CODECOMMIT}/v1/repos/churn", "credentials: codecommit"), False),
    ],
)
def test_codecommit_by_signed_requests(  # noqa: PLR0917 - pytest gives them by name
    tmp_path: Path, world: Hosts, repository: Path, head: str, lines: tuple[str, ...], aws: bool
) -> None:
    world.repositories[CODECOMMIT] = {"v1/repos/churn": repository}
    world.guards[CODECOMMIT] = lambda header: header.startswith("Basic ")
    assert check_out(tmp_path, manifest(*lines), keys(tmp_path, world.environment, aws=aws)) == head
    assert all(login.startswith("AKIDEXAMPLE%tok/en+1==:2") for login in world.logins(CODECOMMIT))


@pytest.mark.long
@pytest.mark.usefixtures("_signed")
def test_a_helper_for_codecommit_keeps_its_say(tmp_path: Path, world: Hosts, repository: Path, head: str) -> None:
    world.repositories[CODECOMMIT] = {"v1/repos/churn": repository}
    world.guards[CODECOMMIT] = lambda header: header == basic("iam-user:passw0rd")
    helper = "!f() { echo username=iam-user; echo password=passw0rd; }; f"
    (tmp_path / "config").write_text(f'[credential "https://{CODECOMMIT}"]\n helper = "{helper}"\n')
    environment = {**world.environment, "GIT_CONFIG_GLOBAL": str(tmp_path / "config")}
    what = manifest(f"url: https://{CODECOMMIT}/v1/repos/churn")
    assert check_out(tmp_path, what, keys(tmp_path, environment)) == head


@pytest.mark.long
@pytest.mark.usefixtures("_signed")
def test_a_profile_signs(tmp_path: Path, world: Hosts, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aws").write_text(
        "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = x\nregion = eu-west-1\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
    world.repositories[CODECOMMIT] = {"v1/repos/churn": repository}
    check_out(tmp_path, manifest("url: codecommit://work@churn"), keys(tmp_path, world.environment))
    assert all(login.startswith("AKIDWORK:2") for login in world.logins(CODECOMMIT))
    with pytest.raises(PipelineBuilderError, match="PB701 no credentials for AWS: The config profile"):
        remote_of(manifest("url: codecommit://none@churn").repos[0], keys(tmp_path, world.environment))


@pytest.mark.usefixtures("_signed")
def test_a_signature_is_that_of_git_remote_codecommit() -> None:
    """Its value for this moment was made with git-remote-codecommit 1.17."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    signer = AwsGitSigner("eu-west-1", lambda: moment)
    assert signer.login(f"https://{CODECOMMIT}/v1/repos/churn", "eu-west-1", "") == (
        "AKIDEXAMPLE%tok/en+1==:20260102T030405Z499e17f3f91b85a0bc31fea404a6e55c43089cc34cc59a0e5c32bf9505051ddd"
    )


def test_no_access_to_aws_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    problem = failure(tmp_path, manifest("url: codecommit::eu-west-1://churn"), keys(tmp_path, ENVIRONMENT))
    assert (problem.id, problem.message) == ("PB701", "no credentials for AWS to sign for git with")
    nowhere = Keys(root=tmp_path, environment=ENVIRONMENT, signer=AwsGitSigner(""))
    with pytest.raises(PipelineBuilderError, match="PB702 no Region for CodeCommit"):
        remote_of(manifest("url: codecommit://churn").repos[0], nowhere)


# --- by the commands


@pytest.mark.long
@pytest.mark.usefixtures("_signed")
def test_the_command_on_a_machine(tmp_path: Path, world: Hosts, repository: Path, head: str) -> None:
    world.repositories[CODECOMMIT] = {"v1/repos/churn": repository}
    world.guards[CODECOMMIT] = bool
    (tmp_path / "model_repos.yaml").write_text("version: 1\nrepos:\n  - url: codecommit::eu-west-1://churn\n")
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    environment = {**world.environment, **aws, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "pipeline_builder", "checkout"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "AKIDEXAMPLE" in done.stdout + done.stderr) == (0, False), done.stderr
    lock = (tmp_path / "build" / "model_repos.lock.yaml").read_text()
    assert f'commit: "{head}"' in lock
    assert 'url: "codecommit::eu-west-1://churn"' in lock
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(word in content for content in kept for word in (b"AKIDEXAMPLE", b"wJalrXUtnFEMI", b"extraHeader"))


@pytest.mark.long
@pytest.mark.usefixtures("_signed")
def test_the_poller_and_the_build_have_the_connection(
    tmp_path: Path, world: Hosts, repository: Path, head: str
) -> None:
    world.repositories[ENDPOINT] = {BEHIND: repository}
    world.guards[ENDPOINT] = bool
    what = manifest(
        "url: https://github.com/acme/churn.git",
        "trigger: connection",
        service=f"service: {{connection: '{CONNECTION}'}}\n",
    )
    workspace = Workspace(
        manifest_path=tmp_path / "model_repos.yaml",
        state=tmp_path / "state",
        build=tmp_path / "build",
        target="aws",
        jobs=1,
        environment=world.environment,
        values={"SMP_REGION": "eu-west-1"},
    )
    found = look_up(workspace, what.repos)["churn"]
    assert isinstance(found, Head)
    assert (found.commit, found.url) == (head, "https://github.com/acme/churn.git")
    assert {at for at, _, _ in world.seen} == {ENDPOINT}
