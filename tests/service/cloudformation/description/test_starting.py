"""What starts the pipelines of a service besides pushes: its rules, what batches come to, and when a day is late."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.triggers import open_poller
from pipeline_builder.checkout.heads import Head
from pipeline_builder.service.cloudformation.checks import check_service
from pipeline_builder.service.cloudformation.description.lateness import late_after, late_problems, longest_gap
from pipeline_builder.service.cloudformation.description.schedules import Timing
from pipeline_builder.service.cloudformation.description.starting import (
    arrivals_definition,
    batch_definition,
    kept_problems,
)
from pipeline_builder.service.cloudformation.evaluation.buildspec import parse_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.rendering.rendering import render_templates
from tests.places import ROOT
from tests.service.cloudformation.access.facts import facts_with
from tests.service.cloudformation.access.recorded import record
from tests.service.services import ACCOUNT, REGION, REPOS, SCHEDULES, parse_manifest, read_service, read_template

OWN = f"s3://model-service-{ACCOUNT}-{REGION}"
SCORING = {"name": "scoring", "kind": "inference"}
DAILY = {"name": "daily", "pipeline": "scoring", "cron": "0 2 * * ? *", "timezone": "Europe/Berlin"}


def rendered(*pipelines: dict[str, Any], schedules: tuple[Any, ...] = (DAILY,), **more: Any) -> tuple[Any, Any]:
    """Return both templates of a service with these pipelines beside one that trains."""
    given = ({"name": "training"}, *pipelines) if pipelines else ()
    model, problems = read_service(pipelines=given, schedules=schedules, **more)
    assert [str(problem) for problem in problems if not problem.warning] == []
    files = render_templates(model)
    return read_template(files["storage.yaml"]), read_template(files["service.yaml"])


def timing(expression: str, **more: Any) -> Timing:
    given = {"name": "s", "timezone": "UTC", "groups": (), "cache": True, "enabled": True, **more}
    return Timing(expression=expression, **given)


# --- a service of before


def test_another_pipeline_adds_resources_and_changes_no_name() -> None:
    """What a deployment of the section's first day does to a stack: nothing is replaced, nothing goes."""
    _, before = rendered(schedules=SCHEDULES)
    _, after = rendered(SCORING, schedules=(*SCHEDULES, DAILY))
    assert before["Resources"].keys() < after["Resources"].keys()
    changed = {key for key, found in before["Resources"].items() if after["Resources"][key] != found}
    # Roles that start or pass on more, rules that hear of more, and the variable with a retraining's cause.
    assert changed == {
        "BuildFailed", "Pipeline", "PipelineFailed", "PromoteRole", "SchedulerRole", "TrainRole",
        "TrainingFailed",
    }  # fmt: skip
    for key in changed:
        names = ("Name", "RoleName")
        ours, theirs = (template["Resources"][key]["Properties"] for template in (before, after))
        assert [ours.get(name) for name in names] == [theirs.get(name) for name in names]
    gone = after["Resources"].keys() - before["Resources"].keys()
    assert not [key for key in gone if after["Resources"][key]["Type"] in ("AWS::S3::Bucket", "AWS::KMS::Key")]


def test_one_entry_is_as_none() -> None:
    none = render_templates(read_service(schedules=SCHEDULES)[0])
    one = render_templates(read_service(schedules=SCHEDULES, pipelines=({"name": "training"},))[0])
    assert none == one


# --- schedules


def test_a_schedule_starts_its_pipeline_for_the_day_it_was_due() -> None:
    _, service = rendered(
        SCORING, schedules=(DAILY, {"name": "again", "pipeline": "scoring", "rate": "1 day", "cache": False})
    )
    starts = {
        found["Properties"]["Name"]: json.loads(found["Properties"]["Target"]["Input"])
        for found in service["Resources"].values()
        if found["Type"] == "AWS::Scheduler::Schedule" and found["Properties"]["Name"] != "watch.repositories"
    }
    assert {start["Name"] for start in starts.values()} == {"model-service-scoring"}
    variables = {name: {one["Name"]: one["Value"] for one in start["Variables"]} for name, start in starts.items()}
    assert variables["daily"] == {
        "TRIGGER": "schedule:daily", "GROUPS": "all", "CACHE": "use",
        "DATE": "<aws.scheduler.scheduled-time>[Europe/Berlin]",
    }  # fmt: skip
    assert (variables["again"]["CACHE"], variables["again"]["DATE"][-5:]) == ("skip", "[UTC]")


# --- data and approvals


@pytest.mark.long
def test_data_and_approvals_are_gathered_and_our_bucket_tells_of_its_objects() -> None:
    data = ["s3://exports/a/", "s3://exports/b/", f"{OWN}/landing/"]
    storage, service = rendered({**SCORING, "trigger": {"data": data, "batch_minutes": 15, "approval": True}})
    rules = {
        key: service["Resources"][key]["Properties"]
        for key in ("OfScoringLanding1", "OfScoringLanding2", "OfScoringApproved")
    }
    detail = rules["OfScoringLanding1"]["EventPattern"]["detail"]
    assert detail == {"bucket": {"name": ["exports"]}, "object": {"key": [{"prefix": "a/"}, {"prefix": "b/"}]}}
    asked = rules["OfScoringApproved"]["EventPattern"]["detail"]
    assert asked == {"ModelPackageGroupName": ["tiny-churn"], "ModelApprovalStatus": ["Approved"]}
    told = [json.loads(rule["Targets"][0]["InputTransformer"]["InputTemplate"]) for rule in rules.values()]
    assert [(one["batch"], one["minutes"]) for one in told] == [
        ("scoring-data", 15), ("scoring-data", 15), ("scoring-approval", 1),
    ]  # fmt: skip
    bucket = storage["Resources"]["Bucket"]["Properties"]
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    elsewhere, _ = rendered({**SCORING, "trigger": {"data": data[:1]}})
    assert "NotificationConfiguration" not in elsewhere["Resources"]["Bucket"]["Properties"]


def test_an_event_s_batch_is_one_for_all_of_its_time() -> None:
    """The arithmetic of the machine, worked out here as JSONata has it."""
    begin: Any = arrivals_definition("svc")["States"]["Begin"]  # type: ignore[index] # plain data
    assert "$floor($toMillis($states.input.time) / ($states.input.minutes * 60000))" in begin["Arguments"]["Name"]
    assert begin["Catch"][0]["ErrorEquals"] == ["Sfn.ExecutionAlreadyExistsException"]
    # The longest name that a batch can have: a handle of 24, what starts it, and a number.
    assert len("s" * 24 + "-approval-" + str(4_000_000_000_000 // 60_000)) <= 80
    start: Any = batch_definition()["States"]["Start"]  # type: ignore[index] # likewise
    assert start["Arguments"]["ClientRequestToken"] == "{% $states.context.Execution.Name %}"
    assert re.fullmatch(r"[A-Za-z0-9-]+", "scoring-data-29684160")


def test_scores_ask_the_pipeline_for_a_training_that_makes_their_models() -> None:
    _, service = rendered(SCORING)
    rule = service["Resources"]["RetrainingAsked"]["Properties"]
    assert rule["EventPattern"]["detail"] == {"group": ["tiny-churn"]}
    assert "${Pipeline}" in json.dumps(rule["Targets"][0]["Arn"])
    declared = [one["Name"] for one in service["Resources"]["Pipeline"]["Properties"]["Variables"]]
    assert declared[-1] == "CAUSE"
    _, alone = rendered(schedules=())
    assert "RetrainingAsked" not in alone["Resources"]


# --- lateness


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("rate(12 hours)", 12), ("rate(1 day)", 24), ("rate(30 minutes)", 0.5), ("cron(0 2 * * ? *)", 24),
        ("cron(0 6 ? * MON-FRI *)", 72), ("cron(0 6 ? * MON *)", 168), ("cron(0 6 1 * ? *)", 744),
        ("cron(0 2 * * ? 2020)", None), ("cron(0 */6 * * ? *)", 6),
    ],
)  # fmt: skip
def test_the_longest_time_between_two_starts(expression: str, hours: float | None) -> None:
    assert longest_gap(timing(expression)) == hours
    assert longest_gap(timing(expression, timezone="Europe/Berlin")) == hours


def test_a_day_is_late_after_the_gap_and_its_deadline() -> None:
    daily, weekly = timing("cron(0 2 * * ? *)"), timing("cron(0 6 ? * MON *)")
    assert late_after([daily, weekly], 480) == 24 + 9
    assert late_after([timing("rate(1 day)", deadline_minutes=90)], 480) == 26
    assert late_after([timing("rate(1 day)", enabled=False)], 480) is None
    assert late_after([], 480) is None


@pytest.mark.long
def test_the_alarm_and_what_no_alarm_can_look_back_to() -> None:
    _, service = rendered(SCORING, schedules=(DAILY | {"deadline_minutes": 120},))
    alarm = service["Resources"]["OfScoringLate"]["Properties"]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (3600, 26, "breaching")
    assert alarm["Dimensions"] == [{"Name": "Pipeline", "Value": "model-service-scoring"}]
    monthly = {"name": "monthly", "pipeline": "scoring", "cron": "0 2 1 * ? *"}
    model, _ = read_service(pipelines=({"name": "training"}, SCORING), schedules=(monthly,))
    assert "OfScoringLate" not in read_template(render_templates(model)["service.yaml"])["Resources"]
    manifest = parse_manifest({"repos": REPOS, "pipelines": [{"name": "training"}, SCORING], "schedules": [monthly]})
    (problem,) = late_problems(model, manifest)
    assert (problem.id, problem.warning) == ("PB982", True)
    _, training = rendered(SCORING, schedules=SCHEDULES)
    assert "OfScoringLate" not in training["Resources"]


# --- names


@pytest.mark.long
def test_two_parts_of_one_name_are_said() -> None:
    repos = ({"url": "https://github.com/acme/build.git", "trigger": "webhook"},)
    model, _ = read_service(
        repos=repos, pipelines=({"name": "training"}, {"name": "on", "kind": "inference"}), schedules=()
    )
    files = render_templates(model)
    templates = {name: load_template(files[name], name) for name in ("storage.yaml", "service.yaml")}
    found = check_service(templates, parse_buildspec((ROOT / "buildspec.yml").read_text(), "buildspec.yml"))
    said = [problem.message for problem in found if problem.id == "PB980"]
    assert any("'model-service-on-build'" in message for message in said)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        (f"{OWN}/", "tiny/ledger/"),
        (f"{OWN}/runs/", "runs/"),
        (f"{OWN}/runs/today/", "runs/"),
        (f"{OWN}/model-service", "model-service/"),
        (f"{OWN}/landing/", ""),
        ("s3://elsewhere/runs/", ""),
    ],
)
def test_data_can_t_come_where_each_run_writes(address: str, kept: str) -> None:
    pipelines = [{"name": "training", "trigger": {"data": address}}]
    manifest = parse_manifest({"repos": REPOS, "pipelines": pipelines})
    bucket = OWN.removeprefix("s3://")
    facts = facts_with(service={"name": "model-service"}, artifacts=bucket)
    found = list(kept_problems(facts, manifest, bucket))
    assert [problem.id for problem in found] == (["PB981"] if kept else [])
    assert all(f"/{kept}'" in problem.message for problem in found)


# --- pushes


@pytest.mark.parametrize("repository", ["ltv", "plain"])
def test_a_push_starts_every_pipeline_that_trains(tmp_path: Path, repository: str) -> None:
    """In a real shell: a webhook's build starts one after the other."""
    plain = {"url": "https://github.com/acme/plain.git", "trigger": "webhook"}
    _, service = rendered({"name": "second"}, SCORING, repos=(*REPOS, plain), schedules=())
    project = service["Resources"][f"On{repository.capitalize()}"]["Properties"]
    variables = {one["Name"]: one["Value"] for one in project["Environment"]["EnvironmentVariables"]}
    assert variables["ALSO"] == "model-service-second"
    aws = tmp_path / "aws"
    aws.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n')
    aws.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "PIPELINE": "model-service", "ALSO": variables["ALSO"],
        "REPOSITORY": repository, "CODEBUILD_RESOLVED_SOURCE_VERSION": "a" * 40, "INCLUDE": ".", "EXCLUDE": "docs",
    }  # fmt: skip
    for command in yaml.safe_load(project["Source"]["BuildSpec"])["phases"]["build"]["commands"]:
        subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, check=True)
    called = (tmp_path / "called").read_text().splitlines()
    assert [line.split("--name ")[1].split()[0] for line in called] == ["model-service", "model-service-second"]
    assert all(f"name=REPOSITORY,value={repository}" in line and "a" * 40 in line for line in called)
    rule = service["Resources"]["OnFraud"]["Properties"]["Targets"]
    assert [target["Id"] for target in rule] == ["pipeline", "pipeline-second"]
    worker = service["Resources"]["WorkerProject"]["Properties"]["Environment"]["EnvironmentVariables"]
    assert {"Name": "SMP_ALSO_STARTED", "Value": "model-service-second"} in worker


@pytest.mark.long
def test_a_look_starts_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, str]] = []

    def start(asked: Any) -> Any:
        body = asked["body"] if isinstance(asked["body"], dict) else json.loads(asked["body"])
        started.append((body["name"], body["clientRequestToken"]))
        return {"pipelineExecutionId": f"e-{body['name']}"}

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    record(monkeypatch, {("codepipeline", "StartPipelineExecution"): start})
    values = {"SMP_CODEPIPELINE": "svc", "SMP_ARTIFACTS": "bucket", "SMP_ALSO_STARTED": "svc-second"}
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
        head = Head(url="https://example.com/churn.git", revision="main", commit="1" * 40)
        assert open_poller(values, Aws(REGION)).poll(["churn"], {"churn": head}).execution == "e-svc"
        assert not open_poller(values, Aws(REGION)).poll(["churn"], {"churn": head}).execution
    assert [name for name, _ in started] == ["svc", "svc-second"]
    assert len({token for _, token in started}) == 2
