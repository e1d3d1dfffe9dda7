"""The trainings of a tuning step, as its metadata tells them, the best first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pipeline_builder.release.record import TrialRecord

TRIALS = "Trials"
"""The kind of a step's metadata that has them, as JSON."""
_LONGEST = 200


def read_trials(metadata: Mapping[str, str]) -> tuple[TrialRecord, ...]:
    """Return the trials that a step's metadata tells of; what can't be read is left out."""
    try:
        found = json.loads(metadata.get(TRIALS, "[]"))
        return tuple(_trial(summary) for summary in found)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def _trial(summary: Mapping[str, Any]) -> TrialRecord:
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    value = metric.get("Value")
    begun, ended = summary.get("TrainingStartTime"), summary.get("TrainingEndTime")
    return TrialRecord(
        name=str(summary["TrainingJobName"])[:_LONGEST],
        status=str(summary["TrainingJobStatus"])[:_LONGEST],
        metric=str(metric.get("MetricName", ""))[:_LONGEST],
        objective=float(value) if value is not None and math.isfinite(float(value)) else None,
        values={str(k)[:_LONGEST]: str(v)[:_LONGEST] for k, v in summary["TunedHyperParameters"].items()},
        begun=float(begun) if begun is not None else None,
        seconds=round(float(ended) - float(begun), 3) if begun is not None and ended is not None else None,
    )
