"""Judging from evidence: what the gate looks at, and nothing else, taken out of the evidence of a run."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from pipeline_builder.conf.registration import GateSection
from pipeline_builder.dag.packages import QUALITY
from pipeline_builder.release.evidence import BoundEvidence, ChampionEvidence, Evidence, PackageEvidence
from pipeline_builder.release.gate import judge, judge_models
from pipeline_builder.release.record import PackageRecord, RunRecord, StepRecord, VerdictRecord
from pipeline_builder.release.reports import describe_absent, usable_metrics
from pipeline_builder.release.scoring.judging import judged_scores

_NEVER = datetime.fromtimestamp(0, tz=timezone.utc)
"""Evidence has no times in it, and the gate looks at none."""


def judge_evidence(evidence: Evidence, record: RunRecord) -> RunRecord:
    """Return the record with all that the gate looks at as the evidence has it, and the verdict judged from that."""
    known = {package.arn: package for package in record.packages}
    packages = tuple(_as_evidence(known[p.arn], p) for p in evidence.packages if p.arn in known)
    models = {step.name: step for step in evidence.steps}
    steps = tuple(
        step.model_copy(update={"status": s.status, "model": s.model, "step_class": s.step_class, "stub": s.stub})
        if (s := models.get(step.name))
        else step
        for step in record.steps
    )
    facts = {
        "status": evidence.status,
        "definition_sha256": evidence.definition_sha256,
        "packages": packages,
        "steps": steps,
        "evidence": evidence.sha256,
    }
    found = record.model_copy(update=facts)
    if record.kind == "inference":
        return judged_scores(evidence, found)
    gates = {package.model: tuple(_gate(bound) for bound in package.bounds) for package in evidence.packages}
    planned = evidence.planned_sha256
    verdict = judge(found, planned_sha256=planned, gates=gates)
    models_judged = judge_models(found, planned_sha256=planned, gates=gates)
    return found.model_copy(update={"verdict": verdict, "packages": models_judged})


def judge_alone(evidence: Evidence, own: PackageEvidence) -> VerdictRecord:
    """Return the verdict on one package, out of evidence alone."""
    package = PackageRecord(
        arn=own.arn, group=own.group, version=own.version, model=own.model, step=own.step, status=""
    )
    steps = tuple(
        StepRecord(name=s.name, type=s.step_class, step_class=s.step_class, model=s.model, status=s.status, stub=s.stub)
        for s in evidence.steps
    )
    record = RunRecord(
        tool_version="", target="", pipeline=evidence.pipeline, pipeline_version=0, execution=evidence.execution,
        status=evidence.status, started=_NEVER, definition_sha256=evidence.definition_sha256,
        fingerprint=evidence.fingerprint, steps=steps, packages=(package,),
    )  # fmt: skip
    verdict = judge_evidence(evidence, record).packages[0].verdict
    assert verdict is not None
    return verdict


def _as_evidence(package: PackageRecord, evidence: PackageEvidence) -> PackageRecord:
    champion = evidence.champion
    first = next(iter(evidence.containers), None)
    metrics, fault = usable_metrics(evidence.reports.get(QUALITY))
    facts = {
        "model": evidence.model,
        "step": evidence.step,
        "model_data_url": first.artifact.uri if first and first.artifact else "",
        "image": first.image if first else "",
        "metrics": package.metrics if _same(package.metrics, metrics) else metrics,  # in its author's order
        "metrics_fault": fault,
        "metrics_absent": describe_absent(evidence.reports.get(QUALITY)),
        "artifact_gone": next((c.artifact.uri for c in evidence.containers if c.artifact and c.artifact.gone), ""),
        "champion_arn": champion.arn if champion else "",
        "champion_version": champion.version if champion else 0,
        "champion_metrics": usable_metrics(champion.report)[0] if champion else None,
        "champion_note": describe_source(champion),
        "champion_lost": bool(champion and champion.lost),
        "bounds": evidence.bounds,
    }
    return package.model_copy(update=facts)


def _same(one: Any, other: Any) -> bool:
    """Tell whether two reports are the same JSON but for the order of their names."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def describe_source(champion: ChampionEvidence | None) -> str:
    """Say where a champion's metrics are from, where that isn't its evidence as it stands."""
    if champion is None:
        return ""
    if champion.lost:
        return champion.lost
    if champion.moved:
        return f"by its evidence; {champion.moved} since"
    if not champion.evidence:
        return "it has no evidence: its report was read now"
    return ""


def _gate(bound: BoundEvidence) -> GateSection:
    # Not validated anew: a bound that was a parameter's is a text here, and was judged in the run.
    return GateSection.model_construct(
        metric=bound.metric,
        min=_number(bound.min),
        max=_number(bound.max),
        max_regression=bound.max_regression,
        better="higher" if bound.higher_is_better else "lower",
    )


def _number(limit: float | str | None) -> float | None:
    return None if isinstance(limit, str) else limit
