"""The loop that closes, by real commands: a day that has drifted leads to a training, whose approver reads why."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.release.scoring.ledger import LedgerDay, read_day
from pipeline_builder.release.scoring.requests import Request, list_requests
from tests.scoring import FAR, LIKE, MANIFEST, SHIFTED, Scoring, make_scoring
from tests.workspaces import Ended

TRIGGER = "trigger: {data: s3://local/landing/, batch_minutes: 1, approval: true}"
CAUSE = "drift.max_psi is 2 (number), expected at most 1"


@pytest.fixture
def scoring(tmp_path: Path) -> Scoring:
    """Two pipelines with a first model in use."""
    made = make_scoring(tmp_path)
    made.land("2026-11-28")
    assert made.call("up", "--pipeline", "training", "--approve").code == 0
    return made


def requests(made: Scoring) -> list[Request]:
    target = open_local_target(made.root / ".pipeline_builder", LocalSettings(jobs=1))
    return [kept.request for kept in list_requests(target, "churn-training")]


def day(made: Scoring, date: str) -> LedgerDay:
    target = open_local_target(made.root / ".pipeline_builder", LocalSettings(jobs=1))
    found = read_day(target, "churn-scoring", "churn", date)
    assert found
    return found


def score(made: Scoring, date: str, *numbers: float) -> Ended:
    if numbers:
        made.land(date, numbers)
    return made.call("up", "--pipeline", "scoring", "--date", date)


@pytest.mark.long
def test_drift_leads_to_a_training_once_and_its_approver_reads_why(scoring: Scoring) -> None:
    asked = score(scoring, "2026-11-29", *SHIFTED)
    assert asked.code == 0
    assert f"churn version 1: its retraining is asked for: {CAUSE}" in asked.err
    assert "run 'pipeline-builder up --pipeline training'" in asked.err
    assert day(scoring, "2026-11-29").status == "published"
    again = score(scoring, "2026-11-29")
    assert "its retraining was asked for by the scores of 2026-11-29, and hasn't run yet" in again.err
    assert len(requests(scoring)) == 1

    scoring.data(*SHIFTED)
    trained = scoring.call("up", "--pipeline", "training")
    assert trained.code == 0
    why = f"the retraining of churn version 1, for the scores of 2026-11-29: {CAUSE}"
    assert scoring.record("training")["trigger"] == why
    assert why in (scoring.root / "build" / "report.html").read_text()
    assert "version 2 waits for a decision" in score(scoring, "2026-11-30", *SHIFTED).err
    assert scoring.record()["scores"][0]["package_version"] == 1  # what is in use scores, not what waits

    promoted = scoring.call("promote", "churn")
    assert promoted.code == 0
    assert "churn version 1: its retraining is settled: version 2 is in use" in promoted.err
    assert score(scoring, "2026-11-30").code == 0
    assert (scoring.record()["scores"][0]["package_version"], scoring.record()["scores"][0]["actions"]) == (2, [])
    assert [request.state for request in requests(scoring)] == ["settled"]


def test_where_nothing_has_changed_a_watch_says_so_and_asks_no_more(scoring: Scoring) -> None:
    assert scoring.call("watch", "--once").code == 0
    blocked = score(scoring, "2026-11-29", *FAR)
    assert (blocked.code, day(scoring, "2026-11-29").status) == (5, "blocked")
    assert not scoring.object("scores/dt=2026-11-29").exists()
    watched = scoring.call("watch", "--once")
    assert (
        "training: the retraining of churn version 1, for the scores of 2026-11-29: drift.max_psi is 10" in watched.err
    )
    assert "nothing has changed since version 1: the same data and code make the same model" in watched.err
    assert "nothing moved" not in watched.out
    assert scoring.call("watch", "--once", "--json").json == {"code": 0}
    assert len(requests(scoring)) == 1


@pytest.mark.long
def test_a_watch_scores_what_has_landed_and_what_was_approved(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = MANIFEST.replace("kind: inference", f"kind: inference, {TRIGGER}")
    (scoring.root / "model_repos.yaml").write_text(text)
    assert scoring.call("watch", "--once").code == 0
    scoring.land("2026-11-29", LIKE)
    scoring.land("2026-11-30", SHIFTED)
    waiting = scoring.call("watch", "--once")
    assert "it starts in 1 min, with all that comes until then" in waiting.err
    noted = scoring.root / ".pipeline_builder" / "watch" / "triggers.json"
    noted.write_text(noted.read_text().replace('"since": ', '"since": 1e-9, "was": '))
    scoring.data(*SHIFTED)
    # One look: two days are scored, the second asks for a training, and that is run.
    looked = scoring.call("watch", "--once", "--approve")
    assert looked.code == 0, looked.err
    assert [day(scoring, date).status for date in ("2026-11-29", "2026-11-30")] == ["published", "published"]
    assert [(request.state, request.candidate) for request in requests(scoring)] == [("settled", 2)]
    assert "scoring: approval: churn version 2 is in use now" in looked.err
