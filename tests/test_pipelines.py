"""Several pipelines of one manifest: every command is about all that have what they need, or about the one it names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pipeline_builder.cli.options import Asked, open_session
from pipeline_builder.engine.local import LocalPipelines
from tests.checkout.repositories import commit, git, make_repository
from tests.scoring import MANIFEST, SCRIPTS, TRAINING, Scoring, make_scoring

TODAY = f"{datetime.now(timezone.utc):%Y-%m-%d}"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Scoring:
    """Return a workspace in which both have run; tests only look at it."""
    made = make_scoring(tmp_path_factory.mktemp("both"))
    made.land(TODAY)
    first = made.run("up")
    assert first.code == 0, first.err
    assert "scoring is left out: the model package group 'churn' has no approved version" in first.err
    assert not (made.root / "build" / "pipelines" / "scoring" / "run.json").exists()
    second = made.run("up", "--approve", "--json")
    assert second.code == 0, second.err
    both = json.loads(second.out)["pipelines"]
    assert {name: one["pipeline"] for name, one in both.items()} == {
        "training": "churn-training", "scoring": "churn-scoring",
    }  # fmt: skip
    return made


@pytest.fixture
def pushed(ran: Scoring) -> Iterator[Scoring]:
    """Return the workspace for a test that pushes, and let it be as it was after it."""
    remote = ran.root / "remotes" / "churn"
    first = git(remote, "rev-parse", "HEAD").strip()
    yield ran
    git(remote, "reset", "--quiet", "--hard", first)
    for command in ("checkout", "build"):
        assert ran.call(command).code == 0


@pytest.fixture
def checked_out(tmp_path: Path) -> Scoring:
    made = make_scoring(tmp_path)
    assert made.call("checkout").code == 0
    return made


def pipelines(made: Scoring, *arguments: str) -> dict[str, dict[str, object]]:
    ended = made.call(*arguments, "--json")
    assert ended.code == 0, ended.err
    found: dict[str, dict[str, object]] = json.loads(ended.out)["pipelines"]
    return found


@pytest.mark.long
def test_each_command_has_an_answer_of_both_and_with_a_name_of_that_one(ran: Scoring) -> None:
    assert [*pipelines(ran, "validate")] == ["training", "scoring"]
    assert ran.call("validate").out.splitlines() == [
        "valid: pipeline 'churn-training' with 2 steps",
        "valid: pipeline 'churn-scoring' with 3 steps",
    ]
    built = pipelines(ran, "build")
    for name, folder in (("training", "build"), ("scoring", "build/pipelines/scoring")):
        assert built[name]["definition"] == str(ran.root / folder / "pipeline_definition.json")
        alone = json.loads(ran.call("build", "--pipeline", name, "--json").out)
        assert alone == built[name]
    assert {name: one["changed"] for name, one in pipelines(ran, "plan").items()} == dict.fromkeys(built, False)
    assert {name: one["changed"] for name, one in pipelines(ran, "apply").items()} == dict.fromkeys(built, False)
    assert "\nscoring: churn-scoring\n" in ran.call("graph").out
    assert "training: " not in ran.call("graph", "--pipeline", "scoring").out
    for form, a_step in (("svg", 'class="stripe"'), ("mermaid", "<br/>"), ("dot", "[label=")):
        drawing = ran.call("graph", "--format", form)
        assert (drawing.code, drawing.err) == (0, "")
        assert drawing.out.count(a_step) == 6
        assert all(title in drawing.out for title in ("training", "churn-training", "scoring", "churn-scoring"))
        assert "churn-training" not in ran.call("graph", "--format", form, "--pipeline", "scoring").out


def test_code_lock_and_images_are_shared_and_no_build_takes_the_others_bundles(ran: Scoring) -> None:
    bundles = ran.root / "build" / "bundles"
    before = {path.name for path in bundles.iterdir()}
    named = {name: (ran.root / path / "pipeline_definition.json").read_text()
             for name, path in (("training", "build"), ("scoring", "build/pipelines/scoring"))}  # fmt: skip
    assert all(any(bundle in text for text in named.values()) for bundle in before)
    for name in ("scoring", "training"):
        assert ran.call("build", "--pipeline", name).code == 0
        assert {path.name for path in bundles.iterdir()} == before
    assert [path.name for path in (ran.root / "build" / "pipelines" / "scoring").iterdir()].count("bundles") == 0
    assert not [*(ran.root / "build" / "pipelines").rglob("*.lock.yaml")]


def test_what_has_run_is_looked_up_in_both_or_in_the_named_one(ran: Scoring) -> None:
    status = pipelines(ran, "status")
    assert {name: one["pipeline"] for name, one in status.items()} == {
        "training": "churn-training", "scoring": "churn-scoring",
    }  # fmt: skip
    scored = str(status["scoring"]["arn"])
    for name in (scored, scored.rpartition("/")[2]):  # found in any, whichever is the main one
        assert json.loads(ran.call("status", name, "--json").out)["pipeline"] == "churn-scoring"
    assert json.loads(ran.call("status", "--pipeline", "training", "--json").out) == status["training"]
    assert "of execution" in ran.call("logs", "churn-Train").err  # an older one's step, as the newest has no such
    assert ran.call("logs", "churn-Train", "--pipeline", "scoring").code == 1
    for path in pipelines(ran, "report").values():
        assert Path(str(path["report"])).is_file()
    own = json.loads(ran.call("report", scored, "--json").out)["report"]
    assert own == str(ran.root / "build" / "pipelines" / "scoring" / "report.html")
    history = ran.call("history").out
    assert "churn-training version 1" in history
    assert "churn-scoring version 1" in history
    assert "churn-training version" not in ran.call("history", "--pipeline", "scoring").out
    days = json.loads(ran.call("history", "--json").out)["days"]
    said = [(day["pipeline"], day["model"], day["date"], day["status"]) for day in days]
    assert ("scoring", "churn", TODAY, "published") in said


def test_decisions_are_about_the_pipeline_that_has_the_models(ran: Scoring) -> None:
    promoted = ran.call("promote", "churn", "--json")  # approved already: stays as it is, and says so
    assert promoted.code == 0, promoted.err
    assert json.loads(promoted.out)["pipeline"] == "churn-training"
    assert json.loads(ran.call("verify", "churn", "--json").out)["group"] == "churn"
    assert ran.record("scoring")["pipeline"] == "churn-scoring"  # no decision was written there


def test_nothing_has_changed_and_nothing_runs_of_either(ran: Scoring) -> None:
    again = ran.call("up")
    assert again.code == 0, again.err
    assert again.err.count("nothing changed since execution") == 2


@pytest.mark.parametrize(
    "arguments", [("status",), ("up",), ("validate",), ("watch", "--once"), ("plan",), ("history",)]
)
def test_an_unknown_name_is_a_problem_with_what_was_meant(ran: Scoring, arguments: tuple[str, ...]) -> None:
    ended = ran.call(*arguments, "--pipeline", "scorin")
    assert (ended.code, ended.out) == (1, "")
    assert "PB954 --pipeline names the pipeline 'scorin'" in ended.err
    assert "did you mean 'scoring'" in ended.err
    assert ran.call(*arguments, SMP_PIPELINE="none").code == 1


@pytest.mark.long
def test_what_is_wrong_in_any_is_said_of_all_at_once(checked_out: Scoring) -> None:
    checked_out.change(("step_class: Training", "step_class: Trianing"), conf="conf")
    checked_out.change(("step_class: Transform", "step_class: Trnsform"))
    assert checked_out.call("checkout").code == 0
    for command in ("validate", "graph", "build", "plan", "up"):
        ended = checked_out.call(command)
        assert ended.code == 1
        assert "conf/conf.yaml:" in ended.err
        assert "conf/inference.yaml:" in ended.err
        assert "Trianing" in ended.err
        assert "Trnsform" in ended.err
    assert not (checked_out.root / "build" / "pipeline_definition.json").exists()
    assert "Trianing" not in checked_out.call("build", "--pipeline", "scoring").err


@pytest.mark.long
def test_two_pipelines_have_neither_a_name_nor_a_file_both(checked_out: Scoring) -> None:
    checked_out.change(("pipelineName: churn-scoring", "pipelineName: churn-training"))
    assert checked_out.call("checkout").code == 0
    for arguments in ((), ("--pipeline", "training"), ("--pipeline", "scoring")):
        ended = checked_out.call("validate", "--json", *arguments)
        (problem,) = json.loads(ended.out)["problems"]
        assert (problem["id"], problem["place"]["file"]) == ("PB955", "churn:conf/inference.yaml")
        assert [place["file"] for place in problem["related"]] == ["churn:conf/conf.yaml"]
    manifest = checked_out.root / "model_repos.yaml"
    manifest.write_text(MANIFEST.replace("{name: training}", "{name: training, config: '*/conf/*.yaml'}"))
    found = [one for one in json.loads(checked_out.call("validate", "--json").out)["problems"] if one["id"] == "PB956"]
    assert [one["message"] for one in found] == [
        "the pipelines 'training' and 'scoring' both have the file 'churn:conf/inference.yaml'"
    ]


@pytest.mark.long
def test_a_pipeline_without_files_is_left_out_unless_it_is_named(checked_out: Scoring) -> None:
    (checked_out.root / "remotes" / "churn" / "conf" / "inference.yaml").unlink()
    commit(checked_out.root / "remotes" / "churn", "no inference yet")
    assert checked_out.call("checkout").code == 0
    ended = checked_out.call("validate")
    assert ended.code == 0
    assert "scoring is left out: no configuration file of the pipeline 'scoring' is there" in ended.err
    again = checked_out.call("validate")  # what is known is said the same
    assert re.sub(r"[\d.]+ s\n", "", again.err) == re.sub(r"[\d.]+ s\n", "", ended.err)
    assert pipelines(checked_out, "build")["scoring"]["left_out"]
    named = checked_out.call("validate", "--pipeline", "scoring")
    assert (named.code, "PB957" in named.err) == (1, True)
    shutil.rmtree(checked_out.root / "remotes" / "churn" / "conf")
    commit(checked_out.root / "remotes" / "churn", "nothing at all")
    assert checked_out.call("checkout").code == 0
    nothing = checked_out.call("validate")
    assert (nothing.code, nothing.err.count("PB206 no")) == (1, 1)


@pytest.mark.long
def test_a_repository_may_have_part_in_one_pipeline_only(checked_out: Scoring) -> None:
    other = checked_out.root / "remotes" / "other"
    (other / "conf").mkdir(parents=True)
    (other / "scripts").mkdir()
    for name, text in SCRIPTS.items():
        (other / "scripts" / name).write_text(text)
    (other / "conf" / "second.yaml").write_text(TRAINING.replace("churn", "price"))
    make_repository(other)
    (checked_out.root / "model_repos.yaml").write_text(
        MANIFEST.replace("  - {name: training}\n", "  - {name: training}\n  - {name: pricing, config: '*/none.yaml'}\n")
        .replace("  - url: remotes/churn\n", "  - url: remotes/churn\n  - url: remotes/other\n"
                 "    config: {pricing: conf/second.yaml}\n")
    )  # fmt: skip
    assert checked_out.call("checkout").code == 0
    built = pipelines(checked_out, "build")
    assert [*built] == ["training", "pricing", "scoring"]
    definitions = {name: Path(str(one["definition"])).read_text() for name, one in built.items()}
    assert ["price-Train" in text for text in definitions.values()] == [False, True, False]
    kept = pipelines(checked_out, "build")
    assert kept == built


@pytest.mark.long
def test_a_step_goes_to_the_pipeline_that_has_it_and_a_parameter_too(ran: Scoring, checked_out: Scoring) -> None:
    unknown = ran.call("run", "--select", "churn-Tran")
    assert (unknown.code, unknown.err.count("PB442 ")) == (1, 1)
    assert "did you mean 'churn-Train'" in unknown.err
    parameter = "    parameters: [{name: epochs, type: Integer, default: 1}]\n"
    checked_out.change(("    models:\n      churn:\n        steps:", f"{parameter}    models:\n      churn:\n        steps:"),
                       conf="conf")  # fmt: skip
    assert checked_out.call("checkout").code == 0
    assert pipelines(checked_out, "plan", "--parameter", "epochs=2")["training"]["changed"] is True
    nobodys = checked_out.call("plan", "--parameter", "epoch=2")
    assert (nobodys.code, nobodys.err.count("'epoch'")) == (1, 1)


@pytest.mark.long
def test_the_suggested_policy_allows_what_any_pipeline_asks_for(checked_out: Scoring) -> None:
    manifest = checked_out.root / "model_repos.yaml"
    manifest.write_text(f"{MANIFEST}policy: {{images: ['example.com/other:*']}}\n")
    refused = checked_out.call("validate")
    assert refused.code == 1
    assert {"conf/conf.yaml", "conf/inference.yaml"} <= {line.partition(":")[2].partition(":")[0]
                                                         for line in refused.err.splitlines()}  # fmt: skip
    suggested = checked_out.call("policy", "--suggest")
    assert suggested.code == 0, suggested.err
    manifest.write_text(f"{MANIFEST}{suggested.out}")
    assert checked_out.call("validate").code == 0


@pytest.mark.long
def test_plans_of_several_pipelines_bind_each(ran: Scoring) -> None:
    assert ran.call("plan", "--out", "plans.json").code == 0
    assert [*json.loads((ran.root / "plans.json").read_text())["pipelines"]] == ["training", "scoring"]
    assert ran.call("apply", "plans.json").code == 0
    assert ran.call("plan", "--out", "one.json", "--pipeline", "scoring").code == 0
    applied = json.loads(ran.call("apply", "one.json", "--json").out)["pipelines"]
    assert [*applied] == ["scoring"]
    (ran.root / "none.json").write_text('{"pipelines": {}}')
    assert "PB424" in ran.call("apply", "none.json").err
    plans = json.loads((ran.root / "plans.json").read_text())["pipelines"]
    taken_out = {**plans, "old": {**plans["scoring"], "pipeline": "churn-old"}}
    (ran.root / "more.json").write_text(json.dumps({"pipelines": taken_out}))
    refused = ran.call("apply", "more.json")
    assert (refused.code, "'churn-old', which the manifest doesn't have" in refused.err) == (1, True)
    assert "apply  " not in refused.err
    assert ran.call("apply", "more.json", "--pipeline", "scoring").code == 0


def test_what_is_given_wrongly_keeps_all_from_running(ran: Scoring) -> None:
    """A training of hours is no place to wait for this."""
    before = ran.call("history", "--json").json["executions"]
    for arguments, problem in (
        (("--date", "tomorrow"), "PB891"), (("--parameter", "epoch=2"), "PB505"), (("--parameter", "LogicalDate=2"), "PB505"),
        (("--stub", f"nobody={ran.root / 'model_repos.yaml'}"), "PB274"),
    ):  # fmt: skip
        ended = ran.call("run", "--rerun", *arguments)
        assert (ended.code, ended.err.count(f"{problem} ")) == (1, 1), ended.err
    assert ran.call("history", "--json").json["executions"] == before


def test_one_that_takes_too_long_doesnt_keep_the_other(ran: Scoring) -> None:
    ended = ran.run("run", "--rerun", "--timeout", "0.0001", "--json")
    assert ended.out, (ended.code, ended.err)
    both = ended.json["pipelines"]
    assert ended.code == 5
    assert [one["problems"][0]["id"] for one in both.values()] == ["PB444", "PB444"]
    assert ran.call("up", "--approve").code == 0  # what was stopped, if it had begun, goes on: others look at its end


@pytest.mark.long
def test_names_are_completed(ran: Scoring) -> None:
    words = {"COMP_WORDS": "pipeline-builder up --pipeline s", "COMP_CWORD": "3"}
    code = "import sys; from pipeline_builder.cli.group import main; main(prog_name='pipeline-builder')"
    code = f"import pipeline_builder.cli.boundary, pipeline_builder.cli; {code}"
    environment = ran.environment(_PIPELINE_BUILDER_COMPLETE="bash_complete", **words)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ran.root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["plain,scoring"], done.stderr


@pytest.mark.long
def test_a_state_of_one_pipeline_goes_on_when_a_second_comes(tmp_path: Path) -> None:
    made = make_scoring(tmp_path, manifest=MANIFEST.replace("pipelines:\n", "").replace("  - {name: training}\n", "")
                        .replace("  - {name: scoring, kind: inference}\n", ""))  # fmt: skip
    before = made.run("up", "--approve", "--json")
    assert before.code == 0, before.err
    execution = json.loads(before.out)["execution"]
    assert not (made.root / "build" / "pipelines").exists()
    made.land(TODAY)
    (made.root / "model_repos.yaml").write_text(MANIFEST)
    after = made.run("up", "--json")
    assert after.code == 0, after.err
    both = json.loads(after.out)["pipelines"]
    assert (both["training"]["execution"], both["training"]["reused"]) == (execution, True)
    assert both["scoring"]["status"] == "Succeeded"


@pytest.mark.long
def test_another_main_pipeline_takes_no_others_record(ran: Scoring, pushed: Scoring) -> None:
    remote, manifest = pushed.root / "remotes" / "churn", ran.root / "model_repos.yaml"
    (remote / "conf" / "price.yaml").write_text(TRAINING.replace("churn", "price"))
    commit(remote, "another")
    text = manifest.read_text()
    manifest.write_text(
        text.replace("  - {name: training}", "  - {name: price, config: '*/conf/price.yaml'}\n  - {name: training}")
    )
    try:
        assert pushed.call("checkout").code == 0
        assert [*pipelines(pushed, "report")] == ["training", "scoring"]
        assert "PB440" in pushed.call("report", "--pipeline", "price").err
        assert "churn-training" in (ran.root / "build/pipelines/training/report.html").read_text()
        # What is taken out leaves its folder, and gc takes it.
        manifest.write_text(f"{text}  keep: {{days: 0}}\n".replace("  - {name: scoring, kind: inference}\n", ""))
        left = {
            item["name"] for item in pushed.call("gc", "--dry-run", "--json").json["items"] if item["kind"] == "builds"
        }
        assert left == {"scoring", "training"}
    finally:
        manifest.write_text(text)
        shutil.rmtree(ran.root / "build/pipelines/training")


@pytest.mark.long
def test_a_watch_runs_all_for_a_push_and_a_broken_one_doesnt_keep_the_other(pushed: Scoring) -> None:
    before = pushed.record("training")["execution"]
    pushed.change(("max: 5", "max: 4"))
    watched = pushed.run("watch", "--once", "--json", "--approve")
    (line,) = map(json.loads, watched.out.splitlines())
    assert (watched.code, line["code"], [*line["pipelines"]]) == (0, 0, ["training", "scoring"]), watched.err
    assert {one["code"] for one in line["pipelines"].values()} == {0}
    assert pushed.record("training")["execution"] == before, watched.err
    pushed.change(("max: 4", "max: 3"))
    only = json.loads(pushed.run("watch", "--once", "--json", "--pipeline", "training").out)
    assert (only["code"], only["execution"]) == (0, before)
    pushed.change(("source_directory: scripts", "source_directory: nowhere"))
    broken = pushed.run("watch", "--once", "--json")
    assert (broken.code, json.loads(broken.out)["code"]) == (1, 1)
    both = json.loads(broken.out)["pipelines"]
    assert (both["training"]["code"], both["scoring"]["problems"][0]["id"]) == (0, "PB305")


@pytest.mark.long
def test_what_fails_for_one_doesnt_keep_the_other_and_retry_means_what_failed(pushed: Scoring) -> None:
    script = pushed.root / "remotes" / "churn" / "scripts" / "train.py"
    script.write_text("import sys\n\nsys.exit('no luck')\n")
    commit(pushed.root / "remotes" / "churn", "a script that fails")
    pushed.land("2026-01-05")
    ended = pushed.run("up", "--date", "2026-01-05", "--json")
    assert ended.code == 5, ended.err
    both = json.loads(ended.out)["pipelines"]
    assert (both["training"]["status"], both["scoring"]["status"]) == ("Failed", "Succeeded")
    assert "no luck" in ended.err
    assert pushed.record("scoring")["scores"][0]["status"] == "published"
    again = pushed.run("retry", "--json")  # the newest execution is the other's, which has nothing left to do
    assert (again.code, json.loads(again.out)["execution"]) == (5, both["training"]["execution"])


def test_a_step_of_the_pipeline_that_trains_is_missed_by_no_other(checked_out: Scoring) -> None:
    manifest = checked_out.root / "model_repos.yaml"
    manifest.write_text(MANIFEST.replace("local:\n", "local:\n  interrupt: {churn-Train: 1, churn-Trian: 1}\n"))
    ended = checked_out.call("validate")
    assert (ended.code, ended.err.count("PB571")) == (0, 2)  # that isn't on a spot machine, and that isn't there
    assert "did you mean 'churn-Train'" in ended.err or "known here: churn-" in ended.err


@pytest.mark.long
def test_a_backfill_is_about_each_that_scores(tmp_path: Path) -> None:
    weekly = "  - {name: weekly, kind: inference, config: '*/conf/weekly.yaml'}\n"
    made = make_scoring(tmp_path, manifest=MANIFEST.replace("repos:\n", f"{weekly}repos:\n"))
    conf = (made.root / "remotes/churn/conf/inference.yaml").read_text()
    (made.root / "remotes/churn/conf/weekly.yaml").write_text(
        conf.replace("churn-scoring", "churn-weekly").replace("/scores/", "/weekly/")
    )
    commit(made.root / "remotes/churn", "a second one")
    assert made.run("up", "--approve").code == 0
    assert made.call("apply").code == 0
    made.land("2026-01-05")
    days = ("backfill", "--from", "2026-01-05", "--to", "2026-01-06", "--json")
    ended = made.run(*days)
    both = json.loads(ended.out)["pipelines"]
    assert (ended.code, ended.err.count("PB899")) == (5, 2), ended.err  # a day without data
    assert {name: one["counts"] for name, one in both.items()} == {
        name: {"failed": 1, "published": 1} for name in ("scoring", "weekly")
    }
    assert json.loads(made.run(*days, "--pipeline", "weekly").out)["pipeline"] == "churn-weekly"


def test_the_jobs_of_a_pipeline_that_are_fewer_are_its_own(tmp_path: Path) -> None:
    """A backfill shares those of the command out among its dates."""
    made = make_scoring(tmp_path)
    asked = Asked(
        manifest=made.root / "model_repos.yaml", state=made.root / ".pipeline_builder", build=made.root / "build",
        env_file=None, target="local", jobs=4,
    )  # fmt: skip
    session = open_session(asked)
    one, other = session.of("scoring"), session.of("training")
    one.workspace = replace(one.workspace, jobs=2)
    assert other.target is session.target
    assert isinstance(one.target.pipelines, LocalPipelines)
    assert one.target.pipelines.engine.jobs == 2
