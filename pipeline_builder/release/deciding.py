"""Which run a decision is about: the one that is named, or the newest that has what waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pipeline_builder.descriptions import Execution, ModelPackage
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.past.former import models_then
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.target import Target

_MOST_RUNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """An execution, and the names of its models that were asked for; none for all of them."""

    execution: Execution
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Registered:
    """A package of an execution, and what a person may call it."""

    package: ModelPackage
    names: frozenset[str]


def find_meant(
    target: Target,
    executions: Iterable[Execution],
    models: Sequence[str],
    *,
    model_of: Mapping[str, str],
    again: bool = False,
) -> tuple[Meant, ...]:
    """Return the runs that a decision is about: for each model, or for all where none is named, the newest run in which
    it waits, else the newest that has registered it. With `again` it is the newest in which it is decided.

    `executions` are newest first; one that still goes on isn't judged yet, and isn't looked at. A version doesn't wait
    any more when a newer one of its group is decided: the same command again would decide about one version after the
    other. `model_of` has the model of each step; a name that is none of these is one that a run has known its model by,
    whose step or repository has been renamed since, or is gone.

    Raises:
        InputProblems: PB430 where no run has registered anything, PB480 for models that none has registered.
    """
    runs = _Runs(target=target, executions=tuple(islice((e for e in executions if e.status.ended), _MOST_RUNS)),
                 model_of=model_of)  # fmt: skip
    if not models:
        found = runs.find("", again=again)
        if found is None:
            raise InputProblems(Problem(id="PB430", message="no run has registered a model package yet"))
        return (Meant(execution=found),)
    meant = {name: runs.find(name, again=again) or runs.find(name, again=again, then=True) for name in models}
    if unknown := [name for name, found in meant.items() if found is None]:
        raise InputProblems(*(runs.unknown(name) for name in unknown))
    by_run: dict[str, list[str]] = {}
    for name, found in meant.items():
        by_run.setdefault(found.arn if found else "", []).append(name)
    return tuple(Meant(execution=e, models=tuple(by_run[e.arn])) for e in reversed(runs.executions) if e.arn in by_run)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    target: Target
    executions: tuple[Execution, ...]
    model_of: Mapping[str, str]
    known: dict[str, tuple[_Registered, ...]] = field(default_factory=dict)
    named: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def find(self, name: str, *, again: bool, then: bool = False) -> Execution | None:
        """Return the run that is meant; `then` looks for the model by what it was called when it ran."""
        first: Execution | None = None
        settled: set[str] = set()
        for execution in self.executions:
            known = self._called(execution, name) if then else self._of(execution)
            mine = [one.package for one in known if then or not name or name in one.names]
            first = first or (execution if mine else None)
            states = [(package.group, standing(package)) for package in mine]
            if again and any(state is not Standing.WAITING for _, state in states):
                return execution
            if not again and any(state is Standing.WAITING and group not in settled for group, state in states):
                return execution
            settled |= {group for group, state in states if state is not Standing.WAITING}
        return first

    def _of(self, execution: Execution) -> tuple[_Registered, ...]:
        if execution.arn not in self.known:
            self.known[execution.arn] = tuple(self._registered(execution))
        return self.known[execution.arn]

    def _called(self, execution: Execution, name: str) -> tuple[_Registered, ...]:
        registered = self._of(execution)
        if not registered:
            return ()
        if execution.arn not in self.named:
            self.named[execution.arn] = models_then(self.target, execution)
        called = self.named[execution.arn]
        return tuple(
            one
            for one in registered
            if (model := called.get(one.package.arn)) and name in (model, f"{model}/{one.package.version}")
        )

    def _registered(self, execution: Execution) -> Iterator[_Registered]:
        for state in self.target.pipelines.list_steps(execution.arn):
            arn = state.metadata.get("RegisterModel")
            if not arn or state.taken_from:
                continue
            package = self.target.registry.describe_package(arn)
            plain = {package.group, self.model_of.get(state.name, "")} - {""}
            names = {*plain, *(f"{name}/{package.version}" for name in plain), arn}
            yield _Registered(package=package, names=frozenset(names))

    def unknown(self, name: str) -> Problem:
        names = {known for execution in self.executions[:5] for one in self._of(execution) for known in one.names}
        short = sorted(known for known in names if "/" not in known)
        message = f"no run has registered a model '{name}', and no execution has that id"
        return Problem(id="PB480", message=message, hint=did_you_mean(name, short))
