"""The points, the documentation and the scenarios know each other; permissions and recorded calls are as they are used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acceptance.ground import Ground, Options
from acceptance.own import SOURCE
from acceptance.permissions import policy
from acceptance.points import choose, load_points
from acceptance.repository import Content, pack, write_repository
from acceptance.run import choose_scenarios, estimate
from acceptance.scenarios.asides import load_calls
from acceptance.scenarios.catalogue import REMOVAL, SCENARIOS
from acceptance.state import Book, State, now
from pipeline_builder.aws.client import Aws
from tests.places import ROOT
from tests.service.cloudformation.access.iam import allows
from tests.workspaces import Workspace

POINTS = {point.id: point for point in load_points()}
MARK = re.compile(r"\(unverified: ((?:`[a-z0-9-]+`(?:, )?)+)\)")
PAGES = sorted((ROOT / "docs").rglob("*.md"))
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "acc-abc123"


def marked(page: Path) -> list[str]:
    """Return the ids of points that a page has, in its order."""
    return [name for found in MARK.findall(page.read_text("utf-8")) for name in re.findall(r"`([^`]+)`", found)]


def test_every_point_stands_in_its_page_and_every_mark_is_a_point() -> None:
    found = {(str(page.relative_to(ROOT)), name) for page in PAGES for name in marked(page)}
    assert found == {(point.place, point.id) for point in POINTS.values()}


def test_each_line_of_the_list_in_deploy_has_a_point() -> None:
    text = (ROOT / "docs" / "how-to" / "deploy.md").read_text("utf-8")
    section = text.partition("## Not verified on a real account")[2].partition("\n## ")[0]
    lines = re.findall(r"^- .*(?:\n(?!- |\n).*)*", section, re.MULTILINE)
    assert len(lines) > 8
    assert [line[:60] for line in lines if not MARK.search(line)] == []


@pytest.mark.parametrize(
    ("region", "endpoint", "expected"),
    [
        ("eu-central-1", "", False),
        ("cn-north-1", "", False),
        ("us-gov-west-1", "", False),
        ("eu-isoe-west-1", "", False),
        ("eu-central-1", "http://127.0.0.1:4566", True),
        ("eu-central-1", "https://amazonaws.com.example.com", True),
    ],
)
def test_hosts_of_all_partitions_are_aws_and_no_others(
    region: str, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, expected: bool
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", endpoint)
    book = Book(tmp_path / "state.json", State(suffix="abc123", account=ACCOUNT, region=region, began=now()))
    ground = Ground(aws=Aws(region), book=book, home=tmp_path, partition="aws", options=Options(), say=lambda _: None)
    assert ground.emulated("sagemaker") is expected


def test_each_scenario_answers_a_point_or_is_needed() -> None:
    answering = {point.scenario for point in POINTS.values()}
    needed = {need for scenario in SCENARIOS.values() for need in scenario.needs}
    assert answering - {REMOVAL, ""} <= SCENARIOS.keys()
    assert SCENARIOS.keys() <= answering | needed


def test_all_of_it_costs_less_than_a_dollar_and_the_long_build_more() -> None:
    points = tuple(POINTS.values())
    assert 0.2 < estimate(choose_scenarios(points, Options())) < 1
    assert 3 < estimate(choose_scenarios(points, Options(long=True))) < 5


def test_one_point_brings_what_its_scenario_needs_and_no_more() -> None:
    (point,) = choose(POINTS.values(), ["run-timeout-stops"])
    names = [scenario.name for scenario in choose_scenarios([point], Options())]
    assert names == ["deploy", "first-start", "schedule", "timeout"]
    with pytest.raises(ValueError, match="no point and no scenario is called 'run-timeout'"):
        choose(POINTS.values(), ["run-timeout"])


def operations() -> set[tuple[str, str]]:
    """Return which operations of which services the acceptance calls by itself: the texts in its calls."""
    found = set()
    for path in sorted((ROOT / "acceptance").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                if (
                    len(texts) >= 2
                    and re.fullmatch(r"[a-z0-9-]+", texts[0])
                    and re.fullmatch(r"[a-z]+_[a-z0-9_]+", texts[1])
                ):
                    found.add((texts[0], texts[1]))
    return found


PREFIXES = {"resourcegroupstaggingapi": "tag", "stepfunctions": "states", "codeconnections": "codeconnections"}
ACTIONS = {
    ("s3", "head_bucket"): "ListBucket", ("s3", "head_object"): "GetObject",
    ("s3", "put_bucket_notification_configuration"): "PutBucketNotification",
    ("s3", "put_public_access_block"): "PutBucketPublicAccessBlock",
}  # fmt: skip
RESOURCES = {
    "iam": f"arn:aws:iam::{ACCOUNT}:role/{NAME}-jobs", "s3": f"arn:aws:s3:::{NAME}-own/{SOURCE}",
    "logs": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/TransformJobs:log-stream:x",
    "codebuild": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{NAME}-long",
    "codepipeline": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{NAME}-asks/Approve/Approve",
    "cloudformation": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{NAME}/1",
    "events": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{NAME}-event",
    "sagemaker": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{NAME}-late/execution/x",
    "stepfunctions": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{NAME}-wait",
    "codeconnections": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/x",
}  # fmt: skip


def test_the_printed_policy_allows_what_the_acceptance_calls() -> None:
    connection = RESOURCES["codeconnections"]
    policies = [policy(partition="aws", account=ACCOUNT, connection=connection)]
    called = operations()
    assert len(called) > 45
    assert {("codepipeline", "put_approval_result"), ("iam", "simulate_principal_policy")} <= called
    denied = set()
    for service, operation in called:
        action = ACTIONS.get((service, operation), "".join(part.capitalize() for part in operation.split("_")))
        name = f"{PREFIXES.get(service, service)}:{action}"
        if not any(allows(policies, name, resource) for resource in ("*", RESOURCES.get(service, "*"))):
            denied.add(name)
    assert denied == set()
    assert not allows(policies, "s3:DeleteObject", "arn:aws:s3:::data/key")
    assert not allows(policies, "iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The service's repository as an acceptance writes it."""
    folder = tmp_path_factory.mktemp("acceptance") / "repository"
    service = {
        "source": {"kind": "s3", "repository": f"{NAME}-own/{SOURCE}"}, "encryption": "aws",
        "execution_role": "per-repository", "wait": "step-functions", "tags": {"pipeline-builder-acceptance": "abc123"},
    }  # fmt: skip
    write_repository(folder, Content(name=NAME, image=IMAGE, round=1, service=service, tags={"team": "ml"}))
    return Workspace(folder)


@pytest.mark.long
def test_the_archive_is_the_same_for_the_same_round_and_has_no_repository_of_its_own(repository: Workspace) -> None:
    first, second = (repository.root.parent / f"{number}.zip" for number in (1, 2))
    assert pack(repository.root, first) == pack(repository.root, second)
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(first)], capture_output=True, text=True, check=True
    )
    assert "buildspec.yml" in names.stdout
    assert "remotes/tiny.git/refs/heads/main" in names.stdout
    assert ".git/index" not in names.stdout
    assert "tests/acceptance" not in names.stdout


@pytest.mark.long
def test_iam_is_expected_to_allow_every_recorded_call(repository: Workspace) -> None:
    """What `simulate` asks IAM, asked of the rendered roles here."""
    environment = {"SMP_TARGET": "aws", "SMP_REGION": REGION, "SMP_ACCOUNTID": ACCOUNT}
    assert repository.call("checkout", **environment).code == 0
    rendered = repository.call("render", "iam", **environment)
    assert rendered.code == 0, rendered.err
    values = {
        "partition": "aws", "account": ACCOUNT, "region": REGION, "service": NAME, "pipeline": f"{NAME}-dag",
        "bucket": f"{NAME}-{ACCOUNT}-{REGION}", "group": NAME, "registry": IMAGE[:12], "image": "sagemaker-scikit-learn",
    }  # fmt: skip
    found: dict[str, Any] = rendered.json
    policies = {name: role["Policies"] for name, role in (found.get("roles") or found).items()}
    denied = [
        (role, action, resource)
        for role, calls in load_calls().items()
        for action, resource, context in calls
        if not allows(
            policies[f"{NAME}-{role}"], action, resource.format(**values),
            **{key: value.format(**values) for key, value in context.items()},
        )
    ]  # fmt: skip
    assert denied == []
