"""What an approver reads, what the answer is bound to, and who gave it."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.codepipeline import find_approval, find_start, person
from pipeline_builder.release.approval import approval_digest, approval_text, verdict_word
from pipeline_builder.service.stage import render_exports
from tests.release.records import CHAMPION, package, run_record

NASTY = "quotes ' \" $(touch x) `touch x` ${HOME} #{variables.X} {{ x }} <b>|</b>\nnext\r\u2028line\x07"


def test_the_text_has_metrics_commits_and_what_ran() -> None:
    record = run_record("churn", packages=(package("churn", champion_version=1, champion_metrics=CHAMPION),))
    gates = {"churn": ["binary_classification_metrics.auc.value"]}
    assert approval_text(record.model_copy(update={"trigger": "webhook churn@1f3c9ab"}), gates) == (
        "churn version 2: auc 0.9142 (champion 0.9), champion is version 1; churn@1f3c9ab Deeper trees; "
        "ran: churn-Processing, churn-Training, churn-CreateModel, churn-Transform, churn-Metrics, churn-RegisterModel; "
        "from the cache: 0 steps; started by webhook churn@1f3c9ab"
    )


@pytest.mark.parametrize("models", [1, 12, 60])
def test_the_text_fits(models: int) -> None:
    names = [f"model-{number:02}-with-a-rather-long-name" for number in range(models)]
    text = approval_text(run_record(*names))
    assert len(text) <= 1000
    shown = sum(f"{name} version 2" in text for name in names)
    assert shown == models or f"{models - shown} more models in the report" in text


def test_causes_without_end_leave_room_for_the_models() -> None:
    causes = "; ".join(f"the retraining of model-{number} version 1: {'x' * 400}" for number in range(5))
    text = approval_text(run_record("churn").model_copy(update={"trigger": causes}))
    assert "churn version 2: " in text
    assert f"started by {causes[:299]}…" in text


def test_an_exported_variable_is_no_longer_than_codepipeline_takes() -> None:
    (line,) = render_exports({"SUMMARY": "#{x} \n" * 400}).splitlines()
    assert len(line) == len("export SUMMARY=''") + 1000


@pytest.mark.long
@given(subject=st.text(max_size=300), trigger=st.text(max_size=300), group=st.text(min_size=1, max_size=1200))
def test_whatever_people_write_is_one_inert_line(subject: str, trigger: str, group: str) -> None:
    record = run_record("churn")
    repos = tuple(repo.model_copy(update={"subject": subject}) for repo in record.repos)
    packages = tuple(package.model_copy(update={"group": group}) for package in record.packages)
    text = approval_text(record.model_copy(update={"repos": repos, "trigger": trigger, "packages": packages}))
    assert len(text) <= 1000
    assert "#{" not in text
    assert not {character for character in text if ord(character) < 32}


@pytest.mark.parametrize("length", range(930, 1000, 10))
def test_what_is_made_inert_fits_too(length: int) -> None:
    record = run_record("churn")
    packages = (record.packages[0].model_copy(update={"group": "#{" * 30}),)
    trigger = "t" * (length - len(approval_text(record.model_copy(update={"packages": packages}))))
    assert len(approval_text(record.model_copy(update={"packages": packages, "trigger": trigger}))) <= 1000


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_exported_variables_are_data_to_a_shell(shell: str, tmp_path: Any) -> None:
    (tmp_path / "stage.env").write_text(render_exports({"SUMMARY": NASTY, "VERDICT": "pass"}))
    script = '. ./stage.env; printf "%s" "$SUMMARY"'
    done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == ("quotes ' \" $(touch x) `touch x` ${HOME} # {variables.X} {{ x }} <b>|</b> next line ")
    assert [path.name for path in tmp_path.iterdir()] == ["stage.env"]


def test_the_verdict_in_a_word() -> None:
    record = run_record("churn")
    approved = record.model_copy(update={"packages": (package("churn", status="Approved"),)})
    failed = record.model_copy(update={"status": "Failed"})
    blocked = record.model_copy(update={"verdict": record.verdict.model_copy(update={"passed": False})})  # type: ignore[union-attr]
    assert [verdict_word(each) for each in (record, approved, failed, blocked)] == [
        "pass",
        "nothing",
        "failed",
        "blocked",
    ]


def test_the_digest_is_of_these_packages() -> None:
    record = run_record("churn", "fraud")
    again = record.model_copy(update={"packages": record.packages[::-1], "trigger": "schedule"})
    fewer = record.model_copy(update={"packages": record.packages[:1]})
    other = record.model_copy(update={"definition_sha256": "0" * 64})
    assert approval_digest(record) == approval_digest(again)
    assert len({approval_digest(each) for each in (record, fewer, other)}) == 3


def action(name: str, status: str, minute: int, **more: Any) -> dict[str, Any]:
    return {
        "actionName": name,
        "status": status,
        "lastUpdateTime": datetime(2026, 11, 25, 8, minute, tzinfo=timezone.utc),
        **more,
    }


def answers(*details: dict[str, Any]) -> Any:
    """Ask a real client whose answers botocore holds against the service model."""
    client = boto3.client("codepipeline", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    aws = Aws("eu-west-1")
    aws._clients["codepipeline"] = client
    with Stubber(client) as stubber:
        stubber.add_response(
            "list_action_executions",
            {"actionExecutionDetails": list(details)},
            {"pipelineName": "churn", "filter": {"pipelineExecutionId": "e1"}},
        )
        return find_approval(aws, "churn", "e1", "Approve")


def test_an_execution_that_codepipeline_has_not_got_has_no_answer() -> None:
    client = boto3.client("codepipeline", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    aws = Aws("eu-west-1")
    aws._clients["codepipeline"] = client
    with Stubber(client) as stubber:
        stubber.add_client_error("list_action_executions", "PipelineNotFoundException", "gone")
        stubber.add_client_error("get_pipeline_execution", "PipelineExecutionNotFoundException", "gone")
        assert find_approval(aws, "churn", "e1", "Approve") is None
        assert find_start(aws, "churn", "e1") == "manual"


def test_who_approved_and_why() -> None:
    ada = "arn:aws:sts::123456789012:assumed-role/Approvers/ada@example.com"
    output = {"executionResult": {"externalExecutionSummary": "good on the new data"}}
    found = answers(
        action("Train", "Succeeded", 1, updatedBy="arn:aws:iam::123456789012:user/x"),
        action("Approve", "Succeeded", 3, updatedBy=ada, output=output),
        action("Approve", "Failed", 2, updatedBy="arn:aws:iam::123456789012:user/bob"),
    )
    assert (found.approved, found.by, found.comment) == (True, "ada@example.com (Approvers)", "good on the new data")


def test_a_rejection_and_an_approval_whose_time_ran_out() -> None:
    bob = "arn:aws:iam::123456789012:user/team/bob"
    found = answers(action("Approve", "Failed", 2, updatedBy=bob))
    assert (found.approved, found.by, found.comment) == (False, "bob", "")
    assert answers(action("Approve", "Failed", 2)) is None
    # An older answer is none to a newer question.
    assert answers(action("Approve", "Succeeded", 1, updatedBy=bob), action("Approve", "Failed", 2)) is None
    assert answers(action("Approve", "InProgress", 2, updatedBy=bob)) is None
    assert answers() is None


@pytest.mark.parametrize(("status", "word"), [("Succeeded", "Approved"), ("Failed", "Rejected")])
def test_an_answer_without_a_comment_names_its_person_in_the_comment(status: str, word: str) -> None:
    """What CodePipeline really wrote into the event of an approval."""
    written = f"{word} by arn:aws:sts::123456789012:assumed-role/developers/lena"
    output = {"executionResult": {"externalExecutionSummary": written}}
    found = answers(action("Approve", status, 1, output=output))
    assert (found.approved, found.by, found.comment) == (status == "Succeeded", "lena (developers)", "")
    named = answers(action("Approve", status, 1, updatedBy="arn:aws:iam::123456789012:user/lena", output=output))
    assert (named.by, named.comment) == ("lena", "")


def test_an_approval_that_names_nobody_is_one() -> None:
    found = answers(action("Approve", "Succeeded", 1, output={"executionResult": {"externalExecutionSummary": "ok"}}))
    assert (found.approved, found.by, found.comment) == (True, "unknown", "ok")


def test_people_have_names() -> None:
    assert person("arn:aws-cn:sts::123456789012:assumed-role/R/ada") == "ada (R)"
    assert person("arn:aws:iam::123456789012:root") == "arn:aws:iam::123456789012:root"
