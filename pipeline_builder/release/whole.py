"""Models that come whole from the step cache: they are registered already, and left out of a run."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pipeline_builder.dag.outline import Node, flat_steps, outline
from pipeline_builder.descriptions import (
    JSON,
    ApprovalStatus,
    CachePrediction,
    Execution,
    Selection,
    StepState,
    StepStatus,
)
from pipeline_builder.release.selection import MOST_SELECTED, Chosen, choose
from pipeline_builder.release.superseded import status_of
from pipeline_builder.target import PipelineService, Target

_FREE = ("Model", "RegisterModel", "Condition", "Fail")
"""Kinds of steps that no cache answers, and that make nothing of their own."""
_DONE = (StepStatus.SUCCEEDED, StepStatus.SKIPPED)
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a run is limited to, None where nothing has to run; `models` are left out, `last` has made one of them.

    `groups` are those that nothing is registered into, as nothing would be otherwise.
    """

    selection: Selection | None
    models: tuple[str, ...]
    last: Execution
    groups: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        names = ", ".join(self.models)
        return f"left out: {names}, which would come whole from the cache, and are registered already"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """An execution that has ended: its steps as they were defined, and what became of them."""

    execution: Execution
    definition: bytes
    steps: Mapping[str, JSON]
    states: Mapping[str, StepState]

    def made(self, step: str) -> frozenset[str]:
        """Return the executions that a step's result can be said to be of; none where this one hasn't got it."""
        state = self.states.get(step)
        if state is None or state.status is not StepStatus.SUCCEEDED:
            return frozenset()
        own = () if state.taken_from else (self.execution.arn,)
        return frozenset(arn for arn in (*own, state.cache_hit, state.taken_from) if arn)


def leave_whole(
    target: Target, pipeline: str, definition: bytes, nodes: Sequence[Node], hits: Sequence[CachePrediction]
) -> Left | None:
    """Return how a run is limited to what isn't whole in the cache; None where everything has to run.

    A model is whole where each of its steps that a cache can answer is answered, by the very results that its last
    version was registered from, and where its steps are defined as they were then. So what was killed between its
    training and its registration is not, and neither is what goes back to older data; but a version of other work that
    was rejected, or rolled back, doesn't count.
    """
    kinds = {step.name: step.type for step in outline(definition)}
    answered = {hit.step: hit.source for hit in hits if hit.hit}
    missed = {name for name, kind in kinds.items() if name not in answered and kind not in _FREE}
    own: dict[str, list[str]] = {}
    for node in nodes:
        own.setdefault(node.model, []).append(node.name)
    candidates = {
        model: tuple(names) for model, names in own.items() if not missed & set(names) and answered.keys() & set(names)
    }
    runs = _Ended(target.pipelines, pipeline)
    now = flat_steps(_steps(definition))
    by = {model: _registered(names, answered, now, runs, target) for model, names in candidates.items()}
    whole = {model: run for model, run in by.items() if run}
    return _left(definition, own, whole, answered) if whole else None


def _left(
    definition: bytes,
    own: Mapping[str, Sequence[str]],
    whole: dict[str, _Run],
    answered: Mapping[str, str],
) -> Left | None:
    """Leave out the whole models that nothing which runs leads to."""
    while True:
        wanted = [name for model, names in own.items() if model not in whole for name in names]
        chosen = choose(definition, wanted, descendants=True) if wanted else Chosen(steps=(), needed=(), left_out=())
        touched = {model for model in whole if wanted and not set(own[model]) <= set(chosen.left_out)}
        if not touched:
            break
        whole = {model: run for model, run in whole.items() if model not in touched}
    if not whole or len(chosen.steps) > MOST_SELECTED:
        return None
    newest = max(whole.values(), key=lambda run: run.execution.started)
    if not wanted:
        same = newest.definition == definition  # else it would be judged as one that ran something else
        groups = groups_left(definition, ())
        return Left(selection=None, models=tuple(whole), last=newest.execution, groups=groups) if same else None
    source = _source(chosen.needed, whole.values(), answered)
    if source is None:
        return None
    selection = Selection(steps=chosen.steps, source=source)
    groups = groups_left(definition, chosen.steps)
    return Left(selection=selection, models=tuple(whole), last=newest.execution, groups=groups)


def groups_left(definition: bytes, running: Collection[str]) -> frozenset[str]:
    """Return the groups that steps register into which don't run."""
    by_running: dict[bool, set[str]] = {True: set(), False: set()}
    for name, step in flat_steps(_steps(definition)).items():
        arguments = step["Arguments"] if isinstance(step, dict) and step.get("Type") == "RegisterModel" else None
        group = arguments.get("ModelPackageGroupName") if isinstance(arguments, dict) else None
        if isinstance(group, str):
            by_running[name in running].add(group)
    return frozenset(by_running[False] - by_running[True])


def _source(needed: Sequence[str], runs: Iterable[_Run], answered: Mapping[str, str]) -> str | None:
    """Return the execution that has every result that is needed, empty where none is; None where no single one has."""
    if not needed:
        return ""
    for run in runs:
        if all(answered[name] in run.made(name) if name in answered else bool(run.made(name)) for name in needed):
            return run.execution.arn
    return None


def _steps(definition: bytes) -> JSON:
    steps: JSON = json.loads(definition)["Steps"]
    return steps


class _Ended:
    """The executions that have ended, newest first; each is looked at when it is first asked for, and once."""

    def __init__(self, service: PipelineService, pipeline: str) -> None:
        self._service, self._pipeline = service, pipeline
        self._left: Iterator[Execution] | None = None
        self._known: list[_Run] = []

    def __iter__(self) -> Iterator[_Run]:
        yield from self._known
        if self._left is None:
            listed = (one for one in self._service.list_executions(self._pipeline) if one.status.ended)
            self._left = islice(listed, _MOST_RUNS)
        for execution in self._left:
            self._known.append(_run(self._service, execution))
            yield self._known[-1]


def _run(service: PipelineService, execution: Execution) -> _Run:
    definition = service.definition_of(execution.arn)
    states = {state.name: state for state in service.list_steps(execution.arn)}
    return _Run(execution=execution, definition=definition, steps=flat_steps(_steps(definition)), states=states)


def _registered(
    names: Sequence[str], answered: Mapping[str, str], now: Mapping[str, JSON], runs: Iterable[_Run], target: Target
) -> _Run | None:
    """Return the newest run that did all of a model's steps, if what it made is what the cache would answer with, of
    those whose versions are in use or may be yet; one that waits behind a rejected one is asked about no more.
    """
    behind = False
    for run in runs:
        states = [run.states.get(name) for name in names]
        if all(state and state.status in _DONE and not state.taken_from for state in states):
            same = all(run.steps.get(name) == now.get(name) for name in names)
            made = all(answered[name] in run.made(name) for name in names if name in answered)
            if same and made and not behind:
                return run
            arns = {arn for state in states if state and (arn := state.metadata.get("RegisterModel"))}
            found = {status_of(target, arn) for arn in arns}
            if same and made:
                return None if ApprovalStatus.PENDING in found else run
            if found != {ApprovalStatus.REJECTED}:
                return None
            behind = True
    return None
