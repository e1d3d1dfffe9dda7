"""JUnit: what a CI system reads of a run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from pipeline_builder.release.junit import render_junit
from pipeline_builder.release.record import RunRecord, VerdictRecord
from tests.release.records import run_record, steps


@dataclass
class Read:
    """The counts of a suite, and each case with what is in it."""

    counts: dict[str, str]
    cases: dict[str, list[str]]


def read(record: RunRecord) -> Read:
    (suite,) = ET.fromstring(render_junit(record).partition("?>")[2])
    cases = {case.get("name", ""): [child.tag for child in case] for case in suite}
    return Read({key: suite.get(key, "") for key in ("tests", "failures", "skipped", "time")}, cases)


def test_a_run_that_passed() -> None:
    found = read(run_record())
    assert found.counts == {"tests": "7", "failures": "0", "skipped": "0", "time": "6.000"}
    assert all(children == [] for children in found.cases.values())


def test_failed_waiting_and_cached_steps() -> None:
    made = list(steps("churn", status="Waiting", started=None, ended=None))
    made[0] = made[0].model_copy(update={"cache_hit": "arn:x/execution/abc"})
    failure = {"status": "Failed", "failure_reason": "Traceback\nValueError: no rows \x00\x1b[31m"}
    made[4] = made[4].model_copy(update=failure)
    record = run_record(steps=tuple(made), verdict=VerdictRecord(passed=False, reasons=("the execution is Failed",)))
    found = read(record)
    assert (found.counts["failures"], found.counts["skipped"]) == ("2", "1")
    assert found.cases["churn-Processing"] == ["system-out"]
    assert found.cases["churn-Metrics"] == ["failure"]
    assert found.cases["churn-RegisterModel"] == ["skipped"]
    assert found.cases["gate"] == ["failure"]
    assert 'message="ValueError: no rows' in render_junit(record)
