"""Inference runs through the command line: which model, which day, what runs again, and what is refused before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline_builder.workspace import DEFINITION
from tests.checkout.repositories import commit
from tests.scoring import INFERENCE, LIKE, Scoring, make_scoring
from tests.workspaces import Ended

DAY, NEXT = "2026-11-29", "2026-11-30"


def score(scoring: Scoring, *more: str) -> Ended:
    return scoring.run("up", "--pipeline", "scoring", "--date", DAY, *more)


def definition(scoring: Scoring) -> bytes:
    return (scoring.root / "build" / "pipelines" / "scoring" / DEFINITION).read_bytes()


def without_an_approved_version_nothing_runs(scoring: Scoring) -> None:
    done = score(scoring)
    assert (done.code, "PB963 there is no model package group 'churn'" in done.err) == (1, True), done.err
    both = scoring.run("plan", "--pipeline", "scoring", "--date", "2026-02-30").err  # both that are wrong at once
    assert ("PB891 '2026-02-30'" in both, "PB963 " in both) == (True, True), both
    assert scoring.run("up", "--pipeline", "training").code in (0, 3)
    done = score(scoring)
    assert (done.code, "PB964 the model package group 'churn' has no approved version; waiting for" in done.err) == (
        1,
        True,
    )
    assert "execution" not in done.err
    assert scoring.run("promote", "--pipeline", "training").code == 0


def a_day_is_scored_once_and_again_where_its_data_has_changed(scoring: Scoring) -> None:
    first = score(scoring)
    assert first.code == 0, first.err
    assert "uses      churn: 'churn' version 1, the champion" in first.err
    assert f"uses      the logical date {DAY}" in first.err
    parameters = scoring.record()["parameters"]
    assert parameters["LogicalDate"] == DAY
    assert parameters["ModelPackage-churn"].endswith("model-package/churn/1")
    execution = scoring.record()["execution"]
    assert "same definition, data and images" in score(scoring).err
    assert scoring.record()["execution"] == execution
    scoring.land(DAY, (1, 2, 4))
    assert score(scoring).code == 0
    assert scoring.record()["execution"] != execution


def a_plan_says_what_a_run_would_use(scoring: Scoring) -> None:
    planned = json.loads(scoring.run("plan", "--pipeline", "scoring", "--date", NEXT, "--json").out)
    assert planned["uses"] == ["churn: 'churn' version 1, the champion", f"the logical date {NEXT}"]
    given = scoring.run("plan", "--pipeline", "scoring", "--parameter", f"LogicalDate={NEXT}")
    assert (given.code, "hint: '--date' says which day the run is about" in given.err) == (1, True), given.err
    assert "uses" not in json.loads(scoring.run("plan", "--pipeline", "training", "--json").out)


def a_promotion_changes_no_byte_and_the_next_run_uses_it(scoring: Scoring) -> None:
    before = definition(scoring)
    scoring.data(*(number + 1 for number in LIKE))
    assert scoring.run("up", "--pipeline", "training", "--approve").code == 0
    execution = scoring.record()["execution"]
    done = score(scoring)
    assert done.code == 0, done.err
    assert "uses      churn: 'churn' version 2, the champion" in done.err
    assert "churn-Score        Succeeded" in done.err
    assert scoring.record()["execution"] != execution
    assert definition(scoring) == before
    assert "version 1 unchanged" in done.err


def the_step_cache_knows_the_package(scoring: Scoring) -> None:
    """Another script after it leaves the scores as they are: they are of the same package and the same data."""
    path = scoring.remote / "scripts" / "watch.py"
    path.write_text(path.read_text() + "# another\n")
    commit(scoring.remote, "another script")
    assert score(scoring).code == 0
    hits = {step["name"]: bool(step["cache_hit"]) for step in scoring.record()["steps"]}
    assert hits == {"churn-CreateModel": False, "churn-Score": True, "churn-Watch": False}


def a_stage_is_what_a_person_puts_into_it(scoring: Scoring) -> None:
    scoring.change(("model: {group: churn}", "model: {group: churn, stage: production}"))
    done = score(scoring)
    assert "PB966 no version of 'churn' is in the stage 'production'" in done.err
    assert "hint: put one there: 'pipeline-builder promote churn/VERSION --stage production'" in done.err
    done = scoring.run("promote", "churn/1", "--stage", "production")
    assert (done.code, "churn version 1 in 'production'" in done.err) == (0, True), done.err
    assert "uses      churn: 'churn' version 1, in stage 'production'" in score(scoring).err
    done = scoring.run("promote", "churn", "--stage", "production")
    assert "churn version 2 in 'production', in the place of version 1" in done.err, done.err
    assert "uses      churn: 'churn' version 2, in stage 'production'" in score(scoring).err
    assert scoring.run("promote", "churn", "--stage", "-x").code == 2
    scoring.change(("model: {group: churn, stage: production}", "model: {group: churn}"))


def bytes_that_have_moved_since_the_approval_are_not_used(scoring: Scoring) -> None:
    execution = scoring.record()["execution"]
    for archive in scoring.object("churn-training").rglob("model.tar.gz"):
        archive.write_bytes(archive.read_bytes() + b"\0")
    done = score(scoring)
    assert (done.code, "PB461 churn version 2: " in done.err, "started" in done.err) == (3, True, False), done.err
    assert scoring.record()["execution"] == execution


@pytest.mark.long
def test_the_life_of_an_inference_pipeline(tmp_path: Path) -> None:
    """One workspace after the other of these: what was trained and scored before is what they are about."""
    made = make_scoring(tmp_path / "workspace")
    made.land(DAY)
    made.land(NEXT)
    without_an_approved_version_nothing_runs(made)
    a_day_is_scored_once_and_again_where_its_data_has_changed(made)
    a_plan_says_what_a_run_would_use(made)
    a_promotion_changes_no_byte_and_the_next_run_uses_it(made)
    the_step_cache_knows_the_package(made)
    a_stage_is_what_a_person_puts_into_it(made)
    bytes_that_have_moved_since_the_approval_are_not_used(made)


MOUNTED = (
    INFERENCE.replace(
        "          - {step_name: churn-CreateModel, step_class: CreateModel}\n"
        "          - {step_name: churn-Score, step_class: Transform, enable_cache: true}\n",
        "          - {step_name: churn-Score, step_class: Processing, step_type: preprocess}\n",
    )
    .replace(
        "      transform:\n        split_type: Line\n        assemble_with: Line\n",
        "      preprocess:\n        image_uri: example.com/tiny:1\n        entry_point: score.py\n"
        "        model_channel: model\n        args: {day: '${date}'}\n",
    )
    .replace("          day:\n", "          scores:\n")
)
SCRIPT = """\
import sys
import tarfile
from pathlib import Path

base = Path("/opt/ml/processing")
with tarfile.open(base / "input" / "model" / "model.tar.gz") as archive:
    found = next(m for m in archive.getmembers() if m.name.endswith("mean.txt"))
    mean = float(archive.extractfile(found).read())
rows = [float(row) for row in (base / "input" / "day" / "rows.csv").read_text().split()]
out = base / "output" / "scores"
out.mkdir(parents=True, exist_ok=True)
(out / "scores.out").write_text("".join(f"{row - mean}\\n" for row in rows))
print("scored", sys.argv[sys.argv.index("--day") + 1])
"""


def test_a_script_scores_with_the_mounted_model(tmp_path: Path) -> None:
    made = make_scoring(tmp_path / "workspace", inference=MOUNTED)
    (made.root / "remotes" / "churn" / "scripts" / "score.py").write_text(SCRIPT)
    made.change(("pipelineName: churn-scoring", "pipelineName: churn-custom"))
    made.land(DAY)
    assert made.run("up", "--pipeline", "training", "--approve").code == 0
    done = made.run("up", "--pipeline", "scoring", "--date", DAY)
    assert done.code == 0, done.err
    assert f"scored {DAY}" in made.run("logs", "--pipeline", "scoring", "churn-Score").out
    (scores,) = made.object("churn-custom").rglob("scores.out")
    assert scores.read_text() == "-1.0\n0.0\n1.0\n"
