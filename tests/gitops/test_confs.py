"""What a watch takes out of confs: whose champions count, and which day an object or a label belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.cli.besides import scored_with
from pipeline_builder.cli.options import make_session
from pipeline_builder.gitops.confs import known_of
from pipeline_builder.gitops.due import Known
from pipeline_builder.session import Session
from tests.scoring import INFERENCE, SHIFTED, Scoring, make_scoring

LABELS = "s3://SMP_S3BUCKETNAME/labels/${year}/${month}/${day}/"
MONITORED = (
    INFERENCE.replace(
        "      publish:",
        f'      monitor: {{image_uri: "example.com/tiny:1", label: bought, labels: "{LABELS}"}}\n      publish:',
    )
    + "          - {step_name: churn-Monitor, step_class: Monitor, chain_input_source_step: [churn-Score]}\n"
)


def session_of(made: Scoring, pipeline: str) -> Session:
    places = dict.fromkeys(("state", "build", "env_file"))
    return make_session({"manifest": made.root / "model_repos.yaml", **places}, "local", 1, pipeline)


def known(made: Scoring, pipeline: str) -> Known:
    session = session_of(made, pipeline)
    return known_of(session.manifest.entry, session.composed)


def test_groups_inputs_and_late_labels(tmp_path: Path) -> None:
    made = make_scoring(tmp_path, inference=MONITORED)
    assert made.call("checkout").code == 0
    found = known(made, "scoring")
    assert (found.name, found.uses) == ("churn-scoring", (("churn", ""),))
    assert "s3://local/landing/dt=${date}/" in found.inputs
    assert found.labels == ("s3://local/labels/${year}/${month}/${day}/",)
    assert not {*found.labels} & {*found.inputs}
    training = known(made, "training")
    assert (training.name, training.uses, training.inputs, training.labels) == ("churn-training", (), (), ())


def test_a_version_that_is_asked_for_by_its_number_has_no_champion(tmp_path: Path) -> None:
    made = make_scoring(
        tmp_path, inference=INFERENCE.replace("model: {group: churn}", "model: {group: churn, version: 1}")
    )
    assert made.call("checkout").code == 0
    assert known(made, "scoring").uses == ()


@pytest.mark.long
def test_a_day_whose_labels_have_come_is_watched_by_the_version_that_scored_it(tmp_path: Path) -> None:
    made = make_scoring(tmp_path)
    made.land("2026-11-28")
    assert made.call("up", "--pipeline", "training", "--approve").code == 0
    assert made.call("up", "--pipeline", "scoring", "--date", "2026-11-28").code == 0
    made.data(*SHIFTED)
    assert made.call("up", "--pipeline", "training", "--approve").code == 0
    session = session_of(made, "scoring")
    assert scored_with(session, "2026-11-27") == {}
    session.held = scored_with(session, "2026-11-28")
    session.date = "2026-11-28"
    assert {used.words for used in session.starting.models.values()} == {
        "'churn' version 1, which has scored this date"
    }
    assert (
        made.call("reject", "churn", "--again", "--comment", "worse").code == 0
    )  # of version 2; version 1 is what was and stays in use
    other = session_of(made, "scoring")
    other.held = {"churn": 2}
    assert {used.version for used in other.starting.models.values()} == {1}
