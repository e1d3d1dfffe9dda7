"""Steps that never run, because what they wait for needs the other branch of a condition than they stand in."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping

from pipeline_builder.definition.check.faults import FLOW
from pipeline_builder.definition.check.finding import Finding
from pipeline_builder.definition.check.flow import is_excluded
from pipeline_builder.definition.check.scope import Scope

Needs = Mapping[str, str]
"""Which branch each of some conditions has to take, by the condition's name."""


def find_unreachable(scope: Scope, waits: Mapping[str, Mapping[str, None]], free: frozenset[str]) -> Iterator[Finding]:
    """Yield the steps whose way leads through the other branch, in steps; that it is the next step `flow` says.

    `waits` has whom each step waits for, `free` those that also run where something didn't. A step that waits for both
    branches needs none of them.
    """
    if not any(step.branch and step.branch.type == "Condition" for step in scope.steps.values()):
        return
    needs: dict[str, Needs] = {}
    try:
        names = [name for name in graphlib.TopologicalSorter(waits).static_order() if name in scope.steps]
    except graphlib.CycleError:
        return  # which is said already
    for name in names:
        own = _own(scope, name, needs)
        inherited = {} if name in free else _inherited(needs[before] for before in waits[name] if before in needs)
        other = next((holder for holder in own if inherited.get(holder, own[holder]) != own[holder]), None)
        if other is not None and not any(_is_direct(scope, name, before) for before in waits[name]):
            message = f"the step never runs: what it waits for needs the other branch of '{other}'"
            yield Finding(name, scope.steps[name].path, FLOW, message, "give each branch steps of its own", "unsure")
        needs[name] = {**inherited, **own}


def _own(scope: Scope, name: str, needs: Mapping[str, Needs]) -> Needs:
    branch = scope.steps[name].branch
    if branch is None or branch.type != "Condition":
        return {}
    return {**needs.get(branch.holder, {}), branch.holder: branch.member}


def _inherited(of_all: Iterator[Needs]) -> Needs:
    """Return what several steps need together; where they need both branches, one of them is enough: the ways meet."""
    members: dict[str, set[str]] = {}
    for needs in of_all:
        for holder, member in needs.items():
            members.setdefault(holder, set()).add(member)
    return {holder: next(iter(found)) for holder, found in members.items() if len(found) == 1}


def _is_direct(scope: Scope, name: str, before: str) -> bool:
    other = scope.steps.get(before)
    return other is not None and is_excluded(scope.steps[name].branch, other.branch)
