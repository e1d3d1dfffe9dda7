"""Keys about submodules and Git LFS: what they default to, and what of `hosts` is refused."""

from __future__ import annotations

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.manifest import Manifest, build_manifest


def manifest(*lines: str, defaults: str = "") -> Manifest:
    entry = "\n    ".join(("url: https://git.example.com/acme/churn.git", *lines))
    return build_manifest(parse_yaml(Source("m.yaml", f"version: 1\n{defaults}repos:\n  - {entry}\n"), "PB100"))


def problems(*lines: str, defaults: str = "") -> list[str]:
    with pytest.raises(InputProblems) as caught:
        manifest(*lines, defaults=defaults)
    return [str(problem) for problem in caught.value.problems]


def test_an_entry_wins_over_the_defaults() -> None:
    (repo,) = manifest().repos
    assert (repo.submodules, repo.lfs, repo.hosts) == (False, False, {})
    defaults = "defaults: {submodules: true, lfs: true, hosts: {A.example.com: {credentials: env:A}}}\n"
    (repo,) = manifest(defaults=defaults).repos
    assert (repo.submodules, repo.lfs, [*repo.hosts]) == (True, True, ["a.example.com"])
    (repo,) = manifest("submodules: false", "lfs: false", "hosts: {}", defaults=defaults).repos
    assert (repo.submodules, repo.lfs, repo.hosts) == (False, False, {})
    assert manifest(defaults="defaults: {hosts: {a.example.com: }}\n").repos[0].lfs is False  # of whoever wants it


@pytest.mark.parametrize(
    "host",
    [
        "https://git.example.com",
        "git.example.com/x",
        "git@x",
        "-x",
        "a..b",
        "x:0",
        "x:123456",
        "x:65536",
        "x:1٣",
        "*",
        "",
        "a b",
    ],
)
def test_hosts_that_are_none(host: str) -> None:
    (said,) = problems("lfs: true", f"hosts: {{'{host}': {{}}}}")
    assert said.startswith("m.yaml:5")
    assert "PB104" in said


def test_a_host_in_two_spellings_is_one() -> None:
    (said,) = problems("lfs: true", "hosts: {A.example.com: {credentials: env:A}, a.example.com: {}}")
    assert said.startswith("m.yaml:5")
    assert "PB104 the host 'a.example.com' is named twice" in said


def test_hosts_of_nothing_and_a_connection_that_nobody_names() -> None:
    (said,) = problems("hosts: {x.example.com: {}}")
    assert said.startswith("m.yaml:4")
    assert "PB820" in said
    (said,) = problems("submodules: true", "hosts: {x.example.com: {credentials: connection}}")
    assert said.startswith("m.yaml:5")
    assert "PB122" in said


def test_a_token_that_is_written_down_is_not_shown() -> None:
    for where in ({"defaults": "defaults: {lfs: true, hosts: {x.example.com: {credentials: tok-123456789}}}\n"}, {}):
        lines = ("lfs: true", "hosts: {x.example.com: {credentials: tok-123456789}}") if not where else ()
        (said,) = problems(*lines, **where)
        assert "tok-123456789" not in said


def test_no_conf_gets_at_the_variables_of_hosts() -> None:
    (found,) = [manifest("lfs: true", "hosts: {x.example.com: {credentials: env:OTHER_TOKEN}}").policy.withheld]
    assert "OTHER_TOKEN" in found
