"""DAGs drawn at random, with steps that fail, conditions and references, and what has to become of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.engine.definitions import compare, condition, definition, fail, output_of, script


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step: `kind` is works, breaks (its script fails), Fail or Condition.

    It waits for those of `after` by DependsOn, reads the outputs of those of `reads`, all of which work, and waits for
    those of `ends` until they have failed, or whatever becomes of them. A Condition takes `then` where the parameter of its name is `yes`, else `otherwise`.
    """

    name: str
    kind: str
    after: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    ends: tuple[tuple[str, str], ...] = ()
    takes: str = "yes"
    then: tuple[Node, ...] = ()
    otherwise: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What has to be there in the end: each step's status, and the text that each working step has written.

    `within` has the steps of each condition's branch that is taken: who waits for the condition waits for them too.
    """

    within: dict[str, tuple[str, ...]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    caught: set[str] = field(default_factory=set)

    @property
    def status(self) -> str:
        failed = {name for name, status in self.statuses.items() if status == "Failed"}
        if not failed:
            return "Succeeded"
        return "CompletedWithFailures" if failed <= self.caught else "Failed"


@st.composite
def dags(draw: st.DrawFn, most: int = 6) -> tuple[Node, ...]:
    """Draw a DAG of at most so many steps outside of conditions."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(2, most))):
        kinds = ["works", "works", "works", "works", "breaks", "Condition", "Fail"]
        nodes.append(_draw(draw, f"s{number}", nodes, draw(st.sampled_from(kinds))))
    return tuple(nodes)


def _draw(draw: st.DrawFn, name: str, earlier: Sequence[Node], kind: str, outside: Sequence[Node] = ()) -> Node:
    """Draw one step; it knows the steps beside it that come earlier, and those `outside` of its condition."""
    known = [*outside, *earlier]
    after = _some(draw, [node.name for node in known if node.kind != "Fail"])
    reads = _some(draw, [node.name for node in known if node.kind == "works"]) if kind == "works" else ()
    others = [node.name for node in known if node.kind != "Fail" and node.name not in (*after, *reads)]
    ends = tuple((other, draw(st.sampled_from(["Failed", "Any"]))) for other in _some(draw, others)[:1])
    if kind != "Condition":
        return Node(name=name, kind=kind, after=after, reads=reads, ends=ends)
    branches: list[tuple[Node, ...]] = []
    for branch in "te":
        inner: list[Node] = []
        for number in range(draw(st.integers(0, 2))):
            inside = draw(st.sampled_from(["works", "works", "breaks", "Fail"]))
            inner.append(_draw(draw, f"{name}{branch}{number}", inner, inside, earlier))
        branches.append(tuple(inner))
    takes = draw(st.sampled_from(["yes", "no"]))
    return Node(name=name, kind=kind, after=after, ends=ends, takes=takes, then=branches[0], otherwise=branches[1])


def _some(draw: st.DrawFn, names: list[str]) -> tuple[str, ...]:
    return tuple(draw(st.lists(st.sampled_from(names), max_size=2, unique=True))) if names else ()


def written(nodes: Sequence[Node], seconds: float = 0) -> bytes:
    """Return the definition; each working step takes so many seconds."""
    names = [node.name for node in nodes if node.kind == "Condition"]
    parameters = [{"Name": name, "Type": "String", "DefaultValue": "yes"} for name in names]
    return definition(*(_step(node, seconds) for node in nodes), Parameters=parameters)


def values(nodes: Sequence[Node]) -> dict[str, str]:
    """Return what the run is given for the parameters, by which its conditions come out."""
    return {node.name: node.takes for node in nodes if node.kind == "Condition"}


def _step(node: Node, seconds: float) -> dict[str, Any]:
    waits = [*node.after, *({"Step": name, "Trigger": trigger} for name, trigger in node.ends)]
    more: dict[str, Any] = {"DependsOn": waits} if waits else {}
    if node.kind == "Fail":
        return {**fail(node.name), **more}
    if node.kind == "Condition":
        branches = ([_step(inner, seconds) for inner in inside] for inside in (node.then, node.otherwise))
        taken = compare("Equals", {"Get": f"Parameters.{node.name}"}, "yes")
        return condition(node.name, taken, then=next(branches), otherwise=next(branches), **more)
    if node.kind == "breaks":
        return script(node.name, "exit 3", **more)
    texts = " ".join(f"$(cat /opt/ml/processing/input/{name}/text)" for name in node.reads)
    command = f"sleep {seconds}; echo -n '{node.name}('{texts}')' > /opt/ml/processing/output/text"
    return script(node.name, command, inputs={name: output_of(name) for name in node.reads}, **more)


def expected(nodes: Sequence[Node]) -> Outcome:
    """Return what becomes of each step, told from the meaning of a DAG alone."""
    outcome = Outcome()
    for node in nodes:
        _expect(node, outcome)
    return outcome


def _expect(node: Node, outcome: Outcome) -> None:
    ran = _become(node, outcome)
    outcome.within[node.name] = tuple(inner.name for inner in (node.then if node.takes == "yes" else node.otherwise))
    for inside, taken in ((node.then, node.takes == "yes"), (node.otherwise, node.takes == "no")):
        for inner in inside:
            if ran and taken:
                _become(inner, outcome)
            else:
                left_out = ran or outcome.statuses[node.name] == "Skipped"
                outcome.statuses[inner.name] = "Skipped" if left_out else "Waiting"


def _become(node: Node, outcome: Outcome) -> bool:
    """Say what becomes of a step whose branch is taken; whether it has succeeded."""
    inside = (inner for name in node.after for inner in outcome.within.get(name, ()))
    found = {outcome.statuses[name] for name in (*node.after, *node.reads)}
    found |= {outcome.statuses[name] for name in inside} - {"Skipped"}  # what is left out there keeps nobody waiting
    unmet = any(trigger == "Failed" and outcome.statuses[name] != "Failed" for name, trigger in node.ends)
    works = node.kind in ("works", "Condition")
    ready = not unmet and found <= {"Succeeded"}
    left_out = unmet or "Skipped" in found
    outcome.statuses[node.name] = (
        ("Succeeded" if works else "Failed") if ready else "Skipped" if left_out else "Waiting"
    )
    if ready and works:
        outcome.caught.update(name for name, _ in node.ends)
    if ready and node.kind == "works":
        outcome.texts[node.name] = f"{node.name}({' '.join(outcome.texts[name] for name in node.reads)})"
    return ready and works


def shown(nodes: Mapping[str, str]) -> str:
    """Return statuses as people compare them."""
    return ", ".join(f"{name} {status}" for name, status in sorted(nodes.items()))
