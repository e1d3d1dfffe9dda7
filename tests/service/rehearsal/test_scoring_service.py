"""A pipeline that scores, rehearsed beside the one that trains: the rendered templates, buildspec.yml and the stages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checkout.repositories import commit
from tests.engine.environments import share_environment
from tests.interpreting import quick_python
from tests.scoring import INFERENCE, LIKE, SCRIPTS, TRAINING
from tests.service.rehearsal.rehearsals import statuses
from tests.service.rehearsal.test_service import Service, make_service

pytestmark = pytest.mark.long

MANIFEST = """\
version: 1
pipelines:
  - {name: training}
  - {name: scoring, kind: inference}
repos:
  - {name: churn, url: ., path: models/churn, revision: HEAD}
schedules:
  - {name: daily, pipeline: scoring, cron: "0 2 * * ? *"}
service: {execution_role: per-repository}
local:
  s3: {local/churn: data/churn, local/landing: data/landing}
"""


# Builds of the main pipeline, which others rehearse, make environments of their own; these take this one.
HASTE = (
    ("'\"$(bash scripts/python)\" scripts/bootstrap.py run'", "'true'"),
    (".venv/bin/pipeline-builder stage", "PYTHON -m pipeline_builder stage"),
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = make_service(tmp_path / "service")
    model = made.root / "models" / "churn"
    for path in sorted(model.rglob("*")):
        if path.is_file():
            path.unlink()
    files = {f"scripts/{name}": text for name, text in SCRIPTS.items()}
    for name, text in {"conf/conf.yaml": TRAINING, "conf/inference.yaml": INFERENCE, **files}.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_text(text)
    (made.root / "data" / "churn").mkdir()
    write(made.root / "data" / "churn" / "train.csv", LIKE)
    write(made.root / "data" / "landing" / "dt=2026-11-28" / "rows.csv", LIKE)
    (made.root / "model_repos.yaml").write_text(MANIFEST)
    shutil.rmtree(made.root / "pipeline_builder")  # a copy would be compiled by each build
    buildspec = made.root / "buildspec.yml"
    text = buildspec.read_text()
    for old, new in HASTE:
        assert text.count(old) == 1
        text = text.replace(old, new)
    with quick_python(tmp_path) as python:
        buildspec.write_text(text.replace("PYTHON", str(python)))
        commit(made.root, "a pipeline that scores")
        share_environment(made.rehearsals / "target")
        yield made


def write(path: Path, numbers: tuple[float, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{number}\n" for number in numbers))


def variables(state: Any, stage: str) -> Any:
    return next(one for one in state["stages"] if one["name"] == stage)["actions"][-1]["variables"]


def test_a_day_is_scored_and_published(service: Service) -> None:
    # What the rehearsal of the main pipeline leaves, without its builds.
    state_there = str(service.rehearsals / "target")
    trained = service.run("up", "--pipeline", "training", "--approve", SMP_STATE=state_there)
    assert trained.code == 0, trained.err

    day = "DATE=2026-11-27T23:30:00Z[Europe/Berlin]"
    code, state, errors = service.rehearse(
        "--pipeline", "scoring", "--variable", day, "--variable", "TRIGGER=schedule:daily"
    )
    assert code == 0, errors
    assert list(statuses(state)) == ["Source", "Build", "Score", "Publish"]
    assert set(statuses(state).values()) == {"Succeeded"}
    assert state["pipeline"] == "pipeline-builder-scoring"
    assert variables(state, "Score")["VERDICT"] == "pass"
    assert "schedule:daily" in variables(state, "Score")["SUMMARY"]
    store = service.rehearsals / "target" / "store" / "local"
    assert json.loads((store / "scores" / "dt=2026-11-28" / "_current.json").read_text())
