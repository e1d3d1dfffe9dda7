"""The verdict on an execution: its evidence is read and kept, and the gate decides by that alone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_builder.definition.composed import Composed
from pipeline_builder.descriptions import DeployedPipeline, Execution
from pipeline_builder.errors import PlanRefused, Problem
from pipeline_builder.machine.kept import Kept
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.release.archive import find_newest, keep_evidence, load_evidence
from pipeline_builder.release.differences import describe_bytes, describe_file
from pipeline_builder.release.evidence import Evidence, files_of
from pipeline_builder.release.outcome import collect
from pipeline_builder.release.overview import nodes_of
from pipeline_builder.release.parameters import data_addresses
from pipeline_builder.release.record import RunRecord
from pipeline_builder.release.upheld import Upheld
from pipeline_builder.target import Target

if TYPE_CHECKING:  # where the verdict stands nothing is judged
    from pipeline_builder.release.witness import Asked


def judge_execution(
    execution: Execution,
    target: Target,
    composed: Composed,
    lock: Lock | None,
    *,
    planned: DeployedPipeline,
    reused: bool,
    kept: Kept | None = None,
    date: str = "",
    noted: Callable[[RunRecord], RunRecord] = lambda record: record,
) -> RunRecord:
    """Return the record of an execution, with the verdict on it; one that is `kept` where it still stands.

    `date` is the logical date of an inference run, where its parameters don't tell it; `noted` adds what the checkout
    knows of its commits.

    Raises:
        PlanRefused: PB461 where it was judged before, and what it has made has moved since; PB462, PB465.
    """
    execution = target.pipelines.describe_execution(execution.arn) or execution  # a listing tells less
    upheld = None
    infers = composed.definition.kind == "inference"
    if kept and not infers:  # whose predictions lie below prefixes, where something may come
        definition = composed.definition
        own = (definition.sha256, definition.owners, definition.data, definition.commit_parameters, composed.judged_by)
        shown = repr((hashlib.sha256(planned.definition).hexdigest(), own, lock, reused))
        upheld = Upheld(kept=kept, target=target, execution=execution, asked=shown)
        if stands := upheld.find():
            return stands
    from pipeline_builder.release.judging import judge_evidence
    from pipeline_builder.release.witness import witness_run

    since = time.time()
    record = collect(execution, target, nodes=nodes_of(composed), lock=lock, reused=reused)
    asked = asked_of(composed, planned.definition, record.parameters)
    if infers:
        from pipeline_builder.release.scoring.collecting import collect_scores

        record, scores = collect_scores(record, execution, target, composed, date=date)
        asked = replace(asked, gates={}, scores=scores)
    evidence = witness_run(record, target, asked)
    _refuse_replaced(record, evidence, target)
    keep_evidence(evidence, target)
    record = noted(judge_evidence(evidence, record))
    if upheld:
        upheld.keep(record, evidence, since)
    return record


def asked_of(composed: Composed, planned: bytes, parameters: Mapping[str, str]) -> Asked:
    """Return what the confs ask of a run of the planned definition, which started with these parameters."""
    from pipeline_builder.release.witness import Asked

    gates = {name: unit.section.gate for name, unit in composed.graph.units.items()}
    definition = composed.definition
    return Asked(
        planned_sha256=hashlib.sha256(planned).hexdigest(),
        gates=gates,
        data=data_addresses(definition, parameters),
        commits=definition.commit_parameters,
    )


def _refuse_replaced(record: RunRecord, evidence: Evidence, target: Target) -> None:
    """Refuse to judge what isn't what was judged before: of the execution itself, and of those whose results it took.

    Bounds and champions may be others by now; what has been made may not.
    """
    words: list[str] = []
    sources = dict.fromkeys((evidence.execution, *(step.cache_hit for step in record.steps if step.cache_hit)))
    for execution in sources:
        if digest := find_newest(target, evidence.pipeline, execution):
            words += _replaced(load_evidence(target, evidence.pipeline, digest), evidence)
    if words:
        hint = "what was made is not what was judged: 'run --rerun' makes it anew"
        raise PlanRefused(*(Problem(id="PB461", message=text, hint=hint) for text in dict.fromkeys(words)))


def _replaced(before: Evidence, evidence: Evidence) -> Iterator[str]:
    """Say what of the same packages, or at the same addresses, is otherwise."""
    files = {file.uri: file for file in files_of(before)}
    for package in evidence.packages:
        name = f"{package.group} version {package.version}"
        if known := before.package(package.arn):
            yield from (f"{name}: {text}" for text in describe_bytes(known, package))
            continue
        for file in files_of(evidence.model_copy(update={"packages": (package,)})):
            if file.uri in files:
                yield from (f"{name}: {text}" for text in describe_file("the file", files[file.uri], file))
