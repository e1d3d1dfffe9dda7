"""How long an execution stands for a run: as long as the results in it may be used."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepState, StepStatus
from pipeline_builder.release.ageing import unexpired_fingerprint
from pipeline_builder.target import PipelineService

THEN = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


@dataclass
class Steps:
    """A service that knows the steps of executions, and counts how often it is asked."""

    known: dict[str, tuple[StepState, ...]]
    asked: list[str] = field(default_factory=list)

    def list_steps(self, arn: str) -> tuple[StepState, ...]:
        self.asked.append(arn)
        return self.known[arn]


def execution(name: str, started: datetime, **more: Any) -> Execution:
    facts: dict[str, Any] = {"fingerprint": "same", "status": ExecutionStatus.SUCCEEDED, "definition_sha256": ""}
    facts |= {"pipeline": "p", "version": 1, "parameters": {}, "started": started, "ended": started + HOUR, **more}
    return Execution(arn=name, **facts)


def step(name: str, ended: datetime, hit: str = "") -> StepState:
    return StepState(name=name, type="Training", status=StepStatus.SUCCEEDED, ended=ended, cache_hit=hit)


def definition(age: str = "PT6H", *, enabled: bool = True) -> bytes:
    cache = {"CacheConfig": {"Enabled": enabled, "ExpireAfter": age}}
    inside = [{"Name": "train", "Type": "Training", "Arguments": {}, **cache}]
    gate = {"Name": "gate", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": inside, "ElseSteps": []}}
    return json.dumps({"Steps": [gate, {"Name": "other", "Type": "Model", "Arguments": {}}]}).encode()


def found(content: bytes, now: datetime, *executions: Execution, hit: str = "") -> tuple[str, list[str]]:
    service = Steps({e.arn: (step("train", cast("datetime", e.ended), hit),) for e in executions})
    fingerprint = unexpired_fingerprint(cast("PipelineService", service), content, "same", executions, now)
    return fingerprint, service.asked


def test_an_age_beyond_all_times_is_never_over() -> None:
    made = execution("new", THEN)
    for age in ("P99999999999D", "P9999Y", f"P{'9' * 5000}D"):
        assert found(definition(age), THEN + 8 * HOUR, made) == ("same", [])


def test_it_stands_until_its_age_is_over() -> None:
    made = execution("new", THEN)
    assert found(definition(), THEN + 6 * HOUR, made) == ("same", [])
    assert found(definition(), THEN + 7 * HOUR, made) == ("same", ["new"])
    other, asked = found(definition(), THEN + 8 * HOUR, made)
    assert (other != "same", asked) == (True, ["new"])


def test_what_was_taken_from_the_cache_is_as_old_as_where_it_is_from() -> None:
    old, new = execution("old", THEN, fingerprint="another"), execution("new", THEN + 5 * HOUR)
    assert found(definition(), THEN + 8 * HOUR, new, old)[0] == "same"
    assert found(definition(), THEN + 8 * HOUR, new, old, hit="old")[0] != "same"


def test_what_is_made_again_stands_in_its_place() -> None:
    first = execution("first", THEN)
    again, _ = found(definition(), THEN + 8 * HOUR, first)
    second = execution("second", THEN + 8 * HOUR, fingerprint=again)
    assert found(definition(), THEN + 9 * HOUR, second, first)[0] == again
    assert found(definition(), THEN + 16 * HOUR, second, first)[0] not in ("same", again)


@pytest.mark.parametrize("content", [definition(enabled=False), b'{"Steps": []}', definition("")])
def test_without_an_age_it_stands_for_good(content: bytes) -> None:
    assert found(content, THEN + 10_000 * HOUR, execution("new", THEN))[0] == "same"


def test_what_failed_has_no_age() -> None:
    failed = execution("new", THEN, status=ExecutionStatus.FAILED)
    assert found(definition(), THEN + 10_000 * HOUR, failed)[0] == "same"
