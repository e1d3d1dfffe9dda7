"""Every call that a stage makes is one that its role allows: recorded where botocore sends it, not where we think."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import pipeline_builder.aws
from acceptance.scenarios.asides import CALLS
from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.inside import look
from pipeline_builder.aws.secrets import make_secret_reader
from pipeline_builder.aws.triggers import Asked, open_poller
from pipeline_builder.checkout.heads import Head
from pipeline_builder.cli.boundary import run
from pipeline_builder.cli.options import make_session
from pipeline_builder.console.looks import Looks
from pipeline_builder.documents.values import build_settings
from pipeline_builder.service.cloudformation.access.people import people
from pipeline_builder.service.cloudformation.access.roles import Facts, build_access, service_facts
from tests.acceptance.calls import calls_json
from tests.console.consoles import client_of
from tests.once import made_once
from tests.serve.serving import Served, serving
from tests.service.cloudformation.access.iam import ACCOUNT, NAMES, REGION, allows, documents
from tests.service.cloudformation.access.recorded import KNOWN, Call, Recorder, needs, record
from tests.tiny import CONF, DATA, TRAIN
from tests.workspaces import MANIFEST, Workspace, make_workspace

IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/tiny:1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/data"
TOKEN = "    credentials: secretsmanager:git/token\n"
# Repositories with other groups, data in a bucket of its own whose listing decides about cached results.
LISTED = CONF.replace(
    "        entry_point: preprocess.py\n", "        entry_point: preprocess.py\n        cache: {data: true}\n"
)
TAGS = "conf:\n  tags: {team: churn}\n"
ROLE = "pipeline-builder-execution"
PREFIX = "team/models"
# What the operators' commands call, with the permissions of a person: nothing of it is in a stage of the service.
BY_PEOPLE = {
    "sts assume_role": "promote --to-account",
    "sagemaker create_model_package": "promote --to-account",
    "sagemaker describe_model_package_group": "promote --to-account",
    "codepipeline put_approval_result": "promote, reject and the console",
    "sagemaker send_pipeline_execution_step_failure": "callback",
    "sagemaker send_pipeline_execution_step_success": "callback",
}
PEOPLES_MODULES = ("change_sets", "stacks", "emptying", "unfinished")


def answers(approval: list[str]) -> Mapping[tuple[str, str], Any]:
    """Answer for what `serve` hasn't got; `approval` has the status that a person gave."""

    def executions(_: Any) -> Any:
        begun, judged = (datetime(2026, 1, 1, hour, tzinfo=timezone.utc) for hour in (1, 2))
        halves = [
            {"actionName": "Start", "status": "Succeeded", "startTime": begun},
            {"actionName": "Judge", "status": "Failed", "startTime": judged},
        ]
        detail = {
            "actionName": "Approve",
            "status": approval[-1],
            "updatedBy": f"arn:aws:sts::{ACCOUNT}:assumed-role/people/ada",
            "lastUpdateTime": datetime(2026, 1, 1, tzinfo=timezone.utc),
            "output": {"executionResult": {"externalExecutionSummary": "as I see it"}},
        }
        return {"actionExecutionDetails": [detail, *halves]}

    return {
        ("ecr", "DescribeImages"): lambda _: {"imageDetails": []},
        ("ecr", "BatchGetImage"): lambda _: {"images": [{"imageId": {"imageDigest": f"sha256:{'a' * 64}"}}]},
        ("service-quotas", "ListServiceQuotas"): lambda _: {"Quotas": []},
        ("kms", "DescribeKey"): lambda _: {"KeyMetadata": {"KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT"}},
        ("secretsmanager", "GetSecretValue"): lambda _: {"SecretString": "t0ken"},
        ("codepipeline", "GetPipelineState"): lambda _: {"stageStates": []},
        ("codepipeline", "GetPipelineExecution"): lambda _: {"pipelineExecution": {}},
        ("codepipeline", "ListActionExecutions"): executions,
        ("codepipeline", "StartPipelineExecution"): lambda _: {"pipelineExecutionId": "e2"},
        ("stepfunctions", "StartExecution"): lambda _: {"executionArn": "arn"},
        ("codebuild", "StartBuild"): lambda _: {"build": {"id": "b1"}},
        ("iam", "GetRole"): lambda asked: {"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{asked['body']['RoleName']}"}},
        ("s3", "HeadBucket"): lambda _: {"BucketRegion": REGION},
    }


def environment(served: Served) -> dict[str, str]:
    return {
        **served.environment,
        "SMP_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,  # which Lambda sets
        "SMP_ACCOUNTID": ACCOUNT,
        "SMP_ROLE": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
        "SMP_JOBROLES": f"arn:aws:iam::{ACCOUNT}:role/pipeline-builder-{{repository}}",
        "SMP_S3BUCKETNAME": "my-data",
        "SMP_S3PREFIX": PREFIX,
        "SMP_LOOK": "1",
        "SMP_KMSKEY": KEY,
        "SMP_ARTIFACTS": NAMES.bucket,
        "SMP_CODEPIPELINE": "pipeline-builder",
        "SMP_CODEPIPELINE_EXECUTION": "e1",
        "AWS_EC2_METADATA_DISABLED": "1",
    }


def stages(workspace: Workspace, recorder: Recorder, approval: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Go through all stages: promoted, then another commit that is rejected, one that fails twice, and the poller."""

    def stage(name: str, role: str, code: int = 0) -> None:
        with recorder.during(role):
            assert run(["stage", name]) == code, name

    def approve() -> str:
        text = (workspace.root / "build" / "stage.env").read_text()
        (found,) = re.findall(r"^export APPROVAL=(\w+)$", text, re.MULTILINE)
        return str(found)

    stage("build", "build")
    stage("train", "train")
    monkeypatch.setenv("SMP_APPROVAL", approve())
    stage("promote", "promote")
    monkeypatch.setenv("SMP_CODEPIPELINE_EXECUTION", "e2")
    workspace.push("scripts/train.py", TRAIN + "# again\n")
    stage("build", "build")
    stage("train", "train")
    approval.append("Failed")
    stage("reject", "worker")
    monkeypatch.setenv("SMP_CODEPIPELINE_EXECUTION", "e3")
    workspace.push("scripts/train.py", "raise SystemExit('no data')\n")
    stage("build", "build")
    stage("train", "train", code=5)
    stage("train", "train", code=5)  # as Retry stage does
    monkeypatch.setenv("SMP_CODEPIPELINE_EXECUTION", "e4")
    monkeypatch.setenv("SMP_WAIT_MACHINE", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:pipeline-builder-wait")
    workspace.push("scripts/train.py", "raise SystemExit('none yet')\n")
    stage("build", "build")
    stage("start", "train")
    stage("judge", "train", code=5)
    stage("judge", "train", code=5)  # as Retry stage does of failed actions
    with recorder.during("worker"):
        poll()
    with recorder.during("console"):
        look_around()
    with recorder.during("look"):
        told = {"bucket": NAMES.bucket, "prefix": f"{PREFIX}/watch/", "project": "pipeline-builder-worker"}
        assert look.handler(told, None)["started"] == "b1"


def look_around() -> None:
    """Look at every page of the console that another one leads to, as somebody does who may only look."""

    def session() -> Any:
        return make_session(
            {"manifest": Path("model_repos.yaml"), "state": None, "build": None, "env_file": None}, "aws", None
        )

    looks = Looks(open_session=session)
    client = client_of(looks)
    todo, seen = ["/"], set[str]()
    while todo:
        path = todo.pop()
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, (path, client.bugs, answer.text)
        links = re.findall(r'(?:href|data-log)="(/[^"?#]*)', answer.text)
        todo += [link for link in dict.fromkeys(links) if link not in (*seen, *todo) and "/static/" not in link]
    looks.close()
    assert client.bugs == []
    kinds = {re.sub(r"[^/]*\d[^/]*", "N", path) for path in seen}
    assert {"/plan", "/decide", "/scoring", "/models", "/runs/tiny/N/steps/churn-Train"} <= kinds, sorted(kinds)


def poll() -> None:
    """Look at a repository as the poller does, twice; its host is none of AWS's, so the head is given."""
    values = {"SMP_CODEPIPELINE": "pipeline-builder", "SMP_ARTIFACTS": NAMES.bucket, "SMP_S3PREFIX": PREFIX}
    poller = open_poller(values, Aws(REGION))
    away = Asked(name="churn", url="https://127.0.0.1:1/churn.git", revision="main", credentials="")
    poller.note_asked([replace(away, credentials="secretsmanager:git/token")])
    poller.note_failing(())
    assert make_secret_reader(REGION)("git/token") == "t0ken"
    for number in range(2):
        head = Head(url="https://example.com/churn.git", revision="main", commit=str(number) * 40)
        assert poller.poll(["churn"], {"churn": head}).execution == "e2"


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the stages called, by stage, and what the service's roles are made of."""

    calls: Mapping[str, list[Call]]
    facts: Facts


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return made_once(tmp_path_factory, "access", lambda: played(tmp_path_factory.mktemp("access")))


def played(folder: Path) -> Recorded:
    approval = ["Succeeded"]
    conf = LISTED.replace("example.com/tiny:1", IMAGE).replace("SMP_S3BUCKETNAME/churn", "their-data/churn")
    manifest = MANIFEST.replace("  - url: remotes/churn\n", "  - url: remotes/churn\n" + TOKEN)
    manifest += "service: {execution_role: per-repository, wait: step-functions}\npolicy: {read: [s3://their-data/]}\n"
    workspace = make_workspace(folder / "workspace", conf=conf, manifest=manifest)
    (workspace.root / "framework.yaml").write_text(TAGS)
    data = folder / "data" / "churn"
    data.mkdir(parents=True)
    (data / "numbers.csv").write_text(DATA)
    with (
        serving(folder / "served", jobs=4, **{"their-data": folder / "data"}) as served,
        pytest.MonkeyPatch.context() as patch,
    ):
        for bucket in ("my-data", NAMES.bucket):
            served.s3.create_bucket(Bucket=bucket)
        for name, value in environment(served).items():
            patch.setenv(name, value)
        patch.chdir(workspace.root)
        recorder = record(patch, answers(approval))
        stages(workspace, recorder, approval, patch)
        session = make_session(
            {"manifest": Path("model_repos.yaml"), "state": None, "build": None, "env_file": None}, "aws", None
        )
        settings = build_settings(session.workspace.values, session.workspace.tags)
        definition = session.composed.definition
        facts = service_facts(session.manifest, definition, settings, has_polls=True, has_looks=True)
        return Recorded(calls=recorder.calls, facts=facts)


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build", "train", "promote", "worker", "look"])
def test_each_call_of_a_stage_is_allowed(stage: str, recorded: Recorded) -> None:
    (role,) = (role for role in build_access(recorded.facts) if role.name == stage)
    policies = documents(role)
    calls = recorded.calls[stage]
    assert len(calls) > 4
    # What is read was written with the key of jobs, which no request to read names.
    assert stage == "look" or allows(policies, "kms:Decrypt", KEY, kms_ViaService=f"s3.{REGION}.amazonaws.com")
    denied = {
        f"{needed.action} on {needed.resource}": dict(needed.context)
        for call in calls
        for needed in needs(call)
        if not allows(policies, needed.action, needed.resource, **needed.context)
    }
    assert denied == {}


@pytest.mark.long
def test_who_may_look_at_the_console_may_look_at_each_page_of_it(recorded: Recorded) -> None:
    roles = people(recorded.facts)
    console, both = (
        [one for name in names for one in documents(roles[name])] for names in (("console",), ("console", "approver"))
    )
    calls = recorded.calls["console"]
    denied = {
        f"{needed.action} on {needed.resource}"
        for call in calls
        for needed in needs(call)
        if not allows(
            both if call.service == "codepipeline" else console, needed.action, needed.resource, **needed.context
        )
    }
    # How large data is, is said to whom it may be, and what isn't checked out yet to who has the repository's token:
    # nobody has to have either to look at runs.
    theirs = re.compile(
        r"s3:(GetObject|ListBucket) on arn:aws:s3:::(their-data|my-data/.*/executions$)|secretsmanager:.*:secret:git/token-"
    )
    assert sorted(one for one in denied if not theirs.match(one)) == []
    assert {"DescribeTrainingJob", "DescribeProcessingJob", "GetLogEvents"} <= {call.operation for call in calls}


@pytest.mark.long
def test_what_was_recorded_is_what_stages_do(recorded: Recorded) -> None:
    found = {stage: {f"{call.service} {call.operation}" for call in calls} for stage, calls in recorded.calls.items()}
    assert {
        "secretsmanager GetSecretValue", "ecr DescribeImages", "kms DescribeKey", "service-quotas ListServiceQuotas",
        "sagemaker CreatePipeline", "sagemaker UpdatePipeline", "sagemaker CreateModelPackageGroup", "s3 PutObject",
        "codepipeline GetPipelineExecution",
    } <= found["build"]  # fmt: skip
    assert {
        "sagemaker StartPipelineExecution", "logs GetLogEvents", "s3 PutObject", "s3 ListObjectsV2",
        "stepfunctions StartExecution", "codepipeline ListActionExecutions",
    } <= found["train"]  # fmt: skip
    assert {"sagemaker UpdateModelPackage", "codepipeline ListActionExecutions"} <= found["promote"]
    assert {"sagemaker UpdateModelPackage", "codepipeline StartPipelineExecution", "s3 GetObject"} <= found["worker"]


@pytest.mark.long
def test_a_role_without_one_of_its_permissions_is_noticed(recorded: Recorded) -> None:
    """Of each stage's statements about calls, one that is left out leaves a recorded call without permission."""
    unused: dict[str, set[str]] = {}
    for role in build_access(recorded.facts):
        if role.name not in recorded.calls:
            continue
        needed = [one for call in recorded.calls[role.name] for one in needs(call)]
        for policy in documents(role):
            for statement in policy["Statement"]:
                others = [{"Statement": [one for one in policy["Statement"] if one is not statement]}]
                if all(allows(others, one.action, one.resource, **one.context) for one in needed):
                    unused.setdefault(role.name, set()).add(statement["Sid"])
    # CodeBuild's and Lambda's own calls, not ours.
    services = {"Logs", "Reports", "Cache", "Artifacts", "ArtifactBucket", "Key", "Missed"}
    assert {name: sids - services for name, sids in unused.items()} == {
        # Where others have changed the pipeline; where groups of before are looked at.
        "build": {"AppliedDefinitions", "Packages"},
        "train": {"AppliedDefinitions"},
        "promote": set(),
        "worker": set(),
        "look": set(),
    }


def operations() -> set[tuple[str, str]]:
    """Return every operation that a module of the package calls, out of its text."""
    found = set()
    for path in sorted(Path(pipeline_builder.aws.__file__).parent.glob("*.py")):
        if path.stem in PEOPLES_MODULES:
            continue
        text = path.read_text()
        found |= set(re.findall(r'\.(?:call|pages)\(\s*"([a-z0-9-]+)",\s*"([a-z0-9_]+)"', text))
        found |= {("sagemaker", name) for name in re.findall(r'\._call\(\s*"([a-z0-9_]+)"', text)}
    return found


def test_no_operation_is_called_that_is_not_known_here() -> None:
    """Also what the stages above don't come to: whoever adds a call says which role has its permission."""
    known = {(service, _snake(operation)) for service, operation in KNOWN}
    assert len(operations()) > 30
    assert {f"{service} {name}" for service, name in operations() - known} == set(BY_PEOPLE)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@pytest.mark.long
def test_an_acceptance_asks_iam_for_what_was_recorded(recorded: Recorded) -> None:
    """`WRITE_CALLS=1 pytest -k acceptance_asks` writes the file anew."""
    text = calls_json(recorded.calls)
    if os.environ.get("WRITE_CALLS"):
        CALLS.write_text(text)
    assert CALLS.read_text() == text
