"""Decisions with `--target aws` against `serve`: one by one, at once, overtaken, rolled back and brought back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.serving import Served, serving
from tests.trio import NAMES, Trio, make_trio
from tests.workspaces import Ended

pytestmark = pytest.mark.long


@pytest.fixture
def trio(tmp_path: Path) -> Trio:
    return make_trio(tmp_path / "trio")


@pytest.fixture
def served(tmp_path: Path, trio: Trio) -> Iterator[Served]:
    with serving(tmp_path, jobs=4, local=trio.root / "data") as found:
        yield found


def run(trio: Trio, served: Served, *arguments: str, by: str = "ada") -> Ended:
    return trio.call(*arguments, **{**served.environment, "SMP_APPROVER": by})


def words(served: Served) -> dict[str, str]:
    """Return status and word of every package in the registry."""
    listed = served.sagemaker.list_model_packages()["ModelPackageSummaryList"]
    found = [served.sagemaker.describe_model_package(ModelPackageName=item["ModelPackageArn"]) for item in listed]
    return {
        f"{item['ModelPackageGroupName']}/{item['ModelPackageVersion']}": (
            f"{item['ModelApprovalStatus']}: {item.get('ApprovalDescription', '').split(' (')[0]}"
        )
        for item in found
    }


def test_decisions_on_aws(trio: Trio, served: Served) -> None:
    first = run(trio, served, "up")
    assert first.code == 0, first.err
    approved = run(trio, served, "promote", "churn", "--comment", "fine")
    assert approved.code == 0, approved.err
    refused = run(trio, served, "reject", "churn", "--comment", "no", by="bob")
    assert (refused.code, "trio-churn version 1 is approved since 20" in refused.err) == (3, True), refused.err
    asked = [
        trio.start(word, "price", "--comment", word, **{**served.environment, "SMP_APPROVER": by})
        for word, by in (("promote", "ada"), ("reject", "bob"))
    ]
    said = [process.communicate(timeout=120) for process in asked]
    # SageMaker has no write on a condition: of two within an instant the later one stands, and the other one is told.
    assert sorted(int(process.returncode or 0) for process in asked) in ([0, 3], [0, 0]), said
    assert words(served)["trio-price/1"] in ("Approved: approved by ada: promote", "Rejected: rejected by bob: reject")
    elsewhere = served.sagemaker.list_model_packages(ModelPackageGroupName="trio-segments")["ModelPackageSummaryList"]
    served.sagemaker.update_model_package(
        ModelPackageArn=elsewhere[0]["ModelPackageArn"], ModelApprovalStatus="Rejected", ApprovalDescription="in Studio"
    )
    refused = run(trio, served, "promote", "segments")
    assert (refused.code, ": in Studio" in refused.err) == (3, True), refused.err
    back = run(trio, served, "promote", "segments", "--again", "--comment", "looked again")
    assert back.code == 0, back.err
    assert words(served)["trio-segments/1"] == "Approved: approved again by ada: looked again"


def test_a_model_of_another_machines_run_and_what_was_rolled_back(trio: Trio, served: Served, tmp_path: Path) -> None:
    assert run(trio, served, "up", "--approve").code == 0
    trio.change("price")
    assert run(trio, served, "up").code == 0
    # Nobody here has a record of it: what waits is found by the executions.
    elsewhere = ("--build-dir", str(tmp_path / "elsewhere"))
    assert run(trio, served, "checkout", *elsewhere).code == 0
    ended = run(trio, served, "promote", "--comment", "from elsewhere", *elsewhere, by="bob")
    assert ended.code == 0, ended.err
    assert words(served)["trio-price/2"] == "Approved: approved by bob: from elsewhere"
    assert set(words(served)) == {*(f"trio-{name}/1" for name in NAMES), "trio-price/2"}
    assert run(trio, served, "rollback", "price", "--comment", "slow").code == 0
    refused = run(trio, served, "promote", *elsewhere)
    assert (refused.code, "trio-price version 2 is rolled back since" in refused.err) == (3, True), refused.err
    # Who only serves has nothing checked out: what is in use is known by its group.
    alone = run(trio, served, "rollback", "trio-price", "--comment", "slower", "--build-dir", str(tmp_path / "alone"))
    assert "PB433 'trio-price' has one approved version" in alone.err
