"""The gate: whether a run may be promoted. Pure; the evidence comes in as a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.inert import inert_line
from pipeline_builder.release.metrics import metric_at, told_apart, why_none
from pipeline_builder.release.record import PackageRecord, RunRecord, StepRecord, VerdictRecord

if TYPE_CHECKING:
    from pipeline_builder.conf.registration import GateSection


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
    checks = [
        _Check(record.status == "Succeeded", f"the execution is {record.status}"),
        _planned(record, planned_sha256),
        *_stubs(record.steps),
    ]
    for package in record.packages:
        checks.extend(_of_model(record, package, (gates or {}).get(package.model, ())))
    return _verdict(checks)


def judge_models(
    record: RunRecord, *, planned_sha256: str, gates: Mapping[str, tuple[GateSection, ...]] | None = None
) -> tuple[PackageRecord, ...]:
    """Return the packages, each with the verdict on its own model: what failed elsewhere in the run is no fault of it.

    A model passes that ran the planned definition, whose own steps have all succeeded, and that passes its gates.
    """
    return tuple(
        package.model_copy(update={"verdict": _verdict([
            _planned(record, planned_sha256),
            *_own_steps(record, package),
            *_stubs(step for step in record.steps if step.model in (package.model, "")),
            *_of_model(record, package, (gates or {}).get(package.model, ())),
        ])})
        for package in record.packages
    )  # fmt: skip


def _verdict(checks: Sequence[_Check]) -> VerdictRecord:
    failed = tuple(check.reason for check in checks if not check.passed)
    return VerdictRecord(passed=not failed, reasons=failed or tuple(check.reason for check in checks))


def _planned(record: RunRecord, planned_sha256: str) -> _Check:
    ran, planned = record.definition_sha256[:12], planned_sha256[:12]
    return _Check(record.definition_sha256 == planned_sha256, f"what ran is {ran}, planned was {planned}")


def _stubs(steps: Iterable[StepRecord]) -> Iterator[_Check]:
    """Say of which steps nothing has run: that is no fault, and whoever approves has to know it."""
    for step in steps:
        if step.stub:
            yield _Check(True, f"'{step.name}' did not run: its result is a stub, {step.stub[:12]}")


def _own_steps(record: RunRecord, package: PackageRecord) -> Iterator[_Check]:
    """Look at the model's own steps; one that belongs to no known model is everybody's.

    In a run that has succeeded a step that didn't start was left out of it, or is on the other side of a condition.
    """
    fine = {"Succeeded", "Skipped"} | ({"Waiting"} if record.status == "Succeeded" else set())
    own = [step for step in record.steps if step.model in (package.model, "")]
    bad = [f"'{step.name}' {'did not run' if step.status == 'Waiting' else f'is {step.status}'}" for step in own
           if step.status not in fine]  # fmt: skip
    what = f"{_name(package)}: the execution is {record.status}, the model's steps"
    yield _Check(not bad, f"{what} {', '.join(bad)}" if bad else f"{what} are done")


def _of_model(record: RunRecord, package: PackageRecord, gates: Sequence[GateSection]) -> Iterator[_Check]:
    if package.artifact_gone:
        yield _Check(
            False, f"{_name(package)}: its artifact is gone: nothing is at '{inert_line(package.artifact_gone)}'"
        )
    yield from _metrics(record, package)
    for gate in gates:
        yield from _bound(package, gate)


def _metrics(record: RunRecord, package: PackageRecord) -> Iterator[_Check]:
    """Look for the metrics of a model that is evaluated; one that isn't needs none."""
    evaluated = any(step.step_class == "Metrics" and step.model == package.model for step in record.steps)
    if package.metrics_fault:
        yield _Check(False, inert_line(f"{_name(package)}: {package.metrics_fault}"))
        return
    found = package.metrics is not None
    if found or evaluated:
        why = f": {inert_line(package.metrics_absent)}" if package.metrics_absent and not found else ""
        yield _Check(found, f"{_name(package)} has {'' if found else 'no '}metrics{why}")


def _name(package: PackageRecord) -> str:
    return inert_line(f"{package.group} version {package.version}")


def _bound(package: PackageRecord, gate: GateSection) -> Iterator[_Check]:
    value = metric_at(package.metrics, gate.metric)
    if value is None:
        yield _Check(False, f"{_name(package)}: {why_none(package.metrics, gate.metric)}")
        return
    what = f"{_name(package)}: {inert_line(gate.metric)} is"
    # A bound that is a pipeline parameter was judged in the run, where its value was known.
    if isinstance(gate.min, float | int):
        found, bound = told_apart(value, gate.min)
        yield _Check(value >= gate.min, f"{what} {found}, expected at least {bound}")
    if isinstance(gate.max, float | int):
        found, bound = told_apart(value, gate.max)
        yield _Check(value <= gate.max, f"{what} {found}, expected at most {bound}")
    if gate.max_regression is not None:
        yield _regression(package, gate, value, what)


def _regression(package: PackageRecord, gate: GateSection, value: float, what: str) -> _Check:
    champion = metric_at(package.champion_metrics, gate.metric)
    said = f" ({package.champion_note})" if package.champion_note else ""
    if package.champion_lost:
        return _Check(
            False, f"{what} {value:g}, and what its champion, version {package.champion_version}, had is lost{said}"
        )
    if champion is None:
        return _Check(True, f"{what} {value:g}, and no champion has it to compare with{said}")
    text = gate.max_regression or "0"
    edge = regression_edge(champion, text, higher_is_better=gate.higher_is_better)
    found, before = told_apart(value, champion)
    return _Check(
        value >= edge if gate.higher_is_better else value <= edge,
        f"{what} {found}, the champion's (version {package.champion_version}) {before}{said}, and it may be {text} "
        "worse at most",
    )


def regression_edge(champion: float, text: str, *, higher_is_better: bool) -> float:
    """Return how bad a metric may be beside the champion's: worse by a number, or by so many percent of that.

    It has twelve digits: where 0.01 is allowed 0.95 may become 0.94, whose difference in binary fractions is more.
    """
    number = float(text.removesuffix("%"))
    allowed = abs(champion) * number / 100 if text.endswith("%") else number
    return float(f"{champion - allowed if higher_is_better else champion + allowed:.12g}") if allowed else champion
