"""Whose the groups on a target are: on this machine's, and behind moto's API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.registry import SageMakerRegistry
from pipeline_builder.definition.policy.groups import Claim, identity
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import InputProblems
from pipeline_builder.release.ownership import look_at_groups
from pipeline_builder.target import ModelRegistry
from tests.security.policing import compose_all, read_manifest
from tests.tiny import CONF

GROUP = "tiny-churn"
OURS = "https://git.example.com/team/churn.git"
THEIRS = "https://git.example.com/team/price.git"
REQUEST: dict[str, Any] = {
    "ModelPackageGroupName": GROUP,
    "InferenceSpecification": {
        "Containers": [
            {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1", "ModelDataUrl": "s3://b/m.tar.gz"}
        ],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
}


@pytest.fixture(params=["local", "moto"])
def registry(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModelRegistry]:
    if request.param == "local":
        yield LocalRegistry(State(tmp_path / "state.db"))
        return
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        yield SageMakerRegistry(Aws("eu-west-1"))


def claims(root: Path, policy: str = "") -> tuple[Claim, ...]:
    manifest = read_manifest(policy, f"[{{url: '{OURS}'}}]")
    return compose_all(root, {"churn": CONF}, manifest).policed.claims


def register(registry: ModelRegistry, url: str) -> None:
    """Register a package as a version of before would have."""
    request = {**REQUEST, "MetadataProperties": {"Repository": url}} if url else REQUEST
    if isinstance(registry, LocalRegistry):
        registry.register(request, execution=f"arn:{url}", step="r")
    else:
        assert isinstance(registry, SageMakerRegistry)
        registry._call("create_model_package", **request)


@pytest.mark.long
def test_a_new_group_is_its_repositorys(tmp_path: Path, registry: ModelRegistry) -> None:
    found = look_at_groups(claims(tmp_path), registry)
    assert (found.owners, found.adopted, found.said) == ({GROUP: "git.example.com/team/churn"}, {}, ())
    registry.put_group(GROUP, "", found.owners[GROUP])
    assert registry.group_owner(GROUP) == "git.example.com/team/churn"
    assert look_at_groups(claims(tmp_path), registry).adopted == {}


@pytest.mark.parametrize("url", [OURS, "git@git.example.com:team/churn.git", "ssh://git@git.example.com/team/churn"])
def test_a_group_of_before_is_that_of_its_packages(tmp_path: Path, registry: ModelRegistry, url: str) -> None:
    registry.put_group(GROUP, "")
    register(registry, url)
    found = look_at_groups(claims(tmp_path), registry)
    assert found.said == (f"group '{GROUP}' of before is 'churn''s from now on: its packages say so",)
    registry.tag_group(GROUP, found.adopted[GROUP])
    assert look_at_groups(claims(tmp_path), registry).said == ()


def test_an_empty_group_of_before_is_taken(tmp_path: Path, registry: ModelRegistry) -> None:
    registry.put_group(GROUP, "")
    found = look_at_groups(claims(tmp_path), registry)
    assert found.said == (f"group '{GROUP}' of before is 'churn''s from now on: it is empty",)


@pytest.mark.parametrize("url", [THEIRS, ""])
def test_a_group_of_others_is_refused(tmp_path: Path, registry: ModelRegistry, url: str) -> None:
    registry.put_group(GROUP, "")
    register(registry, url)
    with pytest.raises(InputProblems) as caught:
        look_at_groups(claims(tmp_path), registry)
    (problem,) = caught.value.problems
    assert problem.id == "PB247"
    assert problem.hint is not None
    assert problem.hint.endswith("policy: {repos: {churn: {groups: [tiny-churn]}}}")
    assert registry.group_owner(GROUP) == ""
    assert look_at_groups(claims(tmp_path, "policy: {groups: [tiny-churn]}\n"), registry).adopted == {}


def test_a_group_with_anothers_tag_is_refused(tmp_path: Path, registry: ModelRegistry) -> None:
    """Whatever its packages say: they may be the attacker's."""
    registry.put_group(GROUP, "", "git.example.com/team/price")
    register(registry, OURS)
    with pytest.raises(InputProblems, match="has the tag of 'git.example.com/team/price', not of"):
        look_at_groups(claims(tmp_path), registry)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/team/churn.git", "github.com/team/churn"),
        ("https://github.com/team/churn/", "github.com/team/churn"),
        ("git@github.com:team/churn.git", "github.com/team/churn"),
        ("ssh://git@github.com:22/team/churn", "github.com:22/team/churn"),
        ("churn", "churn"),
        ("file:///srv/git/churn.git", "/srv/git/churn"),
        ("https://git.example.com/team/chu,rn", "git.example.com/team/chu_rn"),
    ],
)
def test_what_a_url_names(url: str, expected: str) -> None:
    assert identity(url) == expected


@pytest.mark.parametrize("denied", ["list_tags", "list_model_packages"])
def test_a_role_of_before_that_may_not_look_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: str
) -> None:
    """A deployed service's roles get the permission with its next deploy; until then it is said."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    aws = Aws("eu-west-1")
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/{GROUP}"
    group = {
        "ModelPackageGroupName": GROUP, "ModelPackageGroupArn": arn, "CreationTime": "2026-01-01",
        "ModelPackageGroupStatus": "Completed",
    }  # fmt: skip
    with Stubber(aws.client("sagemaker")) as sagemaker:
        sagemaker.add_response("list_model_package_groups", {"ModelPackageGroupSummaryList": [group]})
        if denied != "list_tags":
            sagemaker.add_response("list_tags", {"Tags": []}, {"ResourceArn": arn})
        sagemaker.add_client_error(denied, "AccessDeniedException", "User is not authorized")
        found = look_at_groups(claims(tmp_path), SageMakerRegistry(aws))
    assert (found.adopted, [problem.id for problem in found.warnings]) == ({}, ["PB248"])
