"""Steps that wait for each other."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping

from pipeline_builder.definition.check.faults import CYCLE
from pipeline_builder.definition.check.finding import Finding, order
from pipeline_builder.definition.check.scope import Scope


def find_cycles(waits: Mapping[str, Mapping[str, None]]) -> Iterator[list[str]]:
    """Yield cycles of steps that wait for each other until there is none; no step is in two of them."""
    left = {name: set(before) for name, before in waits.items()}
    while left:
        try:
            graphlib.TopologicalSorter(left).prepare()
            return
        except graphlib.CycleError as error:
            cycle: list[str] = error.args[1][:-1]
        yield cycle
        left = {name: before.difference(cycle) for name, before in left.items() if name not in cycle}


def describe_cycle(scope: Scope, cycle: list[str]) -> Finding:
    """Show the cycle from its first step on, each step before the one that waits for it."""
    start = min(range(len(cycle)), key=lambda at: order(scope.steps[cycle[at]].path))
    names = [*cycle[start:], *cycle[:start]]
    shown = " >> ".join([*names, names[0]])
    message = "the step waits for itself" if len(cycle) == 1 else f"steps wait for each other in a cycle: {shown}"
    return Finding(names[0], scope.steps[names[0]].path, CYCLE, message)
