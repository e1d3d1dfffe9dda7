"""What the service's bucket deletes after a time, played for years, and what may not lie there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.service.cloudformation.rendering.rendering import render_templates
from tests.places import ROOT
from tests.service.services import ACCOUNT, CONNECTION, REGION, read_service, read_template
from tests.workspaces import make_workspace

AWS = {"SMP_ACCOUNTID": ACCOUNT, "SMP_REGION": REGION}
MANIFEST = """\
version: 1
repos:
  - url: remotes/churn
service:
  name: {name}
  source: {{repository: acme/models}}
  connection: {connection}
  execution_role: make
  wait: build
"""


def rules_of(**service: Any) -> list[dict[str, Any]]:
    model, _ = read_service(**service)
    bucket = read_template(render_templates(model)["storage.yaml"])["Resources"]["Bucket"]
    rules: list[dict[str, Any]] = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    return rules


def left_of(versions: list[int], key: str, rules: list[dict[str, Any]]) -> list[int]:
    """Return which versions of an object, given by their ages in days from the newest on, S3 still has.

    As PutBucketLifecycleConfiguration says it: a current version that expires becomes noncurrent, and a noncurrent one
    goes when it has been that for the days and so many newer ones are there.
    """
    kept = []
    for number, _ in enumerate(versions):
        since = versions[number - 1] if number else 0  # days since a newer version has taken its place
        gone = False
        for rule in (rule for rule in rules if key.startswith(rule.get("Prefix", "")) and rule["Status"] == "Enabled"):
            gone |= not number and versions[0] >= rule.get("ExpirationInDays", 1e9)
            noncurrent = rule.get("NoncurrentVersionExpiration", {"NoncurrentDays": 1e9})
            newer = max(0, number - 1)
            gone |= (
                bool(number)
                and since >= noncurrent["NoncurrentDays"]
                and newer >= noncurrent.get("NewerNoncurrentVersions", 0)
            )
        kept += [] if gone else [versions[number]]
    return kept


@pytest.mark.parametrize("key", [
    "tiny/churn/executions/a1b2/churn-Train/model.tar.gz", "tiny/evidence/0f.json", "tiny/evidence/executions/a1b2.json",
    "tiny/code/00ff.tar.gz", "runs/a1b2/run.json", "watch/heads.json", "data/train.csv",
])  # fmt: skip
def test_what_was_approved_outlives_every_rule(key: str) -> None:
    """Also where somebody puts another file in its place, or deletes it, and nobody sees that for years."""
    rules = rules_of()
    assert left_of([5000], key, rules) == [5000]
    assert left_of([4000, 5000], key, rules) == [4000, 5000]
    assert left_of([10, 20, 4000, 4500, 5000, 5500], key, rules) == [10, 20, 4000, 4500]


@pytest.mark.parametrize("key", ["model-service/Source/0f.zip", "builds/cache/00"])
def test_what_is_made_again_goes(key: str) -> None:
    assert left_of([170], key, rules_of()) == [170]
    assert left_of([181], key, rules_of()) == []


@pytest.mark.parametrize(
    ("service", "needed"),
    [
        ({"artifact_days": 7}, 8),
        ({"artifact_days": 20, "wait": "step-functions", "run_timeout_minutes": 28_800}, 28),
        ({"artifact_days": 30, "approval": {"timeout_minutes": 86_400}}, 61),
    ],
    ids=["a week", "a long run", "a long approval"],
)
def test_artifacts_outlive_the_executions_that_need_them(service: dict[str, Any], needed: int) -> None:
    _, problems = read_service(**service)
    (problem,) = [found for found in problems if not found.warning]
    assert (problem.id, problem.message[-14:]) == ("PB832", f"on {needed} days later"[-14:])
    _, problems = read_service(**{**service, "artifact_days": needed})
    assert [found for found in problems if not found.warning] == []


@pytest.mark.long
def test_nothing_of_a_step_lies_where_the_bucket_throws_away(tmp_path: Path) -> None:
    """A service is easily called as the folder in which its models or data are."""
    workspace = make_workspace(tmp_path, manifest=MANIFEST.format(name="churn", connection=CONNECTION))
    (tmp_path / "buildspec.yml").write_bytes((ROOT / "buildspec.yml").read_bytes())
    assert workspace.call("checkout").code == 0
    refused = workspace.call("render", **AWS)
    assert refused.code == 1
    assert "model_repos.yaml:4:1: PB831 steps read 's3://churn-123456789012-eu-central-1/churn/" in refused.err
    assert "delete what is below 'churn/' after 180 days" in refused.err
    manifest = tmp_path / "model_repos.yaml"
    manifest.write_text(MANIFEST.format(name="churns", connection=CONNECTION))
    assert workspace.call("render", **AWS).code == 0
    own = workspace.call("render", SMP_S3BUCKETNAME="elsewhere", **AWS)
    assert json.dumps(own.err) == '""'
