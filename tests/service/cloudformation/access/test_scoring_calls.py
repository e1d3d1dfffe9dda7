"""Every call of the stages that score and publish is one that their roles allow; recorded as those of training are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.cli.boundary import run
from pipeline_builder.cli.options import make_session
from pipeline_builder.service.cloudformation.access.roles import Role
from pipeline_builder.service.render import render
from tests.once import made_once
from tests.places import ROOT
from tests.scoring import FAR, INFERENCE, LIKE, MANIFEST, SHIFTED, TRAINING, make_scoring
from tests.serve.serving import Served, serving
from tests.service.cloudformation.access.iam import ACCOUNT, NAMES, REGION, allows, documents
from tests.service.cloudformation.access.recorded import Call, Recorder, needs, record
from tests.service.cloudformation.access.test_calls import IMAGE, answers, environment
from tests.service.services import CONNECTION

PREDICTIONS, LANDING = "their-predictions", "their-data"
SERVICE = f"""\
service:
  source: {{repository: acme/models}}
  connection: {CONNECTION}
  execution_role: per-repository
  wait: step-functions
policy:
  read: [s3://{LANDING}/]
  write: [s3://{PREDICTIONS}/]
"""
TRIGGER = f'trigger: {{data: "s3://{LANDING}/landing/", approval: true}}'


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the stages called, what was put where a test looks, and the roles of the pipeline that scores."""

    calls: Mapping[str, list[Call]]
    sent: list[Mapping[str, Any]]
    roles: Mapping[str, Role]
    others: Mapping[str, Role]


def land(served: Served, day: str, numbers: tuple[float, ...]) -> None:
    body = "".join(f"{number}\n" for number in numbers).encode()
    served.s3.put_object(Bucket=LANDING, Key=f"landing/dt={day}/rows.csv", Body=body)


def stages(served: Served, recorder: Recorder, patch: pytest.MonkeyPatch) -> None:
    """Train and promote, then score a day, one that has drifted with a wait between, and one that is blocked."""

    def stage(name: str, role: str = "", code: int = 0) -> None:
        with recorder.during(role):
            assert run(["stage", name]) == code, name

    stage("build")
    stage("train")
    text = Path("build/stage.env").read_text()
    patch.setenv("SMP_APPROVAL", text.partition("export APPROVAL=")[2].split()[0])
    stage("promote")
    role = f"arn:aws:iam::{ACCOUNT}:role/pipeline-builder-scoring"
    patch.setenv("SMP_PIPELINE", "scoring")
    patch.setenv("SMP_CODEPIPELINE", "pipeline-builder-scoring")
    patch.setenv("SMP_ROLE", f"{role}-execution")
    patch.setenv("SMP_JOBROLES", f"{role}-{{repository}}")
    today = datetime.now(timezone.utc).date().isoformat()
    for execution, day, numbers in (("s1", today, LIKE), ("s2", "2026-11-28", SHIFTED), ("s3", "2026-11-27", FAR)):
        land(served, day, numbers)
        patch.setenv("SMP_CODEPIPELINE_EXECUTION", execution)
        patch.setenv("SMP_DATE", "none" if day == today else f"{day}T02:00:00Z[Europe/Berlin]")
        stage("build", "build")
        if execution == "s2":
            machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:pipeline-builder-scoring-wait"
            patch.setenv("SMP_WAIT_MACHINE", machine)
            stage("start", "score")
            stage("judge", "score")
        else:
            stage("score", "score", code=5 if numbers == FAR else 0)
        if numbers != FAR:
            stage("publish", "publish")
    # A day that is published already, asked for once more.
    patch.delenv("SMP_WAIT_MACHINE")
    patch.setenv("SMP_CODEPIPELINE_EXECUTION", "s4")
    patch.setenv("SMP_DATE", today)
    stage("score", "score")
    assert "export VERDICT=nothing" in Path("build/stage.env").read_text()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return made_once(tmp_path_factory, "access-scoring", lambda: played(tmp_path_factory.mktemp("scoring")))


def played(folder: Path) -> Recorded:
    sent: list[Mapping[str, Any]] = []

    def noted(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        sent.append(asked)
        return {"Entries": [], "FailedEntryCount": 0}

    inference = INFERENCE.replace("s3://SMP_S3BUCKETNAME/landing", f"s3://{LANDING}/landing")
    inference = inference.replace("example.com/tiny:1", IMAGE)
    inference = inference.replace("s3://SMP_S3BUCKETNAME/scores", f"s3://{PREDICTIONS}/scores")
    manifest = MANIFEST.replace("kind: inference}", f"kind: inference, {TRIGGER}}}") + SERVICE
    workspace = make_scoring(folder / "workspace", manifest=manifest, inference=inference)
    workspace.change(*[("example.com/tiny:1", IMAGE)] * TRAINING.count("example.com/tiny:1"), conf="conf")
    shutil.copy(ROOT / "buildspec.yml", workspace.root)
    with serving(folder / "served", jobs=4) as served, pytest.MonkeyPatch.context() as patch:
        for bucket in ("my-data", LANDING, PREDICTIONS, NAMES.bucket):
            served.s3.create_bucket(Bucket=bucket)
        served.s3.put_object(Bucket="my-data", Key="churn/train.csv", Body=b"1\n2\n3\n")
        for name, value in environment(served).items():
            patch.setenv(name, value)
        patch.delenv("SMP_LOOK")
        patch.chdir(workspace.root)
        others = {
            ("events", "PutEvents"): noted,
            ("cloudwatch", "PutMetricData"): noted,
            ("s3", "GetBucketNotificationConfiguration"): lambda _: {},
        }
        recorder = record(patch, {**answers(["Succeeded"]), **others})
        stages(served, recorder, patch)
        patch.delenv("SMP_PIPELINE")
        places = {"manifest": Path("model_repos.yaml"), "state": None, "build": None, "env_file": None}
        model = render(make_session(places, "aws", None), now=datetime.now(timezone.utc), checked=False).model
        return Recorded(
            calls=recorder.calls,
            sent=sent,
            roles={role.name: role for role in model.further[0].roles},
            others={role.name: role for role in model.roles},
        )


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build", "score", "publish"])
def test_each_call_of_a_stage_is_allowed(stage: str, recorded: Recorded) -> None:
    policies = documents(recorded.roles[stage])
    calls = recorded.calls[stage]
    assert len(calls) > 4
    denied = {
        f"{needed.action} on {needed.resource}": dict(needed.context)
        for call in calls
        for needed in needs(call)
        # What is read of the day's data was listed before: it is there.
        if (needed.action, needed.resource) != ("s3:ListBucket", f"arn:aws:s3:::{LANDING}") or needed.context
        if not allows(policies, needed.action, needed.resource, **needed.context)
    }
    assert not denied, "\n".join(sorted(denied))


@pytest.mark.long
def test_a_role_without_one_of_its_permissions_is_noticed(recorded: Recorded) -> None:
    unused: dict[str, set[str]] = {}
    for name in ("build", "score", "publish"):
        needed = [one for call in recorded.calls[name] for one in needs(call)]
        for policy in documents(recorded.roles[name]):
            for statement in policy["Statement"]:
                others = [{"Statement": [one for one in policy["Statement"] if one is not statement]}]
                if all(allows(others, one.action, one.resource, **one.context) for one in needed):
                    unused.setdefault(name, set()).add(statement["Sid"])
    services = {"Logs", "Reports", "Cache", "Artifacts", "ArtifactBucket", "Key", "Missed"}
    # Where others have changed the pipeline; CodeBuild's own.
    services |= {"AppliedDefinitions", "Connections"}
    assert {name: sids - services for name, sids in unused.items() if sids - services} == {}


@pytest.mark.long
def test_the_stages_have_done_what_they_are_for(recorded: Recorded) -> None:
    counted = [asked for asked in recorded.sent if "MetricData" in str(asked)]
    assert counted, "a day was published, and not counted"


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build", "score", "publish"])
def test_nobody_of_them_approves_or_writes_where_it_has_nothing_to_do(stage: str, recorded: Recorded) -> None:
    policies = documents(recorded.roles[stage])
    package = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/churn/1"
    assert not allows(policies, "sagemaker:UpdateModelPackage", package)
    assert not allows(policies, "sagemaker:CreateModelPackage", package)
    assert not allows(policies, "s3:PutObject", "arn:aws:s3:::my-data/team/models/churn-training/evidence/x")
    assert allows(policies, "s3:PutObject", f"arn:aws:s3:::{PREDICTIONS}/scores/dt=1/x") == (stage == "publish")
    assert not allows(policies, "s3:PutObject", f"arn:aws:s3:::{PREDICTIONS}/others/x")
    assert not allows(policies, "s3:DeleteObject", f"arn:aws:s3:::{PREDICTIONS}/scores/dt=1/x")
    jobs = documents(recorded.roles["churn"])
    assert not allows(jobs, "s3:PutObject", "arn:aws:s3:::my-data/team/models/churn-scoring/ledger/churn/x.json")
    assert allows(
        jobs, "s3:GetObject", "arn:aws:s3:::my-data/team/models/churn-training/churn/executions/a/model.tar.gz"
    )


@pytest.mark.long
def test_who_trains_may_answer_what_was_asked_for(recorded: Recorded) -> None:
    asked = "arn:aws:s3:::my-data/team/models/churn-training/retraining/x.json"
    for stage, may in (("train", True), ("promote", True), ("build", False)):
        assert allows(documents(recorded.others[stage]), "s3:PutObject", asked) == may, stage


def test_the_conf_that_is_played_is_what_it_says() -> None:
    assert "s3://SMP_S3BUCKETNAME/landing" in INFERENCE
    assert "s3://SMP_S3BUCKETNAME/scores" in INFERENCE
    assert "pipelineName: churn-training" in TRAINING
