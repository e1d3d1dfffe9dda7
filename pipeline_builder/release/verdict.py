"""The verdict on an execution: its evidence is collected, and the gate decides."""

from __future__ import annotations

import hashlib

from pipeline_builder.definition.compose import Composed
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.release.gate import judge, judge_models
from pipeline_builder.release.outcome import collect
from pipeline_builder.release.overview import nodes_of
from pipeline_builder.release.record import RunRecord
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
    """Return the record of an execution, with the verdict on it."""
    record = collect(execution, target, nodes=nodes_of(composed), lock=lock, reused=reused)
    gates = {name: unit.section.gate for name, unit in composed.graph.units.items()}
    planned_sha256 = hashlib.sha256(planned.definition).hexdigest()
    verdict = judge(record, planned_sha256=planned_sha256, gates=gates)
    packages = judge_models(record, planned_sha256=planned_sha256, gates=gates)
    return record.model_copy(update={"verdict": verdict, "packages": packages})
