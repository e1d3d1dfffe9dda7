"""What a run came to: reads steps, logs, packages, metrics and champions of an execution into one record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline_builder import __version__
from pipeline_builder.dag.outline import Node, flat_steps, outline
from pipeline_builder.descriptions import ApprovalStatus, Execution, ModelPackage, StepState
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.release.blocked import find_blocked
from pipeline_builder.release.machines import machine_of
from pipeline_builder.release.metrics import parse_metrics
from pipeline_builder.release.past.hosts import kind_of
from pipeline_builder.release.record import PackageRecord, RepoRecord, RunRecord, StageTime, StepRecord, SubmoduleRecord
from pipeline_builder.release.trials import read_trials
from pipeline_builder.target import Target

_TAIL_LINES = 40
_PACKAGE = "RegisterModel"


def collect(
    execution: Execution,
    target: Target,
    *,
    nodes: Sequence[Node] = (),
    lock: Lock | None = None,
    reused: bool = False,
    tails: bool = True,
    reasons: bool = True,
) -> RunRecord:
    """Return the record of an execution as it is now; without the ends of its steps' logs, and without why the step
    cache didn't answer, where nobody wants `tails` and `reasons`: those take most of the time, and of the calls on AWS.

    `nodes` add what the definition doesn't say (models, step classes); `lock` the commits of the repositories.
    """
    execution = target.pipelines.describe_execution(execution.arn) or execution  # a listing tells less
    states = target.pipelines.list_steps(execution.arn)
    content = target.pipelines.definition_of(execution.arn)
    edges = {step.name: step.depends_on for step in outline(content)}
    known = {node.name: node for node in nodes}
    machines = _machines(content)
    logs = {s.name: target.pipelines.read_log(execution.arn, s.name) for s in states if s.log and tails}
    steps = tuple(_step(s, known.get(s.name), edges.get(s.name, ()), logs.get(s.name, "")) for s in states)
    missed = target.pipelines.why_ran(execution.arn) if reasons else {}
    steps = tuple(
        step.model_copy(update={**machines.get(step.name, {}), "missed": missed.get(step.name, "")}) for step in steps
    )
    return RunRecord(
        tool_version=__version__,
        target=target.name,
        pipeline=execution.pipeline,
        pipeline_version=execution.version,
        execution=execution.arn,
        status=execution.status.value,
        started=execution.started,
        ended=execution.ended,
        failure_reason=execution.failure_reason,
        reused=reused,
        definition_sha256=hashlib.sha256(content).hexdigest(),
        fingerprint=execution.fingerprint,
        parameters=dict(execution.parameters),
        repos=repo_records(lock),
        steps=steps,
        packages=tuple(_packages(states, steps, target)),
        blocked=find_blocked(states, content, execution, target, {step.name: step.model for step in steps}),
    )


def recall(saved: RunRecord | None, execution: Execution, target: Target) -> RunRecord:
    """Return the record of an execution with its packages as they are now; `saved` is that of the last run.

    What the run recorded stays; only the registry may have moved on since. One that isn't the last has its record among
    those that are kept of all runs; where there is none, as of older versions, it is made again as far as can be told.

    Raises:
        PlanRefused: PB463 where the record names a package that the execution didn't register.
    """
    from pipeline_builder.release.past.keeping import read_kept  # which need the judging, and that needs this module
    from pipeline_builder.release.past.remaking import remake

    fresh = collect(execution, target, reasons=False)
    if saved is None or saved.execution != execution.arn:
        saved = read_kept(target, fresh.pipeline, execution.arn)
        if saved is None or saved.status != fresh.status:  # it goes on again
            return remake(fresh, target)
    now = {package.arn: package for package in fresh.packages}
    if unknown := [package.arn for package in saved.packages if package.arn not in now]:
        registered = ", ".join(f"'{arn}'" for arn in now) or "none"
        raise PlanRefused(*(_not_registered(arn, execution, registered) for arn in unknown))
    packages = tuple(_as_now(package, now[package.arn]) for package in saved.packages)
    return saved.model_copy(update={"packages": packages, "pipeline": fresh.pipeline})


def _not_registered(arn: str, execution: Execution, registered: str) -> Problem:
    message = f"the record names the package '{arn}', and the execution '{execution.id}' has registered {registered}"
    return Problem(id="PB463", message=message, hint="nothing is decided by an edited record: judge the run again")


def _as_now(package: PackageRecord, now: PackageRecord) -> PackageRecord:
    return package.decided(now.status, now.approval_description, now.metadata)


def with_stages(record: RunRecord, stages: Mapping[str, float]) -> RunRecord:
    """Return the record with how long each stage of the command took."""
    times = tuple(StageTime(stage=stage, seconds=round(seconds, 3)) for stage, seconds in stages.items())
    return record.model_copy(update={"stages": times})


def _step(state: StepState, node: Node | None, depends_on: tuple[str, ...], log: str) -> StepRecord:
    return StepRecord(
        name=state.name,
        type=state.type,
        step_class=node.step_class if node else state.type,
        model=node.model if node else "",
        depends_on=depends_on,
        status=state.status.value,
        started=state.started,
        ended=state.ended,
        cache_hit=state.cache_hit,
        failure_reason=state.failure_reason,
        log=state.log,
        link=state.link,
        stub=state.stub,
        trials=read_trials(state.metadata),
        log_tail=tuple(log.splitlines()[-_TAIL_LINES:]),
    )


def _machines(content: bytes) -> dict[str, dict[str, Any]]:
    """Return what each step's request asks for, by the step's name."""
    found = {}
    for name, step in flat_steps(json.loads(content).get("Steps")).items():
        kind, count = machine_of(step.get("Arguments") if isinstance(step, dict) else None)
        if kind:
            found[name] = {"machine": kind, "machines": count}
    return found


def repo_records(lock: Lock | None) -> tuple[RepoRecord, ...]:
    """Return the repositories as a lock has them."""
    return tuple(
        RepoRecord(
            name=repo.name,
            url=repo.url,
            revision=repo.revision,
            commit=repo.commit,
            tree=repo.tree,
            committed=datetime.fromisoformat(repo.committed.replace("Z", "+00:00")),
            kind=kind_of(repo.url),
            subject=repo.subject,
            author=repo.author,
            path=repo.path,
            submodules=tuple(
                SubmoduleRecord(path=one.path, url=one.url, commit=one.commit) for one in repo.submodules or ()
            ),
        )
        for repo in (lock.repos if lock else ())
    )


def _packages(states: tuple[StepState, ...], steps: tuple[StepRecord, ...], target: Target) -> list[PackageRecord]:
    """Exactly the packages that this execution registered, from its steps' metadata."""
    models = {step.name: step.model for step in steps}
    among = [state.metadata[_PACKAGE] for state in states if state.metadata.get(_PACKAGE) and not state.taken_from]
    found = []
    for state in states:
        arn = state.metadata.get(_PACKAGE)
        if not arn or state.taken_from:  # of a step that was left out it is the source's
            continue
        package = target.registry.describe_package(arn)
        champion = find_champion(package, target, without=among)
        metrics, fault = _metrics(package, target)
        rival, lost = _metrics(champion, target) if champion else (None, "")
        found.append(
            PackageRecord(
                arn=arn,
                group=package.group,
                version=package.version,
                model=models[state.name] or package.group,
                step=state.name,
                status=package.status.value,
                approval_description=package.approval_description,
                model_data_url=package.model_data_url,
                image=package.image,
                metadata=dict(package.metadata),
                metrics=metrics,
                metrics_fault=fault,
                champion_arn=champion.arn if champion else "",
                champion_version=champion.version if champion else 0,
                champion_metrics=rival,
                champion_note=lost,
                champion_lost=bool(lost),
            )
        )
    return found


def _metrics(package: ModelPackage, target: Target) -> tuple[Any, str]:
    """Return the report of a package, or why it can't be used: then it is blocked, or nothing is compared with it."""
    try:
        return read_metrics(package, target), ""
    except InputProblems as error:
        return None, "; ".join(f"{problem.id} {problem.message}" for problem in error.problems)


def find_champion(package: ModelPackage, target: Target, *, without: Iterable[str] = ()) -> ModelPackage | None:
    """Return the newest approved version of the package's group that is older than the package itself.

    Those of its own run are left out: they are candidates beside it.
    """
    others = target.registry.list_packages(package.group)
    approved = (
        p
        for p in others
        if p.status is ApprovalStatus.APPROVED and p.version < package.version and p.arn not in {*without}
    )
    found = next(approved, None)
    # A listing has neither metrics nor metadata on AWS.
    return target.registry.describe_package(found.arn) if found else None


def read_metrics(package: ModelPackage, target: Target) -> Any:
    """Return the evaluation report's JSON; None where there is none, or it can't be read as JSON.

    Raises:
        InputProblems: PB529, PB671 where it is too large to be read.
    """
    if not package.metrics_uri:
        return None
    try:
        return parse_metrics(target.store.get(package.metrics_uri), package.metrics_uri)
    except (KeyError, ValueError):
        return None
