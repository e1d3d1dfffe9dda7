"""The verdict on an execution: its evidence is read and kept, and the gate decides by that alone."""

from __future__ import annotations

import hashlib

from pipeline_builder.definition.compose import Composed
from pipeline_builder.errors import PlanRefused, Problem
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.release.archive import find_newest, keep_evidence, load_evidence
from pipeline_builder.release.differences import describe_bytes
from pipeline_builder.release.evidence import Evidence
from pipeline_builder.release.judging import judge_evidence
from pipeline_builder.release.outcome import collect
from pipeline_builder.release.overview import nodes_of
from pipeline_builder.release.record import RunRecord
from pipeline_builder.release.witness import Asked, witness_run
from pipeline_builder.target import DeployedPipeline, Execution, Target


def judge_execution(
    execution: Execution,
    target: Target,
    composed: Composed,
    lock: Lock | None,
    *,
    planned: DeployedPipeline,
    reused: bool,
) -> RunRecord:
    """Return the record of an execution, with the verdict on it.

    Raises:
        PlanRefused: PB461 where it was judged before, and what it has made has moved since; PB462, PB465.
    """
    record = collect(execution, target, nodes=nodes_of(composed), lock=lock, reused=reused)
    evidence = witness_run(record, target, asked_of(composed, planned.definition))
    _refuse_replaced(evidence, target)
    keep_evidence(evidence, target)
    return judge_evidence(evidence, record)


def asked_of(composed: Composed, planned: bytes) -> Asked:
    """Return what the confs ask of a run of the planned definition."""
    gates = {name: unit.section.gate for name, unit in composed.graph.units.items()}
    definition = composed.definition
    return Asked(
        planned_sha256=hashlib.sha256(planned).hexdigest(),
        gates=gates,
        data=definition.data,
        commits=definition.commit_parameters,
    )


def _refuse_replaced(evidence: Evidence, target: Target) -> None:
    """Refuse to judge anew what an execution has made where it isn't what was judged: bounds and champions may move."""
    digest = find_newest(target, evidence.pipeline, evidence.execution)
    if not digest:
        return
    before = load_evidence(target, evidence.pipeline, digest)
    words = []
    for package in evidence.packages:
        if known := before.package(package.arn):
            name = f"{package.group} version {package.version}"
            words += [f"{name}: {text}" for text in describe_bytes(known, package)]
    if words:
        hint = "what was made is not what was judged: 'run --rerun' makes it anew"
        raise PlanRefused(*(Problem(id="PB461", message=text, hint=hint) for text in words))
