"""`policy --suggest`: what today's confs need, and no more."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipeline_builder.definition.policy.suggestion import Suggestion, suggest
from tests.security.policing import ROLE, TRAIN, compose_all, read_manifest, train
from tests.tiny import CONF, variant

_REPOS = "[{url: churn, credentials: 'env:GIT_TOKEN'}]"
_ASKING = train(
    "output_path: s3://reports/churn",
    "model_data_uri: s3://payroll/m.tar.gz",
    "instance_count: 30",
    "max_runtime_in_seconds: 604800",
    "env: {A: '${TEAM}', B: '${ROOM}'}",
    f"arguments: {{RoleArn: '{ROLE}', CheckpointConfig: {{S3Uri: s3://checkpoints/x}}}}",
    "secrets: {HF_TOKEN: 'secretsmanager:team/hf'}",
)
_VALUES = {"TEAM": "a", "ROOM": "b", "GIT_TOKEN": "hunter2hunter2"}


def suggested(root: Path, conf: str, policy: str = "", files: dict[str, str] | None = None) -> Suggestion:
    again = partial(_compose, root, conf, files or {})
    return suggest(read_manifest(policy, _REPOS), again)


def _compose(root: Path, conf: str, files: dict[str, str], manifest: object) -> None:
    compose_all(root, {"churn": conf}, manifest, files, _VALUES)  # type: ignore[arg-type] # it is a manifest


def test_what_is_suggested_is_enough(tmp_path: Path) -> None:
    files = {"requirements.txt": "--extra-index-url https://packages.example.com/simple\nnumpy\n"}
    found = suggested(tmp_path, _ASKING, files=files)
    assert found.problems == ()
    assert [line for line in found.text.splitlines() if "#" not in line] == [
        "policy:",
        "  repos:",
        "    churn:",
        "      read: ['s3://payroll/m.tar.gz']",
        "      write: ['s3://checkpoints/x', 's3://reports/churn']",
        "      roles: ['arn:aws:iam::123456789012:role/admin']",
        "      instances: {count: 30}",
        "      max_runtime: 7d",
        "      variables: [ROOM, TEAM]",
        "      indexes: [default, 'https://packages.example.com/simple']",
        "      secrets: {HF_TOKEN: 'secretsmanager:team/hf'}",
    ]
    assert "      # churn@1f3c9ab:conf/conf.yaml:18:22\n" in found.text
    compose_all(tmp_path, {"churn": _ASKING}, read_manifest(f"{found.text}\n", _REPOS), files, _VALUES)


def test_what_is_written_stays_and_is_widened(tmp_path: Path) -> None:
    policy = (
        "policy:\n  images: ['trusted/*']\n  max_runtime: 1h\n  tags: [team]\n  network: isolated\n"
        "  encryption: required\n  instances: {types: [ml.c5.large]}\n"
        "  repos: {churn: {read: ['s3://SMP_S3BUCKETNAME-raw/']}}\n"
    )
    found = suggested(tmp_path, train("model_data_uri: s3://payroll/m.tar.gz"), policy)
    assert found.problems == ()
    assert [line for line in found.text.splitlines() if "#" not in line][7:] == [
        "  repos:",
        "    churn:",
        "      read: ['s3://SMP_S3BUCKETNAME-raw/', 's3://payroll/m.tar.gz']",
        "      images: ['example.com/tiny:1', trusted/*]",
        "      instances: {types: [ml.c5.large, ml.m5.2xlarge]}",
        "      network: any",
        "      encryption: any",
        "      tags: []",
    ]
    compose_all(tmp_path, {"churn": CONF}, read_manifest(f"{found.text}\n", _REPOS), None, _VALUES)


def test_what_no_policy_allows_is_left(tmp_path: Path) -> None:
    conf = variant(
        (TRAIN, f"{TRAIN}        output_path: s3://local/tiny/code/x\n        env: {{A: '${{GIT_TOKEN}}'}}\n")
    )
    found = suggested(tmp_path, conf)
    assert [problem.id for problem in found.problems] == ["PB233", "PB236"]
    assert found.text == "policy: {}"


def test_nothing_is_needed(tmp_path: Path) -> None:
    assert suggested(tmp_path, CONF) == Suggestion(text="policy: {}", problems=())


def test_what_one_place_hides_is_found_too(tmp_path: Path) -> None:
    """The address has a variable in it: it is known, and asked for, when that one is listed."""
    found = suggested(tmp_path, train("output_path: 's3://${TEAM}-bucket/x'"))
    assert "write: ['s3://a-bucket/x']" in found.text
    assert "variables: [TEAM]" in found.text


def test_what_no_policy_can_say_is_left(tmp_path: Path) -> None:
    found = suggested(tmp_path, train("arguments: {RoleArn: admin, CheckpointConfig: {S3Uri: 's3://B_c d/x'}}"))
    assert {problem.id for problem in found.problems} >= {"PB235", "PB232"}
    assert found.text == "policy: {}"


def test_a_variable_without_a_value_keeps_nothing_else_from_being_suggested(tmp_path: Path) -> None:
    """Nothing is composed then; what was seen while the variable wasn't allowed yet is what stays to say."""
    conf = train("env: {A: '${NOWHERE}'}", "output_path: s3://reports/churn", "model_data_uri: 's3://in/${NOWHERE}/m'")
    found = suggested(tmp_path, conf)
    assert [line for line in found.text.splitlines() if "#" not in line][3:] == [
        "      write: ['s3://reports/churn']",
        "      variables: [NOWHERE]",
    ]
    assert {problem.id for problem in found.problems} == {"PB210"}
