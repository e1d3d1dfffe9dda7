"""What the AWS target sets besides a definition: role, tags, parallelism; and what others have changed. Over `serve`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.connect import AwsSettings, open_aws_target
from pipeline_builder.canonical import canonical
from pipeline_builder.descriptions import SettingChange
from pipeline_builder.release.plan import Plan, build_plan
from pipeline_builder.target import Target
from pipeline_builder.views.plans import render_plan
from tests.engine.definitions import definition, script
from tests.serve.serving import KEYS, ROLE, Served, serving

SETTINGS = AwsSettings(region="us-east-1", role=ROLE, bucket="bucket", tags={"team": "ml", "cost": "42"}, parallel=3)


def content(command: str) -> bytes:
    return canonical(json.loads(definition(script("A", command))))


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serving(tmp_path, any_key=True) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["aws_secret_access_key"])
        found.s3.create_bucket(Bucket="bucket")
        yield found


def opened(**more: Any) -> tuple[Target, Aws]:
    aws = Aws("us-east-1")
    return open_aws_target(replace(SETTINGS, **more), aws=aws), aws


def plan(target: Target, wanted: bytes) -> Plan:
    return build_plan("p", wanted, target.pipelines.describe_pipeline("p"), ())


@pytest.mark.long
def test_a_pipeline_has_its_settings_from_the_start(served: Served) -> None:
    target, aws = opened()
    deployed = target.pipelines.put_pipeline("p", content("true"))
    assert deployed.settled
    found = served.sagemaker.describe_pipeline(PipelineName="p")
    assert found["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    tags = served.sagemaker.list_tags(ResourceArn=found["PipelineArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "ml", "cost": "42"}
    before = dict(aws.calls)
    again = target.pipelines.put_pipeline("p", content("true"))
    assert again == deployed
    written = {name for name in aws.calls if aws.calls[name] != before.get(name)}
    assert written <= {"describe_pipeline", "list_pipeline_versions", "list_tags"}


@pytest.mark.long
def test_settings_that_changed_are_in_the_plan_and_applied(served: Served) -> None:
    target, _ = opened()
    first = target.pipelines.put_pipeline("p", content("true"))
    served.sagemaker.add_tags(ResourceArn=first.arn, Tags=[{"Key": "theirs", "Value": "x"}])
    later, _ = opened(tags={"team": "data", "new": "1"}, parallel=5)
    planned = plan(later, content("true"))
    assert planned.changed
    text = render_plan(planned)
    assert 'Tags[\'team\']: "ml" -> "data"' in text
    assert "Tags['new']: (none) -> \"1\"" in text
    assert 'ParallelismConfiguration.MaxParallelExecutionSteps: "3" -> "5"' in text
    written = later.pipelines.put_pipeline("p", content("true"))
    assert written.settled
    tags = served.sagemaker.list_tags(ResourceArn=first.arn)["Tags"]
    assert {t["Key"]: t["Value"] for t in tags} == {"team": "data", "new": "1", "cost": "42", "theirs": "x"}
    assert not plan(later, content("true")).changed


@pytest.mark.long
def test_another_role(served: Served) -> None:
    opened()[0].pipelines.put_pipeline("p", content("true"))
    other = ROLE.replace("local", "other")
    target, _ = opened(role=other)
    deployed = target.pipelines.describe_pipeline("p")
    assert deployed is not None
    assert deployed.settings == (SettingChange(name="RoleArn", old=ROLE, new=other),)
    target.pipelines.put_pipeline("p", content("true"))
    assert served.sagemaker.describe_pipeline(PipelineName="p")["RoleArn"] == other


@pytest.mark.long
def test_what_somebody_else_changed_is_said_with_the_difference(served: Served) -> None:
    target, _ = opened()
    target.pipelines.put_pipeline("p", content("true"))
    theirs = content("false")
    served.sagemaker.update_pipeline(PipelineName="p", PipelineDefinition=theirs.decode())
    planned = plan(target, content("true"))
    text = render_plan(planned)
    assert "somebody has changed the deployed pipeline since it was applied" in text
    (change,) = planned.drift
    assert (change.name, '"true"' in change.fields[0].old, '"false"' in change.fields[0].new) == ("A", True, True)
    assert target.pipelines.put_pipeline("p", content("true")).settled
