"""The page of a step: what it asked for, what it read and wrote, what it took, and the end of its log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline_builder.console.look import FRESH, SETTLED, Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.runs.details import Address, Details, details_of
from pipeline_builder.console.runs.hidden import hide_secrets
from pipeline_builder.console.runs.log import Found, find_in_log
from pipeline_builder.console.runs.reading import ENDED, Run, find_step, read_run, read_steps
from pipeline_builder.descriptions import JSON, JobDescription, LogPart, StepState, StoredObject
from pipeline_builder.release.machines import MachineTime, machine_times
from pipeline_builder.release.record import StepRecord

_MOST_REQUEST = 200_000
"""Characters of a request that a page shows."""
_MOST_LOOKS = 24
"""Addresses of a step that are looked at; a look reads an object as a whole on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A step before or after this one, with what it is at."""

    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What a step took. `cpu` is in seconds, `memory` in bytes of the largest process; None where nobody knows."""

    seconds: float | None = None
    attempts: int = 1
    cpu: float | None = None
    memory: int | None = None
    machine: MachineTime | None = None
    machines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step of a run. `state` is one word: its status, `cached` or `stub`.

    `source` is the id of the run that the result is from, `missed` why the cache didn't answer. `asked` is the request
    as JSON, as the service got it where `resolved`, else as the definition has it; `told` what it tells beyond that.
    `log` is its end, `before` how many bytes are before that; `live` says that more may come.
    """

    title: str
    pipeline: str
    run: str
    local: bool
    step: StepRecord
    state: str
    live: bool
    note: str
    took: Took
    source: str
    missed: str
    job: JobDescription | None
    details: Details
    asked: str
    resolved: bool
    told: str
    cut: bool
    needs: tuple[Neighbour, ...]
    needed: tuple[Neighbour, ...]
    log: LogPart
    find: str
    found: Found | None
    retries: str

    @property
    def has_log(self) -> bool:
        return bool(self.log.text or self.step.log)


def step_page(look: Look, query: Query, *, pipeline: str, id: str, step: str) -> StepView:  # noqa: A002 - a part of its address
    """Return what is shown of a step; `?find=` looks for a text in its log.

    Raises:
        InputProblems: PB040, PB041 where there is no such run or step.
    """
    run = read_run(look, pipeline, id)
    return step_view(look, run, step, find=query.get("find").strip())


def step_view(look: Look, run: Run, name: str, *, find: str = "") -> StepView:
    """Return what is shown of a step of a run that was read."""
    step, steps = find_step(run, name), read_steps(look, run)
    state, written = steps.states.get(name), steps.written.get(name)
    job = _job(look, run, step)
    plain = job.request if job else written.get("Arguments") if isinstance(written, dict) else None
    request, result = hide_secrets(_json(plain)), hide_secrets(_json(job.result) if job else None)
    asked, told = _pretty(request), _pretty(result)
    going_on = step.status not in (*ENDED, "Skipped") and run.going_on
    return StepView(
        title=f"{name}, {run.record.pipeline} {run.id}",
        pipeline=run.record.pipeline,
        run=run.id,
        local=look.target.name == "local",
        step=step,
        state="cached" if step.cache_hit else "stub" if step.stub else step.status,
        live=going_on,
        note=state.note if state else "",
        took=_took(look, step, state, job),
        source=_source(step, state),
        missed=job.missed if job and not step.cache_hit else "",
        job=job,
        details=_looked_up(look, details_of(request, result)),
        asked=asked[:_MOST_REQUEST],
        resolved=job is not None,
        told=told[:_MOST_REQUEST] if result else "",
        cut=max(len(asked), len(told)) > _MOST_REQUEST,
        needs=_neighbours(run, step.depends_on),
        needed=_neighbours(run, (one.name for one in run.record.steps if name in one.depends_on)),
        log=_log(look, run, step),
        find=find,
        found=find_in_log(look, run, name, find) if find else None,
        retries=_pretty(written["RetryPolicies"]) if isinstance(written, dict) and written.get("RetryPolicies") else "",
    )


def _json(value: object) -> JSON:
    return json.loads(json.dumps(value, default=str))  # type: ignore[no-any-return] # of what JSON has


def _pretty(value: JSON) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value is not None else ""


def _job(look: Look, run: Run, step: StepRecord) -> JobDescription | None:
    """Return what the target tells of a step's job; what has ended is asked for once."""
    if run.execution is None or step.status in ("Waiting", "Skipped"):
        return None
    arn, pipelines = run.execution.arn, look.target.pipelines
    seconds = SETTLED if step.status in ENDED else FRESH
    return look.attempt(
        lambda: look.once(("job", arn, step.name), seconds, lambda: pipelines.describe_job(arn, step.name)), None
    )


def _log(look: Look, run: Run, step: StepRecord) -> LogPart:
    """Return the end of a step's log; where the target has none any more, what the record has kept of it."""
    kept = LogPart(text="".join(f"{line}\n" for line in step.log_tail), mark="")
    if run.execution is None or step.status in ("Waiting", "Skipped"):
        return kept
    arn, pipelines = run.execution.arn, look.target.pipelines
    part = look.attempt(
        lambda: look.once(("log", arn, step.name), FRESH, lambda: pipelines.read_log_part(arn, step.name)), kept
    )
    return part if part.text else replace(kept, mark=part.mark)


def _took(look: Look, step: StepRecord, state: StepState | None, job: JobDescription | None) -> Took:
    ran = not (step.cache_hit or step.stub)
    begun, ended = step.started, step.ended or (look.now() if step.started and step.status not in ENDED else None)
    used: Mapping[str, float] = job.used if job and ran else {}
    timed = step if step.ended else step.model_copy(update={"ended": ended})
    return Took(
        seconds=_seconds(begun, ended),
        attempts=state.attempts if state else 1,
        cpu=used.get("cpu"),
        memory=int(used["memory"]) if "memory" in used else None,
        machine=next(iter(machine_times([timed], look.prices)), None),
        machines=step.machines,
    )


def _seconds(begun: datetime | None, ended: datetime | None) -> float | None:
    return max(0.0, (ended - begun).total_seconds()) if begun and ended else None


def _source(step: StepRecord, state: StepState | None) -> str:
    """Return the id of the run that the step's result was taken from."""
    arn = step.cache_hit or (state.taken_from if state else "")
    return arn.rsplit("/", 1)[-1]


def _neighbours(run: Run, names: Iterable[str]) -> tuple[Neighbour, ...]:
    states = {one.name: "cached" if one.cache_hit else "stub" if one.stub else one.status for one in run.record.steps}
    return tuple(Neighbour(name=name, state=states[name]) for name in names if name in states)


# --- what lies at the addresses


def _looked_up(look: Look, details: Details) -> Details:
    """Return the details with what the store has at their addresses now; of very many the first."""
    found, before = {}, len(look.remarks)
    for address in (*details.reads, *details.writes)[:_MOST_LOOKS]:
        found[address.uri] = look.attempt(lambda uri=address.uri: _stored(look, uri), None)  # type: ignore[misc]
    # Who may look at runs needn't be one who may look at data: that is said once, not for each address.
    del look.remarks[before + 1 :]
    return replace(
        details,
        reads=tuple(_with_facts(one, found) for one in details.reads),
        writes=tuple(_with_facts(one, found) for one in details.writes),
    )


def _stored(look: Look, uri: str) -> tuple[StoredObject | None, str]:
    """Return what lies at an address, or all below it where it is none of an object's."""
    store = look.target.store

    def looked() -> StoredObject | None:
        found = None if uri.endswith("/") else store.look(uri)
        return found or store.look(f"{uri.rstrip('/')}/")

    return look.known(("object", uri), SETTLED, looked), uri


def _with_facts(address: Address, found: Mapping[str, tuple[StoredObject | None, str] | None]) -> Address:
    looked = found.get(address.uri)
    if looked is None:
        return address
    stored, _ = looked
    if stored is None:
        return replace(address, gone=True)
    return replace(
        address,
        size=stored.size,
        objects=stored.below,
        fingerprint=stored.sha256 or stored.etag,
        modified=stored.modified,
    )
