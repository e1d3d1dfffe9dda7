"""Days of a ledger, with monitors' files of as many columns as a test wants."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from pipeline_builder.release.scoring.ledger import LedgerDay, Monitored, PackageUsed, RowCounts, ledger_uri
from pipeline_builder.target import Media, Target

PIPELINE = "churn-scoring"
FIRST = date(2026, 1, 1)


def monitor(columns: int, day: int, prefix: str = "column_") -> dict[str, Any]:
    """Return a monitor's file of so many columns; the first has drifted on each tenth day."""
    counts = [10 + index for index in range(10)]

    def column(index: int) -> dict[str, Any]:
        psi = 0.5 if index == 0 and day % 10 == 9 else 0.001 * ((index * 7 + day) % 50)
        side = {"bins": [None, *range(1, 10), None], "counts": counts}
        return {"type": "numerical", "psi": psi, "ks": psi / 2, "missing": 0.0, "baseline": side, "current": side}

    return {
        "format": 1, "bounds": {"psi": 0.2}, "violations": [], "drift": {"max_psi": 0.05},
        "columns": {f"{prefix}{index}": column(index) for index in range(columns)},
    }  # fmt: skip


def put_days(
    target: Target,
    count: int,
    *,
    columns: int = 3,
    model: str = "churn",
    pipeline: str = PIPELINE,
    prefix: str = "column_",
    **changes: Any,
) -> list[str]:
    """Note so many days of a model; return their dates."""
    dates = [(FIRST + timedelta(days=index)).isoformat() for index in range(count)]
    for index, when in enumerate(dates):
        uri = f"s3://local/{pipeline}/executions/run{index}/{model}/monitor.json"
        target.store.put(uri, json.dumps(monitor(columns, index, prefix)).encode())
        drift = {"max_psi": 0.5 if index % 10 == 9 else 0.05}
        facts: dict[str, Any] = {
            "pipeline": pipeline, "model": model, "date": when, "execution": f"arn:p/execution/run{index}",
            "status": "published", "definition_sha256": "ab", "rows": RowCounts(input=100 + index, predictions=100),
            "package": PackageUsed(arn="arn/churn/1", group="churn", version=1 + index // 30),
            "monitor": Monitored(uri=uri, drift=drift, violations=int(index % 10 == 9)),
        }  # fmt: skip
        day = LedgerDay(**{**facts, **changes})
        target.store.put(ledger_uri(target, pipeline, model, when), day.model_dump_json().encode(), Media.JSON)
    return dates
