"""The order of steps that could run: what most hangs on goes first, by how long steps took before."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline_builder.engine.document.document import Step, load_definition
from pipeline_builder.engine.execution.priorities import Line, past_seconds
from pipeline_builder.engine.local import LocalPipelines
from pipeline_builder.engine.state.state import State
from tests.engine.definitions import CACHED, definition, run, script, target


def _step(name: str, *before: str) -> Step:
    return Step(name=name, type="Processing", arguments={}, before=before)


def _order(steps: list[Step], seconds: dict[str, float]) -> list[str]:
    line = Line(steps, seconds)
    for step in steps:
        line.join(step)
    return [step.name for step in line.take(len(steps))]


STEPS = [_step("a"), _step("b"), _step("c"), _step("d", "c"), _step("e", "d")]


@pytest.mark.parametrize(
    ("seconds", "order"),
    [
        ({}, "cdabe"),  # nothing is known: by the number of steps after it, then in the definition's order
        ({"b": 9.0, "a": 1.0, "c": 1.0, "d": 1.0, "e": 1.0}, "bcdae"),
        ({"a": 2.0, "c": 0.0, "d": 0.0, "e": 1.0}, "acdeb"),  # b is unknown: the median of the others, 0.5
    ],
)
def test_the_longest_way_to_the_end_goes_first(seconds: dict[str, float], order: str) -> None:
    assert "".join(_order(STEPS, seconds)) == order


def test_a_line_gives_no_more_than_it_has_and_nothing_when_it_is_cleared() -> None:
    line = Line(STEPS, {})
    assert (bool(line), line.take(3)) == (False, [])
    line.join(STEPS[0])
    line.join(STEPS[2])
    assert [step.name for step in line.take(1)] == ["c"]
    line.clear()
    assert (bool(line), line.take(0), line.take(1)) == (False, [], [])


@pytest.mark.long
def test_past_runs_say_how_long_steps_take(tmp_path: Path) -> None:
    local = target(tmp_path, jobs=1)
    content = definition(script("short", "sleep 0.05", **CACHED), script("long", "sleep 0.4"))
    _, first, steps = run(local, content)
    state = State(tmp_path / "state" / "state.db")
    seconds = past_seconds(state, "p")
    assert set(seconds) == {"short", "long"}
    assert seconds["long"] == pytest.approx(_took(steps["long"]), abs=0.01)
    assert past_seconds(state, "another") == {}
    _, second, steps = run(local, content, again=True)
    assert steps["short"].cache_hit == first.arn
    after = past_seconds(state, "p")
    assert after["short"] == seconds["short"], "one from the cache says nothing"
    assert after["long"] == pytest.approx(_took(steps["long"]), abs=0.01)
    _, _, steps = run(local, content, rerun=True)
    began = [steps[name].started for name in ("long", "short")]
    assert began == sorted(began, key=str), "the longer one goes first now"
    assert first.arn != second.arn


def _took(step: object) -> float:
    return (step.ended - step.started).total_seconds()  # type: ignore[attr-defined,no-any-return]


def test_by_turns_of_the_line_a_schedule_is_near_what_is_possible() -> None:
    """With what is known, 8 at once: against the critical path and the work's eighth, over many graphs."""
    worst = 0.0
    for seed in range(20):
        chance = random.Random(seed)
        names = [f"s{n}" for n in range(100)]
        steps = [
            _step(name, *chance.sample(names[max(0, n - 30) : n], min(n, chance.randint(0, 2))))
            for n, name in enumerate(names)
        ]
        seconds = {name: chance.uniform(0.05, 1.0) for name in names}
        worst = max(worst, _played(steps, seconds, 8) / _bound(steps, seconds, 8))
    assert worst < 1.06


def _played(steps: list[Step], seconds: dict[str, float], workers: int) -> float:
    line, clock, todo = Line(steps, seconds), 0.0, list(steps)
    running: dict[str, float] = {}
    done: set[str] = set()
    while todo or line or running:
        for step in [step for step in todo if done.issuperset(step.before)]:
            todo.remove(step)
            line.join(step)
        for step in line.take(workers - len(running)):
            running[step.name] = clock + seconds[step.name]
        clock = min(running.values())
        ended = {name for name, end in running.items() if end == clock}
        done |= ended
        running = {name: end for name, end in running.items() if name not in ended}
    return clock


def _bound(steps: list[Step], seconds: dict[str, float], workers: int) -> float:
    ends: dict[str, float] = {}
    for step in steps:
        ends[step.name] = max((ends[name] for name in step.before), default=0.0) + seconds[step.name]
    return max(*ends.values(), sum(seconds.values()) / workers)


def test_every_step_of_a_definition_has_a_rank() -> None:
    document = load_definition(definition(script("a", "true"), script("b", "true", DependsOn=["a"])))
    assert _order(list(document.steps), {}) == ["a", "b"]


def test_a_step_is_few_transactions_and_its_end_is_one(tmp_path: Path) -> None:
    local = target(tmp_path)
    pipelines = local.pipelines
    assert isinstance(pipelines, LocalPipelines)
    said: list[str] = []
    with pipelines.engine.state.transaction() as db:
        db.set_trace_callback(said.append)
    counts = []
    for length in (1, 3):
        said.clear()
        _, ended, _ = run(local, definition(*(script(f"s{n}", "true", **CACHED) for n in range(length))), rerun=True)
        assert ended.status.value == "Succeeded"
        counts.append(said.count("COMMIT"))
    assert counts[1] - counts[0] <= 2 * 3, said
    ends = "".join(said).split("BEGIN IMMEDIATE")
    together = [part for part in ends if "UPDATE jobs" in part and "INTO cache" in part and "INTO steps" in part]
    assert len(together) == 3, said
