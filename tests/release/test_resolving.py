"""Which model package an inference run uses: on this machine's registry, and behind moto's API."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.registry import SageMakerRegistry
from pipeline_builder.definition.composed import Composed, Definition
from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.release.promote import Decision
from pipeline_builder.release.resolving import Used, check_started, date_parameters, describe_used, resolve_models
from pipeline_builder.release.stages import put_in_stage
from pipeline_builder.release.starting import Starting
from pipeline_builder.target import Target
from tests.definition.scoring import MOUNTED, TRANSFORMED
from tests.security.policing import compose_all, read_manifest

OURS, THEIRS = "https://git.example.com/team/churn.git", "https://git.example.com/team/price.git"
CONTAINER = {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1", "ModelDataUrl": "s3://b/m.tar.gz"}
PIPELINES = "pipelines: [{name: scoring, kind: inference, config: '*/conf/conf.yaml'}]\n"
MODEL = '{group: churn, env: {LEVEL: "2"}, retry: 2}'
MOUNTED_HERE = MOUNTED.replace("{group: churn, stage: production}", MODEL).replace("s3://b/names", "s3://local/names")


@pytest.fixture(params=["local", "moto"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    local = open_local_target(tmp_path / "state", LocalSettings())
    if request.param == "local":
        yield local
        return
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        yield replace(local, registry=SageMakerRegistry(Aws("eu-west-1")))


@pytest.fixture
def here(tmp_path: Path) -> Target:
    return open_local_target(tmp_path / "state", LocalSettings())


def composed(root: Path, model: str = MODEL, *, conf: str = TRANSFORMED, policy: str = "") -> Composed:
    manifest = read_manifest(PIPELINES + policy, f"[{{url: '{OURS}'}}]")
    return compose_all(root, {"churn": conf.replace(MODEL, model)}, manifest, {"score.py": ""})


def definition(root: Path, model: str = MODEL, *, conf: str = TRANSFORMED, policy: str = "") -> Definition:
    return composed(root, model, conf=conf, policy=policy).definition


def register(
    target: Target,
    *statuses: str,
    owner: str = "git.example.com/team/churn",
    containers: Sequence[Any] = (CONTAINER,),
    step: str = "",
) -> list[ModelPackage]:
    """Register a version for each status, oldest first."""
    registry = target.registry
    registry.put_group("churn", "", owner)
    found = []
    for number, status in enumerate(statuses):
        request = {
            "ModelPackageGroupName": "churn",
            "ModelApprovalStatus": status,
            "InferenceSpecification": {
                "Containers": [*containers], "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        }  # fmt: skip
        if isinstance(registry, LocalRegistry):
            found.append(registry.register(request, execution="e", step=f"{step}{len(containers)}-{number}"))
        else:
            made = Aws("eu-west-1").call("sagemaker", "create_model_package", **request)
            found.append(registry.describe_package(made["ModelPackageArn"]))
    return found


def used(found: Definition, target: Target) -> Used:
    (one,) = resolve_models(found, target).values()
    return one


def refusal(found: Definition, target: Target) -> str:
    with pytest.raises(InputProblems) as caught:
        resolve_models(found, target)
    (problem,) = caught.value.problems
    assert problem.place
    assert problem.place.text.startswith("      model: {group: "), problem.place
    return f"{problem.id} {problem.message}"


def test_the_champion_is_the_newest_approved_version_at_each_start(tmp_path: Path, target: Target) -> None:
    asked = definition(tmp_path)
    register(target, "Approved", "Rejected", "Approved", "PendingManualApproval")
    one = used(asked, target)
    assert (one.version, one.group, one.value, one.artifact) == (3, "churn", one.arn, "s3://b/m.tar.gz")
    assert one.words == "'churn' version 3, the champion"
    newest = target.registry.list_packages("churn")[0]
    target.registry.set_approval(newest.arn, ApprovalStatus.APPROVED, description="", metadata={}, by="ada")
    assert used(asked, target).version == 4
    assert definition(tmp_path / "again").sha256 == asked.sha256


@pytest.mark.parametrize(
    ("model", "statuses", "said"),
    [
        (MODEL, ("PendingManualApproval", "Rejected", "PendingManualApproval"),
         "PB964 the model package group 'churn' has no approved version; waiting for approval: 3, 1"),
        (MODEL, (), "PB964 the model package group 'churn' has no version yet"),
        ("{group: churn, version: 2}", ("Approved", "Rejected"), "PB965 version 2 of 'churn' is Rejected, and only approved"),
        ("{group: churn, version: 7}", ("Approved",), "PB965 the model package group 'churn' has no version 7"),
        ("{group: chrun}", ("Approved",), "PB963 there is no model package group 'chrun'"),
        ("{group: churn, stage: production}", ("Approved",), "PB966 no version of 'churn' is in the stage 'production'"),
    ],
)  # fmt: skip
def test_what_cant_be_used_is_said(
    tmp_path: Path, target: Target, model: str, statuses: tuple[str, ...], said: str
) -> None:
    register(target, *statuses)
    assert said in refusal(definition(tmp_path, model), target)


def test_a_version_by_its_number(tmp_path: Path, target: Target) -> None:
    register(target, "Approved", "Approved")
    assert used(definition(tmp_path, "{group: churn, version: 1}"), target).words == "'churn' version 1"


@pytest.mark.parametrize(
    ("owner", "whose"), [("example.com/price", "has the tag of 'example.com/price'"), ("", "has no")]
)
def test_a_group_of_another_needs_the_policys_word(tmp_path: Path, target: Target, owner: str, whose: str) -> None:
    register(target, "Approved", owner=owner)
    assert f"PB943 the model package group 'churn' {whose}" in refusal(definition(tmp_path), target)
    for key in ("read_groups", "groups"):
        allowed = definition(tmp_path / key, policy=f"policy: {{{key}: [ch*]}}\n")
        assert used(allowed, target).version == 1


def test_another_accounts_group_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/churn"
    with pytest.raises(
        InputProblems, match="PB943 the policy of 'churn' doesn't let it use models of .*another account"
    ):
        definition(tmp_path, f'{{group: "{arn}"}}')
    assert definition(
        tmp_path / "allowed", f'{{group: "{arn}"}}', policy=f'policy: {{read_groups: ["{arn}"]}}\n'
    ).models


def test_what_a_person_puts_into_a_stage_takes_the_place_of_what_is_there(tmp_path: Path, here: Target) -> None:
    one, two, three = register(here, "Approved", "Approved", "Approved")
    asked = definition(tmp_path, "{group: churn, stage: production}")
    ada = Decision(status=ApprovalStatus.APPROVED, by="ada", comment="for now")

    def put(package: ModelPackage) -> list[str]:
        return [*put_in_stage([package.arn], "production", ada, here.registry)]

    assert refusal(asked, here).endswith("no version of 'churn' is in the stage 'production'")
    here.registry.set_stage(one.arn, "Production", "Approved", description="in Studio")
    assert put(three) == ["churn version 3 in 'production', in the place of version 1"]
    assert used(asked, here).version == 3
    assert put(two) == ["churn version 2 in 'production', in the place of version 3"]
    assert used(asked, here).version == 2
    assert put(two) == ["churn version 2 in 'production'"]
    assert [(p.stage, p.stage_status, p.status.value) for p in here.registry.list_packages("churn")] == [
        ("production", "Replaced", "Approved"), ("production", "Approved", "Approved"),
        ("Production", "Replaced", "Approved"),
    ]  # fmt: skip


def test_of_several_at_once_the_stage_is_not_left_empty(tmp_path: Path, here: Target) -> None:
    packages = register(here, *["Approved"] * 4)
    asked = definition(tmp_path, "{group: churn, stage: production}")
    ada, together = Decision(status=ApprovalStatus.APPROVED, by="ada"), threading.Barrier(4)

    def put(package: ModelPackage) -> None:
        together.wait()
        list(put_in_stage([package.arn], "production", ada, here.registry))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, packages))
    assert used(asked, here).version


def stage(target: Target, arn: str, stage: str, status: str) -> None:
    target.registry.set_stage(arn, stage, status, description="")


def test_a_stage_is_that_of_the_life_cycle_with_its_status(tmp_path: Path, here: Target) -> None:
    one, two, three = register(here, "Approved", "Approved", "PendingManualApproval")
    asked = definition(tmp_path, "{group: churn, stage: production}")
    stage(here, one.arn, "Production", "Approved")
    assert used(asked, here).words == "'churn' version 1, in stage 'production'"
    stage(here, two.arn, "Production", "PendingApproval")
    stage(here, three.arn, "Production", "Approved")
    assert used(asked, here).version == 1
    stage(here, one.arn, "Archived", "Approved")
    assert refusal(asked, here) == (
        "PB966 no approved version of 'churn' has the status Approved in the stage 'production': "
        "version 3 (PendingManualApproval, there Approved), version 2 (Approved, there PendingApproval)"
    )


def test_sagemaker_tells_the_stage_in_its_listing() -> None:
    aws = Aws("eu-west-1")
    arn = "arn:aws:sagemaker:eu-west-1:000000000000:model-package/churn/1"
    listed = {
        "ModelPackageArn": arn, "ModelPackageVersion": 1, "CreationTime": "2026-11-29", "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved", "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Approved"},
    }  # fmt: skip
    with Stubber(aws.client("sagemaker")) as stubber:
        stubber.add_response("list_model_packages", {"ModelPackageSummaryList": [listed]})
        (found,) = SageMakerRegistry(aws).list_packages("churn")
    assert (found.stage, found.stage_status) == ("Production", "Approved")


def test_only_one_artifact_can_be_mounted(tmp_path: Path, here: Target) -> None:
    register(here, "Approved")
    asked = definition(tmp_path, conf=MOUNTED_HERE)
    found = resolve_models(asked, here)
    assert found["ModelData-churn"].value == "s3://b/m.tar.gz"
    # Which version's it is says the other: one that waits may have the same.
    (same,) = register(here, "PendingManualApproval", step="same")
    started = {name: one.value for name, one in found.items()}
    check_started(asked, started, here)
    here.registry.set_approval(
        found["ModelData-churn"].arn, ApprovalStatus.REJECTED, description="", metadata={}, by="a"
    )
    with pytest.raises(InputProblems, match="PB965 version 1 of 'churn' is Rejected"):
        check_started(asked, started, here)
    here.registry.set_approval(same.arn, ApprovalStatus.APPROVED, description="", metadata={}, by="a")
    assert resolve_models(asked, here)["ModelPackage-churn"].value == same.arn
    register(here, "Approved", containers=(CONTAINER, {**CONTAINER, "ModelDataUrl": "s3://b/n.tar.gz"}))
    assert "PB941 version 3 of 'churn' has 2 artifacts" in refusal(
        definition(tmp_path / "two", conf=MOUNTED_HERE), here
    )


def test_images_of_packages_that_models_are_made_of(tmp_path: Path, here: Target) -> None:
    register(here, "Approved")

    def images(conf: str) -> frozenset[str]:
        made = composed(tmp_path / str(len(conf)), conf=conf)
        return Starting(
            composed=made, target=here, lock=Lock(repos=(), manifest_commit=""), given={}, date="", say=print
        ).images

    assert images(TRANSFORMED) == {CONTAINER["Image"]}
    assert images(MOUNTED_HERE) == frozenset()


def test_what_was_started_goes_on_with_what_is_still_approved(tmp_path: Path, target: Target) -> None:
    asked = definition(tmp_path)
    (one,) = register(target, "Approved")
    started = {"ModelPackage-churn": one.arn}
    check_started(asked, started, target)
    target.registry.set_approval(one.arn, ApprovalStatus.REJECTED, description="", metadata={}, by="ada")
    with pytest.raises(InputProblems, match="PB965 version 1 of 'churn' is Rejected, and only approved"):
        check_started(asked, started, target)


def test_the_parts_of_a_date(tmp_path: Path) -> None:
    asked = definition(tmp_path)
    assert date_parameters(asked, "2026-11-29T13") == {
        "LogicalDate": "2026-11-29", "LogicalYear": "2026", "LogicalMonth": "11",
    }  # fmt: skip


def test_an_own_group_may_be_named_by_its_arn_and_what_has_no_evidence_is_said(tmp_path: Path, here: Target) -> None:
    arn = "arn:aws:sagemaker:local:000000000000:model-package-group/churn"
    register(here, "Approved")
    one = used(definition(tmp_path, f'{{group: "{arn}"}}'), here)
    assert [*describe_used([one, one])] == [
        "churn: 'churn' version 1, the champion",
        "churn version 1 has no evidence: it was approved before there was any, or elsewhere",
    ]


def test_another_accounts_package_is_used_as_it_is(tmp_path: Path) -> None:
    aws, group = Aws("eu-west-1"), "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/churn"
    asked = definition(tmp_path, f'{{group: "{group}"}}', policy=f'policy: {{read_groups: ["{group}"]}}\n')
    package = {
        "ModelPackageArn": group.replace("-group/", "/") + "/4", "ModelPackageGroupName": "churn", "ModelPackageName": "churn",
        "ModelPackageVersion": 4, "CreationTime": "2026-11-29", "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
    }  # fmt: skip
    details = {**package, "ModelPackageStatusDetails": {"ValidationStatuses": []}}
    with Stubber(aws.client("sagemaker")) as stubber:
        expected = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending"}
        stubber.add_response("list_model_packages", {"ModelPackageSummaryList": [package]}, expected)
        stubber.add_response("describe_model_package", details)
        target = open_local_target(tmp_path / "state", LocalSettings())
        one = used(asked, replace(target, registry=SageMakerRegistry(aws)))
    assert (one.value, one.notes) == (
        package["ModelPackageArn"],
        ("churn version 4 is another account's, whose evidence isn't here to compare with",),
    )
