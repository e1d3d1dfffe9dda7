"""The pages of models over AWS: what they ask, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.connect import AwsSettings, open_aws_target
from pipeline_builder.aws.registry import SageMakerRegistry
from pipeline_builder.console.look import Answers, Look
from pipeline_builder.console.models.compare import compare_view
from pipeline_builder.console.models.listed import models_view
from pipeline_builder.console.models.model import model_view
from pipeline_builder.console.models.version import version_view
from pipeline_builder.console.pages import Query
from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.release.past.index import RunIndex
from pipeline_builder.release.past.keeping import keep_run
from tests.aws.mocked import REGION, mocked
from tests.console.consoles import look_of
from tests.release.records import package, run_record
from tests.workspaces import Workspace

ARN = "arn:aws:sagemaker:eu-central-1:123456789012:pipeline/churn/execution/run{}"
ROLE = "arn:aws:iam::123456789012:role/r"
REQUEST: dict[str, Any] = {
    "ModelPackageGroupName": "churn",
    "InferenceSpecification": {
        "Containers": [
            {"Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/x:1", "ModelDataUrl": "s3://models/m.tar.gz"}
        ],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
    "MetadataProperties": {"Repository": "churn", "CommitId": "1f3c9ab" + "0" * 33},
}


@dataclass
class Clock:
    """A clock that only goes when it is told to."""

    now: datetime = datetime(2026, 11, 30, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Account:
    """An account with a model of three versions, and what was asked of it."""

    aws: Aws
    look: Look
    clock: Clock

    def asked(self) -> dict[str, int]:
        """Return what AWS was asked since the last time, and how often."""
        found = {operation: count for operation, count in self.aws.calls.items() if "package" in operation}
        self.aws.calls.clear()
        return found


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, history: Workspace) -> Iterator[Account]:
    with mocked(monkeypatch) as aws:
        aws.call("s3", "create_bucket", Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
        aws.call(
            "sagemaker",
            "create_pipeline",
            PipelineName="churn",
            PipelineDefinition="{}",
            RoleArn=ROLE,
            ClientRequestToken="t" * 32,
        )
        target = open_aws_target(AwsSettings(region=REGION, role="r", bucket="models"), aws=aws)
        assert isinstance(target.registry, SageMakerRegistry)
        target.registry.put_group("churn", "", "churn")
        for number in (1, 2, 3):
            arn = aws.call("sagemaker", "create_model_package", **REQUEST)["ModelPackageArn"]
            made = package("churn", arn=arn, version=number, metrics={"auc": round(0.8 + number / 100, 2)})
            keep_run(run_record("churn", execution=ARN.format(number), target="aws", packages=(made,)), target)
        target.registry.set_approval(
            arn.rsplit("/", 1)[0] + "/1", ApprovalStatus.APPROVED, description="approved by ada: good",
            metadata={"decided-at": "2026-11-29 08:00 UTC", "decided-by": "ada"}, by="ada",
        )  # fmt: skip
        clock, index = Clock(), RunIndex(target, lambda: ["churn"])
        index.refresh()
        local = look_of(history)
        look = replace(local, target=target, index=index, now=clock, answers=Answers(clock=clock))
        aws.calls.clear()
        yield Account(aws, look, clock)


@pytest.mark.long
def test_the_list_asks_two_questions_about_each_model_and_then_none_for_a_minute(account: Account) -> None:
    (row,) = models_view(account.look, Query()).rows
    assert (row.group, row.champion, row.by, row.since, row.waits) == (
        "churn",
        1,
        "ada",
        "2026-11-29 08:00 UTC",
        (3, 2),
    )
    assert (row.metric, row.values, row.owner) == ("auc", (0.81, 0.82, 0.83), "churn")
    first = account.asked()
    assert first["list_model_packages"] == 1
    assert first["describe_model_package"] == 1
    models_view(account.look, Query())
    assert account.asked() == {}
    account.clock.now += timedelta(seconds=61)
    models_view(account.look, Query())
    assert account.asked() == {"list_model_packages": 1}
    assert account.look.ages


@pytest.mark.long
def test_a_model_is_shown_by_descriptions_which_are_asked_for_once(account: Account) -> None:
    found = model_view(account.look, Query(), "churn")
    assert [row.word for row in found.versions] == ["waits", "waits", "champion"]
    assert [(turn.version, turn.what, turn.by) for turn in found.turns] == [(1, "promoted", "ada")]
    assert account.asked()["describe_model_package"] == 3
    model_view(account.look, Query(), "churn")
    version_view(account.look, Query(), "churn", 1)
    assert "describe_model_package" not in account.asked()


def test_versions_and_two_of_them_are_shown_as_far_as_aws_knows_them(account: Account) -> None:
    shown = version_view(account.look, Query(), "churn", 2)
    assert (shown.run, shown.pipeline, shown.metrics[0].value) == ("run2", "churn", 0.82)
    assert any("its steps" in words for words in shown.missing)  # moto has no such execution
    found = compare_view(account.look, Query(), "churn", 1, 2)
    assert [(row.name, row.before, row.after) for row in found.metrics] == [("auc", 0.81, 0.82)]


def test_where_aws_refuses_the_last_answer_stands_and_the_page_says_so(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    models_view(account.look, Query())
    account.clock.now += timedelta(seconds=61)
    with Stubber(account.aws.client("sagemaker")) as stubber:
        stubber.add_client_error("list_model_packages", "ThrottlingException", "Rate exceeded")
        look = replace(account.look, remarks=[], ages=[])
        (row,) = models_view(look, Query()).rows
    assert (row.champion, row.waits) == (1, (3, 2))
    assert [problem.id for problem in look.remarks] == ["PB705"]
    assert min(look.ages) < account.clock.now
