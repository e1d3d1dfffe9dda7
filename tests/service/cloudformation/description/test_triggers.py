"""Triggers: what starts the pipeline for each repository, and what is said where nothing could."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.addresses import parse_address
from pipeline_builder.service.cloudformation.access.fetched import fetched
from pipeline_builder.service.cloudformation.description.hosts import find_provider, path_expression
from pipeline_builder.service.cloudformation.description.triggers import (
    ConnectionTrigger,
    EventTrigger,
    Triggers,
    WebhookTrigger,
    build_triggers,
)
from tests.service.services import CONNECTION, REGION, REPOS, SERVICE, parse_manifest


def triggers_of(*repos: Mapping[str, Any], **service: Any) -> tuple[Triggers, tuple[Problem, ...]]:
    manifest = parse_manifest({"repos": repos, "service": {**SERVICE, **service}})
    return build_triggers(manifest.repos, manifest.service, region=REGION)


def faults(*repos: Mapping[str, Any], **service: Any) -> list[str]:
    _, problems = triggers_of(*repos, **service)
    assert all(problem.place and problem.place.line for problem in problems)
    return [f"{problem.id} {problem.message} | {problem.hint}" for problem in problems]


def test_each_kind_of_trigger_becomes_what_its_service_takes() -> None:
    found, problems = triggers_of(*REPOS)
    assert [(problem.id, problem.warning) for problem in problems] == [("PB125", True), ("PB126", True)]
    assert found == Triggers(
        connections=(
            ConnectionTrigger(
                repo="churn",
                action="churn",
                artifact="churn",
                connection=CONNECTION,
                repository="acme/churn",
                branch="main",
                include=(),
                exclude=(),
            ),
        ),
        webhooks=(
            WebhookTrigger(
                repo="ltv",
                id="OnLtv",
                project="model-service-on-ltv",
                provider="GITLAB",
                location="https://gitlab.com/acme/ltv.git",
                connection=CONNECTION,
                ref="^refs/heads/main$",
                include=r"^(models/.*|[^/]*\.py)$",
                exclude="^(docs/.*)$",
            ),
        ),
        events=(
            EventTrigger(repo="fraud", id="OnFraud", rule="model-service-on-fraud", repository="fraud", branch="main"),
        ),
        polled=("price.v2",),
    )


def test_names_stay_apart_and_within_limits() -> None:
    names = ("a.b", "a-b", "ab", "a_b", "a" * 64, "a" * 63 + ".")
    hooks = [{"url": "https://github.com/acme/x.git", "name": name, "trigger": "webhook"} for name in names]
    events = [
        {
            "url": f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/x",
            "name": f"{name}x"[-64:],
            "trigger": "codecommit",
        }
        for name in names
        if not name.endswith(".")
    ]
    connections = [{"url": "https://github.com/acme/x.git", "name": name, "trigger": "connection"} for name in names]
    found, _ = triggers_of(*hooks, name="a" * 29)
    rules, _ = triggers_of(*events, name="a" * 29)
    actions, _ = triggers_of(*connections)
    assert len({hook.id for hook in found.webhooks}) == len({hook.project for hook in found.webhooks}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", hook.id) for hook in found.webhooks)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{1,254}", hook.project) for hook in found.webhooks)
    assert len({rule.rule for rule in rules.events}) == len(rules.events)
    assert all(re.fullmatch(r"[.\w-]{1,64}", rule.rule) for rule in rules.events)
    assert len({action.artifact for action in actions.connections}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,100}", action.artifact) for action in actions.connections)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "path"),
    [
        ("https://GitHub.com/acme/churn.git", "https", "github.com", "acme/churn"),
        ("https://git.example.com:8443/group/sub/churn/", "https", "git.example.com", "group/sub/churn"),
        ("ssh://git@git.example.com:2222/acme/churn.git", "ssh", "git.example.com", "acme/churn"),
        ("git@github.com:acme/churn.git", "ssh", "github.com", "acme/churn"),
        ("file:///srv/git/churn.git", "file", "", "srv/git/churn"),
        ("../churn", "", "", "../churn"),
        (".", "", "", "."),
    ],
)
def test_an_address_is_taken_apart(url: str, scheme: str, host: str, path: str) -> None:
    found = parse_address(url)
    assert (found.scheme, found.host, found.path) == (scheme, host, path)


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("github.com", "GITHUB"),
        ("gitlab.com", "GITLAB"),
        ("bitbucket.org", "BITBUCKET"),
        ("gitlab.example.com", "GITLAB_SELF_MANAGED"),
        ("github.example.com", "GITHUB_ENTERPRISE"),
        ("git.example.com", None),
    ],
)
def test_a_host_has_a_provider(host: str, provider: str | None) -> None:
    assert find_provider(host) == provider


def test_what_is_inside_this_repository_needs_no_trigger_of_its_own() -> None:
    for kind in ("connection", "webhook", "codecommit", "poll"):
        assert triggers_of({"url": "models/churn", "trigger": kind, "credentials": "env:TOKEN"}) == (Triggers(), ())


@pytest.mark.parametrize("revision", ["0123456789abcdef0123456789abcdef01234567", "refs/tags/v1"])
def test_what_stands_still_starts_nothing(revision: str) -> None:
    repo = {"url": "https://github.com/acme/churn.git", "revision": revision}
    # A tag can be moved, which a look sees.
    assert triggers_of(repo) == (Triggers(polled=("churn",) if revision.startswith("refs/tags/") else ()), ())
    found, (problem,) = triggers_of({**repo, "trigger": "webhook"})
    assert found == Triggers()
    assert problem.warning
    assert problem.message == (
        f"the repository 'churn' stands at '{revision}', which doesn't move, so its trigger 'webhook' is left out"
    )


GITHUB = {"url": "https://github.com/acme/churn.git"}
CODECOMMIT = {"url": f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/churn", "trigger": "codecommit"}


@pytest.mark.parametrize(
    ("repo", "service", "fault"),
    [
        (
            {**GITHUB, "credentials": "env:TOKEN"},
            {},
            "PB601 the credentials 'env:TOKEN' of the repository 'churn' are in an environment that builds on AWS don't "
            "have | put the token into Secrets Manager and write 'credentials: secretsmanager:ID'",
        ),
        (
            {"url": "git@github.com:acme/churn.git", "credentials": "ssh:key"},
            {},
            "PB601 the credentials 'ssh:key' of the repository 'churn' are in an environment that builds on AWS don't have | "
            "put the private key into Secrets Manager and write 'credentials: secretsmanager:ID'",
        ),
        (
            {**GITHUB, "credentials": {"kind": "github-app", "app_id": 1, "key": "env:KEY"}},
            {},
            "PB601 the credentials 'github-app' of the repository 'churn' are in an environment that builds on AWS don't "
            "have | put the token into Secrets Manager and write 'credentials: secretsmanager:ID'",
        ),
        (
            {"url": f"codecommit::{REGION}://work@churn"},
            {},
            "PB601 the profile 'work' in the url of the repository 'churn' is in an environment that builds on AWS don't "
            "have | leave the profile out: the build's role signs, and may read the repository",
        ),
        (
            {"url": "codecommit::us-east-1://churn", "trigger": "codecommit"},
            {},
            "PB608 the repository 'churn' is in us-east-1, whose events don't reach the service in eu-central-1 | use "
            "'trigger: poll'",
        ),
        (
            {"url": "git@github.com:acme/churn.git", "credentials": "secretsmanager:git/key"},
            {},
            "PB126 the repository 'churn' is reached by ssh, without 'known_hosts': builds on AWS know no host | write the "
            "keys that the host publishes as 'known_hosts' of the repository, or of 'defaults'",
        ),
        (
            {"url": "file:///srv/churn.git"},
            {},
            "PB603 the repository 'churn' is a file of one machine, where builds on AWS can't fetch it | give it an https "
            "or ssh url for AWS, or 'enabled: false'",
        ),
        (
            {**GITHUB, "trigger": "webhook", "revision": "HEAD"},
            {},
            "PB604 the trigger of the repository 'churn' needs a branch, and 'revision' is 'HEAD' | name the branch, or "
            "use 'trigger: poll'",
        ),
        (
            {**GITHUB, "trigger": "webhook", "revision": "refs/merge-requests/5/head"},
            {},
            "PB604 the trigger of the repository 'churn' needs a branch, and 'revision' is 'refs/merge-requests/5/head' | name the branch, or "
            "use 'trigger: poll'",
        ),
        (
            {**GITHUB, "trigger": "connection", "revision": "rel{a,b}"},
            {},
            "PB604 the branch 'rel{a,b}' of the repository 'churn' would be read as a pattern by its trigger | use "
            "another branch, or 'trigger: poll'",
        ),
        (
            {**GITHUB, "trigger": "connection", "revision": "a#{Source.X}"},
            {},
            "PB604 the branch 'a#{Source.X}' of the repository 'churn' would be read as a pattern by its trigger | use "
            "another branch, or 'trigger: poll'",
        ),
        (
            {**GITHUB, "trigger": "connection"},
            {"connection": None},
            "PB605 the trigger of the repository 'churn' is a connection, and none is named | write its ARN as "
            "'connection' of the trigger or of 'service'",
        ),
        (
            {"url": "https://git.example.com/acme/churn.git", "trigger": "webhook"},
            {},
            "PB606 the host 'git.example.com' of the repository 'churn' has no webhooks for CodeBuild, which knows "
            "bitbucket.org, github.com, gitlab.com | use 'trigger: {kind: connection}' with a connection to this host, or "
            "'trigger: poll'",
        ),
        (
            {"url": "https://github.com/churn.git", "trigger": "webhook"},
            {},
            "PB607 'churn' cannot be the full name of the repository 'churn' at its host | write it as 'repository' of "
            "the trigger, such as 'team/churn'",
        ),
        (
            {**GITHUB, "trigger": "codecommit"},
            {},
            "PB608 the url of the repository 'churn' is no address of CodeCommit | expected "
            "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/NAME; other hosts have other triggers",
        ),
        (
            {**CODECOMMIT, "url": "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/churn"},
            {},
            "PB608 the repository 'churn' is in us-east-1, whose events don't reach the service in eu-central-1 | use "
            "'trigger: poll'",
        ),
        (
            {**CODECOMMIT, "trigger": {"kind": "codecommit", "include": ["src/**"]}},
            {},
            "PB608 events of CodeCommit name no paths, so 'include' and 'exclude' of 'churn' cannot be kept | leave them "
            "out",
        ),
    ],
)
def test_a_trigger_that_cannot_be_is_said(repo: Mapping[str, Any], service: Mapping[str, Any], fault: str) -> None:
    assert faults(repo, **service) == [fault]


def test_tags_where_aws_can_tell_of_them() -> None:
    tagged = {**GITHUB, "tag": "rel.v*"}
    found, problems = triggers_of({**tagged, "trigger": "webhook"})
    assert ([hook.ref for hook in found.webhooks], problems) == ([r"^refs/tags/rel\.v[^/]*$"], ())
    found, problems = triggers_of({**tagged, "trigger": "poll"})
    assert ((found.polled, found.looks), problems) == ((("churn",), True), ())
    assert faults({**tagged, "trigger": "connection"}) == [
        "PB604 the trigger 'connection' of the repository 'churn' needs a branch, and it is taken at 'tag: rel.v*' | use "
        "'trigger: webhook' (GitHub, GitLab, Bitbucket) or 'trigger: poll'"
    ]
    assert [text[:5] for text in faults({**CODECOMMIT, "tag": "v*", "trigger": "codecommit"})] == ["PB604"]
    assert [text[:5] for text in faults({**tagged, "trigger": {"kind": "webhook", "include": "x"}})] == ["PB608"]
    assert [text[:5] for text in faults({**tagged, "tag": "#{x}*", "trigger": "webhook"})] == ["PB604"]


def test_all_problems_are_said_at_once() -> None:
    found = faults(
        {**GITHUB, "credentials": "env:TOKEN", "trigger": "connection", "revision": "HEAD"},
        {**CODECOMMIT, "name": "other", "trigger": {"kind": "codecommit", "exclude": "x"}},
        connection=None,
    )
    assert [text[:5] for text in found] == ["PB601", "PB604", "PB605", "PB608"]


def connected(number: int) -> list[dict[str, str]]:
    return [{"url": f"https://github.com/acme/m{index}.git", "trigger": "connection"} for index in range(number)]


@pytest.mark.parametrize("kind", ["connection", "codecommit"])
def test_one_source_action_more_than_codepipeline_takes(kind: str) -> None:
    source = {"kind": kind, "repository": "acme/models" if kind == "connection" else "models"}
    assert faults(*connected(49), source=source) == []
    (fault,) = faults(*connected(60), source=source)
    assert fault == (
        "PB609 60 repositories have the trigger 'connection', and this repository is a source action as well, which are 61 "
        "in the first stage: CodePipeline takes 50 | use 'webhook' or 'poll' for 11 of them; these have no limit"
    )


@pytest.mark.parametrize(
    ("globs", "taken", "left"),
    [
        (("*.py",), ("a.py", ".py"), ("a/b.py", "apy", "a.pyc", "a.py\n")),
        (("src/**",), ("src/a", "src/a/b.c"), ("src", "a/src/b", "srcs/a")),
        (("**/README.md",), ("README.md", "a/b/README.md"), ("README-md", "aREADME.md")),
        (("a/**/b", "c?d"), ("a/b", "a/x/y/b", "cxd"), ("a/xb", "c/d", "cd")),
        (("a+(b)|^$.[x]",), ("a+(b)|^$.[x]",), ("aab", "", "a")),
    ],
)
def test_globs_are_regular_expressions_for_webhooks(
    globs: tuple[str, ...], taken: tuple[str, ...], left: tuple[str, ...]
) -> None:
    expression = re.compile(
        path_expression(globs).removesuffix("$") + r"\Z"
    )  # Python's $ is before a last line end too
    assert [path for path in taken if not expression.match(path)] == []
    assert [path for path in left if expression.match(path)] == []


@pytest.mark.long
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8))
def test_whatever_is_in_a_glob_is_an_expression(globs: list[str]) -> None:
    expression = re.compile(path_expression(globs))
    for glob in globs:
        if not set(glob) & set("*?"):
            assert expression.match(glob)


def test_a_look_at_the_branches_knows_no_paths() -> None:
    repo = {"url": "https://git.example.com/a/b.git", "trigger": {"kind": "poll", "include": ["scripts/**"]}}
    assert faults(repo) == [
        "PB608 a look at the branches tells no paths, so 'include' and 'exclude' of 'b' cannot be kept | leave them out"
    ]


ARN = "arn:aws:codeconnections:eu-central-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("repo", "found"),
    [
        ({"submodules": True, "credentials": "secretsmanager:git/x"}, []),
        ({"submodules": True}, []),
        (
            {"submodules": True, "credentials": f"connection:{ARN}"},
            ["PB829 the submodules of 'churn' are fetched by its"],
        ),
        ({"lfs": True, "credentials": f"connection:{ARN}"}, ["PB829 files of 'churn' in Git LFS are asked for by its"]),
        ({"hosts": {"x.example.com": {"credentials": "env:X"}}}, ["PB820 'hosts' are of submodules and LFS objects"]),
        (
            {"lfs": True, "hosts": {"x.example.com": {"credentials": "env:X"}}},
            ["PB601 the credentials 'env:X' of the host 'x.example.com' are in"],
        ),
        ({"lfs": True, "hosts": {"x.example.com": {"credentials": "secretsmanager:git/x"}}}, []),
    ],
)
def test_submodules_and_lfs_on_aws(repo: Mapping[str, Any], found: list[str]) -> None:
    entry = {"url": "https://github.com/acme/churn.git", **repo}
    try:
        said = faults(entry)
    except InputProblems as error:
        said = [f"{problem.id} {problem.message}" for problem in error.problems]
    assert len(said) == len(found), said
    assert all(one.startswith(begin) for one, begin in zip(said, found, strict=True)), said


def test_secrets_of_hosts_are_for_builds_and_not_for_looks() -> None:
    entry = {"lfs": True, "hosts": {"x.example.com": {"credentials": "secretsmanager:git/x"}}}
    repos = parse_manifest({"repos": [{"url": "https://github.com/acme/churn.git", **entry}], "service": SERVICE}).repos
    assert (fetched(repos).secrets, fetched(repos, whole=False).secrets) == (("git/x",), ())


@pytest.mark.parametrize("kind", ["webhook", "codecommit"])
def test_a_repository_called_source_is_not_the_source(kind: str) -> None:
    """The rule on this repository's own events is called so in the template."""
    url = "https://github.com/a/source" if kind == "webhook" else REPOS[2]["url"].replace("fraud", "source")
    repo = {"url": url, "name": "source", "trigger": kind}

    def name(source: Mapping[str, str]) -> str:
        found, _ = triggers_of(repo, source=source)
        (trigger,) = found.webhooks or found.events
        return trigger.id

    assert name({"kind": "connection", "repository": "acme/models"}) == "OnSource", "as it is deployed"
    other = name({"kind": "codecommit", "repository": "models"})
    assert (other.startswith("OnSource"), other == "OnSource") == (True, False)
