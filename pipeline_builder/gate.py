"""The gate: whether a run may be promoted. Pure; the evidence comes in as a record."""

from __future__ import annotations

from pipeline_builder.record import RunRecord, VerdictRecord


def judge(record: RunRecord, *, planned_sha256: str) -> VerdictRecord:
    """Return the verdict with everything that was looked at.

    A run passes that succeeded, that ran the definition which was planned, and whose packages have their metrics.
    """
    checks = (
        (record.status == "Succeeded", f"the execution is {record.status}"),
        (
            record.definition_sha256 == planned_sha256,
            f"what ran is {record.definition_sha256[:12]}, planned was {planned_sha256[:12]}",
        ),
        *((_has_metrics(record, package.arn), _metrics_reason(record, package.arn)) for package in record.packages),
    )
    failed = tuple(reason for passed, reason in checks if not passed)
    return VerdictRecord(passed=not failed, reasons=failed or tuple(reason for _, reason in checks))


def _has_metrics(record: RunRecord, arn: str) -> bool:
    package = next(p for p in record.packages if p.arn == arn)
    evaluated = any(step.step_class == "Metrics" and step.model == package.model for step in record.steps)
    return package.metrics is not None or not evaluated


def _metrics_reason(record: RunRecord, arn: str) -> str:
    package = next(p for p in record.packages if p.arn == arn)
    name = f"{package.group} version {package.version}"
    return f"{name} has metrics" if package.metrics is not None else f"{name} has no metrics"
