"""Logical dates at the command line: scored, published, noted, repeated, backfilled, and what is wrong with them."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.cli.options import make_session
from pipeline_builder.release.record import StepRecord
from pipeline_builder.release.scoring.collecting import collect_scores
from tests.backfilling import kill_backfill, make_days
from tests.scoring import FAR, LIKE, Scoring, make_scoring
from tests.serve.serving import serving

SCORING = ("--pipeline", "scoring")


def champion(root: Path, **more: Any) -> Scoring:
    """Make a workspace whose model is trained and approved."""
    scoring = make_scoring(root, **more)
    done = scoring.run("up", "--pipeline", "training", "--approve", "--comment", "first", SMP_APPROVER="ada")
    assert done.code == 0, done
    return scoring


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scoring:
    """A workspace that its tests share, with what they run deployed: each takes dates of its own."""
    scoring = champion(tmp_path_factory.mktemp("days") / "workspace")
    assert scoring.call("apply", *SCORING).code == 0
    return scoring


def up(scoring: Scoring, date: str, *more: str) -> Any:
    return scoring.run("up", *SCORING, "--date", date, *more)


def ledger(scoring: Scoring, date: str, model: str = "churn") -> Any:
    return json.loads(scoring.object(f"churn-scoring/ledger/{model}/{date}.json").read_text())


def pointer(scoring: Scoring, date: str) -> Any:
    return json.loads(scoring.object(f"scores/dt={date}/_current.json").read_text())


@pytest.mark.long
def test_a_day_is_scored_once_and_again_where_that_is_asked_for(made: Scoring) -> None:
    made.land("2026-01-01", (1, 2, 3, 4))
    first = up(made, "2026-01-01")
    assert first.code == 0, first
    assert "publish   2026-01-01 churn published" in first.err
    noted = ledger(made, "2026-01-01")
    assert (noted["status"], noted["rows"]) == ("published", {"input": 4, "predictions": 4})
    assert noted["package"]["version"] == 1
    assert noted["input"]["objects"][0]["uri"] == "s3://local/landing/dt=2026-01-01/rows.csv"
    read = pointer(made, "2026-01-01")
    assert read["run"] == noted["publication"]["run"]
    assert (read["definition_sha256"], read["evidence"]) == (noted["definition_sha256"], noted["evidence"])
    record = made.record()
    assert (record["kind"], record["date"], record["scores"][0]["status"]) == ("inference", "2026-01-01", "published")

    again = up(made, "2026-01-01", "--json")
    assert again.code == 0
    assert "nothing changed since execution" in again.err
    assert again.json["execution"] == noted["execution"]
    assert (ledger(made, "2026-01-01"), pointer(made, "2026-01-01")) == (noted, read)

    # What the run has left may be cleared away; what it has published was scored all the same.
    shutil.rmtree(made.object(f"churn-scoring/churn/executions/{noted['execution'].rsplit('/', 1)[-1]}"))
    cleared = up(made, "2026-01-01")
    assert cleared.code == 0, cleared
    assert "nothing changed since execution" in cleared.err
    assert (ledger(made, "2026-01-01"), pointer(made, "2026-01-01")) == (noted, read)

    made.land("2026-01-02", (1, 2, 3, 4))
    noted = up(made, "2026-01-02", "--json").json
    anew = up(made, "2026-01-02", "--rerun", "--json")
    assert anew.json["execution"] != noted["execution"]
    assert pointer(made, "2026-01-02")["execution"] == anew.json["execution"]
    trained = made.record("training")["execution"]
    assert "PB898 the execution" in made.call("publish", trained).err
    # An earlier run's take their place only where that is said.
    old = noted["execution"].rsplit("/", 1)[-1]
    refused = made.run("publish", *SCORING, old)
    assert refused.code == 3
    assert "PB895" in refused.err
    assert made.run("publish", *SCORING, old, "--force").code == 0
    assert pointer(made, "2026-01-02")["execution"] == noted["execution"]
    assert ledger(made, "2026-01-02")["execution"] == noted["execution"]
    # One that somebody has started with some steps only has the others' results of whatever date.
    with closing(sqlite3.connect(made.root / ".pipeline_builder" / "state.db", timeout=30)) as db, db:
        some = {"SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": "churn-Watch"}]}}
        db.execute("UPDATE executions SET details = ? WHERE arn = ?", (json.dumps(some), anew.json["execution"]))
    partial = made.call("publish", *SCORING, anew.json["execution"])
    assert (partial.code, "PB978 the execution" in partial.err) == (1, True), partial
    assert pointer(made, "2026-01-02")["execution"] == ledger(made, "2026-01-02")["execution"] == noted["execution"]


@pytest.mark.long
def test_days_are_looked_at(made: Scoring) -> None:
    made.land("2026-01-05", LIKE)
    made.land("2026-01-07", FAR)
    first, _ = up(made, "2026-01-05", "--json").json, up(made, "2026-01-07")
    shown = made.run("history", *SCORING).out
    (table,) = [block for block in shown.split("\n\n") if block.startswith("churn\n")]
    days = {line.split()[0]: line for line in table.splitlines()[2:]}
    assert "published" in days["2026-01-05"]
    assert "blocked" in days["2026-01-07"]
    assert "1 not scored" in table
    noted = {day["date"]: day for day in made.run("history", *SCORING, "--json").json["days"]}
    assert (noted["2026-01-07"]["drift"], noted["2026-01-07"]["status"]) == (10.0, "blocked")
    page = made.root / "build" / "pipelines" / "scoring" / "report.html"
    assert "2026-01-07 is not published" in page.read_text()
    # That of an earlier day is made of its evidence and of the ledger.
    assert made.run("report", *SCORING, first["execution"].rsplit("/", 1)[-1]).code == 0
    text = page.read_text()
    for expected in ("2026-01-05 is where readers look: 3 predictions", "Day by day", "2026-01-07: blocked, version 1",
                     "approved by ada: first", "s3://local/scores/dt=2026-01-05/_current.json"):  # fmt: skip
        assert expected in text, expected
    status = made.run("status", *SCORING, first["execution"].rsplit("/", 1)[-1]).out
    assert "of 2026-01-05, churn version 1" in status
    assert "the champion of 'churn'" in made.run("graph", *SCORING).out


def test_what_is_wrong_is_said_before_anything_runs(made: Scoring) -> None:
    before = made.object("churn-scoring/ledger/churn").exists() and len([*made.object("scores").glob("dt=*")])
    (made.land("2026-01-05")).write_text("")
    for arguments, code, words in (
        (("up", *SCORING, "--date", "2026-01-04"), 1, "PB974 there is no data at 's3://local/landing/dt=2026-01-04/'"),
        (
            ("up", *SCORING, "--date", "2026-01-05"),
            1,
            "PB979 the object at 's3://local/landing/dt=2026-01-05/rows.csv'",
        ),
        (("up", *SCORING, "--date", "soon"), 1, "PB891 'soon' is no date"),
        (("backfill", "--from", "2026-01-09", "--to", "2026-01-01"), 1, "PB892 --from '2026-01-09' comes after"),
        (("backfill", "--pipeline", "training", "--from", "2026-01-09"), 1, "PB898 the pipeline 'training' makes"),
        (("up", "--pipeline", "training", "--date", "2026-01-09"), 1, "PB898 --date is '2026-01-09'"),
        (("run", *SCORING, "--select", "churn-Watch"), 1, "PB978 steps of 'churn-scoring' can't be run alone"),
    ):
        done = made.call(*arguments)
        assert (done.code, words in done.err) == (code, True), done
    assert "conf/inference.yaml:11:13: PB974" in made.call("up", *SCORING, "--date", "2026-01-04").err
    assert len([*made.object("scores").glob("dt=*")]) == (before or 0)


@pytest.mark.long
def test_a_blocked_day_keeps_what_readers_see(made: Scoring) -> None:
    made.land("2026-01-10", (1, 2, 3))
    assert up(made, "2026-01-10").code == 0
    first = pointer(made, "2026-01-10")
    made.land("2026-01-10", (1, 2, 3, 4))
    assert up(made, "2026-01-10").code == 0
    read = pointer(made, "2026-01-10")
    made.land("2026-01-10", FAR)
    blocked = up(made, "2026-01-10")
    assert blocked.code == 5, blocked
    assert "churn blocked (what was published before stays in place)" in blocked.err
    assert "published before, and still in place: s3://local/scores/dt=2026-01-10/_current.json" in blocked.out
    noted = ledger(made, "2026-01-10")
    assert (noted["status"], noted["publication"]["pointer"]) == (
        "blocked", "s3://local/scores/dt=2026-01-10/_current.json",
    )  # fmt: skip
    assert pointer(made, "2026-01-10") == read
    made.land("2026-01-10", (1, 2, 3))  # what an earlier run has made of it is asked for now
    back = up(made, "2026-01-10")
    assert (back.code, "nothing changed since execution" in back.err) == (0, True), back
    assert pointer(made, "2026-01-10")["execution"] == ledger(made, "2026-01-10")["execution"] == first["execution"]


@pytest.mark.long
def test_what_waits_in_a_branch_that_was_not_taken_keeps_no_row_from_being_counted(made: Scoring) -> None:
    made.land("2026-01-11", (1, 2, 3, 4))
    assert up(made, "2026-01-11").code == 0
    places = dict.fromkeys(("state", "build", "env_file"))
    session = make_session({"manifest": made.root / "model_repos.yaml", **places}, "local", 1, "scoring")
    record = session.runs.record("")
    execution = session.target.pipelines.describe_execution(record.execution)
    assert execution
    waits = StepRecord(name="churn-Mail", type="Processing", step_class="Processing", model="churn", status="Waiting")
    more = record.model_copy(update={"steps": (*record.steps, waits)})
    (score,) = collect_scores(more, execution, session.target, session.composed)[0].scores
    assert (score.rows_in, score.rows_out) == (4, 4)


@pytest.mark.long
def test_a_backfill(made: Scoring) -> None:
    for day, numbers in (("2026-02-01", (1, 2, 3)), ("2026-02-02", FAR), ("2026-02-04", (1, 2, 3, 4))):
        made.land(day, numbers)
    asked = ("backfill", "--from", "2026-02-01", "--to", "2026-02-04", "--json")
    done = made.run(*asked)
    assert (done.code, done.json["counts"]) == (5, {"blocked": 1, "failed": 1, "published": 2}), done
    assert [(day["date"], day["status"], day["before"]) for day in done.json["days"]] == [
        ("2026-02-01", "published", False),
        ("2026-02-02", "blocked", False),
        ("2026-02-03", "failed", False),
        ("2026-02-04", "published", False),
    ]
    assert "PB974" in done.json["days"][2]["reasons"][0]
    for day, status in ((done.json["days"][0], "published"), (done.json["days"][1], "blocked")):  # kept as all runs are
        name = day["execution"].rsplit("/", 1)[-1]
        (path,) = (made.root / ".pipeline_builder" / "store").glob(f"**/evidence/runs/{name}/run.json")
        kept = json.loads(path.read_text())
        (score,), (repo, *_) = kept["scores"], kept["repos"]
        assert (kept["kind"], kept["date"], score["status"]) == ("inference", day["date"], status)
        assert repo["commit"]
    made.land("2026-02-03")
    made.land("2026-02-01", (2, 3, 4))
    again = made.run(*asked)  # a date that came since, and one whose data has changed, which nobody asks for
    assert [day["before"] for day in again.json["days"]] == [True, True, False, True]
    changed = made.run(*asked, "--changed")
    assert [day["before"] for day in changed.json["days"]] == [False, True, True, True]
    assert changed.json["days"][0]["execution"] != done.json["days"][0]["execution"]
    shutil.rmtree(made.object("scores/dt=2026-02-04"))
    mended = made.run("backfill", "--from", "2026-02-04", "--to", "2026-02-04", "--json")
    assert mended.code == 0, mended
    assert mended.json["days"][0]["execution"] == done.json["days"][3]["execution"]  # published again, not scored
    forced = made.run("backfill", "--from", "2026-02-04", "--to", "2026-02-04", "--force", "--json")
    assert forced.json["days"][0]["execution"] != done.json["days"][3]["execution"]
    assert made.run("gc", "--yes").code == 0
    assert pointer(made, "2026-02-04")["execution"] == forced.json["days"][0]["execution"]


HOURLY = """\
conf:
  models:
    churn:
      source_directory: scripts
      model: {group: churn}
      transform: &transform
        split_type: Line
        assemble_with: Line
        channels:
          hour:
            dataFiles:
              - {sourceName: hour, fileName: "s3://SMP_S3BUCKETNAME/landing/dt=${date}/hour=${hour}/"}
      publish: {to: "s3://SMP_S3BUCKETNAME/scores/${year}/${month}/${day}/${hour}"}
    reach:
      source_directory: scripts
      model: {group: churn, version: 1}
      transform: *transform
      postprocess:
        image_uri: example.com/tiny:1
        entry_point: less.py
        channels: {predictions: }
      publish: {to: s3://SMP_S3BUCKETNAME/reach}
  sagemakerPipeline:
    pipelineName: churn-scoring
    models:
      churn:
        steps:
          - {step_name: churn-CreateModel, step_class: CreateModel}
          - {step_name: churn-Score, step_class: Transform, enable_cache: true}
      reach:
        steps:
          - {step_name: reach-CreateModel, step_class: CreateModel}
          - {step_name: reach-Score, step_class: Transform, enable_cache: true}
          - {step_name: reach-Less, step_class: Processing, step_type: postprocess, chain_input_source_step: [reach-Score]}
"""
LESS = """\
from pathlib import Path

(file,) = Path("/opt/ml/processing/input").rglob("*.out")
rows = file.read_text().splitlines()
assert len(rows) > 1, "too few"
Path("/opt/ml/processing/output/predictions/less.csv").write_text("\\n".join(rows[1:]))
"""


@pytest.mark.long
def test_a_backfill_brings_dates_to_where_readers_look_by_now(tmp_path: Path) -> None:
    """What was published elsewhere before, or not at all, is nothing that readers of today's folder find."""
    scoring, dates = champion(tmp_path / "days"), ("2026-03-01", "2026-03-02")
    for date in dates:
        scoring.land(date)
    published = "      publish:\n        to: s3://SMP_S3BUCKETNAME/scores/\n"
    conf = (scoring.remote / "conf" / "inference.yaml").read_text()
    before: Any = None
    for text, folder in (
        (conf.replace(published, ""), ""),
        (conf, "scores"),
        (conf.replace("/scores/", "/moved/"), "moved"),
        (conf, "scores"),
    ):
        scoring.push("conf/inference.yaml", text)
        for command in (("checkout",), ("build", *SCORING), ("apply", *SCORING)):
            assert scoring.call(*command).code == 0
        first, again = (scoring.call("backfill", "--from", dates[0], "--to", dates[1], "--json") for _ in range(2))
        told = [[(one["status"], one["before"]) for one in ended.json["days"]] for ended in (first, again)]
        status = "published" if folder else "scored"
        assert told == [[(status, False)] * 2, [(status, True)] * 2], first.err
        if folder:
            for date in dates:
                found = json.loads(scoring.object(f"{folder}/dt={date}/_current.json").read_text())
                assert ledger(scoring, date)["publication"]["pointer"].startswith(f"s3://local/{folder}/dt={date}/")
                assert scoring.object(found["manifest"].removeprefix("s3://local/")).exists()
        executions = [run["arn"] for run in scoring.call("history", *SCORING, "--json").json["executions"]]
        assert executions == (before or executions)  # nothing is scored anew
        before = executions


@pytest.mark.long
def test_models_by_the_hour_are_published_each_by_itself(tmp_path: Path) -> None:
    scoring = make_scoring(tmp_path / "workspace", inference=HOURLY)
    scoring.push("scripts/less.py", LESS)
    assert scoring.run("up", "--pipeline", "training", "--approve", "--comment", "a", SMP_APPROVER="ada").code == 0
    for hour, numbers in (("2026-01-01/hour=23", (1, 2, 3, 4)), ("2026-01-02/hour=00", (1,))):
        scoring.land(hour, numbers)
    for arguments in (("build", *SCORING), ("apply", *SCORING)):
        assert scoring.run(*arguments).code == 0
    done = scoring.run("backfill", "--from", "2026-01-01T23", "--to", "2026-01-02T00", "--json")
    assert done.code == 5
    assert [(day["date"], day["status"]) for day in done.json["days"]] == [
        ("2026-01-01T23", "blocked"), ("2026-01-02T00", "failed"),
    ]  # fmt: skip
    assert "reach: PB973 there are 3 predictions for 4 rows" in done.json["days"][0]["reasons"]
    # What is whole is published, whatever became of the other model.
    for hour in ("2026/01/01/23", "2026/01/02/00"):
        assert scoring.object(f"scores/{hour}/_current.json").exists()
    assert ledger(scoring, "2026-01-02T00")["status"] == "published"
    assert not scoring.object("reach").exists()
    scoring.change(("to: s3://SMP_S3BUCKETNAME/reach}", "to: s3://SMP_S3BUCKETNAME/reach, min_rows_share: 0.7}"))
    few = up(scoring, "2026-01-01T23")
    assert few.code == 0, few
    assert "nothing changed since execution" in few.err  # it is judged by another bound
    assert scoring.object("reach/dt=2026-01-01/hour=23/_current.json").exists()
    scoring.push("scripts/less.py", f"{LESS}# what churn has made is taken from the cache\n")
    other = up(scoring, "2026-01-01T23", "--json")
    assert other.code == 0, other
    assert [step["name"] for step in other.json["steps"] if step["cache_hit"]] == ["churn-Score", "reach-Score"]
    read = json.loads(scoring.object("scores/2026/01/01/23/_current.json").read_text())
    assert read["execution"] == other.json["execution"]
    (file,) = scoring.object(read["run"].removeprefix("s3://local/")).rglob("*.out")
    assert len(file.read_text().split()) == read["rows"]["predictions"] == read["rows"]["input"] == 4
    scoring.change(("s3://SMP_S3BUCKETNAME/reach,", '"s3://SMP_S3BUCKETNAME/scores/${year}/${month}/${day}/${hour}/",'))
    assert scoring.call("checkout").code == 0
    both = scoring.call("validate", *SCORING)
    assert "PB896 'reach' would publish into" in both.err
    assert "also: churn@" in both.err
    scoring.change(('"s3://SMP_S3BUCKETNAME/scores/${year}/${month}/${day}/${hour}/",', "s3://SMP_S3BUCKETNAME/reach,"))
    assert scoring.call("checkout").code == 0
    assert "PB891 '2026-01-01' is a day" in scoring.call("plan", *SCORING, "--date", "2026-01-01").err
    conf = (scoring.remote / "conf" / "inference.yaml").read_text()
    scoring.push("conf/inference.yaml", conf.replace("reach", "renamed"))
    assert scoring.call("checkout").code == 0
    gone = scoring.call("publish", other.json["execution"])
    assert (gone.code, "PB977 the conf of 'churn-scoring' has no model 'reach' any more" in gone.err) == (1, True), gone


@pytest.mark.long
def test_one_date_is_worked_on_by_one(made: Scoring) -> None:
    made.land("2026-03-01")
    path = made.object("churn-scoring/ledger/.days/2026-03-01.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    held: dict[str, Any] = {"machine": "there", "process": 7, "who": "ada on there", "until": 9e9}
    path.write_text(json.dumps(held))
    first = made.start("up", *SCORING, "--date", "2026-03-01")
    while first.poll() is None:  # it waits to see whether the other gives a sign of life
        held["until"] += 1
        path.write_text(json.dumps(held))
        time.sleep(0.2)
    _, said = first.communicate()
    assert first.wait() == 3
    assert "PB975 2026-03-01 of 'churn-scoring' is worked on already, by ada on there" in said
    path.unlink()
    assert up(made, "2026-03-01").code == 0


@pytest.mark.long
def test_days_on_aws(tmp_path: Path) -> None:
    scoring = make_scoring(tmp_path / "workspace")
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as served:
        served.s3.create_bucket(Bucket="local")
        for key, rows in (
            ("churn/train.csv", LIKE),
            ("landing/dt=2026-01-01/1.csv", LIKE),
            ("landing/dt=2026-01-02/1.csv", FAR),
        ):
            served.s3.put_object(Bucket="local", Key=key, Body="".join(f"{row}\n" for row in rows).encode())
        for arguments in (
            ("up", "--pipeline", "training", "--approve", "--comment", "a"), ("build", *SCORING), ("apply", *SCORING),
        ):  # fmt: skip
            done = scoring.run(*arguments, SMP_APPROVER="ada", **served.environment)
            assert done.code == 0, done
        asked = ("backfill", "--from", "2026-01-01", "--to", "2026-01-03", "--json")
        first, again = (scoring.run(*asked, **served.environment) for _ in range(2))
        assert [day["status"] for day in first.json["days"]] == ["published", "blocked", "failed"]
        assert [day["before"] for day in again.json["days"]] == [True, True, False]
        (one, *_) = first.json["days"]
        read = json.loads(served.s3.get_object(Bucket="local", Key="scores/dt=2026-01-01/_current.json")["Body"].read())
        assert read["execution"] == one["execution"]
        assert scoring.run("publish", *SCORING, one["execution"], **served.environment).code == 0


@pytest.mark.long
def test_a_backfill_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path: Path) -> None:
    scoring = make_days(tmp_path / "workspace", 6)
    assert kill_backfill(scoring, 6, 10, random.Random("days")) == []
