"""Records of runs for what is rendered of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from pipeline_builder.release.record import PackageRecord, RepoRecord, RunRecord, StageTime, StepRecord, VerdictRecord

BEGIN = datetime(2026, 11, 23, 8, 0, tzinfo=timezone.utc)
EXECUTION = "arn:aws:sagemaker:localhost:000000000000:pipeline/churn/execution/abc123def456"
CLASSES = ("Processing", "Training", "CreateModel", "Transform", "Metrics", "RegisterModel")
METRICS = {
    "binary_classification_metrics": {
        "auc": {"value": 0.9142, "standard_deviation": "NaN"},
        "f1": {"value": 0.66},
        "confusion_matrix": {"0": {"0": 95, "1": 5}, "1": {"0": 10, "1": 15}},
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": [0, 0.1, 1],
            "true_positive_rates": [0, 0.8, 1],
        },
    }
}
CHAMPION = {"binary_classification_metrics": {"auc": {"value": 0.9}, "accuracy": {"value": 0.8}}}


def steps(model: str, /, **last: Any) -> tuple[StepRecord, ...]:
    """Six steps of a model, one after the other, a second each; `last` changes the last."""
    made: list[StepRecord] = []
    for index, step_class in enumerate(CLASSES):
        made.append(
            StepRecord(
                name=f"{model}-{step_class}",
                type=step_class,
                step_class=step_class,
                model=model,
                depends_on=(made[-1].name,) if made else (),
                status="Succeeded",
                started=BEGIN + timedelta(seconds=index),
                ended=BEGIN + timedelta(seconds=index + 1),
                log_tail=(f"line of {step_class}",),
            )
        )
    return (*made[:-1], made[-1].model_copy(update=last))


def package(model: str, /, **changes: Any) -> PackageRecord:
    return PackageRecord(
        arn=f"arn:aws:sagemaker:localhost:000000000000:model-package/{model}/2",
        group=model,
        version=2,
        model=model,
        step=f"{model}-RegisterModel",
        status="PendingManualApproval",
        metrics=METRICS,
    ).model_copy(update=changes)


def run_record(*models: str, **changes: Any) -> RunRecord:
    """A run of some models that waits for approval."""
    names = models or ("churn",)
    repos = tuple(
        RepoRecord(
            name=name,
            url=f"https://git.example.com/{name}.git",
            revision="main",
            commit="1f3c9ab" + "0" * 33,
            tree="2" * 40,
            committed=BEGIN,
            subject="Deeper trees",
            author="Ada",
        )
        for name in names
    )
    return RunRecord(
        tool_version="0.1.0",
        target="local",
        pipeline="churn",
        pipeline_version=3,
        execution=EXECUTION,
        status="Succeeded",
        started=BEGIN,
        ended=BEGIN + timedelta(seconds=6),
        definition_sha256="ab" * 32,
        fingerprint="cd" * 32,
        parameters={"ManifestCommit": "e" * 40},
        repos=repos,
        steps=tuple(step for name in names for step in steps(name)),
        packages=tuple(package(name) for name in names),
        verdict=VerdictRecord(passed=True, reasons=("the execution succeeded",)),
        stages=(StageTime(stage="run", seconds=6.0),),
    ).model_copy(update=changes)
