"""How long the report of a run takes to make, and how large it is: up to 200 models and 1,000 steps.

    .venv/bin/python benchmarks/report.py

Nothing runs: the records are made up. A report may take 300 ms and have one megabyte.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline_builder.release.evidence import BoundEvidence  # noqa: E402
from pipeline_builder.release.record import RunRecord  # noqa: E402
from pipeline_builder.views.report import render_report  # noqa: E402
from tests.release.records import package, run_record  # noqa: E402

MOST_SECONDS, MOST_BYTES = 0.3, 1_000_000
_POINTS = 300
BOUND = BoundEvidence(metric="regression_metrics.rmse.value", max=0.6, max_regression="5%", higher_is_better=False)


def report(worse: float) -> Mapping[str, object]:
    """Return an evaluation report with all that is drawn of it."""
    actuals = [index / 60 for index in range(_POINTS)]
    predictions = [actual + (index % 7 - 3) / 9 for index, actual in enumerate(actuals)]
    residuals = {"edges": [edge / 10 for edge in range(-15, 16)], "counts": [30 - abs(c - 15) for c in range(30)]}
    quantiles = {"quantiles": [part / 20 for part in range(1, 20)], "errors": [part / 15 for part in range(1, 20)]}
    metrics = {
        "rmse": {"value": 0.5 + worse},
        "mae": {"value": 0.4},
        "r2": {"value": 0.8},
        "predicted_and_actual": {"actuals": actuals, "predictions": predictions},
        "residual_histogram": residuals,
        "absolute_error_quantiles": quantiles,
    }
    return {"regression_metrics": metrics}


def record(models: int) -> RunRecord:
    """Return a run of so many models, each of six steps, that waits for a decision about each."""
    names = [f"model-{number:03d}" for number in range(models)]
    made = (
        package(name, metrics=report(0.01), champion_version=1, champion_metrics=report(0.0), bounds=(BOUND,))
        for name in names
    )
    return run_record(*names, packages=tuple(made))


def main() -> int:
    """Print a line for each size; return 1 where one is more than it may be."""
    render_report(record(1))  # what is made once: the templates
    slow = False
    for models in (1, 8, 11, 200):
        made = record(models)
        times = []
        for _ in range(4):
            begin = time.perf_counter()
            page = render_report(made)
            times.append(time.perf_counter() - begin)
        seconds, size = min(times), len(page.encode())
        slow |= seconds > MOST_SECONDS or size > MOST_BYTES
        print(f"{models:>4} models {len(made.steps):>5} steps  {seconds * 1000:>7.1f} ms  {size / 1000:>7.1f} kB")
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())
