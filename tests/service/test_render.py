"""`render`: from a workspace to files, offline, and again without a change."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pipeline_builder.service.account import aws_values
from pipeline_builder.service.render import next_firings
from tests.places import ROOT
from tests.serve.serving import ROLE, serving
from tests.service.services import CONNECTION, SERVICE, parse_manifest, read_service, read_template
from tests.tiny import CONF
from tests.workspaces import Workspace, make_workspace

MANIFEST = f"""\
version: 1
repos:
  - url: remotes/churn
    groups: [nightly]
schedules:
  - {{name: nightly, cron: "0 2 * * ? *", timezone: Europe/Berlin, groups: [nightly]}}
service:
  name: model-service
  source: {{repository: acme/models}}
  connection: {CONNECTION}
  execution_role: make
  wait: build
"""
AWS = {"SMP_ACCOUNTID": "123456789012", "SMP_REGION": "eu-central-1"}
FILES = ["storage.yaml", "service.yaml", "parameters.json", "buildspec.yml"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path, manifest=MANIFEST)
    (tmp_path / "buildspec.yml").write_bytes((ROOT / "buildspec.yml").read_bytes())
    assert made.call("checkout").code == 0
    return made


@pytest.mark.long
def test_a_parameter_that_no_start_of_the_service_gives_is_told_before(workspace: Workspace) -> None:
    """Each run would be refused, those of other repositories too: by 'render' and by the build that is about to apply;
    here a person may give it, so 'validate' warns.
    """
    more = "pipelineName: tiny\n    parameters:\n      - {name: scale, type: Integer, default: 2}\n"
    conf = CONF.replace("pipelineName: tiny\n", more).replace("{scale: 2}", "{scale: $params.scale}")
    said = "churn@{}:conf/conf.yaml:34:16: {}PB726 the parameter 'scale' has no default, and nothing that starts the"
    for text, code in ((conf, 0), (conf.replace(", default: 2", ""), 1)):
        commit = workspace.push("conf/conf.yaml", text)[:7]
        assert workspace.call("checkout").code == 0
        rendered, validated = workspace.call("render", **AWS), workspace.call("validate")
        assert (rendered.code, said.format(commit, "") in rendered.err) == (code, bool(code)), rendered.err
        assert (validated.code, said.format(commit, "warning ") in validated.err) == (0, bool(code)), validated.err
    built = workspace.call("stage", "build", SMP_EXECUTION="e", **AWS)
    assert (built.code, said.format(commit, "") in built.err) == (1, True), built.err
    (workspace.root / "model_repos.yaml").write_text(MANIFEST.partition("schedules:")[0])
    assert "PB726" not in workspace.call("validate").err


@pytest.mark.long
def test_render_writes_four_files_and_then_nothing(workspace: Workspace) -> None:
    first = workspace.call("render", "--out", "out", **AWS)
    assert (first.code, first.err) == (0, "")
    lines = first.out.splitlines()
    assert lines[:4] == [f"out/{name}  written" for name in FILES]
    assert lines[4].startswith("nightly: next ")
    assert lines[4].endswith(" 02:00 Europe/Berlin")
    before = {path: path.stat().st_mtime_ns for path in (workspace.root / "out").iterdir()}
    again = workspace.call("render", "--out", "out", "--json", **AWS)
    assert [(item["path"], item["changed"]) for item in again.json["files"]] == [
        (f"out/{name}", False) for name in FILES
    ]
    assert datetime.fromisoformat(again.json["schedules"]["nightly"]) > datetime.now(timezone.utc)
    assert {path: path.stat().st_mtime_ns for path in (workspace.root / "out").iterdir()} == before
    assert (workspace.root / "out" / "buildspec.yml").read_bytes() == (ROOT / "buildspec.yml").read_bytes()


@pytest.mark.long
def test_the_build_folder_is_the_default(workspace: Workspace) -> None:
    assert workspace.call("render", **AWS).out.startswith("build/service/storage.yaml  written")


@pytest.mark.long
def test_rendered_for_builds_on_aws_and_not_for_this_machine(workspace: Workspace) -> None:
    workspace.call("render", "--out", "out", **AWS)
    text = (workspace.root / "out" / "service.yaml").read_text()
    template = read_template(text)
    assert "000000000000" not in text
    assert "s3://local" not in text
    assert template["Resources"]["ExecutionRole"]["Properties"]["RoleName"] == "model-service-execution"
    source = template["Resources"]["Pipeline"]["Properties"]["Stages"][0]["Actions"][0]["Configuration"]
    assert source["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"  # the model is in this repository


@pytest.mark.long
def test_roles_that_nobody_has_written_are_those_of_before_and_that_is_said(workspace: Workspace) -> None:
    path = workspace.root / "model_repos.yaml"
    path.write_text(MANIFEST.replace("  execution_role: make\n", "").replace("  wait: build\n", ""))
    silent = workspace.call("render", "iam", **AWS)
    assert (silent.code, set(silent.json) & {"model-service-churn", "model-service-execution"}) == (
        0,
        {"model-service-execution"},
    )
    assert "model_repos.yaml:7:1: warning PB647 'execution_role' isn't written" in silent.err
    assert "model_repos.yaml:7:1: warning PB744 'wait' isn't written" in silent.err
    assert "model-service-wait" not in silent.json
    path.write_text(MANIFEST.replace("execution_role: make", "execution_role: per-repository"))
    own = workspace.call("render", "iam", **AWS)
    assert (own.code, own.err) == (0, "")
    assert "sagemaker:" not in json.dumps(own.json["model-service-churn"]["Policies"])
    assert "arn:aws:iam::123456789012:role/model-service-churn" in json.dumps(own.json["model-service-execution"])


@pytest.mark.parametrize(
    ("more", "role"),
    [
        ({}, "model-service-churn"),
        ({"SMP_CODEPIPELINE": "models"}, "mine"),  # a build of a stack that hasn't made them yet
        ({"SMP_JOBROLES": "arn:aws:iam::123456789012:role/all"}, "all"),
        ({"SMP_TARGET": "local"}, "mine"),
    ],
)
def test_elsewhere_than_in_the_services_builds_the_manifest_says_which_roles_there_are(
    workspace: Workspace, more: dict[str, str], role: str
) -> None:
    path = workspace.root / "model_repos.yaml"
    path.write_text(MANIFEST.replace("execution_role: make", "execution_role: per-repository"))
    mine = {"SMP_ROLE": "arn:aws:iam::123456789012:role/mine", "SMP_S3BUCKETNAME": "b", "SMP_TARGET": "aws"}
    ended = workspace.call("build", **AWS, **{**mine, **more})
    assert ended.code == 0, ended.err
    found = json.loads((workspace.root / "build" / "pipeline_definition.json").read_text())
    named = {step["Arguments"].get("RoleArn", step["Arguments"].get("ExecutionRoleArn")) for step in found["Steps"]}
    assert named - {None} == {f"arn:aws:iam::123456789012:role/{role}"}


@pytest.mark.long
def test_the_roles_alone_go_to_stdout(workspace: Workspace) -> None:
    ended = workspace.call("render", "iam", **AWS)
    assert ended.code == 0
    roles = {f"model-service-{name}" for name in ("pipeline", "build", "train", "promote", "worker", "events", "scheduler",
                                                  "execution")}  # fmt: skip
    people = {f"model-service-{name}" for name in ("approver", "operator", "console")}
    found = json.loads(ended.out)
    assert set(found) == roles | people
    # Who may take a role on is its own; whom a person's policy is given to is somebody else's word.
    assert {name for name, role in found.items() if "AssumeRolePolicyDocument" not in role} == people
    assert not (workspace.root / "build" / "service").exists()


def test_account_and_region_must_be_those_of_aws(workspace: Workspace) -> None:
    ended = workspace.call("render")
    assert ended.code == 1
    assert ended.err == (
        "PB616 SMP_ACCOUNTID is '000000000000', expected the twelve digits of the account that the service goes to\n"
        "  hint: set SMP_ACCOUNTID in the environment or in .env; with --target aws it is that of the credentials\n"
        "PB616 SMP_REGION is 'local', expected the Region that the service goes to, such as 'eu-central-1'\n"
        "  hint: set SMP_REGION in the environment or in .env; with --target aws it is that of the profile\n"
        "2 problems; 'pipeline-builder explain PB616' says more\n"
    )


def test_all_problems_are_said_at_once_and_nothing_is_written(workspace: Workspace) -> None:
    (workspace.root / "buildspec.yml").unlink()
    manifest = MANIFEST.replace("Europe/Berlin", "Europe/Berln").replace(
        "source: {repository: acme/models}", "tags: {a*: b}"
    )
    (workspace.root / "model_repos.yaml").write_text(manifest)
    ended = workspace.call("render", "--out", "out", "--json", **AWS)
    assert ended.code == 1
    assert sorted(problem["id"] for problem in ended.json["problems"]) == ["PB612", "PB613", "PB615", "PB617"]
    assert not (workspace.root / "out").exists()


@pytest.mark.long
def test_what_the_services_would_refuse_is_said(workspace: Workspace) -> None:
    buildspec = (ROOT / "buildspec.yml").read_text().replace("- VERDICT #", "- VERDIKT #")
    (workspace.root / "buildspec.yml").write_text(buildspec)
    ended = workspace.call("render", "--out", "out", "--json", **AWS)
    assert ended.code == 1
    assert any("VERDICT" in problem["message"] for problem in ended.json["problems"])
    assert not (workspace.root / "out").exists()


def test_without_a_checkout_it_says_so(tmp_path: Path) -> None:
    ended = make_workspace(tmp_path, manifest=MANIFEST).run("render", **AWS)
    assert (ended.code, ended.err.split()[0]) == (1, "PB111")


def test_a_manifest_in_a_folder_of_its_repository_is_named(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "team").mkdir()
    made = make_workspace(tmp_path / "team", manifest=MANIFEST)
    (tmp_path / "buildspec.yml").write_bytes((ROOT / "buildspec.yml").read_bytes())
    made.call("checkout")
    (made.remote / ".git").rename(tmp_path.with_name("elsewhere"))  # the outer repository has its files
    assert made.call("render", "--out", "out", **AWS).code == 0
    template = read_template((tmp_path / "team" / "out" / "service.yaml").read_text())
    variables = template["Resources"]["BuildProject"]["Properties"]["Environment"]["EnvironmentVariables"]
    assert {"Name": "SMP_MANIFEST", "Value": "team/model_repos.yaml"} in variables


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_what_nobody_has_set_is_what_the_service_makes(region: str, partition: str) -> None:
    manifest = parse_manifest({"repos": [{"url": "a/b"}], "service": SERVICE})
    local = {"SMP_S3BUCKETNAME": "local", "SMP_ROLE": "arn:aws:iam::000000000000:role/local", "OTHER": "x"}
    found = aws_values(manifest, {**local, **AWS, "SMP_REGION": region})
    assert found == {
        **AWS,
        "SMP_REGION": region,
        "SMP_TARGET": "aws",
        "SMP_S3BUCKETNAME": f"model-service-123456789012-{region}",
        "SMP_ROLE": f"arn:{partition}:iam::123456789012:role/model-service-execution",
        "SMP_JOBROLES": f"arn:{partition}:iam::123456789012:role/model-service-execution",
        "OTHER": "x",
    }
    own = parse_manifest({"repos": [{"url": "a/b"}], "service": {**SERVICE, "execution_role": "per-repository"}})
    assert aws_values(own, {**AWS, "SMP_REGION": region})["SMP_JOBROLES"] == (
        f"arn:{partition}:iam::123456789012:role/model-service-{{repository}}"
    )
    assert aws_values(manifest, {**AWS, "SMP_S3BUCKETNAME": "mine"})["SMP_S3BUCKETNAME"] == "mine"


def test_a_given_role_must_be_given() -> None:
    from pipeline_builder.errors import InputProblems

    manifest = parse_manifest({"repos": [{"url": "a/b"}], "service": {**SERVICE, "execution_role": "given"}})
    role = "arn:aws:iam::123456789012:role/path/sagemaker"
    assert aws_values(manifest, {**AWS, "SMP_ROLE": role})["SMP_ROLE"] == role
    for wrong in ("", "arn:aws:iam::000000000000:role/local", "sagemaker", f"{role}\n!Sub x", "arn:aws:iam::1:role/x"):
        with pytest.raises(InputProblems, match="PB616 SMP_ROLE is"):
            aws_values(manifest, {**AWS, "SMP_ROLE": wrong})


def test_a_schedule_that_never_fires_is_told_apart() -> None:
    schedules = tuple(
        {"name": name, "cron": cron, "enabled": enabled}
        for name, cron, enabled in (
            ("leap", "0 0 30 2 ? *", True),
            ("off", "0 0 1 1 ? *", False),
            ("new", "0 0 1 1 ? *", True),
        )
    )
    model, _ = read_service(schedules=schedules)
    assert next_firings(model, datetime(2026, 11, 25, tzinfo=timezone.utc)) == {
        "leap": None,
        "new": datetime(2027, 1, 1, tzinfo=timezone.utc),
    }


def test_a_buildspec_that_is_no_text_is_a_problem(workspace: Workspace) -> None:
    (workspace.root / "buildspec.yml").write_bytes(b"version: 0.2 # \xff\n")
    ended = workspace.call("render", **AWS)
    assert ended.code == 1
    assert "buildspec.yml:1:16: PB622 'buildspec.yml' is not UTF-8 text: byte 15 is 0xff" in ended.err


@pytest.mark.long
@pytest.mark.parametrize("url", ["../elsewhere", "/srv/models/churn"])
def test_what_is_outside_of_the_repository_is_not_there_on_aws(workspace: Workspace, url: str) -> None:
    text = MANIFEST.replace("  - url: remotes/churn\n", f"  - url: {url}\n    name: churn\n")
    (workspace.root / ".git").mkdir()
    (workspace.root / "model_repos.yaml").write_text(text)
    ended = workspace.call("render", **AWS)
    assert ended.code == 1
    message = "PB603 the repository 'churn' is outside of this one, where builds on AWS can't fetch it"
    assert f"model_repos.yaml:3:10: {message}\n" in ended.err
    ended = workspace.run("rehearse")
    assert f"model_repos.yaml:3:10: warning {message}\n" in ended.err


@pytest.mark.parametrize("url", ["remotes/churn", "remotes/../remotes/churn/"])
def test_neither_is_a_repository_of_its_own_inside_of_it(workspace: Workspace, url: str) -> None:
    text = MANIFEST.replace("  - url: remotes/churn\n", f"  - url: {url}\n    name: churn\n")
    (workspace.root / "model_repos.yaml").write_text(text)
    assert workspace.call("render", **AWS).code == 0  # a folder that is in no repository tells nothing of what AWS gets
    (workspace.root / ".git").mkdir()
    ended = workspace.call("render", **AWS)
    message = (
        "the repository 'churn' is a git repository of its own inside of this one, where builds on AWS can't fetch it"
    )
    assert (ended.code, f"model_repos.yaml:3:10: PB603 {message}\n" in ended.err) == (1, True)


def test_a_rehearsal_checks_out_what_the_lock_does_not_have(workspace: Workspace) -> None:
    other = MANIFEST.replace("schedules:", "  - {url: remotes/churn, name: other}\nschedules:", 1)
    (workspace.root / "model_repos.yaml").write_text(other)
    ended = workspace.run("rehearse")
    assert "PB109" not in ended.err
    assert "checkout  2 repositories" in ended.err


@pytest.mark.long
def test_the_cost_of_the_manifest_at_hand(workspace: Workspace) -> None:
    """A push on each working day, and what the schedule starts; a build waits, or a state machine does."""
    found = workspace.call("render", "--cost", "--json", **AWS)
    assert (found.code, found.json["use"]) == (0, {"runs": 52.0, "pushed": 22.0, "hours": 1.0, "minutes": 2})
    assert found.json["region"] == "eu-central-1"
    assert not (workspace.root / "build" / "service").exists()
    dearer = workspace.call("render", "--cost", "--json", "--runs", "104", "--price", "build-small=1", **AWS).json
    assert dearer["groups"]["runs"] > 2 * found.json["groups"]["runs"]
    table = workspace.call("render", "--cost", "--runs", "50", "--hours", "0.5", **AWS).out
    assert "assumed: 50 runs a month, 20 of them by pushes" in table
    assert "= all, without training" in table
    shutil.rmtree(workspace.root / "aws-train")  # nor does it ask for what the roles are made from
    assert workspace.call("render", "--cost", "--json", **AWS).json == found.json


def test_what_cost_does_not_go_with(workspace: Workspace) -> None:
    assert workspace.call("render", "iam", "--cost", **AWS).code == 2
    assert workspace.call("render", "--runs", "3", **AWS).code == 2
    assert workspace.call("render", "--cost", "--price", "build-small=-1", **AWS).code == 2
    for option, value in (("--runs", "nan"), ("--runs", "inf"), ("--hours", "nan")):
        assert workspace.call("render", "--cost", option, value, **AWS).code == 2
    unknown = workspace.call("render", "--cost", "--price", "build=1", **AWS)
    assert (unknown.code, "PB638 there is no price 'build'" in unknown.err) == (1, True)


@pytest.mark.long
def test_what_the_region_lacks_is_said_at_its_place(workspace: Workspace) -> None:
    ended = workspace.call("render", **{**AWS, "SMP_REGION": "ca-west-1"})
    assert ended.code == 0, ended.err
    source = "the source of the service needs CodeConnections in 'ca-west-1', and it was not there in November 2026"
    assert f"model_repos.yaml:7:1: warning PB761 {source}\n    service:\n" in ended.err
    china = {**AWS, "SMP_REGION": "cn-north-1"}
    ended = workspace.call("render", **china)
    assert ended.code == 1
    assert "model_repos.yaml:7:1: PB761 the source of the service needs CodeConnections in 'cn-north-1'" in ended.err
    assert "model_repos.yaml:7:1: PB762 the connection 'arn:aws:codeconnections:" in ended.err
    ended = workspace.call("rehearse", **china)
    assert "warning PB761 the source of the service needs CodeConnections in 'cn-north-1'" in ended.err


@pytest.mark.long
def test_validation_for_aws_says_it_too(workspace: Workspace, tmp_path: Path) -> None:
    with serving(tmp_path / "aws", any_key=True) as served:
        served.s3.create_bucket(Bucket="local")
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": served.url}
        china = {**keys, "SMP_REGION": "cn-north-1", "SMP_ACCOUNTID": "000000000000", "SMP_S3BUCKETNAME": "local"}
        ended = workspace.call("validate", "--target", "aws", SMP_ROLE=ROLE, **china)
        (workspace.root / "model_repos.yaml").write_text(MANIFEST.partition("schedules:")[0])
        without = workspace.call("validate", "--target", "aws", SMP_ROLE=ROLE, **china)
    assert ("PB761" in without.err, "PB762" in without.err) == (False, False), without.err  # it has no service
    assert ended.code == 1
    assert "PB761 the source of the service needs CodeConnections in 'cn-north-1'" in ended.err
    assert "PB762 " in ended.err
