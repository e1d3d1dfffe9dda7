"""The manifest: what it gives, and each of its problems."""

from __future__ import annotations

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.manifest import Manifest, build_manifest


def manifest(text: str) -> Manifest:
    return build_manifest(parse_yaml(Source("m.yaml", text), "PB100"))


def problems(text: str) -> list[str]:
    with pytest.raises(InputProblems) as caught:
        manifest(text)
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def test_defaults() -> None:
    found = manifest("version: 1\nrepos:\n  - url: https://example.com/ml/Churn.git\n")
    (repo,) = found.repos
    assert (repo.name, repo.revision, repo.path, repo.config) == ("churn", "main", "", ())
    assert (found.training_dir, found.config) == ("aws-train", "*/conf/conf.yaml")


def test_disabled_repositories_are_left_out() -> None:
    text = "version: 1\ndefaults: {revision: dev}\nrepos:\n  - {url: a}\n  - {url: b, enabled: false}\n"
    assert [(repo.name, repo.revision) for repo in manifest(text).repos] == [("a", "dev")]


def test_a_tag_instead_of_a_revision() -> None:
    text = (
        "version: 1\ndefaults: {tag: 'v*'}\nrepos:\n  - {url: a}\n  - {url: b, revision: dev}\n  - {url: c, tag: v1}\n"
    )
    assert [repo.revision for repo in manifest(text).repos] == ["refs/tags/v*", "dev", "refs/tags/v1"]
    text = "version: 1\ndefaults: {tag: v1, revision: main}\nrepos:\n  - {url: a, revision: x, tag: 'v*'}\n"
    both = "PB140 'revision' and 'tag' both say at what the repository is taken"
    assert problems(text) == [f"m.yaml:2:12: {both}", f"m.yaml:4:27: {both}"]


def test_tags_that_are_refused() -> None:
    text = """\
version: 1
repos:
  - {url: a, revision: 'v*'}
  - {url: b, tag: 1.0}
  - {url: c, tag: refs/tags/v1}
  - {url: d, tag: -v*}
"""
    assert problems(text) == [
        "m.yaml:3:24: PB104 the revision 'v*' is refused, expected a branch, a tag or a full commit id: a pattern of tags is "
        "written as 'tag: v*'",
        "m.yaml:4:19: PB104 the revision 1.0 reads as a number, put it in quotes",
        "m.yaml:5:19: PB104 the tag 'refs/tags/v1' is refused, expected a tag's name, or a pattern with * and ?: v*",
        "m.yaml:6:19: PB104 the tag '-v*' is refused, expected a tag's name, or a pattern with * and ?: v*",
    ]


def test_all_problems_at_once() -> None:
    text = """\
version: 1
repos:
  - {url: 'ext::sh -c touch% /tmp/x', revison: main}
  - {url: https://example.com/a.git, revision: --upload-pack=x}
  - {url: b, name: ../b}
  - {url: c, name: a/b}
  - {url: 'https://me:secret@example.com/d.git'}
  - {url: 'ftp://example.com/e'}
  - {url: f, path: ../../etc}
  - {url: g, groups: [Nightly]}
  - {url: h, revision: 1234567}
  - {url: 'https://example.com:99999/i'}
  - {url: 'ssh://git@example.com:team/j'}
  - {revision: main}
  - {url: 'HTTPS://example.com/k'}
  - {url: 'https:///l.git'}
  - {url: m, revision: on}
local: {imags: []}
"""
    assert problems(text) == [
        "m.yaml:3:11: PB104 the url 'ext::sh -c touch% /tmp/x' is refused, expected https, ssh, file, or a relative path",
        "m.yaml:3:39: PB102 the key 'revison' is not known here",
        "m.yaml:4:48: PB104 the revision '--upload-pack=x' is refused, expected a branch, a tag or a full commit id",
        "m.yaml:5:20: PB104 the name '../b' cannot be used: a name is the repository's folder and has lower-case letters, "
        "digits, '.', '_' and '-', at most 64, the first a letter or digit, no '..'",
        "m.yaml:6:20: PB104 the name 'a/b' cannot be used: a name is the repository's folder and has lower-case letters, "
        "digits, '.', '_' and '-', at most 64, the first a letter or digit, no '..'",
        "m.yaml:7:11: PB104 the url has credentials in it: take them out and name them with 'credentials: env:NAME'",
        "m.yaml:8:11: PB104 the url scheme 'ftp' is refused, expected https, ssh, file, or a relative path",
        "m.yaml:9:20: PB104 the path '../../etc' is refused, expected a relative path without '..'",
        "m.yaml:10:23: PB104 the group 'Nightly' cannot be used, expected lower-case letters, digits, '-' and '_', at most 64",
        "m.yaml:11:24: PB104 the revision 1234567 reads as a number, put it in quotes",
        "m.yaml:12:11: PB104 the url 'https://example.com:99999/i' has no port of 1 to 65535 behind the host's ':'",
        "m.yaml:13:11: PB104 the url 'ssh://git@example.com:team/j' has no port of 1 to 65535 behind the host's ':'",
        "m.yaml:14:5: PB103 the key 'url' is missing",
        "m.yaml:15:11: PB104 the url scheme 'HTTPS' is refused, expected https, ssh, file, or a relative path",
        "m.yaml:16:11: PB104 the url 'https:///l.git' has no host",
        "m.yaml:17:24: PB104 the revision True reads as a yes or no, put it in quotes",
        "m.yaml:18:9: PB102 the key 'imags' is not known here",
    ]


@pytest.mark.parametrize(
    ("folder", "accepted"),
    [
        ("data", True),
        ("../data/x", True),
        ("../..", True),
        ("/mnt/data", True),
        ("/mnt/../etc", False),
        ("data/../..", False),
        ("../a/../b", False),
    ],
)
def test_data_may_lie_anywhere_on_this_machine(folder: str, accepted: bool) -> None:
    text = f"version: 1\nrepos: [{{url: a}}]\nlocal: {{s3: {{local: {folder}}}}}\n"
    if accepted:
        assert manifest(text).local.s3 == {"local": folder}
    else:
        assert len(problems(text)) == 1
        expected = "expected a folder relative to the manifest, which may begin with '..', or an absolute one"
        assert expected in problems(text)[0]


def test_credentials_in_a_url_are_not_repeated() -> None:
    with pytest.raises(InputProblems) as caught:
        manifest("version: 1\nrepos:\n  - url: https://me:secret@example.com/d.git\n")
    assert "secret" not in str(caught.value)
    assert "https://***@example.com/d.git" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]\n", "m.yaml:1:1: PB101 the manifest is a list, expected a mapping with 'version' and 'repos'"),
        ("", "m.yaml:1:1: PB101 the manifest is empty, expected a mapping with 'version' and 'repos'"),
        ("version: 2\nrepos: [{url: a}]\n", "m.yaml:1:10: PB104 'version' is 2, expected 1"),
        ("version: 1\nrepos: []\n", "m.yaml:2:8: PB104 'repos' is empty, so there is nothing to build"),
        ("version: 1\n", "m.yaml:1:1: PB103 the key 'repos' is missing"),
        ("version: 1\nrepos: {a: 1}\n", "m.yaml:2:8: PB104 'repos' is a mapping, expected a list"),
        (
            "version: 1\nrepos:\n  - {url: a, enabled: false}\n",
            "m.yaml:2:1: PB106 no repository is enabled, so there is nothing to build",
        ),
        (
            "version: 1\nrepos:\n  - {url: x/a}\n  - {url: y/a.git}\n",
            "m.yaml:4:11: PB105 two repositories have the name 'a', which is their folder",
        ),
        ("version: 1\nrepos:\n  - {url: .}\n", "m.yaml:3:11: PB104 no folder name can be taken from the url '.'"),
    ],
)
def test_single_problems(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_a_misspelt_key_gets_a_suggestion() -> None:
    with pytest.raises(InputProblems) as caught:
        manifest("version: 1\nrepos:\n  - {url: a, revison: x}\n")
    assert str(caught.value) == (
        "m.yaml:3:14: PB102 the key 'revison' is not known here\n"
        "      - {url: a, revison: x}\n                 ^\n  hint: did you mean 'revision'"
    )


def test_triggers_groups_and_schedules() -> None:
    found = manifest("""\
version: 1
defaults: {trigger: webhook}
repos:
  - {url: a, groups: nightly}
  - {url: b, trigger: {kind: connection, include: 'src/**'}, groups: [nightly, big], credentials: 'secretsmanager:git#t'}
schedules:
  - {name: n, cron: 0 2 * * ? *, timezone: Europe/Berlin, groups: nightly}
""")
    assert [repo.trigger.kind for repo in found.repos] == ["webhook", "connection"]
    assert (found.repos[1].trigger.include, found.groups) == (("src/**",), ("big", "nightly"))
    assert (found.schedules[0].section.groups, found.schedules[0].section.cache) == (("nightly",), False)
    assert found.service.name == "pipeline-builder"


def test_problems_of_schedules_and_of_the_service() -> None:
    text = """\
version: 1
repos:
  - {url: a, groups: nightly, trigger: conection}
  - {url: b, trigger: {kind: connection, connection: x}}
schedules:
  - {name: n}
  - {name: n, rate: 1 day, groups: nightli}
service:
  tags: {'aws:x': y}
  source: {branch: 'x{{resolve:ssm:a}}'}
"""
    assert problems(text) == [
        "m.yaml:3:40: PB104 'kind' is 'conection', expected 'connection', 'webhook', 'codecommit', 'poll', 'none'",
        "m.yaml:4:54: PB104 'x' cannot be used, expected the ARN of a CodeConnections connection",
        "m.yaml:9:9: PB104 the tag 'aws:x' cannot be used: keys have 1 to 128 characters and don't begin with 'aws:', "
        "values at most 256",
        "m.yaml:10:20: PB104 'x{{resolve:ssm:a}}' would be resolved by CloudFormation ('{{resolve:…}}')",
    ]
    assert problems(text.replace("conection}", "poll}").replace("connection: x", "include: x").split("service")[0]) == [
        "m.yaml:6:5: PB112 the schedule 'n' needs exactly one of 'cron' and 'rate'",
        "m.yaml:7:12: PB112 two schedules have the name 'n'",
        "m.yaml:7:36: PB113 the schedule 'n' names the group 'nightli', which no repository is in",
    ]


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("poll_minutes: yes", "this is true, expected a whole number"),
        ("log_days: on", "this is true, expected a whole number"),
        ("poll_minutes: -7", "'poll_minutes' is -7, expected at least 1"),
        ("artifact_days: 4000", "'artifact_days' is 4000, expected at most 3650"),
        ("approval: {emails: [a@b.de, a@b.de]}", "'a@b.de' stands twice in this list"),
        ("image: ' '", "' ' cannot be used, expected an image of CodeBuild or of a registry"),
        (
            "image: 'x ${AWS::Region}'",
            "'x ${AWS::Region}' cannot be used, expected an image of CodeBuild or of a registry",
        ),
        ("source: {repository: a/b, branch: a..b}", "'a..b' cannot be used, expected a branch"),
    ],
)
def test_values_of_the_service_that_aws_would_refuse_later(service: str, fault: str) -> None:
    (found,) = problems(f"version: 1\nrepos: [{{url: a}}]\nservice: {{{service}}}\n")
    assert found.endswith(f"PB104 {fault}")


@pytest.mark.parametrize("group", ["all", "none"])
def test_a_group_is_not_called_like_no_group(group: str) -> None:
    (found,) = problems(f"version: 1\nrepos: [{{url: a, groups: {group}}}]\n")
    assert found.endswith(f"the group '{group}' cannot be used: to the service 'all' and 'none' mean no group")
