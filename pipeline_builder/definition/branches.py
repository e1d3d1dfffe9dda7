"""Composed steps in the branches of their Condition steps; a condition in a condition becomes one beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pipeline_builder.conf.branching import ELSE, IF
from pipeline_builder.conf.graph import Graph
from pipeline_builder.dag.outline import referred_steps
from pipeline_builder.definition.names import STEP_NAME, shorten
from pipeline_builder.definition.steps.context import Mapped
from pipeline_builder.descriptions import JSON

_MEMBERS = {IF: "IfSteps", ELSE: "ElseSteps"}


def nest(graph: Graph, steps: Iterable[Mapped], owners: Mapping[str, str]) -> list[Mapped]:
    """Return the steps with those of branches where they run.

    SageMaker takes no condition within a condition: such a one stands beside the outer one, waits for it, and has its
    comparisons too.
    """
    composed = list(steps)
    if not any(step.holder for step in graph.steps):
        return composed
    held = {str(step["Name"]): graph.by_name[owners[str(step["Name"])]].holder for step in composed}
    apart = {str(step["Name"]): step for step in composed}
    inside: dict[tuple[str, str], list[JSON]] = {}
    for step in composed:
        holder = held[str(step["Name"])]
        if holder and step["Type"] != "Condition":
            inside.setdefault(holder, []).append(step)
    placed = [step for step in composed if step["Type"] == "Condition" or not held[str(step["Name"])]]
    return [made for step in placed for made in _around(_filled(graph, step, inside), held, apart)]


def else_name(condition: str) -> str:
    """Return the name of the Condition step that stands for the other branch of one within a branch."""
    return shorten(f"{condition}-Else", STEP_NAME)


def _filled(graph: Graph, step: Mapped, inside: Mapping[tuple[str, str], list[JSON]]) -> Mapped:
    own = graph.by_name.get(str(step["Name"]))
    arguments = step["Arguments"]
    if own is None or own.step_class != "Condition" or own.written is None or not isinstance(arguments, dict):
        return step
    filled = {member: inside.get((own.name, branch), []) for branch, member in _MEMBERS.items()}
    return {**step, "Arguments": {**arguments, **filled}}


def _around(step: Mapped, held: Mapping[str, tuple[str, str] | None], apart: Mapping[str, Mapped]) -> Iterator[Mapped]:
    """Yield the step; a condition within a branch with the comparisons of all around it, and one for its own else."""
    name, arguments = str(step["Name"]), step["Arguments"]
    outer = list(_outer(name, held, apart)) if step["Type"] == "Condition" else []
    if not outer or not isinstance(arguments, dict):
        yield step
        return
    own, before = _listed(arguments.get("Conditions")), held[name]
    assert before
    asked = _listed(step.get("DependsOn"))
    waits = {*referred_steps([*own, *asked]), *(name for name in asked if isinstance(name, str))}
    # What waits for one step of a branch is skipped with it, unless it waits for the condition as a whole too.
    tied = any(held.get(one) == before for one in waits) or before[0] in waits
    around: Mapped = step if tied else {**step, "DependsOn": [*asked, before[0]]}
    yield {**around, "Arguments": {**arguments, "Conditions": [*own, *outer], "ElseSteps": []}}
    if others := arguments.get("ElseSteps"):
        from pipeline_builder.definition.steps.condition import none_or_some

        turned: Mapped = {"Conditions": [*none_or_some(own), *outer], "IfSteps": others, "ElseSteps": []}
        yield {**around, "Name": else_name(name), "Arguments": turned}


def _outer(name: str, held: Mapping[str, tuple[str, str] | None], apart: Mapping[str, Mapped]) -> Iterator[JSON]:
    """Yield the comparisons of all conditions around one, the nearest first."""
    holder = held.get(name)
    while holder:
        arguments = apart[holder[0]]["Arguments"] if holder[0] in apart else {}
        conditions = _listed(arguments.get("Conditions") if isinstance(arguments, dict) else None)
        if holder[1] == ELSE:
            from pipeline_builder.definition.steps.condition import none_or_some

            conditions = none_or_some(conditions)
        yield from conditions
        holder = held.get(holder[0])


def _listed(value: JSON) -> list[JSON]:
    return list(value) if isinstance(value, list) else []
