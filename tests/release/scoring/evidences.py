"""Evidence of inference runs, with what a Monitor step has found."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pipeline_builder.release.evidence import Evidence, FileEvidence, ReportEvidence, ScoreEvidence, StepEvidence

PACKAGE = "arn:aws:sagemaker:local:000000000000:model-package/churn/3"
MONITOR = "s3://local/scoring/monitor/monitor.json"
CLASSES = ("Processing", "CreateModel", "Transform", "Monitor")


def drift(column: str, value: float = 0.31, **more: Any) -> dict[str, Any]:
    return {"kind": "drift", "column": column, "statistic": "psi", "value": value, "bound": 0.2, "message": "", **more}


def found(*violations: Any, **more: Any) -> dict[str, Any]:
    """Return a monitor.json."""
    return {
        "format": 1,
        "rows": {"input": 10, "predictions": 10},
        "violations": [*violations],
        "columns": {"age": {"psi": 0.31, "missing": 0.0}, "a.b": {"psi": 0.1}, "a": {"b": {"psi": 0.9}}},
        "quality": None,
        "drift": {"columns": 1, "max_psi": 0.31},
        **more,
    }


def report(content: Any, **more: Any) -> ReportEvidence:
    text = json.dumps(content)
    return ReportEvidence(
        uri=MONITOR, content=content, sha256=hashlib.sha256(text.encode()).hexdigest(), size=len(text), **more
    )


def score(content: Any = None, **changes: Any) -> ScoreEvidence:
    return ScoreEvidence(
        model="churn", date="2026-11-29", package=PACKAGE, group="churn", version=3, rows_in=10, rows_out=10,
        predictions=FileEvidence(uri="s3://local/scoring/out/", size=9, sha256="a" * 64, below=1),
        monitor=report(found() if content is None else content),
        on_drift=("warn",), on_violation=("warn",),
    ).model_copy(update=changes)  # fmt: skip


def evidence(*scores: ScoreEvidence, status: str = "Succeeded", **changes: Any) -> Evidence:
    steps = tuple(
        StepEvidence(name=f"{one.model}-{kind}", model=one.model, step_class=kind, status="Succeeded")
        for one in scores
        for kind in CLASSES
    )
    return Evidence(
        pipeline="scoring", execution="arn:aws:sagemaker:local:0:pipeline/scoring/execution/e1", status=status,
        definition_sha256="d" * 64, planned_sha256="d" * 64, fingerprint="f", steps=steps, scores=scores,
    ).model_copy(update=changes)  # fmt: skip
