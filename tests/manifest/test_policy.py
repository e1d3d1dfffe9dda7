"""The policy of a manifest: what it says of each repository, where it stands, and the line that would allow more."""

from __future__ import annotations

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems, Place
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.manifest.patterns import covers, fits
from pipeline_builder.manifest.policy import Policy, Rules
from pipeline_builder.manifest.refusal import refuse, shown_span

_HEAD = "version: 1\nrepos: [{url: churn, credentials: 'env:GIT_TOKEN'}, {url: price}]\n"
_SHARED = """\
policy:
  read: [s3://shared/, "s3://SMP_S3BUCKETNAME-raw/"]
  instances: {types: ["ml.m5.*"], count: 4}
  max_runtime: 12h
  repos:
    churn:
      read: s3://own/
      instances: {count: 2}
"""


def policy(text: str) -> Policy:
    return build_manifest(parse_yaml(Source("m.yaml", _HEAD + text), "PB100")).policy


def problems(text: str) -> list[str]:
    with pytest.raises(InputProblems) as caught:
        policy(text)
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def line(text: str, key: str, value: object, repo: str = "churn") -> str:
    """Return what a refusal says would allow it."""
    found = refuse(policy(text).rules(repo, {}), key, value, problem_id="PB231", message="", place=Place("conf.yaml"))
    assert found.hint is not None
    return found.hint.removeprefix("who owns the manifest may allow it, ")


def test_defaults() -> None:
    """With them the example files of the published language compile as they are."""
    rules = policy("").rules("churn", {})
    assert rules == Rules(repo="churn", withheld=frozenset({"GIT_TOKEN"}))
    assert (rules.read, rules.write, rules.roles, rules.groups, rules.tags, rules.variables) == ((),) * 6
    assert rules.statuses == ("PendingManualApproval", "Rejected")
    assert (rules.images, rules.types, rules.count, rules.max_runtime) == (("*",), ("*",), 20, 5 * 86_400)
    assert (rules.network, rules.encryption, rules.indexes) == ("any", "any", ("default",))
    assert rules.at("read") is None


def test_a_repositorys_keys_stand_instead_of_the_others() -> None:
    found = policy(_SHARED)
    churn, price = (found.rules(name, {"SMP_S3BUCKETNAME": "models"}) for name in ("churn", "price"))
    assert (churn.read, churn.types, churn.count, churn.max_runtime) == (("s3://own/",), ("ml.m5.*",), 2, 43_200)
    assert (price.read, price.count) == (("s3://shared/", "s3://models-raw/"), 4)
    assert [str(churn.at(key)) for key in ("read", "types", "count", "max_runtime", "write")] == [
        "m.yaml:9:7", "m.yaml:5:15", "m.yaml:10:19", "m.yaml:6:3", "m.yaml:8:5",
    ]  # fmt: skip
    assert [str(price.at(key)) for key in ("read", "count", "write")] == ["m.yaml:4:3", "m.yaml:5:35", "m.yaml:3:1"]


def test_all_problems_at_once() -> None:
    text = """\
policy:
  raed: []
  read: [shared, "s3://a/../b", "http://x"]
  roles: [admin]
  statuses: Aproved
  instances: {types: [], count: 0, number: 1}
  max_runtime: 5 weeks
  network: none
  encryption: yes
  variables: [A-B]
  indexes: ["https://me:secret@x/simple", pypi]
  secrets: {A: hunter2, SM_X: "secretsmanager:x"}
  repos: {chrun: {read: []}, price: {wriet: []}}
"""
    assert problems(text) == [
        "m.yaml:4:3: PB102 the key 'raed' is not known here",
        "m.yaml:5:10: PB104 'shared' cannot be used, expected s3://bucket/prefix, * and ? as patterns",
        "m.yaml:5:18: PB104 's3://a/../b' cannot be used, expected s3://bucket/prefix, * and ? as patterns",
        "m.yaml:5:33: PB104 'http://x' cannot be used, expected s3://bucket/prefix, * and ? as patterns",
        "m.yaml:6:11: PB104 'admin' cannot be used, expected the ARN of a role, * and ? as patterns",
        "m.yaml:7:13: PB104 'statuses' is 'Aproved', expected 'PendingManualApproval', 'Approved', 'Rejected'",
        "m.yaml:8:33: PB104 'count' is 0, expected at least 1",
        "m.yaml:8:36: PB102 the key 'number' is not known here",
        "m.yaml:9:16: PB104 'max_runtime' is '5 weeks', expected a span such as 5d, 12h, 90m, or seconds",
        "m.yaml:10:12: PB104 'network' is 'none', expected 'any', 'isolated'",
        "m.yaml:11:15: PB104 'encryption' is true, expected 'any', 'required'",
        "m.yaml:12:15: PB104 'A-B' cannot be used, expected the name of a variable, * as a pattern",
        "m.yaml:13:13: PB104 'https://me:secret@x/simple' cannot be used, expected 'default', the url of an index "
        "without a login, or the ARN of a CodeArtifact repository",
        "m.yaml:13:43: PB104 'pypi' cannot be used, expected 'default', the url of an index without a login, or the ARN of a CodeArtifact repository",
        "m.yaml:14:12: PB104 secrets are named, never written here: expected secretsmanager:ID, or ID#KEY of a JSON one",
        "m.yaml:15:38: PB102 the key 'wriet' is not known here",
    ]
    assert problems("policy:\n  repos: {chrun: {read: []}}\n") == [
        "m.yaml:4:11: PB119 the policy names the repository 'chrun', which the manifest doesn't have"
    ]


@pytest.mark.parametrize(("text", "seconds"), [("5d", 432_000), ("12h", 43_200), ("90m", 5400), ("30s", 30), (7, 7)])
def test_spans(text: str | int, seconds: int) -> None:
    assert policy(f"policy: {{max_runtime: {text}}}\n").rules("churn", {}).max_runtime == seconds
    assert policy(f"policy: {{max_runtime: {shown_span(seconds)}}}\n").rules("churn", {}).max_runtime == seconds


@pytest.mark.parametrize(
    ("before", "key", "value", "expected"),
    [
        ("", "read", "s3://x/", "in the manifest: policy: {repos: {churn: {read: ['s3://x/']}}}"),
        ("policy: {tags: []}\n", "read", "s3://x/", "below 'policy:': repos: {churn: {read: ['s3://x/']}}"),
        (
            "policy: {repos: {price: {}}}\n",
            "max_runtime",
            604_800,
            "below 'policy: repos:': churn: {max_runtime: 7d}",
        ),
        ("policy: {repos: {churn: {}}}\n", "network", "any", "below 'policy: repos: churn:': network: any"),
        (_SHARED, "read", "s3://x/", "in line 9 of 'm.yaml': read: ['s3://own/', 's3://x/']"),
        (_SHARED, "count", 9, "in line 10 of 'm.yaml': instances: {types: [ml.m5.*], count: 9}"),
        (_SHARED, "write", "s3://x/", "below 'policy: repos: churn:': write: ['s3://x/']"),
        (
            _SHARED,
            "secrets",
            {"A": "secretsmanager:a"},
            "below 'policy: repos: churn:': secrets: {A: 'secretsmanager:a'}",
        ),
    ],
)
def test_the_line_that_would_allow_it(before: str, key: str, value: object, expected: str) -> None:
    assert line(before, key, value) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a*c", "abbc", True),
        ("a?c", "abc", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("a*", "a/b\nc", True),
        ("*", "", True),
        ("a", "ab", False),
    ],
)
def test_patterns(pattern: str, text: str, found: bool) -> None:
    assert fits(pattern, text) is found


@pytest.mark.parametrize(
    ("rule", "address", "found"),
    [
        ("s3://b/x", "s3://b/x", True),
        ("s3://b/x", "s3://b/x/y", True),
        ("s3://b/x", "s3://b/xy", False),
        ("s3://b/x/", "s3://b/x/y", True),
        ("s3://b/x/", "s3://b/x", False),
        ("s3://b/x*", "s3://b/xy/z", True),
        ("s3://b", "s3://b/x", True),
        ("s3://b", "s3://bc/x", False),
        ("s3://b/*/y", "s3://b/x/y/z", True),
    ],
)
def test_what_an_address_covers(rule: str, address: str, found: bool) -> None:
    assert covers(rule, address) is found
