"""Records of inference runs for what is rendered of them: a day with a monitor's file."""

from __future__ import annotations

from typing import Any

from pipeline_builder.release.record import ObjectRecord, RunRecord, ScoreRecord, VerdictRecord
from tests.release.records import run_record


def column(psi: float | None = 0.03, **changes: Any) -> dict[str, Any]:
    """A numerical column of a monitor's file."""
    shapes = {"baseline": {"bins": [0, 1, 2, 3], "counts": [10, 10, 20]}, "current": {"counts": [5, 5, 10]}}
    return {"type": "numerical", "missing": 0.0, "psi": psi, "ks": 0.1, **shapes, **changes}


def monitor(columns: dict[str, Any], *, bound: float = 0.2, **changes: Any) -> dict[str, Any]:
    """A monitor's file: what is above the bound is a violation."""
    drifted = {name: one["psi"] for name, one in columns.items() if (one["psi"] or 0) > bound}
    return {
        "format": 1,
        "bounds": {"psi": bound},
        "rows": {"input": 100, "predictions": 100},
        "violations": [
            {"kind": "drift", "column": name, "statistic": "psi", "value": value, "bound": bound, "message": "it moved"}
            for name, value in drifted.items()
        ],
        "columns": columns,
        "predictions": column(0.05),
        "quality": None,
        "drift": {"columns": len(drifted), "max_psi": max((one["psi"] or 0 for one in columns.values()), default=0)},
        "library": "scipy 1.16.3",
        **changes,
    }


def score(watched: Any, **changes: Any) -> ScoreRecord:
    """A model's day that was published."""
    return ScoreRecord(
        model="churn", date="2026-11-29", package_arn="arn:aws:sagemaker:localhost:0:model-package/churn/7",
        package_version=7, group="churn", rows_in=100, rows_out=100, monitor=watched, monitor_uri="s3://b/monitor.json",
        published_to="s3://b/scores/dt=2026-11-29/run=abc/", pointer="s3://b/scores/dt=2026-11-29/_current.json",
        status="published", approved="approved by ada: good (execution x)", since="2026-11-20T08:00:00+00:00",
        package_metadata={"commit-churn": "1f3c9ab" * 5, "manifest-commit": "e" * 40},
        objects=(ObjectRecord(uri="s3://b/scores/dt=2026-11-29/run=abc/part.csv", size=2048),),
    ).model_copy(update=changes)  # fmt: skip


def scored(*scores: ScoreRecord, **changes: Any) -> RunRecord:
    """An inference run of a day."""
    passed = all(one.status == "published" for one in scores)
    verdict = VerdictRecord(passed=passed, reasons=("drift.max_psi was looked at",))
    facts = {"kind": "inference", "date": "2026-11-29", "packages": (), "scores": scores, "verdict": verdict}
    return run_record(**{**facts, **changes})
