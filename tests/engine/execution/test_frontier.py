"""The frontier of an execution: the same at every end as if every step were looked at anew, for a part of the work."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline_builder.engine.document.conditions import OUTCOME
from pipeline_builder.engine.document.document import Step, load_definition
from pipeline_builder.engine.document.flow import Flow
from pipeline_builder.engine.execution.frontier import Frontier
from tests.engine.definitions import compare, condition, definition, script

ENDS = ("Completed", "Failed", "Stopped", "Any")


def some_steps(chance: random.Random, size: int) -> tuple[Step, ...]:
    """Return steps with conditions, run conditions and both branches of a condition joined."""
    steps: list[dict[str, Any]] = []
    for n in range(size):
        known = [str(step["Name"]) for step in steps]
        chosen = chance.sample(known, min(len(known), chance.randrange(3)))
        ends = [name if chance.random() < 0.6 else {"Step": name, "Trigger": chance.choice(ENDS)} for name in chosen]
        more: dict[str, Any] = {"DependsOn": ends} if ends else {}
        if chance.random() < 0.25:
            inside = ([script(f"s{n}-then", "true")], [script(f"s{n}-else", "true")])
            steps.append(condition(f"s{n}", compare("Equals", 1, 1), then=inside[0], otherwise=inside[1], **more))
            steps.append(script(f"s{n}-join", "true", DependsOn=[f"s{n}-then", f"s{n}-else"]))
        else:
            steps.append(script(f"s{n}", "true", **more))
    return load_definition(definition(*steps)).steps


@pytest.mark.parametrize("seed", range(40))
def test_is_at_every_end_what_looking_at_all_steps_gives(seed: int) -> None:
    """Ends come in any order, some failed; what is skipped and ready is that of the whole graph each time."""
    chance = random.Random(seed)
    steps = some_steps(chance, 12)
    results: dict[str, Mapping[str, Any]] = {}
    failed: set[str] = set()
    frontier = Frontier(steps, steps, results, failed)
    todo, running = list(steps), []
    while True:
        flow = Flow(results, failed).foresee(steps)
        skipped = [step for step in todo if step.name in flow.skipped]
        assert list(frontier.take_skipped()) == skipped
        todo = [step for step in todo if step not in skipped]
        ready = [step for step in todo if flow.is_ready(step)]
        assert list(frontier.take_ready()) == ready
        todo = [step for step in todo if step not in ready]
        assert bool(frontier) == bool(todo)
        running += ready
        if not running:
            break
        for _ in range(chance.randint(1, len(running))):
            ended = running.pop(chance.randrange(len(running)))
            if chance.random() < 0.3:
                failed.add(ended.name)
            else:
                results[ended.name] = {OUTCOME: chance.random() < 0.5} if ended.type == "Condition" else {}
            frontier.end(ended.name)
    expected = all(any(flow.is_caught_by(step, name) for step in steps) for name in failed)
    assert frontier.are_caught(failed) == expected


class Counted(dict[str, Any]):
    """Results that count how often somebody looks whether a step is among them."""

    looks = 0

    def __contains__(self, name: object) -> bool:
        self.looks += 1
        return super().__contains__(name)


def test_looks_at_what_waits_for_an_end_and_at_nothing_else() -> None:
    """A chain of a thousand steps is a few thousand looks, not a million."""
    steps: list[dict[str, Any]] = [script("s0", "true")]
    steps += [script(f"s{n}", "true", DependsOn=[f"s{n - 1}"]) for n in range(1, 1000)]
    chain = load_definition(definition(*steps)).steps
    results = Counted()
    frontier = Frontier(chain, chain, results, set())
    order = []
    while frontier:
        for step in frontier.take_ready():
            order.append(step.name)
            results[step.name] = {}
            frontier.end(step.name)
    assert order == [step.name for step in chain]
    assert results.looks < 10_000
