"""The way through the scenarios: each once, in order, and an answer to every point whatever happens on the way."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from acceptance.answers import Answer, Verdict
from acceptance.faults import FAULTS
from acceptance.ground import Ground, NotHere, Options, Seen
from acceptance.points import Point
from acceptance.prices import total
from acceptance.scenarios.catalogue import CATALOGUE, REMOVAL, SCENARIOS
from acceptance.scenarios.scenario import Scenario
from acceptance.state import now
from pipeline_builder.errors import OutsideFailure

_CUT_OFF = ("PB701", "PB703", "PB763")
"""No credentials (any more), no AWS, and something else in its place: nothing that a scenario could answer by."""
THROUGH, SKIPPED, FAILED = "through", "skipped", "failed"
_PATIENCE = 3
"""How many times its usual minutes a scenario may take."""
_NEEDS = "it needs "


class CutOff(Exception):
    """AWS can't be reached any more; the acceptance goes on later."""


def choose_scenarios(points: Sequence[Point], options: Options) -> tuple[Scenario, ...]:
    """Return what has to be played for these points, in order, with what it needs; what isn't asked for stays out."""
    wanted: set[str] = set()
    queue = [point.scenario for point in points if point.scenario in SCENARIOS]
    while queue:
        name = queue.pop()
        if name not in wanted and not SCENARIOS[name].asked(options):
            wanted.add(name)
            queue += SCENARIOS[name].needs
    return tuple(scenario for scenario in CATALOGUE if scenario.name in wanted)


def estimate(scenarios: Sequence[Scenario]) -> float:
    """Return what they cost, in USD."""
    return total(scenario.cost for scenario in scenarios)


def play(ground: Ground, points: Sequence[Point], scenarios: Sequence[Scenario]) -> None:
    """Play what isn't through yet; the book has an answer to every point then, but for the removal's."""
    by_scenario: dict[str, list[Point]] = {}
    for point in points:
        by_scenario.setdefault(point.scenario, []).append(point)
    for scenario in scenarios:
        if scenario.name not in ground.book.state.done:
            _play_one(ground, scenario, {point.id: point for point in by_scenario.get(scenario.name, ())})
    played = {scenario.name for scenario in scenarios}
    for point in points:
        if point.scenario not in played and point.scenario != REMOVAL:
            why = point.why or SCENARIOS[point.scenario].asked(ground.options)
            ground.book.answer(make_answer(point, Verdict.SKIPPED, why=why))


def _play_one(ground: Ground, scenario: Scenario, points: Mapping[str, Point]) -> None:
    if lacking := _lacking(ground, scenario):
        ground.book.note(_why(scenario.name), lacking)
        _rest(ground, points, Verdict.SKIPPED, lacking)
        ground.book.finish(scenario.name, SKIPPED)
        return
    ground.say(f"{scenario.name}: {scenario.title} (about {scenario.minutes} minutes)")
    ground.deadline = time.monotonic() + scenario.minutes * 60 * _PATIENCE + 600
    outcome, why = _outcome(ground, scenario, points)
    if why:
        ground.book.note(_why(scenario.name), why)
        ground.say(f"  {outcome_words(outcome)}: {why}")
    _rest(ground, points, Verdict.FAILED if outcome == FAILED else Verdict.SKIPPED, why)
    ground.book.finish(scenario.name, outcome)


def _outcome(ground: Ground, scenario: Scenario, points: Mapping[str, Point]) -> tuple[str, str]:
    """Play a scenario, and keep what is seen; return what became of it, and why.

    Raises:
        CutOff: AWS can't be asked any more.
    """
    try:
        for seen in scenario.play(ground):
            if seen.point in points:
                _keep(ground, points[seen.point], seen)
    except NotHere as error:
        return SKIPPED, f"not here: {error}"
    except FAULTS as error:
        if isinstance(error, OutsideFailure) and error.problems[0].id in _CUT_OFF:
            raise CutOff(str(error)) from error
        return FAILED, " ".join(str(error).split())
    except Exception as error:  # noqa: BLE001 - a mistake of ours in one scenario takes nothing from the others
        return FAILED, f"a bug of the acceptance: {error!r}"
    return THROUGH, ""


def beside(ground: Ground, point: Point, why: str) -> str:
    """Say why a point isn't about this account, empty where it is; `why` is what became of its scenario."""
    if point.id == "other-partitions" and ground.partition == "aws":
        return "the credentials are of the partition aws"
    if point.id == "retried-judge" and not why:
        return "the service's pipeline has no action Judge"
    if point.id == "old-connections" and ":codestar-connections:" not in ground.options.connection:
        return "the connection has the new prefix"
    return ""


def _lacking(ground: Ground, scenario: Scenario) -> str:
    """Say which scenario this one lacks, and why; of a chain the one that it began with."""
    for need in scenario.needs:
        outcome = ground.book.state.done.get(need, "not played")
        if outcome != THROUGH:
            why = ground.book.state.notes.get(_why(need), "")
            return why if why.startswith(_NEEDS) else f"{_NEEDS}'{need}', which {outcome_words(outcome)}: {why}"
    return ""


def outcome_words(outcome: str) -> str:
    """Return an outcome as a part of a sentence."""
    return {SKIPPED: "was skipped", FAILED: "failed"}.get(outcome, outcome)


def _why(scenario: str) -> str:
    return f"why {scenario}"


def _keep(ground: Ground, point: Point, seen: Seen) -> None:
    answer = make_answer(point, seen.verdict, seen=seen.words, evidence=seen.evidence)
    ground.book.answer(answer)
    ground.say(f"  {answer.verdict.value}: {point.id}: {seen.words}")


def _rest(ground: Ground, points: Mapping[str, Point], verdict: Verdict, why: str) -> None:
    """Answer what the scenario has left open."""
    for point in points.values():
        if point.id not in ground.book.state.answers:
            aside = beside(ground, point, why)
            ground.book.answer(make_answer(point, Verdict.SKIPPED if aside else verdict, why=aside or why))


def make_answer(
    point: Point, verdict: Verdict, *, seen: str = "", why: str = "", evidence: Mapping[str, str] | None = None
) -> Answer:
    """Return the answer to a point."""
    return Answer(
        id=point.id, question=point.question, expected=point.expected, otherwise=point.otherwise, verdict=verdict,
        seen=seen, why=why, evidence=dict(evidence or {}), scenario=point.scenario, at=now(),
    )  # fmt: skip
