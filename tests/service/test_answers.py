"""Answers in CodePipeline for some of several models: what the stages decide, and what keeps waiting."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from pipeline_builder.descriptions import Approval
from pipeline_builder.errors import InputProblems, PlanRefused
from pipeline_builder.service.setting import Setting
from pipeline_builder.service.stage import Staged, run_promote, run_reject
from tests.service.test_stage import Service, session
from tests.trio import Trio, make_trio

CAUSE = {"SMP_ARTIFACTS": "arts", "SMP_CODEPIPELINE_EXECUTION": "e1"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    """Churn and price wait, segments has failed."""
    trio = make_trio(tmp_path_factory.mktemp("answers") / "made")
    trio.change("segments", "raise SystemExit('no data\\nat all')\n")
    for name in ("build", "train"):
        ended = trio.call("stage", name, **CAUSE)
        assert ended.code == 0, ended.err
    return trio


@pytest.fixture
def trio(judged: Trio, tmp_path: Path) -> Trio:
    return Trio(Path(shutil.copytree(judged.root, tmp_path / "trio", symlinks=True)))


def exported(trio: Trio) -> dict[str, str]:
    lines = (trio.root / "build" / "stage.env").read_text().splitlines()
    return dict(" ".join(shlex.split(line)[1:]).split("=", 1) for line in lines)


def answer(trio: Trio, comment: str, *, approved: bool = True) -> Staged:
    setting = Setting(approval=exported(trio)["APPROVAL"], artifacts="arts", execution="e1")
    service = Service(Approval(approved=approved, by="ada", comment=comment))
    return (run_promote if approved else run_reject)(session(trio), setting, service)


@pytest.mark.long
def test_the_judging_stage_is_green_where_a_model_waits_and_says_first_what_failed(trio: Trio) -> None:
    found = exported(trio)
    assert found["VERDICT"] == "pass"
    assert found["SUMMARY"].startswith("segments FAILED in step segments-Train: no data; trio-churn version 1: ")
    assert (
        "your answer is for all 2; begin its comment with 'only churn' or 'not churn' to limit it" in found["SUMMARY"]
    )


@pytest.mark.long
def test_an_answer_without_a_limit_is_for_all_that_wait_and_again(trio: Trio) -> None:
    for _ in range(2):  # as a stage that is retried
        assert answer(trio, "fine").record
        assert trio.statuses() == {"churn": "Approved", "price": "Approved"}
    assert len(trio.changes()) == 2


@pytest.mark.long
def test_models_that_are_not_named_keep_waiting(trio: Trio) -> None:
    for _ in range(2):
        answer(trio, "only price: churn is too slow")
        assert trio.statuses() == {"churn": "PendingManualApproval", "price": "Approved"}
    assert [change[0] for change in trio.changes()] == ["trio-price/1"]
    assert trio.decide("promote", "--comment", "faster now").code == 0
    assert trio.statuses()["churn"] == "Approved"


def test_what_is_excluded_keeps_waiting(trio: Trio) -> None:
    answer(trio, "not churn, segments")
    assert trio.statuses() == {"churn": "PendingManualApproval", "price": "Approved"}


@pytest.mark.parametrize(
    "comment", ["only chrun", "only churn looks good", "only churn not price", "onl churn", "not", "only segments"]
)
@pytest.mark.parametrize("approved", [True, False])
def test_what_cannot_be_read_decides_nothing(trio: Trio, comment: str, approved: bool) -> None:
    with pytest.raises(InputProblems, match="PB483"):
        answer(trio, comment, approved=approved)
    assert trio.changes() == []


@pytest.mark.long
def test_a_rejection_may_be_of_some(trio: Trio) -> None:
    for _ in range(2):
        answer(trio, "only churn: recall is too low", approved=False)
    assert trio.changes() == [("trio-churn/1", "Rejected", "ada")]
    answer(trio, "all of it", approved=False)
    assert trio.changes()[1:] == [("trio-price/1", "Rejected", "ada")]
    with pytest.raises(PlanRefused, match="PB454 trio-churn version 1 is rejected since"):
        answer(trio, "fine")


@pytest.mark.long
def test_what_was_decided_by_hand_meanwhile_stays(trio: Trio) -> None:
    assert trio.decide("reject", "churn", "--comment", "by hand", by="bob").code == 0
    with pytest.raises(PlanRefused, match="rejected by bob: by hand"):
        answer(trio, "only churn")
    answer(trio, "fine")
    assert trio.changes() == [("trio-churn/1", "Rejected", "bob"), ("trio-price/1", "Approved", "ada")]


@pytest.mark.long
def test_a_stage_that_is_started_by_hand_leaves_out_what_comes_whole_from_the_cache(trio: Trio) -> None:
    answer(trio, "fine")
    trio.change("price")
    cause = {**CAUSE, "SMP_CODEPIPELINE_EXECUTION": "e2"}
    for name in ("build", "train"):
        ended = trio.call("stage", name, **cause)
    assert (ended.code, "left out: churn, which would come whole" in ended.err) == (0, True), ended.err
    assert (trio.statuses(), exported(trio)["VERDICT"]) == ({"price": "PendingManualApproval"}, "pass")
    assert exported(trio)["SUMMARY"].startswith(
        "segments FAILED in step segments-Train: no data; trio-price version 2: "
    )
