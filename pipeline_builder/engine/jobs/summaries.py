"""What became of a tuning's trials, as ListTrainingJobsForHyperParameterTuningJob tells it, and which is the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.records import JobRecord
from pipeline_builder.engine.jobs.trials import objective

MOST_TOLD = 50
"""Summaries that a tuning's result has, best first [SDK: TuningStep.get_top_model_s3_uri]."""
_ENDED = ("Completed", "Failed", "Stopped")


def is_better(request: Request, one: float, other: float) -> bool:
    """Tell whether a value of the objective is better than another."""
    return one > other if objective(request).get("Type") == "Maximize" else one < other


def summary_of(job: JobRecord, request: Request, tuned: Iterable[str]) -> dict[str, Any]:
    """Return what ListTrainingJobsForHyperParameterTuningJob tells of a trial."""
    goal, given = objective(request), job.request.get("HyperParameters") or {}
    value = objective_value(job, str(goal.get("MetricName")))
    status = "Succeeded" if value is not None else "Failed" if job.status in _ENDED else "Pending"
    found: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": job.started.timestamp(),
        "TrainingStartTime": job.started.timestamp(),
        "TrainingJobStatus": job.status,
        "TunedHyperParameters": {name: given[name] for name in tuned if name in given},
        "ObjectiveStatus": status,
    }
    if job.ended:
        found["TrainingEndTime"] = job.ended.timestamp()
    if job.reason:
        found["FailureReason"] = job.reason
    if value is not None:
        found["FinalHyperParameterTuningJobObjectiveMetric"] = {**goal, "Value": value}
    return found


def objective_value(job: JobRecord, metric: str) -> float | None:
    """Return the objective that a training's log ended with; a training that has failed counts for nothing."""
    if job.status not in ("Completed", "Stopped"):
        return None
    found = job.result.get("FinalMetricDataList") or ()
    return next((float(item["Value"]) for item in found if item["MetricName"] == metric), None)


def value_of(summary: Mapping[str, Any]) -> float | None:
    """Return the objective of a summary."""
    found = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    return float(found["Value"]) if found else None


def best_first(request: Request, summaries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the summaries, the best first, then those without an objective; equals as they are."""
    sign = -1.0 if objective(request).get("Type") == "Maximize" else 1.0

    def rank(summary: Mapping[str, Any]) -> tuple[bool, float]:
        value = value_of(summary)
        return value is None, 0.0 if value is None else sign * value

    return [dict(summary) for summary in sorted(summaries, key=rank)]


def counters(summaries: Iterable[Mapping[str, Any]], running: int) -> dict[str, Any]:
    """Return how many trials are in which state, as the service counts them."""
    found = list(summaries)
    jobs = [summary["TrainingJobStatus"] for summary in found]
    goals = [summary["ObjectiveStatus"] for summary in found]
    return {
        "TrainingJobStatusCounters": {
            "Completed": jobs.count("Completed"),
            "InProgress": running,
            "RetryableError": 0,
            "NonRetryableError": jobs.count("Failed"),
            "Stopped": jobs.count("Stopped"),
        },
        "ObjectiveStatusCounters": {
            "Succeeded": goals.count("Succeeded"),
            "Pending": running,
            "Failed": goals.count("Failed"),
        },
    }
