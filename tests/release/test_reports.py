"""Reports as evidence: whatever a job has written is kept whole, in JSON that is canonical."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline_builder.canonical import canonical
from pipeline_builder.machine.streams import MOST_READ
from pipeline_builder.release.evidence import ReportEvidence
from pipeline_builder.release.gate import judge
from pipeline_builder.release.reports import (
    describe_absent,
    describe_changed,
    metrics_of,
    read_report,
    usable_metrics,
)
from pipeline_builder.target import Target
from tests.engine.definitions import target
from tests.release.records import package, run_record

URI = "s3://local/report.json"


@pytest.mark.parametrize(
    "content",
    [
        b'{"auc": {"value": 0.9}}',
        b'{"auc": NaN, "f1": 0.5}',
        b'{"auc": Infinity}',
        b'{"n": ' + b"9" * 5000 + b"}",
        b"no json",
        b"\xff\xfe\x00",
        b"",
        json.dumps({"a": 1}).encode("utf-16"),
    ],
    ids=["json", "nan", "infinity", "long", "text", "bytes", "empty", "utf-16"],
)
def test_every_report_has_canonical_bytes_and_its_own_digest(content: bytes, tmp_path: Path) -> None:
    local = target(tmp_path)
    local.store.put(URI, content)
    report = read_whole(content, local)
    try:
        expected = json.loads(content)
    except ValueError:
        expected = None
    assert repr(metrics_of(report)) == repr(expected)  # NaN is nobody's equal


@pytest.mark.parametrize(
    "content",
    [b'{"\\ud800": 1}', b"[" * 900 + b"]" * 900, b"[" * 100_000],
    ids=["surrogate", "deep", "deeper"],
)
def test_a_report_without_measure_is_kept_and_says_why_it_is_not_used(content: bytes, tmp_path: Path) -> None:
    local = target(tmp_path)
    local.store.put(URI, content)
    metrics, fault = usable_metrics(read_whole(content, local))
    assert (metrics, fault[:6]) == (None, "PB671 ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, f"nothing is at '{URI}'"),
        (b"auc: 0.9", f"what is at '{URI}' is no report in JSON"),
        (b"", f"what is at '{URI}' is no report in JSON"),
        (b'{"auc": 0.9}', ""),
    ],
)
def test_the_gate_names_the_report_that_it_misses(content: bytes | None, said: str, tmp_path: Path) -> None:
    local = target(tmp_path)
    if content is not None:
        local.store.put(URI, content)
    report = read_report(URI, local)
    assert describe_absent(report) == said
    missing = package("churn", metrics=metrics_of(report), metrics_absent=describe_absent(report))
    record = run_record("churn", packages=(missing,), definition_sha256="d")
    verdict = judge(record, planned_sha256="d")
    assert verdict.passed is not bool(said)
    assert not said or verdict.reasons == (f"churn version 2 has no metrics: {said}",)


def test_a_package_without_any_report() -> None:
    assert describe_absent(None) == "its package names no report"


def read_whole(content: bytes, local: Target) -> ReportEvidence:
    """Read the report, and hold what is kept of it against its bytes."""
    report = read_report(URI, local)
    assert report.sha256 == hashlib.sha256(content).hexdigest()
    assert canonical(report.model_dump(mode="json"))
    assert report.model_validate_json(canonical(report.model_dump(mode="json"))) == report
    return report


def test_what_changed_is_said_by_its_numbers(tmp_path: Path) -> None:
    local = target(tmp_path)
    local.store.put(URI, json.dumps({"auc": 0.9, "f1": 0.5, "a": 1, "b": 2, "c": 3}).encode())
    before = read_report(URI, local)
    assert describe_changed(before, before) == ""
    local.store.put(URI, json.dumps({"auc": 0.95, "d": 1}).encode())
    said = describe_changed(before, read_report(URI, local))
    assert "auc was 0.9, is 0.95, d was missing, is 1" in said
    assert said.endswith(" and 3 more")
    assert describe_changed(before, read_report("s3://local/none.json", local)) == f"the report '{URI}' is gone"


def test_of_a_report_that_is_too_large_it_is_known_which_it_was_and_why_it_blocks(tmp_path: Path) -> None:
    local = target(tmp_path)
    large = b'{"auc": "' + b"x" * MOST_READ + b'"}'
    local.store.put(URI, large)
    report = read_whole(large, local)
    assert (report.content, report.text) == (None, "")
    metrics, fault = usable_metrics(report)
    assert metrics is None
    assert fault == f"PB529 '{URI}' is too large to be read as a whole: it has more than 8 MB"
    assert describe_absent(report) == ""
    local.store.put(URI, b'{"auc": "' + b"y" * MOST_READ + b'"}')
    assert describe_changed(report, read_report(URI, local)).startswith(f"the report '{URI}' was changed (sha256 was ")
    # S3 knows no sha256 of what nobody has read.
    there = report.model_copy(update={"sha256": "", "etag": "1"})
    assert describe_changed(there, there) == ""
    assert describe_changed(there, there.model_copy(update={"etag": "2"})) == f"the report '{URI}' was changed"
