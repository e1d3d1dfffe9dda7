"""The gate: whether a run may be promoted. Pure; the evidence comes in as a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.conf.registration import GateSection
from pipeline_builder.inert import inert_line
from pipeline_builder.release.metrics import metric_at
from pipeline_builder.release.record import PackageRecord, RunRecord, VerdictRecord


@dataclass(frozen=True, slots=True)
class _Check:
    """One thing that was looked at, in words that hold either way."""

    passed: bool
    reason: str


def judge(
    record: RunRecord, *, planned_sha256: str, gates: Mapping[str, tuple[GateSection, ...]] | None = None
) -> VerdictRecord:
    """Return the verdict with everything that was looked at.

    A run passes that succeeded, that ran the definition which was planned, whose packages have their metrics, and
    whose metrics are within the `gates` of their models: bounds, and regressions against the champion.
    """
    ran, planned = record.definition_sha256[:12], planned_sha256[:12]
    checks = [
        _Check(record.status == "Succeeded", f"the execution is {record.status}"),
        _Check(record.definition_sha256 == planned_sha256, f"what ran is {ran}, planned was {planned}"),
    ]
    for package in record.packages:
        checks.extend(_metrics(record, package))
        for gate in (gates or {}).get(package.model, ()):
            checks.extend(_bound(package, gate))
    failed = tuple(check.reason for check in checks if not check.passed)
    return VerdictRecord(passed=not failed, reasons=failed or tuple(check.reason for check in checks))


def _metrics(record: RunRecord, package: PackageRecord) -> Iterator[_Check]:
    """Look for the metrics of a model that is evaluated; one that isn't needs none."""
    evaluated = any(step.step_class == "Metrics" and step.model == package.model for step in record.steps)
    if package.metrics_fault:
        yield _Check(False, inert_line(f"{_name(package)}: {package.metrics_fault}"))
        return
    found = package.metrics is not None
    if found or evaluated:
        yield _Check(found, f"{_name(package)} has {'' if found else 'no '}metrics")


def _name(package: PackageRecord) -> str:
    return inert_line(f"{package.group} version {package.version}")


def _bound(package: PackageRecord, gate: GateSection) -> Iterator[_Check]:
    value = metric_at(package.metrics, gate.metric)
    if value is None:
        yield _Check(False, f"{_name(package)}: the report has no number '{inert_line(gate.metric)}'")
        return
    what = f"{_name(package)}: {inert_line(gate.metric)} is {value:g}"
    # A bound that is a pipeline parameter was judged in the run, where its value was known.
    if isinstance(gate.min, float | int):
        yield _Check(value >= gate.min, f"{what}, expected at least {gate.min:g}")
    if isinstance(gate.max, float | int):
        yield _Check(value <= gate.max, f"{what}, expected at most {gate.max:g}")
    if gate.max_regression is not None:
        yield _regression(package, gate, value, what)


def _regression(package: PackageRecord, gate: GateSection, value: float, what: str) -> _Check:
    champion = metric_at(package.champion_metrics, gate.metric)
    if champion is None:
        return _Check(True, f"{what}, and no champion has it to compare with")
    text = gate.max_regression or "0"
    number = float(text.removesuffix("%"))
    allowed = abs(champion) * number / 100 if text.endswith("%") else number
    worse = champion - value if gate.higher_is_better else value - champion
    return _Check(
        worse <= allowed,
        f"{what}, the champion's (version {package.champion_version}) {champion:g}, and it may be {text} worse at most",
    )
