"""Requests for retraining, on both targets: once for each champion and cause, and settled by what comes of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.connect import AwsSettings, open_aws_target
from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.release.approval import approval_text
from pipeline_builder.release.archive import keep_evidence
from pipeline_builder.release.evidence import PIPELINE
from pipeline_builder.release.record import RunRecord, ScoreRecord
from pipeline_builder.release.scoring.judging import judged_scores
from pipeline_builder.release.scoring.loop import close_loop
from pipeline_builder.release.scoring.requests import list_requests
from pipeline_builder.release.scoring.retraining import Asked, ask_retraining, settle_requests
from pipeline_builder.target import Target
from tests.engine import definitions
from tests.release import records
from tests.release.scoring.evidences import drift, evidence, found, score
from tests.serve.serving import ROLE, serving

NOON = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
APPROVED, PENDING, REJECTED = ApprovalStatus.APPROVED, ApprovalStatus.PENDING, ApprovalStatus.REJECTED


@dataclass
class Loop:
    """A target with the group `churn`, and the runs of the two pipelines of a loop."""

    target: Target
    sagemaker: Any
    days: int = 0

    def register(self, status: ApprovalStatus = PENDING) -> str:
        container = {"Image": "image:1", "ModelDataUrl": "s3://local/model.tar.gz"}
        self.sagemaker.create_model_package(
            ModelPackageGroupName="churn",
            InferenceSpecification={
                "Containers": [container], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"],
            },
        )  # fmt: skip
        arn = self.target.registry.list_packages("churn")[0].arn
        if status is not PENDING:
            self.decide(arn, status)
        return arn

    def decide(self, arn: str, status: ApprovalStatus) -> None:
        self.target.registry.set_approval(
            arn, status, description="approved by ada", metadata={PIPELINE: "training"}, by="ada"
        )

    def scored(self, arn: str, *violations: Any) -> RunRecord:
        """Return the record of a day's run, judged."""
        self.days += 1
        day = f"2026-11-{self.days:02}"
        version = int(arn.rsplit("/", 1)[1])
        one = score(found(*violations), on_drift=("retrain",), package=arn, version=version, date=day)
        judged_by = evidence(one, execution=f"arn:aws:sagemaker:local:0:pipeline/scoring/execution/e{self.days}")
        keep_evidence(judged_by, self.target)
        record = records.run_record(
            kind="inference", pipeline="scoring", execution=judged_by.execution, evidence=judged_by.sha256, packages=(),
            scores=(ScoreRecord(model="churn", date=day, package_arn=arn, group="churn"),),
        )  # fmt: skip
        return judged_scores(judged_by, record)

    def ask(self, record: RunRecord, **more: Any) -> Asked:
        (asked,) = ask_retraining(record, self.target, now=lambda: NOON + timedelta(days=self.days), **more)
        return asked

    def trained(
        self, arn: str, execution: str = "t1", *, champion: int = 1, unchanged: Collection[str] = (), **more: Any
    ) -> RunRecord:
        """Return the record of a run of the training pipeline that has registered a package, with the loop closed."""
        package = self.target.registry.describe_package(arn)
        made = records.package(
            "churn", arn=arn, version=package.version, status=package.status.value, champion_version=champion
        )
        more = {"ended": NOON + timedelta(days=self.days, hours=1), **more}
        record = records.run_record(pipeline="training", execution=f"execution/{execution}", packages=(made,), **more)
        return close_loop(record, self.target, say=lambda _: None, unchanged=unchanged)

    def states(self) -> list[tuple[int, str, str]]:
        """Return version, state and outcome of every request."""
        found = [kept.request for kept in list_requests(self.target, "training")]
        return [(request.version, request.state, request.outcome) for request in found]


BOTH = pytest.mark.parametrize("loop", ["local", "aws"], indirect=True)


@pytest.fixture
def loop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    with serving(tmp_path) as served:
        served.s3.create_bucket(Bucket="local")
        served.s3.put_object(Bucket="local", Key="model.tar.gz", Body=b"")
        served.sagemaker.create_model_package_group(ModelPackageGroupName="churn")
        if getattr(request, "param", "local") == "local":
            yield Loop(definitions.target(tmp_path), served.sagemaker)
            return
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        aws = Aws("us-east-1", session=boto3.session.Session(**served.keys))
        yield Loop(
            open_aws_target(AwsSettings(region="us-east-1", role=ROLE, bucket="local"), aws=aws), served.sagemaker
        )
        for service in ("sagemaker", "s3"):
            aws.client(service).close()


@pytest.mark.long
@BOTH
def test_a_cause_is_asked_for_once_until_its_champion_is_another(loop: Loop) -> None:
    first = loop.register(APPROVED)
    asked = loop.ask(loop.scored(first, drift("age")))
    assert (asked.new, asked.words) == (True, "churn version 1: its retraining is asked for")
    assert asked.cause == "drift of 'age': psi is 0.31, allowed is 0.2"
    again = loop.ask(loop.scored(first, drift("age", 0.5)))
    assert (again.new, again.words) == (
        False,
        "churn version 1: its retraining was asked for by the scores of 2026-11-01, and hasn't run yet",
    )
    assert not loop.ask(loop.scored(first, drift("income"))).new  # what is open answers that as well

    second = loop.register()
    record = loop.trained(second)
    why = "the retraining of churn version 1, for the scores of 2026-11-01: drift of 'age': psi is 0.31, allowed is 0.2"
    assert record.trigger == why
    assert f"started by {why}" in approval_text(record)
    assert loop.trained(second, trigger="a push").trigger == f"a push; {why}"  # the same again says the same
    assert loop.states() == [(1, "waits", "")]
    assert "waits for a decision" in loop.ask(loop.scored(first, drift("city"))).words

    loop.decide(second, APPROVED)
    settled = "churn version 1: its retraining is settled: version 2 is in use"
    assert settle_requests("training", loop.target) == ((settled,), ())
    assert settle_requests("training", loop.target) == ((), ())
    assert "version 2 is in use by now" in loop.ask(loop.scored(first, drift("age"))).words
    assert loop.ask(loop.scored(second, drift("age"))).new
    assert loop.states() == [(1, "settled", "version 2 is in use"), (2, "open", "")]


def test_after_a_rejection_only_another_cause_asks_again(loop: Loop) -> None:
    first = loop.register(APPROVED)
    loop.ask(loop.scored(first, drift("age")))
    second = loop.register()
    loop.trained(second)
    loop.decide(second, REJECTED)
    settle_requests("training", loop.target)
    words = "churn version 1: its retraining was asked for by the scores of 2026-11-01: version 2 was rejected"
    assert loop.ask(loop.scored(first, drift("age"))).words == words
    assert loop.ask(loop.scored(first, drift("age"), drift("city"))).new


def test_where_nothing_has_changed_the_request_is_closed(loop: Loop) -> None:
    first = loop.register(APPROVED)
    loop.ask(loop.scored(first, drift("age")))
    record = loop.trained(first, reused=True, unchanged=["churn"])
    outcome = "nothing has changed since version 1: the same data and code make the same model"
    assert (record.trigger, loop.states()) == ("", [(1, "settled", outcome)])
    assert outcome in loop.ask(loop.scored(first, drift("age"))).words


def test_what_had_nothing_to_be_made_of_is_answered_by_a_later_run(loop: Loop) -> None:
    first = loop.register(APPROVED)
    asked = loop.ask(loop.scored(first, drift("age"))).request
    loop.trained(first, unchanged=["churn"])
    second = loop.register()
    assert loop.trained(second, champion=7).trigger == ""  # of another champion
    assert asked
    assert loop.trained(second, "t2").trigger == asked.words
    assert loop.states() == [(1, "waits", "")]


def test_an_old_run_that_is_judged_anew_answers_nothing(loop: Loop) -> None:
    first, rejected = loop.register(APPROVED), loop.register(REJECTED)
    loop.ask(loop.scored(first, drift("age")))
    loop.trained(first)
    loop.trained(rejected, ended=NOON)
    assert loop.states() == [(1, "open", "")]
    loop.trained(rejected, ended=NOON, unchanged=["churn"])
    assert loop.states() == [(1, "settled", "version 2 was rejected")]


def test_a_run_of_other_models_answers_nothing_and_one_that_left_it_out_does(loop: Loop) -> None:
    loop.ask(loop.scored(loop.register(APPROVED), drift("age")))
    record = records.run_record("price", pipeline="training")
    close_loop(record, loop.target, say=lambda _: None)
    assert loop.states() == [(1, "open", "")]
    close_loop(record, loop.target, say=lambda _: None, unchanged=("churn",))
    assert loop.states()[0][1] == "settled"


@pytest.mark.long
@BOTH
def test_of_two_stages_at_once_one_asks(loop: Loop) -> None:
    first = loop.register(APPROVED)
    runs = [loop.scored(first, drift("age")) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        asked = [*pool.map(loop.ask, runs)]
    assert [one.new for one in asked].count(True) == 1
    assert len(loop.states()) == 1


@pytest.mark.long
@BOTH
def test_the_service_is_told_once_and_again_where_that_failed(loop: Loop) -> None:
    first = loop.register(APPROVED)
    told: list[Mapping[str, object]] = []
    said: list[str] = []

    def fails(detail: Mapping[str, object]) -> None:
        raise OutsideFailure(Problem(id="PB986", message="not taken"))

    hostile = loop.scored(first, drift('a"\\#{x}\n' + "x" * 300))
    assert close_loop(hostile, loop.target, say=said.append, announce=fails).scores[0].retraining
    assert said[-1] == "the service couldn't be told: PB986 not taken; the next run tells it"
    calm = loop.scored(first)
    for record in (calm, hostile):  # also a run that asks for nothing itself
        close_loop(record, loop.target, say=said.append, announce=told.append)
    (detail,) = told
    assert (detail["group"], detail["version"], detail["pipeline"], detail["date"]) == (
        "churn", 1, "training", "2026-11-01",
    )  # fmt: skip
    cause = str(detail["cause"])
    assert len(cause) <= 200
    assert cause.startswith("drift of 'a''''x''nxxx")


def test_what_can_t_be_asked_for_keeps_no_scores_from_being_published(loop: Loop) -> None:
    record = loop.scored(loop.register(APPROVED), drift("age"))
    loop.target.registry.set_approval(
        record.scores[0].package_arn, APPROVED, description="again", metadata={PIPELINE: ".."}, by="ada"
    )
    (score,) = close_loop(record, loop.target, say=lambda _: None).scores
    assert score.retraining == "churn version 1 is not trained anew: nothing says which pipeline has made it"
    gone = record.scores[0].model_copy(update={"package_arn": record.scores[0].package_arn[:-1] + "9"})
    (score,) = close_loop(record.model_copy(update={"scores": (gone,)}), loop.target, say=lambda _: None).scores
    assert "its retraining couldn't be asked for: PB" in score.retraining


def test_a_damaged_or_foreign_object_is_no_request(loop: Loop) -> None:
    loop.target.store.put("s3://local/training/retraining/churn-v1-0.json", b"{")
    loop.target.store.put("s3://local/training/retraining/other", b"[]")
    assert loop.states() == []
    asked = loop.ask(loop.scored(loop.register(APPROVED), drift("age")))
    assert asked.new
    assert asked.request
    for name, changes in {"churn-v1-1": {}, asked.request.name: {"pipeline": "other"}}.items():
        content = asked.request.model_copy(update=changes).content
        loop.target.store.put(f"s3://local/training/retraining/{name}.json", content)
        assert loop.states() == ([] if changes else [(1, "open", "")])  # it is where it says that it is, or none
