"""What Score comes to where it is too early for scores: nothing, which is no failure; what is wrong is one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.cli.options import make_session
from pipeline_builder.errors import InputProblems
from pipeline_builder.service.setting import Setting
from pipeline_builder.service.stage import run_build
from pipeline_builder.service.train import run_judge, run_start, run_train
from pipeline_builder.session import Session
from pipeline_builder.views.following import Eyes
from tests.scoring import Scoring, make_scoring

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:scoring-wait"
DAY = "2026-11-28"


@dataclass
class Waits:
    """Step Functions, as Start asks it."""

    given: list[Mapping[str, Any]] = field(default_factory=list)

    def begin_wait(self, machine: str, given: Mapping[str, Any]) -> str:
        assert machine == MACHINE
        self.given.append(given)
        return "name"

    def was_judged(self, pipeline: str, execution: str) -> bool:
        raise AssertionError((pipeline, execution))

    def find_answer(self, pipeline: str, execution: str) -> str:
        raise AssertionError((pipeline, execution))


def session_of(workspace: Scoring) -> Session:
    places: Any = {"manifest": workspace.root / "model_repos.yaml", "state": None, "build": None, "env_file": None}
    session = make_session(places, "local", None).of("scoring")
    session.date = DAY
    return session


def eyes_of() -> Eyes:
    return Eyes(stream=io.StringIO(), terminal=False, say=lambda _: None)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scoring:
    """What Build leaves, before any model was trained."""
    workspace = make_scoring(tmp_path / "workspace")
    monkeypatch.chdir(workspace.root)
    run_build(session_of(workspace), Setting())
    return workspace


@pytest.mark.long
def test_without_an_approved_model_nothing_is_scored_and_nothing_is_red(built: Scoring) -> None:
    setting = Setting(trigger="schedule:daily", execution="e1", pipeline="scoring", wait_machine=MACHINE)
    eyes = eyes_of()
    staged = run_train(session_of(built), setting, eyes)
    assert staged.record is None
    assert (staged.exports["VERDICT"], staged.exports["LOGICAL_DATE"]) == ("nothing", DAY)
    assert "churn-scoring: nothing to score yet: " in staged.exports["SUMMARY"]
    assert "'churn'" in staged.exports["SUMMARY"]
    assert "schedule:daily" in staged.exports["SUMMARY"]

    waits = Waits()
    started = run_start(session_of(built), setting, waits, None)
    assert started.exports["VERDICT"] == "nothing"
    assert waits.given == [{"cause": "e1", "execution": "none", "limit": 0, "own": False}]
    judged = run_judge(session_of(built), setting, eyes, waits)
    assert judged.exports == {name: text for name, text in started.exports.items() if name != "LOGICAL_DATE"}


@pytest.mark.long
def test_what_is_wrong_with_a_day_is_no_nothing(built: Scoring) -> None:
    setting = Setting(trigger="manual")
    assert built.run("up", "--pipeline", "training", "--approve").code == 0
    missing = run_train(session_of(built), setting, eyes_of())
    assert missing.exports["VERDICT"] == "nothing"
    assert f"dt={DAY}" in missing.exports["SUMMARY"]
    built.land(DAY, ())  # an empty file
    with pytest.raises(InputProblems) as raised:
        run_train(session_of(built), setting, eyes_of())
    assert [problem.id for problem in raised.value.problems] == ["PB979"]
