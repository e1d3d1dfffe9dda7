"""Credentials and known hosts as a manifest may name them, and what fits which address."""

from __future__ import annotations

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.addresses import CodeCommit, default_name, parse_address, parse_codecommit
from pipeline_builder.manifest.manifest import Manifest, build_manifest
from pipeline_builder.manifest.secrets import read_named

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/00000000-0000-0000-0000-000000000001"
OTHER = CONNECTION.replace("0001", "0002")
EXPECTED = (
    "PB104 credentials are named, never written here: expected env:NAME, secretsmanager:ID, connection, codecommit, "
    "ssh:PATH or a mapping with 'kind: github-app'"
)


def manifest(*repos: str, more: str = "") -> Manifest:
    text = "version: 1\nrepos:\n" + "".join(f"  - {{{repo}}}\n" for repo in repos) + more
    return build_manifest(parse_yaml(Source("m.yaml", text), "PB100"))


def problems(*repos: str, more: str = "") -> list[str]:
    with pytest.raises(InputProblems) as caught:
        manifest(*repos, more=more)
    return [f"{found.place and found.place.line}: {found.id} {found.message}" for found in caught.value.problems]


def test_each_spelling() -> None:
    found = manifest(
        "url: 'https://github.com/acme/a.git', credentials: 'env:TOKEN'",
        "url: 'https://github.com/acme/b.git', credentials: 'secretsmanager:git/b#key'",
        f"url: 'https://github.com/acme/c.git', credentials: 'connection:{CONNECTION}'",
        "url: 'https://github.com/acme/d.git', credentials: connection",
        "url: 'codecommit::eu-west-1://work@E', credentials: codecommit",
        "url: 'git@github.com:acme/f.git', credentials: 'ssh:~/.ssh/deploy'",
        "url: 'https://github.com/acme/g.git', credentials: {kind: github-app, app_id: 12, key: 'secretsmanager:app'}",
        "url: 'https://github.com/acme/h.git', credentials: {kind: github-app, app_id: Iv1.a, key: 'env:KEY'}",
        "url: models/i",
        more=f"service: {{connection: '{OTHER}'}}\n",
    ).repos
    assert [str(repo.credentials) for repo in found] == [
        "env:TOKEN", "secretsmanager:git/b#key", f"connection:{CONNECTION}", "connection", "codecommit",
        "ssh:~/.ssh/deploy", "github-app", "github-app", "None",
    ]  # fmt: skip
    assert [repo.connection for repo in found[2:4]] == [CONNECTION, OTHER]
    assert [repo.credentials and repo.credentials.secret for repo in found] == [
        "", "git/b", "", "", "", "", "app", "", None,
    ]  # fmt: skip
    assert [repo.name for repo in found[4:6]] == ["e", "f"]
    assert (found[6].credentials and found[6].credentials.app_id) == "12"


def test_a_variable_with_a_key_is_withheld_from_jobs() -> None:
    lines = "url: 'https://github.com/acme/h.git', credentials: {kind: github-app, app_id: 1, key: 'env:APP_KEY'}"
    assert manifest(lines, "url: 'git@a.example:b', credentials: 'env:KEY'").policy.withheld == {"APP_KEY", "KEY"}


def test_all_faults_at_once() -> None:
    assert problems(
        "url: 'https://a.example/a', credentials: ghp_0123456789012345678901234567890123456789",
        "url: 'https://a.example/b', credentials: {kind: github-app, key: 'env:KEY'}",
        "url: 'https://a.example/c', credentials: {kind: github-app, app_id: 1, key: '-----BEGIN RSA PRIVATE KEY-----'}",
        "url: 'https://a.example/d', credentials: {kind: env, name: T, app_id: 1}",
        "url: 'https://a.example/e', credentials: {kind: github-app, app_id: 1, key: 'env:K', instalation_id: 2}",
        "url: 'https://a.example/f', credentials: 'connection:arn:aws:iam::111122223333:role/x'",
        "url: 'codecommit::nowhere//x'",
        "url: 'git@a.example:h', known_hosts: 'github.com ssh-dss AAAA'",
        "url: 'git@a.example:i', known_hosts: [/etc/ssh/known_hosts, 'ssh-ed25519 AAAA']",
        "url: 'https://a.example/j', credentials: {kind: github-app, app_id: 1, key: 'env:K', api: 'http://a.example'}",
    ) == [
        f"3: {EXPECTED}",
        "4: PB104 credentials of the kind 'github-app' need 'app_id'",
        "5: PB104 'key' names the app's private key, expected secretsmanager:ID or env:NAME",
        "6: PB104 'app_id' is for the kind 'github-app' only",
        "7: PB102 the key 'instalation_id' is not known here",
        f"8: {EXPECTED}",
        "9: PB104 the url 'codecommit::nowhere//x' is no address of CodeCommit, expected codecommit::REGION://NAME "
        "or codecommit://PROFILE@NAME",
        "10: PB104 the host key 'github.com ssh-dss AAAA' has no kind of key that is known, expected 'HOST "
        "ssh-ed25519 AAAA…', 'ssh-ed25519 AAAA…' for the url's own host, or the path of a file",
        "11: PB104 the path '/etc/ssh/known_hosts' is refused, expected a relative path without '..'",
        "12: PB104 'api' is no https address",
    ]


def test_what_should_have_been_named_is_not_shown() -> None:
    for written in (
        "ghp_0123456789012345678901234567890123456789",
        "{kind: github-app, app_id: 1, key: t0ken-of-mine}",
    ):
        with pytest.raises(InputProblems) as caught:
            manifest(f"url: 'https://a.example/a', credentials: {written}")
        assert "0123456789" not in str(caught.value)
        assert "t0ken" not in str(caught.value)


def test_what_does_not_fit_the_address() -> None:
    app = "credentials: {kind: github-app, app_id: 1, key: 'env:K'}"
    assert problems(
        f"url: 'git@a.example:b/a', {app}",
        "url: 'https://a.example/b', credentials: 'ssh:key'",
        "url: 'https://a.example/c', credentials: codecommit",
        "url: 'codecommit::eu-west-1://d', credentials: 'env:TOKEN'",
        f"url: models/e, {app}",
        "url: 'https://a.example/f/f', credentials: connection",
        f"url: 'https://a.example/g', known_hosts: '{KEY}'",
        f"url: 'https://a.example/h', {app}",
    ) == [
        "3: PB120 credentials of the kind 'github-app' don't open the address 'git@a.example:b/a'",
        "4: PB120 credentials of the kind 'ssh' don't open the address 'https://a.example/b'",
        "5: PB120 credentials of the kind 'codecommit' don't open the address 'https://a.example/c'",
        "6: PB120 credentials of the kind 'env' don't open the address 'codecommit::eu-west-1://d'",
        "7: PB120 credentials of the kind 'github-app' open no folder of this machine",
        "8: PB122 the credentials are a connection, and none is named",
        "9: PB121 'known_hosts' are keys of ssh servers, and the url is none of ssh",
        "10: PB120 credentials of the kind 'github-app' don't open the address 'https://a.example/h'",
    ]


def test_a_connection_knows_repositories_by_owner_and_name() -> None:
    assert problems(
        "url: 'https://github.com/a', credentials: connection",
        "url: 'https://git.example/b/', trigger: connection",
        "url: 'https://github.com/c', trigger: {kind: connection, repository: acme/c}",
        "url: 'https://gitlab.com/group/sub/d', trigger: connection",
        "url: 'https://github.com/e', credentials: env:TOKEN",
        "url: 'ssh://git@github.com/f', trigger: connection, credentials: 'secretsmanager:k'",
        more=f"service: {{connection: '{CONNECTION}'}}\n",
    ) == [
        "3: PB131 'a' is no name that a connection knows a repository by, expected OWNER/NAME",
        "4: PB131 'b' is no name that a connection knows a repository by, expected OWNER/NAME",
        "8: PB131 'f' is no name that a connection knows a repository by, expected OWNER/NAME",
    ]


def test_an_address_of_ssh_needs_no_user() -> None:
    (repo,) = manifest(f"url: 'work:acme/churn.git', credentials: 'ssh:key', known_hosts: '{KEY}'").repos
    assert (parse_address(repo.url).scheme, parse_address(repo.url).host, repo.name) == ("ssh", "work", "churn")


def test_what_no_secret_is() -> None:
    for text in ("", '{"a": null}', '{"a": {"b": "c"}}', '{"a": " "}', '{"a": true}', "[" * 100_000, "t0ken"):
        with pytest.raises(InputProblems, match="PB164") as caught:
            read_named("git/x#a" if text else "git/x", {"git/x": text}.__getitem__, whose="it")
        assert "t0ken" not in str(caught.value)
    assert read_named("git/x#a", lambda _: '{"a": 12}', whose="it") == "12"


def test_known_hosts_of_the_defaults_are_for_ssh() -> None:
    more = f"defaults: {{known_hosts: 'github.com {KEY}'}}\n"
    first, second, third = manifest(
        "url: 'git@github.com:a/a'",
        "url: 'https://github.com/a/b'",
        f"url: 'git@b.example:c', known_hosts: ['{KEY}']",
        more=more,
    ).repos
    assert (first.known_hosts, second.known_hosts, third.known_hosts) == ((f"github.com {KEY}",), (), (KEY,))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("codecommit::eu-west-1://churn", CodeCommit(region="eu-west-1", name="churn")),
        ("codecommit://churn", CodeCommit(region="", name="churn")),
        ("codecommit::cn-north-1://work@churn", CodeCommit(region="cn-north-1", name="churn", profile="work")),
        (
            "https://git-codecommit-fips.us-gov-west-1.amazonaws.com/v1/repos/churn",
            CodeCommit(region="us-gov-west-1", name="churn", host="git-codecommit-fips.us-gov-west-1.amazonaws.com"),
        ),
        (
            "https://vpce-0a-1b.git-codecommit.eu-west-1.vpce.amazonaws.com/v1/repos/churn",
            CodeCommit(region="eu-west-1", name="churn", host="vpce-0a-1b.git-codecommit.eu-west-1.vpce.amazonaws.com"),
        ),
        ("https://git-codecommit.eu-west-1.evil.example/v1/repos/churn", None),
        ("https://git-codecommit.cn-north-1.amazonaws.com/v1/repos/churn", None),
        ("https://github.com/v1/repos/churn", None),
        ("ssh://git-codecommit.eu-west-1.amazonaws.com/v1/repos/churn", None),
    ],
)
def test_addresses_of_codecommit(url: str, expected: CodeCommit | None) -> None:
    assert parse_codecommit(url) == expected


def test_where_codecommit_is() -> None:
    cases = {"eu-west-1": "amazonaws.com", "cn-north-1": "amazonaws.com.cn", "eusc-de-east-1": "amazonaws.eu"}
    for region, suffix in cases.items():
        assert CodeCommit(region="", name="a").url(region) == f"https://git-codecommit.{region}.{suffix}/v1/repos/a"
        assert parse_address(f"codecommit::{region}://a").host == f"git-codecommit.{region}.{suffix}"
    assert default_name("codecommit::eu-west-1://me@Churn.git") == "churn"
