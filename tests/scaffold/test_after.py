"""`new --after`: the models that it comes after, where the steps go, and that what they predict is a feature."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkout.repositories import commit, git
from tests.scaffold.test_new import check_clean, check_texts, files, new, no_problem
from tests.tiny import CONF, write_model
from tests.workspaces import Workspace


@pytest.fixture
def with_churn(tmp_path: Path) -> Workspace:
    """Return a workspace that has a model already."""
    workspace = Workspace(tmp_path)
    no_problem(new(workspace, "churn", "--framework", "none", "--add"))
    return workspace


def pipeline(workspace: Workspace, of: str = "churn") -> dict[str, Any]:
    conf = yaml.safe_load((workspace.root / of / "conf/conf.yaml").read_text())["conf"]
    found: dict[str, Any] = conf["sagemakerPipeline"]
    return found


@pytest.mark.long
def test_the_steps_of_both_are_in_the_pipeline(with_churn: Workspace) -> None:
    before = (with_churn.root / "churn/conf/conf.yaml").read_text()
    made = new(with_churn, "price", "--framework", "pytorch", "--after", "churn", "--after", "churn", "--add")
    no_problem(made)
    assert made.out.splitlines()[2:] == ["churn/conf/conf.yaml: its steps are in it, not committed"]
    assert "next: commit churn/conf/conf.yaml, then pipeline-builder up" in made.err
    assert (with_churn.root / "churn/conf/conf.yaml").read_text().startswith(before)
    models = pipeline(with_churn)["models"]
    assert models["churn"]["steps"][-1] == {
        "step_name": "price-asks-churn",
        "step_class": "Transform",
        "enable_cache": True,
        "chain_input_source_step": ["price-Rows"],
        "chain_input_additional_prefix": "churn.csv",
    }
    assert models["price"]["steps"][1]["chain_input_source_step"] == ["price-asks-churn"]
    check_texts(files(with_churn.root / "price"))
    commit(with_churn.root / "churn", "the steps of price")
    for manifest, steps in (("model_repos.yaml", 14), ("price/model_repos.yaml", 7)):
        no_problem(with_churn.call("checkout", "--manifest", manifest))
        valid = with_churn.call("validate", "--json", "--manifest", manifest)
        no_problem(valid)
        assert len(valid.json["steps"]) == steps


@pytest.mark.long
def test_without_add_two_places_are_named(with_churn: Workspace) -> None:
    made = new(with_churn, "price", "--framework", "none", "--after", "churn", "--no-add")
    own, _, asking = made.out.partition(
        "for churn/conf/conf.yaml, at the end of conf.sagemakerPipeline.models.churn.steps:"
    )
    assert "for churn/conf/conf.yaml, below conf.sagemakerPipeline.models:\n\n      price:" in own
    assert [step["step_name"] for step in yaml.safe_load(asking)] == ["price-asks-churn"]
    assert list(pipeline(with_churn)["models"]) == ["churn"]
    as_json = new(with_churn, "cost", "--framework", "none", "--after", "churn", "--json").json["pipeline"]
    assert (as_json["added"], list(as_json["after"])) == (False, ["churn"])


def test_the_same_again_puts_nothing_in_twice(with_churn: Workspace) -> None:
    """As after a call that was killed before it wrote the manifest."""
    manifest = with_churn.root / "model_repos.yaml"
    before = manifest.read_text()
    asked = ("price", "--framework", "none", "--after", "churn", "--add")
    no_problem(new(with_churn, *asked))
    after, conf = manifest.read_text(), (with_churn.root / "churn/conf/conf.yaml").read_text()
    manifest.write_text(before)
    no_problem(new(with_churn, *asked))
    assert (manifest.read_text(), (with_churn.root / "churn/conf/conf.yaml").read_text()) == (after, conf)


@pytest.mark.long
def test_no_certain_place_and_a_checkout_are_left_alone(with_churn: Workspace) -> None:
    conf = with_churn.root / "churn/conf/conf.yaml"
    text = conf.read_text()
    at = text.index("    models:\n      churn:\n        steps:")
    models = json.dumps(yaml.safe_load(text[at:])["models"])
    conf.write_text(f"{text[:at]}    models: {models[:-1]} # why\n      }}\n")
    commit(with_churn.root / "churn", "brackets")
    before = conf.read_text()
    made = new(with_churn, "price", "--framework", "none", "--after", "churn", "--add")
    assert "for churn/conf/conf.yaml, below conf.sagemakerPipeline.models:" in made.out
    assert "next: put the lines above where they belong, then pipeline-builder up" in made.err
    git(with_churn.root, "clone", "-q", "--bare", "churn", "churn.git")
    manifest = with_churn.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace("url: churn\n", "url: churn.git\n").replace("churn/data", "x"))
    no_problem(with_churn.call("checkout"))
    checked_out = (with_churn.root / "aws-train/churn/conf/conf.yaml").read_text()
    made = new(with_churn, "cost", "--framework", "none", "--after", "churn", "--add")
    assert "for aws-train/churn/conf/conf.yaml, below" in made.out
    assert (conf.read_text(), checked_out) == (before, (with_churn.root / "aws-train/churn/conf/conf.yaml").read_text())


@pytest.mark.long
@pytest.mark.parametrize("framework", ["none", "tensorflow"])
def test_the_code_is_clean(with_churn: Workspace, framework: str) -> None:
    new(with_churn, "fraud", "--framework", "none", "--add")
    chosen = ("--framework", framework, "--task", "regression", "--after", "churn", "--after", "fraud", "--no-git")
    no_problem(new(with_churn, "price", *chosen))
    check_clean(with_churn.root / "price")


# --- what can't be


def problems(workspace: Workspace, *arguments: str) -> list[str]:
    before = workspace.files()
    ended = new(workspace, "price", "--framework", "none", "--add", *arguments)
    assert (ended.code, workspace.files()) == (1, before)
    return [line for line in ended.err.splitlines() if ": PB0" in line or line.startswith(("PB0", "  hint"))]


def test_a_model_that_is_not_there(with_churn: Workspace) -> None:
    assert problems(with_churn, "--after", "chrun", "--after", "x") == [
        "model_repos.yaml: PB043 there is no model 'chrun' that the new one could come after",
        "  hint: did you mean 'churn'",
        "model_repos.yaml: PB043 there is no model 'x' that the new one could come after",
        "  hint: known here: churn",
    ]
    (alone := with_churn.root / "alone").mkdir()
    assert problems(Workspace(alone), "--after", "churn")[-1] == "  hint: make that one first, with --add"


def test_a_model_that_is_not_on_this_machine(with_churn: Workspace) -> None:
    shutil.move(with_churn.root / "churn", with_churn.root / "elsewhere")
    assert problems(with_churn, "--after", "churn", "--after", "fraud") == [
        "model_repos.yaml: PB043 there is no model 'fraud' that the new one could come after; the conf.yaml of churn is not on this machine",
        "  hint: make that one first, with --add",
        "model_repos.yaml: PB044 the conf.yaml of 'churn' is not on this machine, so that nothing is known of its steps",
        "  hint: run 'pipeline-builder checkout' first",
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("step_class: CreateModel", "step_class: RegisterModel"), "it has no CreateModel step, whose model would answer"),
        (("content_type: text/csv", "content_type: application/json"), "it has no 'transform' section that takes text/csv"),
        (("channels: batch #", "channels: {batch: {s3Bucket: b}} #"), "its predictions have a folder of their own, where"),
        (("  sagemakerPipeline:", "  x:"), "the pipeline that has its steps is not on this machine"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_asked(with_churn: Workspace, change: tuple[str, str], why: str) -> None:
    conf = with_churn.root / "churn/conf/conf.yaml"
    assert change[0] in conf.read_text()
    conf.write_text(conf.read_text().replace(*change))
    (found, *_) = problems(with_churn, "--after", "churn")
    assert f"churn/conf/conf.yaml:6:5: PB045 'churn' cannot be asked: {why}" in found


def test_a_model_without_steps_cannot_be_asked(with_churn: Workspace) -> None:
    write_model(with_churn.root / "tiny", CONF.replace("churn", "tiny"))
    conf = with_churn.root / "tiny/conf/conf.yaml"
    conf.write_text(conf.read_text().partition("  sagemakerPipeline:")[0])
    manifest = with_churn.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace("repos:\n", "repos:\n  - url: tiny\n"))
    name = next(iter(yaml.safe_load(conf.read_text())["conf"]["models"]))
    (found, hint) = problems(with_churn, "--after", name)
    assert f"PB045 '{name}' cannot be asked: churn/conf/conf.yaml has no steps of it" in found
    assert hint == "  hint: put its steps there first"


def test_a_day_cannot_be_scored_after_another(with_churn: Workspace) -> None:
    assert problems(with_churn, "--after", "churn", "--inference") == [
        "PB046 what scores a day with a model after 'churn' cannot be made; it would need that one's too",
        "  hint: leave out --inference, or --after",
    ]


# --- that it trains


@pytest.mark.long
def test_the_second_is_trained_after_the_first(with_churn: Workspace) -> None:
    no_problem(new(with_churn, "price", "--framework", "none", "--task", "regression", "--after", "churn", "--add"))
    commit(with_churn.root / "churn", "the steps of price")
    ended = with_churn.run("up", "--approve")
    assert (ended.code, "PB" in ended.err) == (0, False), ended.err
    record = json.loads((with_churn.root / "build" / "run.json").read_text())
    assert {package["group"]: package["status"] for package in record["packages"]} == {
        "churn": "Approved",
        "price": "Approved",
    }
    steps = {step["name"]: step for step in record["steps"]}
    assert steps["churn-Train"]["ended"] <= steps["price-asks-churn"]["started"]
    assert steps["price-asks-churn"]["ended"] <= steps["price-Train"]["started"]
    logs = with_churn.call("logs", "price-Preprocess")
    assert "churn_prediction: 1200 rows, mean 0." in logs.out
    # Its own tests, and alone, where nobody is asked.
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=with_churn.root / "price",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tested.returncode, "6 passed" in tested.stdout) == (0, True), tested.stdout
    alone = Workspace(with_churn.root / "price").run("up", "--approve")
    assert (alone.code, "pipeline 'price-alone'" in alone.out) == (0, True), alone.err
