"""The rendered templates: what stands in them, and that nothing from outside becomes anything but text in them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.rendering.quoting import comment, literal, quote, substituted
from pipeline_builder.service.cloudformation.rendering.rendering import parameter_values, render_templates
from tests.places import ROOT
from tests.service import services
from tests.service.services import ACCOUNT, KEY, REGION, REPOS, read_service, read_template, render

INSIDE = {"url": "models/inside"}
# What has a meaning in YAML, CloudFormation, CodePipeline, jinja, IAM, a shell or JSON.
NASTY = (
    '"', "'", "\\", "\n", "\r", "\t", "\x00", "\x1b", "\x85", "\u2028", "\ufeff", "\U0001f600", "${AWS::Region}", "${!x}",
    "${", "}", "{{ 7*7 }}", "{% raw %}", "{# x #}", "!Sub x", "!Ref Pipeline", "#{Train.SUMMARY}", "{{resolve:ssm:x}}",
    "{{ Resolve:secretsmanager:x}}", "$(touch hacked)", "`id`", ";", "|", "&", ": ", " #", "- ", "<execution>", "<commit>",
    "*", "?", ",", "%", "é", "a", "0", " ", "/",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map("".join)


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a template, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {key: item for key, item in template["Resources"].items() if item["Type"] == f"AWS::{kind}"}


def stages(template: Mapping[str, Any]) -> dict[str, Any]:
    (pipeline,) = of_type(template, "CodePipeline::Pipeline").values()
    return {stage["Name"]: stage for stage in pipeline["Properties"]["Stages"]}


def actions(template: Mapping[str, Any], stage: str) -> dict[str, Any]:
    return {action["Name"]: action for action in stages(template)[stage]["Actions"]}


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    return read_template(render(*REPOS, INSIDE, approval={"emails": ["ada@example.com"]})["service.yaml"])


# --- one filter for every value


@given(st.text())
def test_a_quoted_text_is_itself_for_yaml(text: str) -> None:
    quoted = quote(text)
    assert yaml.safe_load(f"key: [{quoted}, {{{quoted}: 1}}] # end") == {"key": [text, {text: 1}]}
    assert "\n" not in quoted


@settings(deadline=None)
@given(TEXTS)
def test_a_literal_text_is_itself_for_sub(text: str) -> None:
    loaded = read_template(f"Resources:\n  key: {substituted('${Bucket}/' + literal(text))}\n")["Resources"]["key"]
    assert services.substituted(loaded) == f"<Bucket>/{text}"


@settings(deadline=None)
@given(TEXTS)
def test_a_literal_text_without_names_is_plain(text: str) -> None:
    assert yaml.safe_load(substituted(literal(text))) == text


@given(st.text())
def test_a_comment_is_one_line(text: str) -> None:
    assert yaml.safe_load(f"# {comment(text)}\nkey: 1") == {"key": 1}


def test_only_texts_are_quoted() -> None:
    with pytest.raises(TypeError, match="only texts are quoted"):
        quote(5)  # type: ignore[arg-type] # what a template could do


# --- values from outside, each at its place


def tag(template: Mapping[str, Any]) -> dict[str, str]:
    found = template["Resources"]["Topic"]["Properties"]["Tags"]
    return {item["Key"]: item["Value"] for item in found}


def rendered_or_refused(
    repos: tuple[Mapping[str, Any], ...] = REPOS, schedules: tuple[Mapping[str, Any], ...] = (), **service: Any
) -> dict[str, Any] | None:
    """Return the parsed template of the service, None where a value is refused; then nothing is rendered."""
    try:
        model, problems = read_service(repos, schedules, **service)
    except InputProblems:
        return None
    if any(not problem.warning for problem in problems):
        return None
    files = render_templates(model)
    read_template(files["storage.yaml"])
    template = read_template(files["service.yaml"])
    own = ("#{Train.", "#{Source.CommitId}", "#{variables.", "#{codepipeline.PipelineExecutionId}")
    for text in texts(template):
        assert "resolve:" not in text.lower()
        assert not re.sub("|".join(map(re.escape, own)), "", text).count("#{"), text
    return template


@pytest.mark.long
@settings(max_examples=80, deadline=None)
@given(key=TEXTS, value=TEXTS)
def test_a_tag_is_text(key: str, value: str) -> None:
    template = rendered_or_refused(tags={key: value})
    if template:
        assert tag(template) == {key: value, "pipeline-builder:service": "model-service"}


def test_a_plain_tag_is_taken() -> None:
    template = rendered_or_refused(tags={"cost center": "a:b/c=d+e@f-g_h.i"})
    assert template
    assert tag(template)["cost center"] == "a:b/c=d+e@f-g_h.i"


@pytest.mark.long
@settings(max_examples=80, deadline=None)
@given(branch=TEXTS, pattern=TEXTS)
def test_a_branch_and_its_patterns_are_text(branch: str, pattern: str) -> None:
    check_branch(branch, pattern)


def check_branch(branch: str, pattern: str) -> bool:
    """Check that both are themselves wherever they stand; tell whether they are taken at all."""
    trigger = {"include": [pattern], "exclude": ["x"]}
    repos = (
        {"url": "https://github.com/a/b.git", "revision": branch, "trigger": {"kind": "connection", **trigger}},
        {"url": "https://github.com/a/c.git", "revision": branch, "trigger": {"kind": "webhook", **trigger}},
        {
            "url": f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/d",
            "revision": branch,
            "trigger": "codecommit",
        },
    )
    template = rendered_or_refused(repos)
    if template:
        triggers = of_type(template, "CodePipeline::Pipeline")["Pipeline"]["Properties"]["Triggers"]
        assert triggers[1]["GitConfiguration"]["Push"] == [
            {"Branches": {"Includes": [branch]}, "FilePaths": {"Includes": [pattern], "Excludes": ["x"]}}
        ]
        assert actions(template, "Source")["b"]["Configuration"]["BranchName"] == branch
        _, ref, include = template["Resources"]["OnC"]["Properties"]["Triggers"]["FilterGroups"][0]
        assert re.fullmatch(ref["Pattern"], f"refs/heads/{branch}")
        assert include["Type"] == "FILE_PATH"
        re.compile(include["Pattern"])
        rule = template["Resources"]["OnD"]["Properties"]
        assert rule["EventPattern"]["detail"]["referenceName"] == [branch]
    return template is not None


@pytest.mark.parametrize(
    "branch",
    ["feature/x-1.2_$a", "$(touch)", "`id`", "a;b|c&d", "%d", "#1", "<commit>", "é", "\U0001f600", "--"],
)
def test_a_strange_branch_is_taken_as_it_is(branch: str) -> None:
    assert check_branch(f"x{branch}", "${AWS::Region} \"'\\ !Ref x {{ 1 }}")


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(text=TEXTS, kind=st.sampled_from(["repository", "branch", "host"]))
def test_the_source_is_text(text: str, kind: str) -> None:
    for source in ("connection", "codecommit", "s3"):
        value = f"a/{text}" if kind == "repository" and source != "codecommit" else text
        given_source = {
            "kind": source,
            "repository": "acme/models" if source != "codecommit" else "models",
            kind: value,
        }
        template = rendered_or_refused(source=given_source)
        if template and kind == "branch" and source != "s3":
            configuration = actions(template, "Source")["Source"]["Configuration"]
            assert configuration["BranchName"] == value
            worker = template["Resources"]["WorkerProject"]["Properties"]
            assert worker["SourceVersion"] == value


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(name=TEXTS, group=TEXTS, url=TEXTS, image=TEXTS)
def test_names_groups_urls_and_images_are_text(name: str, group: str, url: str, image: str) -> None:
    repos = ({"url": f"https://github.com/a/{url}", "name": name, "groups": [group], "trigger": "webhook"},)
    rendered_or_refused(repos)
    rendered_or_refused(({"url": f"https://github.com/a/{url}", "name": "x", "trigger": "webhook"},))
    rendered_or_refused(({"url": f"https://github.com/a/{url}", "name": "x", "trigger": "poll"},))
    template = rendered_or_refused(image=image)
    if template:
        assert template["Parameters"]["BuildImage"]["Default"] == image


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(cron=TEXTS, zone=TEXTS, name=TEXTS)
def test_a_schedule_is_text(cron: str, zone: str, name: str) -> None:
    for schedule in (
        {"name": "s", "cron": cron, "timezone": "UTC"},
        {"name": "s", "cron": "0 2 * * ? *", "timezone": zone},
        {"name": name, "rate": "1 day"},
        {"name": "s", "rate": cron},
    ):
        rendered_or_refused(schedules=(schedule,))


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(text=TEXTS)
def test_the_values_of_the_builds_are_text(text: str) -> None:
    place = {"bucket": text, "kms_key": text, "subnets": text, "security_groups": text, "manifest": text, "role": text}
    model, _ = read_service(encryption="aws")
    model = replace(model, place=replace(model.place, **place))
    template = read_template(render_templates(model)["service.yaml"])
    variables = template["Resources"]["TrainProject"]["Properties"]["Environment"]["EnvironmentVariables"]
    found = {item["Name"]: item["Value"] for item in variables}
    for name in ("SMP_S3BUCKETNAME", "SMP_KMSKEY", "SMP_SUBNETS", "SMP_SECURITYGROUPS", "SMP_MANIFEST"):
        assert found[name] == text


# --- the inline buildspec of webhook projects, in a real shell


def run_webhook(folder: Path, service: Mapping[str, Any], repository: str, commit: str) -> tuple[int, list[str]]:
    """Run the commands of a webhook project as CodeBuild does; return the exit code and what `aws` was called with."""
    buildspec = yaml.safe_load(service["Resources"]["OnLtv"]["Properties"]["Source"]["BuildSpec"])
    called = folder / "called.json"
    aws = folder / "aws"
    aws.write_text(f"#!{sys.executable} -IS\nimport json, sys\njson.dump(sys.argv[1:], open({str(called)!r}, 'w'))\n")
    aws.chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PIPELINE": "model-service",
        "REPOSITORY": repository,
        "CODEBUILD_RESOLVED_SOURCE_VERSION": commit,
    }
    for command in buildspec["phases"]["build"]["commands"]:
        done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, check=False, capture_output=True)
        if done.returncode:
            return done.returncode, []
    return 0, json.loads(called.read_text())


def test_a_webhook_starts_the_pipeline_with_what_was_pushed(tmp_path: Path, service: dict[str, Any]) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    code, called = run_webhook(tmp_path, service, "ltv", commit)
    assert code == 0
    assert called == [
        "codepipeline", "start-pipeline-execution", "--name", "model-service", "--variables",
        "name=TRIGGER,value=webhook", "name=REPOSITORY,value=ltv", f"name=COMMIT,value={commit}",
    ]  # fmt: skip


@pytest.mark.parametrize("text", [text for text in NASTY if "\x00" not in text])
def test_a_webhook_runs_nothing_of_what_the_host_says(tmp_path: Path, service: dict[str, Any], text: str) -> None:
    code, called = run_webhook(tmp_path, service, text, "0123abc")
    assert (code, called[-2]) == (0, f"name=REPOSITORY,value={text}")
    (tmp_path / "called.json").unlink()
    code, _ = run_webhook(tmp_path, service, "ltv", f"0123{text}")
    if not re.fullmatch(r"[0-9a-f]+", text):
        assert code == 1
        assert not (tmp_path / "called.json").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"aws", "called.json"}


# --- what stands in the service


def test_the_pipeline_has_the_five_stages(service: dict[str, Any]) -> None:
    assert list(stages(service)) == ["Source", "Build", "Train", "Approve", "Promote"]
    properties = service["Resources"]["Pipeline"]["Properties"]
    assert (properties["PipelineType"], properties["ExecutionMode"]) == ("V2", "QUEUED")
    assert [trigger["GitConfiguration"]["SourceActionName"] for trigger in properties["Triggers"]] == [
        "Source",
        "churn",
    ]
    assert {name: action["OutputArtifacts"] for name, action in actions(service, "Source").items()} == {
        "Source": [{"Name": "Source"}],
        "churn": [{"Name": "churn"}],
    }
    handed = [(stage, action.get("InputArtifacts"), action.get("OutputArtifacts"))
              for stage in ("Build", "Train", "Promote") for action in actions(service, stage).values()]  # fmt: skip
    assert handed == [
        ("Build", [{"Name": "Source"}], [{"Name": "Build"}]),
        ("Train", [{"Name": "Build"}], [{"Name": "Train"}]),
        ("Promote", [{"Name": "Train"}], None),
    ]


def test_without_models_that_wait_nobody_is_asked_and_nothing_promoted(service: dict[str, Any]) -> None:
    wanted = {"Variable": "#{Train.VERDICT}", "Operator": "EQ", "Value": "pass"}
    for stage in ("Approve", "Promote"):
        (condition,) = stages(service)[stage]["BeforeEntry"]["Conditions"]
        (rule,) = condition["Rules"]
        assert (condition["Result"], rule["RuleTypeId"]["Provider"], rule["Configuration"]) == (
            "SKIP",
            "VariableCheck",
            wanted,
        )


def test_what_actions_hand_to_builds_is_json_within_the_limit(service: dict[str, Any]) -> None:
    found = {}
    for stage in ("Build", "Train", "Promote"):
        raw = actions(service, stage)[stage]["Configuration"]["EnvironmentVariables"]
        assert len(raw) <= 1000
        found[stage] = {item["name"]: item["value"] for item in json.loads(raw)}
    execution = {"SMP_CODEPIPELINE_EXECUTION": "#{codepipeline.PipelineExecutionId}"}
    started = {
        f"SMP_{name}": f"#{{variables.{name}}}" for name in ("TRIGGER", "REPOSITORY", "COMMIT", "GROUPS", "CACHE")
    }
    assert found == {
        "Build": {**started, **execution, "SMP_MANIFEST_COMMIT": "#{Source.CommitId}"},
        "Train": {**started, **execution},
        "Promote": {**execution, "SMP_APPROVAL": "#{Train.APPROVAL}"},
    }
    declared = {item["Name"] for item in service["Resources"]["Pipeline"]["Properties"]["Variables"]}
    assert {text.removeprefix("SMP_") for text in started} == declared


def test_every_reference_to_a_variable_has_its_namespace(service: dict[str, Any]) -> None:
    spaces = {action.get("Namespace") for stage in stages(service).values() for action in stage["Actions"]}
    used = {match for text in texts(service) for match in re.findall(r"#\{(\w+)\.", text)}
    assert used == {"variables", "codepipeline", "Source", "Train"}
    assert used - {"variables", "codepipeline"} <= spaces
    exported = yaml.safe_load((ROOT / "buildspec.yml").read_text())["env"]["exported-variables"]
    names = {match for text in texts(service) for match in re.findall(r"#\{Train\.(\w+)\}", text)}
    assert names <= set(exported)


def test_builds_know_where_they_are(service: dict[str, Any]) -> None:
    for stage in ("build", "train", "promote", "worker"):
        project = service["Resources"][f"{stage.capitalize()}Project"]["Properties"]
        found = {item["Name"]: item["Value"] for item in project["Environment"]["EnvironmentVariables"]}
        limit = found.pop("SMP_TIMEOUT", None)
        assert limit == ({"Ref": "RunTimeoutMinutes"} if stage == "train" else None)
        assert found.pop("SMP_LOOK", None) == ("1" if stage == "build" else None)
        assert found == {
            "STAGE": "watch" if stage == "worker" else stage,
            "SMP_TARGET": "aws",
            "SMP_REGION": {"Ref": "AWS::Region"},
            "SMP_ACCOUNTID": {"Ref": "AWS::AccountId"},
            "SMP_S3BUCKETNAME": {"Ref": "ArtifactBucket"},
            "SMP_ROLE": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
            "SMP_JOBROLES": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
            "SMP_CODEPIPELINE": "model-service",
            "SMP_ARTIFACTS": {"Ref": "ArtifactBucket"},
        }
        assert project["LogsConfig"]["CloudWatchLogs"]["GroupName"] == {"Ref": f"{stage.capitalize()}Log"}
        log = service["Resources"][f"{stage.capitalize()}Log"]["Properties"]["LogGroupName"]
        assert log == f"/aws/codebuild/{project['Name']}"
        assert service["Resources"][f"{stage.capitalize()}Reports"]["Properties"]["Name"] == f"{project['Name']}-run"


def test_a_role_for_each_repository() -> None:
    template = read_template(render(execution_role="per-repository")["service.yaml"])
    resources = template["Resources"]
    jobs = {key: body["Properties"]["RoleName"] for key, body in resources.items() if key.startswith("Jobs")}
    assert jobs == {
        "JobsChurnRole": "model-service-churn",
        "JobsFraudRole": "model-service-fraud",
        "JobsLtvRole": "model-service-ltv",
        "JobsPriceV252ec52a9Role": "model-service-price.v2",
        "JobsQuietRole": "model-service-quiet",
    }
    variables = resources["BuildProject"]["Properties"]["Environment"]["EnvironmentVariables"]
    assert (
        template["Outputs"]["JobRoles"]["Value"] == {item["Name"]: item["Value"] for item in variables}["SMP_JOBROLES"]
    )
    assert template["Outputs"]["JobRoles"]["Value"] == {
        "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/model-service-{repository}"
    }
    for name in jobs:
        assert "sagemaker:" not in json.dumps(resources[name]["Properties"]["Policies"])


def test_values_that_were_given_are_handed_on() -> None:
    place = {"bucket": "data", "kms_key": KEY, "subnets": "subnet-1", "security_groups": "sg-1", "manifest": "a/b.yaml"}
    template = read_template(render_templates(read_service(place=place, execution_role="given")[0])["service.yaml"])
    variables = template["Resources"]["BuildProject"]["Properties"]["Environment"]["EnvironmentVariables"]
    found = {item["Name"]: item["Value"] for item in variables}
    assert found["SMP_ROLE"] == found["SMP_JOBROLES"] == {"Ref": "ExecutionRoleArn"}
    assert template["Parameters"]["ExecutionRoleArn"]["Default"] == f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
    assert found.pop("SMP_LOOK") == "1"
    assert {name: found[name] for name in list(found)[-5:]} | {"SMP_S3BUCKETNAME": found["SMP_S3BUCKETNAME"]} == {
        "SMP_ARTIFACTS": {"Ref": "ArtifactBucket"},
        "SMP_KMSKEY": KEY,
        "SMP_SUBNETS": "subnet-1",
        "SMP_SECURITYGROUPS": "sg-1",
        "SMP_MANIFEST": "a/b.yaml",
        "SMP_S3BUCKETNAME": "data",
    }
    assert "ExecutionRole" not in template["Resources"]


def test_a_schedule_starts_the_pipeline_for_its_groups(service: dict[str, Any]) -> None:
    schedules = of_type(service, "Scheduler::Schedule")
    found = {
        item["Properties"]["Name"]: (
            item["Properties"]["ScheduleExpression"],
            item["Properties"].get("ScheduleExpressionTimezone"),
            item["Properties"].get("State"),
            {v["Name"]: v["Value"] for v in json.loads(item["Properties"]["Target"]["Input"])["Variables"]},
        )
        for item in schedules.values()
        if item["Properties"]["Name"] != "watch.repositories"
    }
    assert found == {
        "nightly": (
            "cron(0 2 * * ? *)",
            "Europe/Berlin",
            "ENABLED",
            {"TRIGGER": "schedule:nightly", "GROUPS": "nightly", "CACHE": "skip"},
        ),
        "weekly": ("rate(7 days)", "UTC", "DISABLED", {"TRIGGER": "schedule:weekly", "GROUPS": "all", "CACHE": "use"}),
    }
    assert json.loads(schedules["ScheduleNightly"]["Properties"]["Target"]["Input"])["Name"] == "model-service"
    told = '{"bucket": "${ArtifactBucket}", "prefix": "watch/", "project": "${WorkerProject}"}'
    assert schedules["Poll"]["Properties"]["Target"]["Arn"] == {"Fn::GetAtt": ["Look", "Arn"]}
    assert schedules["Poll"]["Properties"]["Target"]["Input"] == {"Fn::Sub": told}


@pytest.mark.long
def test_inputs_are_what_the_services_take(service: dict[str, Any]) -> None:
    """The universal targets of Scheduler spell members with a capital, EventBridge's own targets as the API does."""
    import botocore.loaders

    loader = botocore.loaders.Loader()
    pipeline = loader.load_service_model("codepipeline", "service-2")["shapes"]
    build = loader.load_service_model("codebuild", "service-2")["shapes"]
    scheduled = json.loads(service["Resources"]["ScheduleNightly"]["Properties"]["Target"]["Input"])
    members = pipeline["StartPipelineExecutionInput"]["members"]
    assert {name[0].lower() + name[1:] for name in scheduled} <= set(members)
    assert {name.lower() for name in scheduled["Variables"][0]} == set(pipeline["PipelineVariable"]["members"])
    pushed = json.loads(
        service["Resources"]["OnFraud"]["Properties"]["Targets"][0]["InputTransformer"]["InputTemplate"]
    )
    assert set(pushed) <= set(members)
    assert {item["name"]: item["value"] for item in pushed["variables"]} == {
        "TRIGGER": "codecommit",
        "REPOSITORY": "fraud",
        "COMMIT": "<commit>",
    }
    rejected = service["Resources"]["ApprovalRejected"]["Properties"]["Targets"][0]["InputTransformer"]["InputTemplate"]
    members = build["StartBuildInput"]["members"]
    assert set(json.loads(rejected)) <= set(members)
    assert {item["name"]: item["value"] for item in json.loads(rejected)["environmentVariablesOverride"]} == {
        "STAGE": "reject",
        "SMP_CODEPIPELINE_EXECUTION": "<execution>",
    }


def test_only_a_service_with_something_to_poll_or_schedule_has_schedules() -> None:
    quiet = read_template(
        render({"url": "https://git.example.com/a/b.git", "trigger": "none"}, schedules=())["service.yaml"]
    )
    assert of_type(quiet, "Scheduler::Schedule") == of_type(quiet, "Scheduler::ScheduleGroup") == {}
    assert {"SchedulerRole", "WebhookRole"} & set(quiet["Resources"]) == set()


@pytest.mark.long
@pytest.mark.parametrize(("minutes", "expression"), [(1, "rate(1 minute)"), (10, "rate(10 minutes)")])
def test_the_poller_has_a_rate(minutes: int, expression: str) -> None:
    template = read_template(render(REPOS[3], schedules=(), poll_minutes=minutes)["service.yaml"])
    assert template["Resources"]["Poll"]["Properties"]["ScheduleExpression"] == expression


@pytest.mark.parametrize("minutes", [1, 10, 1440])
def test_every_schedule_is_tried_again_and_what_is_missed_is_kept(minutes: int) -> None:
    template = read_template(render(*REPOS, poll_minutes=minutes)["service.yaml"])
    schedules = of_type(template, "Scheduler::Schedule")
    assert set(schedules) == {"Poll", "ScheduleNightly", "ScheduleWeekly"}
    for schedule in schedules.values():
        target = schedule["Properties"]["Target"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["Missed", "Arn"]}}
    # Not beyond the next look.
    assert schedules["Poll"]["Properties"]["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 60 * minutes


def test_no_value_at_deploy_time_lets_a_run_outlive_its_build() -> None:
    template = read_template(render(*REPOS, run_timeout_minutes=700)["service.yaml"])
    limit = template["Parameters"]["RunTimeoutMinutes"]
    assert limit["Default"] == limit["MaxValue"] == 700
    assert template["Resources"]["TrainProject"]["Properties"]["TimeoutInMinutes"] == 730


def test_a_relative_url_needs_the_repository_with_its_history() -> None:
    def form(*repos: Mapping[str, Any]) -> Any:
        template = read_template(render(*repos, schedules=())["service.yaml"])
        return actions(template, "Source")["Source"]["Configuration"]["OutputArtifactFormat"]

    assert form(REPOS[3]) == "CODE_ZIP"
    assert form(REPOS[3], INSIDE) == "CODEBUILD_CLONE_REF"


@pytest.mark.long
def test_the_source_is_read_from_where_it_is() -> None:
    for source, provider, worker in (
        ({"kind": "connection", "repository": "g/s/m", "host": "gitlab.com"}, "CodeStarSourceConnection", "GITLAB"),
        ({"kind": "codecommit", "repository": "models"}, "CodeCommit", "CODECOMMIT"),
        ({"kind": "s3", "repository": "bucket/a/b.zip"}, "S3", "S3"),
    ):
        template = read_template(render(source=source)["service.yaml"])
        action = actions(template, "Source")["Source"]
        assert action["ActionTypeId"]["Provider"] == provider
        found = template["Resources"]["WorkerProject"]["Properties"]["Source"]
        assert found["Type"] == worker
        assert ("OnSource" in template["Resources"]) == (source["kind"] != "connection")
        assert ("Auth" in found) == (source["kind"] == "connection")
        variables = json.loads(actions(template, "Build")["Build"]["Configuration"]["EnvironmentVariables"])
        assert ("SMP_MANIFEST_COMMIT" in {item["name"] for item in variables}) == (source["kind"] != "s3")


@pytest.mark.long
def test_rules_and_roles_of_the_longest_names_are_as_long_as_they_may_be() -> None:
    pipelines = (
        {"name": "t" * 24, "config": "*/t.yaml", "trigger": {"data": "s3://exports/daily/"}},
        {"name": "o" * 24, "config": "*/o.yaml"},
        {"name": "s" * 24, "kind": "inference", "trigger": {"data": "s3://exports/days/", "approval": True}},
    )
    template = read_template(render(name="a" * 29, pipelines=pipelines, schedules=())["service.yaml"])
    for kind, key in (("Events::Rule", "Name"), ("IAM::Role", "RoleName")):
        names = [one["Properties"][key] for one in of_type(template, kind).values()]
        assert max(map(len, names)) <= 64
        assert len(set(names)) == len(names)
    assert any(name.endswith("RetrainingAsked") and name != "RetrainingAsked" for name in template["Resources"])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["codecommit", "s3"])
def test_a_push_starts_all_pipelines_by_rules_with_few_targets(kind: str) -> None:
    source = {"kind": kind, "repository": "models" if kind == "codecommit" else "bucket/models.zip"}
    pipelines = tuple({"name": f"p{number}", "config": f"*/p{number}.yaml"} for number in range(7))
    template = read_template(render(REPOS[2], source=source, pipelines=pipelines, schedules=())["service.yaml"])
    for own in ("OnSource", "OnFraud"):
        rules = {name: rule["Properties"] for name, rule in template["Resources"].items() if name.endswith(own)}
        assert {name: len(rule["Targets"]) for name, rule in rules.items()} == {own: 5, f"Also2{own}": 2}
        assert len({rule["Name"] for rule in rules.values()}) == 2
        assert len({json.dumps(rule["EventPattern"]) for rule in rules.values()}) == 1
        started = [json.dumps(target["Arn"]) for rule in rules.values() for target in rule["Targets"]]
        assert len(set(started)) == 7


def test_encryption_is_what_was_asked_for() -> None:
    for encryption in ("own", "aws", KEY):
        files = render(encryption=encryption)
        storage, service = read_template(files["storage.yaml"]), read_template(files["service.yaml"])
        key = {"own": {"Fn::GetAtt": ["Key", "Arn"]}, "aws": None, KEY: KEY}[encryption]
        assert storage["Outputs"].get("KeyArn", {}).get("Value") == key
        assert ("Key" in storage["Resources"]) == (encryption == "own")
        assert ("KeyArn" in service["Parameters"]) == (encryption != "aws")
        uses = [text for text in texts(service) if text == "KeyArn"]
        assert bool(uses) == (encryption != "aws")


@pytest.mark.long
def test_rules_may_publish_without_a_condition() -> None:
    """With one, EventBridge's messages get lost without a trace."""
    files = render(encryption="own")
    topic = read_template(files["service.yaml"])["Resources"]["TopicPolicy"]["Properties"]["PolicyDocument"]
    key = read_template(files["storage.yaml"])["Resources"]["Key"]["Properties"]["KeyPolicy"]
    for document in (topic, key):
        (rules,) = (s for s in document["Statement"] if s["Principal"] == {"Service": "events.amazonaws.com"})
        assert "Condition" not in rules
        (alarms,) = (s for s in document["Statement"] if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"})
        assert alarms["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_a_failed_training_is_noticed_however_its_name_is_written() -> None:
    for pipeline, count in (("tiny", 1), ("Tiny", 2)):
        model, _ = read_service(place={"pipeline": pipeline})
        service = read_template(render_templates(model)["service.yaml"])
        arns = service["Resources"]["TrainingFailed"]["Properties"]["EventPattern"]["detail"]["pipelineArn"]
        assert len(arns) == count
        assert {arn["Fn::Sub"].rsplit("/")[-1] for arn in arns} == {pipeline, "tiny"}


@pytest.mark.parametrize(
    ("image", "puller"),
    [
        ("aws/codebuild/amazonlinux-x86_64-standard:5.0", None),
        (f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/builds:1", "SERVICE_ROLE"),
    ],
)
def test_an_image_of_ones_own_is_pulled_with_the_projects_role(image: str, puller: str | None) -> None:
    projects = of_type(read_template(render(image=image)["service.yaml"]), "CodeBuild::Project").values()
    pullers = [project["Properties"]["Environment"].get("ImagePullCredentialsType") for project in projects]
    assert pullers == [puller] * len(pullers)


def test_what_has_data_outlives_the_stack() -> None:
    storage = read_template(render()["storage.yaml"])
    for name in ("Key", "Bucket", "BucketPolicy"):
        assert (
            storage["Resources"][name]["DeletionPolicy"]
            == storage["Resources"][name]["UpdateReplacePolicy"]
            == "Retain"
        )


def test_only_what_the_service_makes_again_expires() -> None:
    rules = read_template(render(name="a" + 28 * "b")["storage.yaml"])["Resources"]["Bucket"]["Properties"]
    found = {
        rule["Id"]: rule.get("Prefix")
        for rule in rules["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule
    }
    assert found == {"artifacts": "a" + 19 * "b" + "/", "builds": "builds/"}


@pytest.mark.parametrize("wait", ["step-functions", "build"])
def test_the_service_s_own_key_encrypts_every_log_group(wait: str) -> None:
    """CloudWatch refuses a group with a key whose policy leaves it out, and the stack is rolled back."""
    files = render(REPOS[1], REPOS[3], schedules=(), wait=wait)
    (key,) = of_type(read_template(files["storage.yaml"]), "KMS::Key").values()
    (logs,) = (one for one in key["Properties"]["KeyPolicy"]["Statement"] if one["Sid"] == "Logs")
    (patterns,) = logs["Condition"]["ArnLike"].values()
    service = read_template(files["service.yaml"])
    groups = of_type(service, "Logs::LogGroup")
    assert {"LookLog", *(["WaitLog"] if wait == "step-functions" else [])} < groups.keys()
    for name, group in groups.items():
        assert group["Properties"]["KmsKeyId"] == {"Ref": "KeyArn"}
        arn = (
            f"arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:{group['Properties']['LogGroupName']}"
        )
        assert any(fnmatchcase(arn, services.substituted(pattern)) for pattern in patterns), name


def test_every_resource_that_takes_tags_has_them(service: dict[str, Any]) -> None:
    without = {item["Type"] for item in service["Resources"].values() if "Tags" not in item["Properties"]}
    assert without == {
        "AWS::Scheduler::Schedule",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
    storage = read_template(render(*REPOS)["storage.yaml"])["Resources"].values()
    assert {item["Type"] for item in storage if "Tags" not in item["Properties"]} == {
        "AWS::KMS::Alias",
        "AWS::S3::BucketPolicy",
    }


def test_every_build_is_in_the_network_and_has_the_environment() -> None:
    network = {"vpc": "vpc-0123456789", "subnets": ["subnet-0123456789"], "security_groups": ["sg-0123456789"]}
    variables = {"HTTPS_PROXY": "http://proxy:3128", "UV_INDEX": "secretsmanager:ml/index#url"}
    found = read_template(render(*REPOS, network=network, environment=variables)["service.yaml"])
    projects = [one["Properties"] for one in of_type(found, "CodeBuild::Project").values()]
    assert len(projects) == 5
    for project in projects:
        assert project["VpcConfig"]["VpcId"] == {"Ref": "VpcId"}
        assert project["Environment"]["EnvironmentVariables"][-2:] == [
            {"Name": "HTTPS_PROXY", "Value": "http://proxy:3128"},
            {"Name": "UV_INDEX", "Type": "SECRETS_MANAGER", "Value": "ml/index:url"},
        ]


def test_the_same_model_gives_the_same_bytes() -> None:
    assert render(*REPOS, INSIDE) == render(*REPOS, INSIDE)


@pytest.mark.long
def test_parameters_are_those_of_the_template() -> None:
    network = {
        "vpc": "vpc-0123456789",
        "subnets": ["subnet-0123456789", "subnet-1123456789"],
        "security_groups": ["sg-0123456789"],
    }
    for more in ({}, {"encryption": "aws"}, {"encryption": KEY}, {"network": network}, {"execution_role": "given"}):
        model, _ = read_service(**more)
        files = render_templates(model)
        template = read_template(files["service.yaml"])
        assert set(parameter_values(model)) == set(template["Parameters"])
        listed = {item["ParameterKey"]: item["ParameterValue"] for item in json.loads(files["parameters.json"])}
        missing = {"KeyArn"} if model.own_key else set()
        assert set(listed) == set(template["Parameters"]) - missing
        assert listed["ArtifactBucket"] == f"model-service-{ACCOUNT}-{REGION}"
        defaults = {key: str(item["Default"]) for key, item in template["Parameters"].items() if "Default" in item}
        assert {key: listed[key] for key in defaults} == defaults


# --- problems of the service as a whole


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ({"source": {}}, "PB613 'service' has no 'source': AWS must know where this repository is"),
        ({"connection": None}, "PB605 the source of the service is a connection, and none is named"),
        (
            {"source": {"repository": "a/b", "host": "git.example.com"}},
            "PB613 which kind of git host 'https://git.example.com/a/b.git' is cannot be told from its name",
        ),
        (
            {"source": {"kind": "s3", "repository": "bucket"}},
            "PB613 the source 'bucket' is no bucket with a key in it",
        ),
        (
            {"source": {"kind": "s3", "repository": "Acme/models.zip"}},
            "PB613 the source 'Acme/models.zip' is no bucket with a key in it",
        ),
        (
            {"source": {"kind": "codecommit", "repository": "acme/models"}},
            "PB613 the source 'acme/models' is no name of a CodeCommit repository, which has no '/' in it",
        ),
        ({"source": {"repository": "models"}}, "PB613 the source 'models' is no full name of a repository at its host"),
        (
            {"source": {"repository": "a/b", "branch": "${x}"}},
            "PB604 the branch '${x}' of the source would be read as a pattern by its trigger",
        ),
        (
            {"tags": {"team": "a", "Team": "b"}},
            "PB615 the tag 'Team' and 'team' are one and the same to IAM, which doesn't tell letters' case apart",
        ),
        (
            {"tags": {"Pipeline-Builder:service": "b"}},
            "PB615 the tag 'Pipeline-Builder:service' and the service's own are one and the same to IAM, which doesn't "
            "tell letters' case apart",
        ),
        ({"tags": {"a*b": "c"}}, "PB615 the tag 'a*b' has a character that not every service takes"),
        ({"tags": {f"k{i}": "v" for i in range(50)}}, "PB615 50 tags, and one of the service's own: AWS takes 50"),
        (
            {"name": "sthree-models"},
            "PB792 the service is called 'sthree-models', and its bucket 'sthree-models-123456789012-eu-central-1' can't be "
            "made: S3 keeps names that begin with 'sthree-' for itself",
        ),
        (
            {"name": "default"},
            "PB792 the service is called 'default', and its group of schedules can't be made: EventBridge Scheduler has one "
            "of that name in each account",
        ),
        (
            {"name": "tiny"},
            "PB614 the pipeline 'tiny' keeps its code and models below 's3://tiny-123456789012-eu-central-1/tiny/', where "
            "the service keeps what it throws away",
        ),
    ],
)
def test_a_service_that_cannot_be_is_said(service: Mapping[str, Any], fault: str) -> None:
    settings_ = {key: value for key, value in service.items() if value != {}}
    manifest_service = {**services.SERVICE, **settings_}
    if service.get("source") == {}:
        del manifest_service["source"]
    manifest = services.parse_manifest({"repos": [REPOS[3]], "service": manifest_service})
    from pipeline_builder.service.cloudformation.description.model import Place, build_model

    name = manifest.service.name
    place = Place(
        account=ACCOUNT, region=REGION, pipeline="tiny", bucket=f"{name}-{ACCOUNT}-{REGION}", role="", manifest="",
        kms_key="", subnets="", security_groups="",
    )  # fmt: skip
    _, problems = build_model(manifest, place)
    assert [f"{problem.id} {problem.message}" for problem in problems] == [fault]


def test_the_build_alone_is_privileged_and_only_where_factories_are_allowed() -> None:
    def privileged(policy: Mapping[str, Any] | None) -> set[str]:
        template = read_template(render(policy=policy)["service.yaml"])
        projects = {
            name: one["Properties"]
            for name, one in template["Resources"].items()
            if one["Type"] == "AWS::CodeBuild::Project"
        }
        return {name for name, project in projects.items() if project["Environment"].get("PrivilegedMode")}

    assert privileged(None) == privileged({"repos": {"churn": {"network": "isolated"}}}) == set()
    assert privileged({"factories": True}) == privileged({"repos": {"churn": {"factories": True}}}) == {"BuildProject"}
