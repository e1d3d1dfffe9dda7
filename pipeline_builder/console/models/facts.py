"""The facts of a model's version: all that the registry, the kept run, the evidence and the definition say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pipeline_builder.console.models.made import MadeStep, made_by, users_of
from pipeline_builder.dag.packages import QUALITY
from pipeline_builder.dag.requests import Ran, read_ran
from pipeline_builder.descriptions import ModelPackage
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.archive import find_newest, load_evidence
from pipeline_builder.release.evidence import (
    PIPELINE,
    PROPERTY,
    BoundEvidence,
    CommitEvidence,
    DataEvidence,
    Evidence,
    PackageEvidence,
)
from pipeline_builder.release.judging import judge_alone
from pipeline_builder.release.metrics import parse_metrics
from pipeline_builder.release.past.keeping import run_of
from pipeline_builder.release.record import PackageRecord, RunRecord, StepRecord, VerdictRecord
from pipeline_builder.release.reports import usable_metrics
from pipeline_builder.release.verification import find_own
from pipeline_builder.target import Target

Value = TypeVar("Value")
ReadRun = Callable[[str, str], RunRecord | None]
"""Returns the kept record of a run, by its pipeline and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a version; `missing` says in words what isn't, and why.

    `evidence` is the digest of what it was judged by, `proof` what that has of this package. `metrics` is the report,
    `fault` why there is none. `made` are the steps that led to it, `chained` those of other models that use them.
    """

    package: ModelPackage
    execution: str = ""
    pipeline: str = ""
    record: RunRecord | None = None
    own: PackageRecord | None = None
    evidence: Evidence | None = None
    proof: PackageEvidence | None = None
    metrics: Any = None
    fault: str = ""
    verdict: VerdictRecord | None = None
    made: tuple[MadeStep, ...] = ()
    chained: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    definition: bytes = b""
    missing: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """The id of its execution; empty where nobody knows it."""
        return self.execution.rsplit("/", 1)[-1]

    @property
    def model(self) -> str:
        """What its conf calls it."""
        return (self.own.model if self.own else self.proof.model if self.proof else "") or self.package.group

    @property
    def step(self) -> str:
        """The step that registered it."""
        return self.own.step if self.own else self.proof.step if self.proof else ""

    @property
    def bounds(self) -> tuple[BoundEvidence, ...]:
        """The bounds that it was judged by."""
        return self.proof.bounds if self.proof else ()

    @property
    def commits(self) -> tuple[CommitEvidence, ...]:
        """The commits of the repositories that its run had checked out; of its own where nothing else is known."""
        if self.record and self.record.repos:
            return tuple(CommitEvidence(name=r.name, url=r.url, commit=r.commit) for r in self.record.repos)
        if self.evidence:
            return self.evidence.commits
        noted = self.package.metadata.items()
        return tuple(
            CommitEvidence(name=name.removeprefix("commit-"), url="", commit=commit)
            for name, commit in noted
            if name.startswith("commit-")
        )

    @property
    def own_commits(self) -> tuple[CommitEvidence, ...]:
        """Those of them that the package names as its own, or all where it names none."""
        names = {name.removeprefix("commit-") for name in self.package.metadata if name.startswith("commit-")}
        return tuple(one for one in self.commits if one.name in names) or self.commits

    @property
    def data(self) -> tuple[DataEvidence, ...]:
        """The data that its steps depend on by its content, with fingerprints."""
        used = frozenset[str]().union(*(step.parameters for step in self.made))
        return tuple(d for d in (self.evidence.data if self.evidence else ()) if d.parameter in used or not self.made)

    @property
    def stubs(self) -> tuple[str, ...]:
        """The steps that did not run, because their results were given."""
        return tuple(step.name for step in self.made if step.stub)

    @property
    def hyperparameters(self) -> dict[str, str]:
        """What its trainings were given, by name; by step and name where several steps train."""
        several = [step for step in self.made if step.hyperparameters]
        if len(several) == 1:
            return dict(several[0].hyperparameters)
        return {f"{step.name}: {name}": value for step in several for name, value in step.hyperparameters.items()}


@dataclass(slots=True)
class _Gathering:
    """What is gathered so far; what can't be had is noted in words, and keeps nothing else from being shown."""

    missing: list[str] = field(default_factory=list)

    def tried(self, what: str, find: Callable[[], Value]) -> Value | None:
        try:
            return find()
        except PipelineBuilderError as error:
            self.missing.append(f"{what}: {'; '.join(f'{one.id} {one.message}' for one in error.problems)}")
            return None


def gather_facts(
    package: ModelPackage, target: Target, *, execution: str = "", pipeline: str = "", read_run: ReadRun
) -> Facts:
    """Return what is known of a package (as it is described); `execution` is the ARN of the run that registered it."""
    gathering = _Gathering()
    execution = execution or package.execution
    pipeline = pipeline or run_of(execution)[0] or package.metadata.get(PIPELINE, "")
    record = None
    if execution and pipeline:
        record = gathering.tried("its run", lambda: read_run(pipeline, execution.rsplit("/", 1)[-1]))
    if not execution:
        gathering.missing.append("which run has registered it: nothing of this tool names one")
    elif record is None:
        gathering.missing.append("the record of its run, which was before records were kept, or isn't this tool's")
    evidence = gathering.tried("its evidence", lambda: _evidence(package, target, pipeline, execution, record))
    proof = gathering.tried("its evidence", lambda: find_own(evidence, package)) if evidence else None
    own = next((one for one in record.packages if one.arn == package.arn), None) if record else None
    metrics, fault = _metrics(package, own, proof, target)
    facts = Facts(
        package=package, execution=execution, pipeline=pipeline, record=record, own=own, evidence=evidence, proof=proof,
        metrics=metrics, fault=fault, verdict=_verdict(own, evidence, proof), missing=tuple(gathering.missing),
    )  # fmt: skip
    return _with_steps(facts, target)


def _evidence(
    package: ModelPackage, target: Target, pipeline: str, execution: str, record: RunRecord | None
) -> Evidence | None:
    """Return what was decided by, else what its run was judged by; None where nothing was."""
    pipeline = package.metadata.get(PIPELINE, "") or pipeline
    digest = package.metadata.get(PROPERTY, "") or (record.evidence if record else "")
    if not digest and pipeline and execution:
        digest = find_newest(target, pipeline, execution)
    return load_evidence(target, pipeline, digest) if digest and pipeline else None


def _metrics(
    package: ModelPackage, own: PackageRecord | None, proof: PackageEvidence | None, target: Target
) -> tuple[Any, str]:
    """Return the evaluation report, as it was judged where that is known, and why there is none."""
    if own and own.metrics is not None:
        return own.metrics, ""
    if proof:
        found, fault = usable_metrics(proof.reports.get(QUALITY))
        return found, fault or ("" if found is not None else "it was judged without an evaluation report")
    if not package.metrics_uri:
        return None, "it was registered without an evaluation report"
    return _read_report(package.metrics_uri, target)


def _read_report(uri: str, target: Target) -> tuple[Any, str]:
    """Return a report as it lies there now, and why it can't be had."""
    try:
        return parse_metrics(target.store.get(uri), uri), ""
    except KeyError:
        return None, f"nothing is at '{uri}'"
    except ValueError:
        return None, f"what is at '{uri}' is no report in JSON"
    except PipelineBuilderError as error:
        return None, "; ".join(f"{one.id} {one.message}" for one in error.problems)


def _verdict(
    own: PackageRecord | None, evidence: Evidence | None, proof: PackageEvidence | None
) -> VerdictRecord | None:
    """Return the gate's word about this package: out of its evidence, else as the record has it."""
    if evidence and proof:
        return judge_alone(evidence, proof)
    return own.verdict if own else None


def _with_steps(facts: Facts, target: Target) -> Facts:
    """Return the facts with the steps that led to the package, by the definition that ran."""
    gathering = _Gathering([*facts.missing])
    if not facts.execution:
        return facts
    definition = gathering.tried("its steps", lambda: target.pipelines.definition_of(facts.execution)) or b""
    step = facts.step
    made: tuple[MadeStep, ...] = ()
    chained: Mapping[str, tuple[str, ...]] = {}
    if definition and step:
        states = facts.record.steps if facts.record else _steps_of(facts.evidence)
        made = made_by(_ran(facts, definition, target), definition, states, step)
        chained = users_of(definition, made, {one.name: one.model for one in states})
    return replace(facts, definition=definition, made=made, chained=chained, missing=tuple(gathering.missing))


def _ran(facts: Facts, definition: bytes, target: Target) -> Ran:
    parameters: Mapping[str, str] = facts.record.parameters if facts.record else {}
    if not facts.record:
        described = _Gathering().tried("", lambda: target.pipelines.describe_execution(facts.execution))
        parameters = described.parameters if described else {}
    return read_ran(definition, parameters, facts.execution)


def _steps_of(evidence: Evidence | None) -> Sequence[StepRecord]:
    return tuple(
        StepRecord(name=s.name, type=s.step_class, step_class=s.step_class, model=s.model, status=s.status, stub=s.stub)
        for s in (evidence.steps if evidence else ())
    )
