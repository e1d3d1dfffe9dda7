"""A new model repository: what is in it, that it trains, and that nothing is ever half-written or overwritten."""

from __future__ import annotations

import ast
import html
import itertools
import json
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline_builder.engine.jobs.installer import find_uv
from pipeline_builder.scaffold import frameworks
from pipeline_builder.scaffold.skeleton import conf_text, markdown_text, yaml_text
from tests.checkout.repositories import commit, git, make_repository
from tests.cli.terminals import on_terminal
from tests.definition.composing import load_graph
from tests.engine.environments import (
    compiling,
    equip,
    folders_of_wheels,
    imports,
    no_cheap_torch,
    share_environments,
    shared_environments,
)
from tests.house.fences import AWS, RUN, blocks
from tests.offering import offered
from tests.places import ROOT, SOAKS
from tests.scaffold.forked import forking
from tests.scaffold.forked import run as forked
from tests.security.disks import on_small_disk
from tests.workspaces import Ended, Workspace, make_workspace

TEMPLATES = ROOT / "templates" / "model"
FRAMEWORKS = ("sklearn", "xgboost", "pytorch", "tensorflow", "none")
TASKS = ("classification", "regression")
_NO_TORCH = no_cheap_torch(" ".join(frameworks.FRAMEWORKS["pytorch"].requirements))
DEEP = pytest.mark.skipif(not SOAKS, reason="a gigabyte, a minute and a half: scripts/soak tests")
CHEAP_TORCH = pytest.mark.skipif(bool(_NO_TORCH), reason=_NO_TORCH)
FILES = {
    "README.md", ".gitignore", "pyproject.toml", "requirements-test.txt", "model_repos.yaml", "conf/conf.yaml",
    "conf/conf.schema.json", "data/generate.py", "data/sample.csv", "scripts/.smpignore", "scripts/preprocess.py",
    "scripts/train.py", "scripts/inference.py", "scripts/evaluate.py", "tests/test_scripts.py",
}  # fmt: skip


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def equipped(empty: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace whose jobs find the environments that jobs of other tests have asked for."""
    share_environments(empty.root / ".pipeline_builder", tmp_path_factory)
    return empty


def new(workspace: Workspace, *arguments: str, **environment: str) -> Ended:
    return workspace.call("new", *arguments, **environment)


def files(folder: Path) -> dict[str, str]:
    """Return every file of a folder but git's own, and what Python has compiled."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".git", "__pycache__"} & {*path.relative_to(folder).parts}
    }


def no_problem(ended: Ended) -> None:
    assert (ended.code, re.findall(r"PB\d{3}", ended.out + ended.err)) == (0, []), ended.err


@pytest.mark.long
@pytest.mark.parametrize(("framework", "task", "anchor"), list(itertools.product(FRAMEWORKS, TASKS, (True, False))))
def test_every_kind_of_model_is_valid(empty: Workspace, framework: str, task: str, anchor: bool) -> None:
    ci = "github" if anchor else "gitlab"
    name = "m" + "-x" * 19 + "x"  # as long as a name may be
    chosen = ("--framework", framework, "--task", task, "--anchor" if anchor else "--no-anchor", "--ci", ci)
    made = new(empty, name, "--add", *chosen)
    no_problem(made)
    folder = empty.root / name
    found = files(folder)
    own = {".github/workflows/check.yml"} if anchor else {".gitlab-ci.yml", "alone/pipeline.yaml"}
    assert found.keys() == FILES | own | ({"scripts/network.py"} if framework == "pytorch" else set())
    check_texts(found)
    assert not any("{%" in text for text in found.values())
    assert git(folder, "status", "--porcelain") == ""
    manifest = () if anchor else ("--manifest", f"{name}/model_repos.yaml")
    no_problem(empty.call("checkout", *manifest))
    valid = empty.call("validate", "--json", *manifest)
    no_problem(valid)
    assert (valid.json["problems"], len(valid.json["steps"])) == ([], 6)


def check_texts(found: dict[str, str]) -> None:
    """Every file is what its name says, and the scripts are fit for the Python 3.8 of AWS's older images."""
    for name, text in found.items():
        assert text.endswith("\n"), name
        assert "Undefined" not in text, name
        if name.endswith((".yaml", ".yml")):
            yaml.safe_load(text)
        if name.endswith(".py"):
            ast.parse(text, feature_version=(3, 8))
            assert "pipeline_builder" not in text, name


@pytest.mark.parametrize(("framework", "task"), list(itertools.product(FRAMEWORKS, TASKS)))
def test_the_code_is_clean(empty: Workspace, framework: str, task: str) -> None:
    new(empty, "churn", "--framework", framework, "--task", task, "--no-git", "--inference")
    check_clean(empty.root / "churn")


def check_clean(folder: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    rules = "--select=E,F,W,I,B,C4,D1,SIM,RET,PIE"
    for command in (["check", rules, "--ignore=B905", "--per-file-ignores=test_*:D103"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, "."], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("task", TASKS)
def test_the_sample_data_is_what_the_generator_makes(empty: Workspace, task: str) -> None:
    new(empty, "churn", "--task", task, "--no-git")
    table = runpy.run_path(str(empty.root / "churn" / "data" / "generate.py"))["table"]()
    assert (
        table == (TEMPLATES / "data" / f"{task}.csv").read_text() == (empty.root / "churn/data/sample.csv").read_text()
    )


@pytest.mark.long
def test_the_schema_is_the_commands(empty: Workspace) -> None:
    new(empty, "churn", "--no-git")
    assert json.loads((empty.root / "churn/conf/conf.schema.json").read_text()) == empty.call("schema", "conf").json


@pytest.mark.long
def test_a_fresh_user(empty: Workspace) -> None:
    """`new --add` in an empty folder, and `up`: trained, through the gate, registered."""
    made = new(empty, "churn", "--framework", "none", "--add")
    assert made.out.splitlines()[1:] == ["model_repos.yaml: 'churn' is in it"]
    ended = empty.run("up", "--approve")
    assert (ended.code, "PB" in ended.err) == (0, False), ended.err
    (package,) = json.loads((empty.root / "build" / "run.json").read_text())["packages"]
    assert (package["group"], package["status"]) == ("churn", "Approved")
    assert package["metrics"]["binary_classification_metrics"]["auc"]["value"] > 0.8
    again = empty.run("up", "--approve")
    assert (again.code, "nothing changed since execution" in again.err) == (0, True)


# --- what scores


SCORES = {"conf/inference.yaml", "conf/inference.schema.json", "scripts/prepare.py", "data/days/dt=2026-01-01/rows.csv"}
BOTH = [{"name": "training"}, {"name": "scoring", "kind": "inference"}]


@pytest.mark.long
def test_with_inference_the_sample_day_is_scored(empty: Workspace) -> None:
    made = new(empty, "churn", "--framework", "none", "--add", "--inference")
    no_problem(made)
    assert "pipeline-builder up --date 2026-01-01, which scores the sample day" in made.err
    found = files(empty.root / "churn")
    assert found.keys() == FILES | SCORES | {".github/workflows/check.yml"}
    check_texts(found)
    assert json.loads(found["conf/inference.schema.json"]) == empty.call("schema", "inference").json
    ended = empty.run("up", "--approve", "--date", "2026-01-01")
    assert (ended.code, "PB" in ended.err) == (0, False), ended.err
    record = json.loads((empty.root / "build/pipelines/scoring/run.json").read_text())
    (scored,) = record["scores"]
    assert (record["pipeline"], scored["status"], scored["rows_out"]) == ("churn-scoring", "published", 100)


@pytest.mark.long
def test_a_second_model_that_scores_joins_the_pipelines_of_the_first(empty: Workspace) -> None:
    new(empty, "churn", "--framework", "none", "--add", "--inference")
    made = new(empty, "price", "--framework", "none", "--add", "--inference", "--json").json
    assert (made["scoring"]["own"], made["scoring"]["file"]) == (False, "churn/conf/inference.yaml")
    assert yaml.safe_load((empty.root / "model_repos.yaml").read_text())["pipelines"] == BOTH
    assert made["pipeline"]["added"] is made["scoring"]["added"] is True
    commit(empty.root / "churn", "the steps of price")
    check_texts(files(empty.root / "price"))
    for manifest, steps in (("model_repos.yaml", [12, 6]), ("price/model_repos.yaml", [6, 3])):
        no_problem(empty.call("checkout", "--manifest", manifest))
        valid = empty.call("validate", "--json", "--manifest", manifest)
        no_problem(valid)
        assert [len(one["steps"]) for one in valid.json["pipelines"].values()] == steps


@pytest.mark.long
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", BOTH),
        ("pipelines: [{name: all}]\n", [{"name": "all"}, {"name": "scoring", "kind": "inference"}]),
        ("pipelines: [{name: training}, {name: scoring, kind: inference}]\n", BOTH),
        (
            "pipelines: [{name: scoring}, {name: weekly, kind: inference, config: '*/weekly.yaml'}]\n",
            [{"name": "scoring"}, {"name": "weekly", "kind": "inference", "config": "*/weekly.yaml"},
             {"name": "inference", "kind": "inference"}],
        ),
    ],
)  # fmt: skip
def test_a_manifest_gets_the_pipeline_that_it_lacks(empty: Workspace, before: str, after: list[Any]) -> None:
    (empty.root / "model_repos.yaml").write_text(f"version: 1\n{before}repos: []\n")
    no_problem(new(empty, "churn", "--framework", "none", "--add", "--inference"))
    assert yaml.safe_load((empty.root / "model_repos.yaml").read_text())["pipelines"] == after
    no_problem(empty.call("checkout"))
    no_problem(empty.call("validate"))


def test_what_cannot_score(empty: Workspace) -> None:
    long = new(empty, "churn", "--inference", "--pipeline", "p" * 80, "--json").json["problems"]
    assert [problem["id"] for problem in long] == ["PB692"]
    new(empty, "churn", "--framework", "none", "--add", "--inference")
    two = new(empty, "price", "--framework", "none", "--add", "--inference", "--anchor").err
    assert two.count(": PB693 ") == 2
    assert "the pipeline that scores is in churn/conf/inference.yaml" in two


@pytest.mark.long
def test_a_gate_that_nothing_passes(empty: Workspace) -> None:
    new(empty, "price", "--framework", "none", "--task", "regression", "--metric", "mae", "--max", "1e-7", "--add")
    gate = yaml.safe_load((empty.root / "price/conf/conf.yaml").read_text())["conf"]["models"]["price"]["gate"]
    assert gate == [{"metric": "regression_metrics.mae.value", "max": 1e-7}]
    ended = empty.run("up", "--approve")
    assert (ended.code, "expected at most 1e-07" in ended.err) == (5, True), ended.err


@pytest.mark.long
@pytest.mark.parametrize(
    ("framework", "task"),
    [
        *itertools.product(("sklearn", "xgboost"), TASKS),
        # One of each: their packages are a gigabyte.
        pytest.param("pytorch", "classification", marks=[CHEAP_TORCH, DEEP]),
        pytest.param("tensorflow", "regression", marks=DEEP),
    ],
)
def test_it_trains_and_passes_the_gate(
    equipped: Workspace, framework: str, task: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    new(equipped, "churn", "--framework", framework, "--task", task, "--add")
    # What either task imports is compiled by whoever comes first.
    both = {part: equipped.root / "both" / part / "scripts" for part in TASKS}
    for part, scripts in both.items():
        new(equipped, "churn", "--framework", framework, "--task", part, "--no-git", "--out", str(scripts.parent))
    equip(equipped.root / "model_repos.yaml", tmp_path_factory, *both.values())
    ended = equipped.run("up", "--approve")
    assert ended.code == 0, ended.err
    (package,) = json.loads((equipped.root / "build" / "run.json").read_text())["packages"]
    (report,) = package["metrics"].values()
    assert package["status"] == "Approved"
    assert report["auc" if task == "classification" else "r2"]["value"] > 0.8


@pytest.mark.long
@pytest.mark.parametrize(
    ("framework", "tasks"),
    [
        *((name, TASKS) for name in ("sklearn", "xgboost", "none")),
        pytest.param("pytorch", TASKS[1:], marks=[CHEAP_TORCH, DEEP]),
        pytest.param("tensorflow", TASKS[:1], marks=DEEP),
    ],
)
def test_its_own_tests_pass_with_its_own_requirements(
    tmp_path: Path, framework: str, tasks: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Options that these tests were started with are for plugins that a model's environment hasn't got.
    ours = ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"UV_LINK_MODE": "hardlink", "OMP_NUM_THREADS": "1"}  # threads that wait for a core spin
    if any(folders_of_wheels()):
        environment["UV_FIND_LINKS"] = ",".join(filter(None, folders_of_wheels()))
    own = shared_environments(tmp_path_factory) / f"own-{framework}"
    python = own / "bin" / "python"
    uv = [str(find_uv()), "--quiet"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(own)], env=environment, check=True)
    folders = {task: made_with_tests(tmp_path / task, framework, task) for task in tasks}
    for folder in folders.values():
        install = [*uv, "pip", "install", "--python", str(python), "-r", "requirements-test.txt"]
        subprocess.run(install, cwd=folder, env=environment, check=True)
    # Its scripts run without writing what Python compiles, which takes longer than they: what they import is compiled
    # before. All that is installed would take longer still.
    program = imports(*folders.values())
    with compiling(python, program), forking(python, program, environment, tmp_path) as scripts:
        for task, folder in folders.items():
            before = files(folder)

            def run(*more: str, folder: Path = folder) -> subprocess.CompletedProcess[str]:
                arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *more)
                return forked(scripts, arguments, cwd=folder, environment=environment)

            done = run()
            assert (done.returncode, "6 passed" in done.stdout) == (0, True), (task, done.stdout + done.stderr)
            assert {name for name in files(folder) if "__pycache__" not in name} == before.keys()
            conf = folder / "conf" / "conf.yaml"
            conf.write_text(conf.read_text().replace("min: 0.7", "min: 0.999"))
            # The tests can fail, and no other one does; of one framework all of them, as a training takes ten seconds.
            more, others = ((), "passed") if framework == "none" else (("-k", "gate"), "deselected")
            assert f"1 failed, 5 {others}" in run(*more).stdout, task


def made_with_tests(root: Path, framework: str, task: str) -> Path:
    root.mkdir()
    new(Workspace(root), "churn", "--framework", framework, "--task", task, "--no-git", "--inference")
    return root / "churn"


STEPS = re.compile(r"below conf\.sagemakerPipeline\.models:\n\n(.*)", re.DOTALL)


@pytest.mark.long
def test_two_models_in_one_pipeline(empty: Workspace) -> None:
    """The second one has no pipeline; its steps go into that of the first, and without --add they are printed."""
    new(empty, "churn", "--framework", "none", "--add")
    made = new(empty, "price", "--framework", "none", "--task", "regression", "--add")
    assert "\nchurn/conf/conf.yaml: its steps are in it, not committed\n" in made.out
    assert "next: commit churn/conf/conf.yaml, then pipeline-builder up" in made.err
    steps = yaml.safe_load((empty.root / "churn/conf/conf.yaml").read_text())["conf"]["sagemakerPipeline"]["models"]
    printed = STEPS.search(new(empty, "other", "--framework", "none").out)
    assert printed
    assert list(yaml.safe_load(printed[1])["other"]["steps"][0]) == list(steps["price"]["steps"][0])
    commit(empty.root / "churn", "the steps of price")
    assert "sagemakerPipeline" not in yaml.safe_load((empty.root / "price/conf/conf.yaml").read_text())["conf"]
    assert printed[1].replace("other", "price") in (empty.root / "price/README.md").read_text()
    ended = empty.run("up", "--approve")
    assert (ended.code, "PB" in ended.err) == (0, False), ended.err
    packages = json.loads((empty.root / "build" / "run.json").read_text())["packages"]
    assert {(package["group"], package["status"]) for package in packages} == {
        ("churn", "Approved"),
        ("price", "Approved"),
    }
    # Alone it has a pipeline of its own.
    alone = Workspace(empty.root / "price").run("up", "--approve")
    assert (alone.code, "pipeline 'price-alone'" in alone.out) == (0, True), alone.err
    assert git(empty.root / "price", "status", "--porcelain") == ""


def test_without_add_the_lines_are_printed(empty: Workspace) -> None:
    made = new(empty, "churn", "--framework", "none", "--no-add")
    lines = made.out.partition("for model_repos.yaml:\n\n")[2]
    assert yaml.safe_load(lines) == {
        "repos": [{"name": "churn", "url": "churn"}],
        "local": {"s3": {"local/churn": "churn/data"}},
    }
    assert not (empty.root / "model_repos.yaml").exists()
    assert "next: put the lines above where they belong, then pipeline-builder up" in made.err
    (empty.root / "model_repos.yaml").write_text(f"version: 1\n{lines}")
    no_problem(empty.call("checkout"))
    no_problem(empty.call("validate"))


def test_a_manifest_keeps_its_form(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    before = (tmp_path / "model_repos.yaml").read_text()
    made = new(workspace, "fraud", "--add", "--json")
    assert made.json["pipeline"]["file"] == "remotes/churn/conf/conf.yaml"
    assert (tmp_path / "model_repos.yaml").read_text() == before.replace(
        "  - url: remotes/churn\n", "  - url: remotes/churn\n  - name: fraud\n    url: fraud\n"
    ).replace("{local/churn: data}", "{local/churn: data, local/fraud: fraud/data}") + (
        "  images:\n    - match: \"*/sagemaker-scikit-learn:*\"\n"
        "      requirements: [\"numpy==2.2.6; python_version < '3.14'\", \"numpy==2.3.5; python_version >= '3.14'\", pandas==2.3.3, scikit-learn==1.7.2]\n"
    )  # fmt: skip


def test_a_manifest_that_names_another_bucket_revision_and_image(empty: Workspace) -> None:
    (empty.root / ".env").write_text('SMP_S3BUCKETNAME="ours"\nSMP_REGION=eu-central-1\n')
    (empty.root / "model_repos.yaml").write_text(
        "version: 1\ndefaults: {revision: develop}\nrepos: []\nlocal:\n  images:\n    - match: '*sagemaker-scikit*'\n"
    )
    new(empty, "churn", "--add")
    assert (empty.root / "model_repos.yaml").read_text() == (
        "version: 1\ndefaults: {revision: develop}\nrepos: [{name: churn, url: churn, revision: main}]\n"
        "local:\n  images:\n    - match: '*sagemaker-scikit*'\n  s3:\n    ours/churn: churn/data\n"
    )
    conf = yaml.safe_load((empty.root / "churn/conf/conf.yaml").read_text())["conf"]["models"]["churn"]
    assert conf["train"]["image_uri"].startswith("492215442770.dkr.ecr.eu-central-1.amazonaws.com/")


@pytest.mark.long
def test_without_git_in_a_repository_that_has_all(empty: Workspace) -> None:
    (empty.root / "a.txt").write_text("a")
    make_repository(empty.root)
    made = new(empty, "churn", "--framework", "none", "--out", "models/churn", "--no-git", "--add")
    assert "commit models/churn: only what is committed is checked out" in made.err
    manifest = yaml.safe_load((empty.root / "model_repos.yaml").read_text())
    assert manifest["repos"] == [{"name": "churn", "url": ".", "path": "models/churn", "revision": "HEAD"}]
    alone = yaml.safe_load((empty.root / "models/churn/model_repos.yaml").read_text())
    assert alone["repos"] == [{"name": "churn", "url": "../..", "path": "models/churn", "revision": "HEAD"}]
    commit(empty.root, "a model")
    for manifest_file in ("model_repos.yaml", "models/churn/model_repos.yaml"):
        no_problem(empty.call("checkout", "--manifest", manifest_file))
        no_problem(empty.call("validate", "--manifest", manifest_file))


def test_a_repository_inside_another_is_said(empty: Workspace) -> None:
    (empty.root / "a.txt").write_text("a")
    make_repository(empty.root)
    made = new(empty, "churn", "--add")
    assert "churn is a repository of its own inside this folder's:" in made.err


# --- nothing is overwritten, nothing is half there


def test_twice(empty: Workspace) -> None:
    new(empty, "churn", "--add")
    before = empty.files()
    again = new(empty, "churn", "--add")
    assert again.code == 1
    assert again.err.splitlines()[:4] == [
        "PB690 'churn' is not empty, and nothing is ever overwritten",
        "  hint: name another folder with --out, or move this one away",
        "model_repos.yaml: PB694 the manifest has a repository 'churn' already",
        "  hint: choose another name",
    ]
    assert [problem["id"] for problem in new(empty, "churn", "--json").json["problems"]] == ["PB690"]
    assert empty.files() == before


def test_a_link_is_left_alone(empty: Workspace) -> None:
    (empty.root / "elsewhere").mkdir()
    (empty.root / "churn").symlink_to("elsewhere")
    made = new(empty, "churn")
    assert (made.code, made.err.splitlines()[0]) == (1, "PB690 'churn' is a link, and nothing is ever overwritten")
    assert not list((empty.root / "elsewhere").iterdir())


def test_a_folder_that_is_just_it_is_only_added(empty: Workspace) -> None:
    new(empty, "churn")
    before = git(empty.root / "churn", "rev-parse", "HEAD")
    assert new(empty, "churn", "--add").code == 0
    assert git(empty.root / "churn", "rev-parse", "HEAD") == before
    no_problem(empty.call("checkout"))


def test_a_folder_that_somebody_has_worked_on_is_left_alone(empty: Workspace) -> None:
    new(empty, "churn")
    (empty.root / "churn" / "scripts" / "more.py").write_text("")
    before = empty.files()
    ended = new(empty, "churn", "--add")
    assert (ended.code, "PB690 'churn' is not empty" in ended.err) == (1, True)
    assert empty.files() == before


def test_what_is_in_the_way(empty: Workspace) -> None:
    (empty.root / "file").write_text("")
    (empty.root / "full").mkdir()
    (empty.root / "full" / "x").write_text("x")
    (empty.root / "empty").mkdir()
    for name, words in (
        ("file", "'file' is a file"),
        ("full", "'full' is not empty"),
        (".", "'.' is the current folder"),
    ):
        ended = new(empty, "churn", "--out", name)
        assert (ended.code, words in ended.err) == (1, True), ended.err
    assert new(empty, "churn", "--out", "empty").code == 0
    assert sorted(path.name for path in empty.root.iterdir()) == ["empty", "file", "full"]


def killed(workspace: Workspace, kill_at: int) -> tuple[int, int]:
    """Run `new` and kill it; return its exit code, and how many changes it had begun."""
    calls = workspace.root.parent / "calls"
    calls.write_text("")
    path = f"{Path(__file__).parent / 'killing_anywhere'}:{ROOT}"
    variables = {"CALLS": str(calls), "KILL_AT": str(kill_at), "PYTHONPATH": path}
    ended = workspace.run("new", "churn", "--framework", "none", "--add", **variables)
    assert ended.code in (0, -signal.SIGKILL), ended.err
    return ended.code, len(calls.read_text())


@pytest.mark.long
def test_killed_at_every_change(tmp_path: Path) -> None:
    reference = Workspace(tmp_path / "reference" / "folder")
    reference.root.mkdir(parents=True)
    code, changes = killed(reference, 0)
    assert (code, changes > 30) == (0, True)
    # Of the many alike while files are written every fifth, and all of the last: the commit, the folder, the manifest.
    for kill_at in (*range(1, changes - 10, 5), *range(changes - 10, changes + 1)):
        workspace = Workspace(tmp_path / str(kill_at) / "folder")
        workspace.root.mkdir(parents=True)
        code, _ = killed(workspace, kill_at)
        found = {
            name: text for name, text in workspace.files().items() if not name.startswith((".churn.new", ".model_"))
        }
        whole = {name: text for name, text in reference.files().items() if name != "model_repos.yaml"}
        assert found in ({}, whole, reference.files()), kill_at
        assert code
        if found != reference.files():
            assert killed(workspace, 0)[0] == 0
        left = {name for name in workspace.files() if not name.startswith(".model_repos.yaml.")}
        assert left == reference.files().keys(), kill_at
        assert len(git(workspace.root / "churn", "rev-list", "HEAD").splitlines()) == 1
    no_problem(workspace.call("checkout"))


def test_two_at_once(empty: Workspace) -> None:
    names = ("one", "two", "three")
    running = [empty.start("new", name, "--framework", "none", "--add", "--anchor") for name in names]
    assert [process.wait(60) for process in running].count(0) >= 1
    for process in running:
        process.communicate()
    manifest = yaml.safe_load((empty.root / "model_repos.yaml").read_text())
    made = sorted(name for name in names if (empty.root / name).exists())
    assert sorted(repo["name"] for repo in manifest["repos"]) == made
    # One of them is the anchor: the others came to a manifest that has one.
    assert len(made) == 1


# --- what can't be


def test_all_problems_at_once(empty: Workspace) -> None:
    ended = new(
        empty, "Churn_Model", "--pipeline", "my_pipe", "--region", "eu-center-1", "--instance-type", "ml.m5.lage",
        "--metric", "aux", "--min", "nan", "--description", "SMP_ROLE\x07",
    )  # fmt: skip
    assert ended.code == 1
    assert [line for line in ended.err.splitlines() if line.startswith(("PB", "  hint"))] == [
        "PB691 the model cannot be called 'Churn_Model': a name has lower-case letters, digits and single '-' between them, at most 40, and begins with a letter",
        "  hint: such as 'churn-model'",
        "PB692 AWS has no scikit-learn image in the Region 'eu-center-1'",
        "  hint: did you mean 'eu-central-1'",
        "PB692 a bound of the gate is no number",
        "PB692 a classification reports no metric 'aux'",
        "  hint: did you mean 'auc'",
        "PB692 the description has 9 characters, expected 1 to 256, all visible",
        "PB692 the instance type 'ml.m5.lage' cannot be used for a processing job",
        "  hint: did you mean 'ml.m5.large'",
        "PB692 the pipeline cannot be called 'my_pipe': SageMaker takes letters, digits and '-' between them, at most 82",
    ]
    assert list(empty.root.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["a" * 41], "PB691"),
        (["a--b"], "PB691"),
        (["a-"], "PB691"),
        (["1a"], "PB691"),
        (["größe"], "PB691"),
        (["a\n"], "PB691"),
        (["../a"], "PB691"),
        (["$(id)"], "PB691"),
        (["scripts"], "PB691"),
        (["a", "--min", "2", "--max", "1"], "PB692"),
        (["a", "--task", "regression", "--metric", "auc"], "PB692"),
        (["a", "--description", "takes SMP_ROLE"], "PB692"),
        (["a", "--description", "takes $params.x"], "PB692"),
        (["a", "--description", "${A:-${B}}"], "PB692"),
        (["a", "--description", ""], "PB692"),
        (["a", "--description", "x" * 257], "PB692"),
        (["a", "--no-anchor", "--pipeline", "p"], "PB692"),
        (["a", "--pipeline", "p" * 83], "PB692"),
        (["a", "--instance-type", "ml.trn1.2xlarge"], "PB692"),
        (["a", "--region", "local"], "PB692"),
        (["a", "--add", "--out", "a\nb"], "PB696"),
        (["a", "--add", "--out", "a\\b"], "PB696"),
        (["a", "--add", "--out", "ext::sh"], "PB696"),
        (["a", "--add", "--out", "aws-train/a"], "PB696"),
        (["a", "--add", "--manifest", "a/model_repos.yaml"], "PB696"),
    ],
)
def test_what_cannot_be(empty: Workspace, arguments: list[str], problem: str) -> None:
    ended = new(empty, *arguments, "--json")
    assert (ended.code, [found["id"] for found in ended.json["problems"]]) == (1, [problem]), ended.err
    assert list(empty.root.iterdir()) == []


def test_names_that_are_taken(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    conf = workspace.remote / "conf" / "conf.yaml"
    conf.write_text(conf.read_text() + "conf2: [\n")  # not even YAML: then its models are not known
    assert new(workspace, "churn", "--add", "--out", "x").err.splitlines()[0] == (
        "model_repos.yaml: PB694 the manifest has a repository 'churn' already"
    )
    make_workspace(tmp_path / "other", manifest="version: 1\nrepos:\n  - {url: remotes/churn, name: base}\n")
    other = Workspace(tmp_path / "other")
    assert new(other, "churn", "--add").err.splitlines()[0] == (
        "model_repos.yaml: PB694 there is a model 'churn' already, in remotes/churn/conf/conf.yaml"
    )
    assert new(other, "fraud", "--add", "--anchor").err.splitlines()[:2] == [
        "model_repos.yaml: PB693 the pipeline of this manifest is in remotes/churn/conf/conf.yaml, and there can be one only",
        "  hint: use --no-anchor, and add the new steps there",
    ]


def test_a_manifest_that_leaves_no_certain_place(empty: Workspace) -> None:
    text = "version: 1\nrepos: [ # why\n  {url: a} # so\n]\n"
    (empty.root / "model_repos.yaml").write_text(text)
    ended = new(empty, "churn", "--add")
    assert (ended.code, "PB695" in ended.err) == (1, True)
    assert empty.files() == {"model_repos.yaml": text.encode()}
    assert new(empty, "churn").code == 0


def test_a_manifest_with_problems_is_left_alone(empty: Workspace) -> None:
    (empty.root / "model_repos.yaml").write_text("version: 1\nrepos:\n  - {url: a, nmae: b}\n")
    ended = new(empty, "churn", "--add")
    assert (ended.code, "model_repos.yaml:3:14: PB102 the key 'nmae' is not known here" in ended.err) == (1, True)
    (empty.root / "model_repos.yaml").write_text("version: 1\nrepos: []\nlocl: {}\n")
    ended = new(empty, "churn", "--add")
    assert (ended.code, "PB102 the key 'locl' is not known here" in ended.err) == (1, True)
    assert sorted(empty.files()) == ["model_repos.yaml"]


def test_without_git_on_the_machine(empty: Workspace) -> None:
    ended = new(empty, "churn", "--add", PATH="/nonexistent")
    assert (ended.code, "PB697 git failed: the program 'git' is not there" in ended.err) == (4, True), ended.err
    assert list(empty.root.iterdir()) == []


@pytest.mark.long
def test_who_commits(empty: Workspace) -> None:
    nobody = {f"GIT_{role}_{part}": "" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environment = {name: value for name, value in empty.environment().items() if name not in nobody}
    (empty.root / "config").write_text(
        "[user]\nname = Grace\n[commit]\ngpgSign = true\n[core]\nhooksPath = /nonexistent\n"
    )
    environment |= {"GIT_CONFIG_GLOBAL": str(empty.root / "config")}
    done = subprocess.run(
        empty.command("new", "churn"), cwd=empty.root, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "so the commit is by ada@localhost" in done.stderr) == (0, True), done.stderr
    assert git(empty.root / "churn", "log", "--format=%an %ae %s") == "Grace ada@localhost A new model: churn"


@pytest.mark.long
def test_what_somebody_ignores_everywhere_is_in_the_first_commit(empty: Workspace) -> None:
    (empty.root / "ignored").write_text("*.csv\n.github/\nconf/\n")
    (empty.root / "config").write_text(f"[core]\nexcludesFile = {empty.root}/ignored\n")
    ended = new(empty, "churn", GIT_CONFIG_GLOBAL=str(empty.root / "config"))
    assert ended.code == 0, ended.err
    kept = git(empty.root / "churn", "ls-files").splitlines()
    assert {*kept} >= FILES
    assert f"{len(kept)} files" in ended.out


_ON_A_FULL_DISK = """
import shutil, sys
from pathlib import Path
from tests.workspaces import Workspace
from tests.scaffold.test_new import new
disk = Path(sys.argv[1])
for free in (400_000, 460_000, 600_000):
    (disk / "fill").write_bytes(bytes(600_000 - free))
    ended = new(Workspace(disk), "churn")
    print(ended.code, *ended.err.splitlines()[:1])
    shutil.rmtree(disk / "churn", ignore_errors=True)
"""


@pytest.mark.long
def test_a_disk_that_is_full_for_git(tmp_path: Path) -> None:
    said = on_small_disk(tmp_path, "600k", _ON_A_FULL_DISK).splitlines()
    assert {line[:2] for line in said} == {"4 ", "0 "}
    assert not [line for line in said if not line.startswith(("0 ", "4 PB674 disk full: "))]
    assert any("the repository 'churn': " in line for line in said), said


# --- texts from outside


NASTY = (
    """It's "x": {{ 7 * 7 }} {% raw %} ${HOME} $${A:-b} $(id) `id` <b>&amp; [a](javascript:b) *c* # d --- | \\ ü 🙂""",
    "- - a: b",
    "1. one",
    "#{x} {{resolve:ssm:a}}",
    "no",
    "'",
    '"""',
    "=",
    "~",
    "2026-01-01",
    "!!python/object:os.system",
    "&a *a",
    "x" * 256,
)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_a_description_is_only_text(tmp_path: Path, text: str) -> None:
    workspace = Workspace(tmp_path)
    made = new(workspace, "churn", "--framework", "none", "--description", text, "--ci", "github", "--no-git")
    assert made.code == 0, made.err
    graph = load_graph(tmp_path, "churn", HOME="/secret", A="secret")
    registry = graph.units["churn"].section.registry
    assert registry
    assert registry.group_description == text
    found = files(tmp_path / "churn")
    check_texts(found)
    assert found["README.md"].startswith(f"# churn\n\n{markdown_text(text)}\n\nA model repository")
    assert all(text not in found[name] for name in found if name.endswith((".py", ".yml"))) or len(text) < 4


def test_white_space_of_a_description_is_one_space(empty: Workspace) -> None:
    new(empty, "churn", "--description", " two\n\n lines\t\u2028here ", "--no-git")
    conf = (empty.root / "churn/conf/conf.yaml").read_text()
    assert conf.splitlines()[1] == "# two lines here"


def test_markdown_is_escaped() -> None:
    assert markdown_text("a_b *c* [d](e) <f>") == r"a\_b \*c\* \[d\](e) \<f\>"
    assert [markdown_text(text) for text in ("- a", "1. a", "12) a", "# a", "=", "2026")] == [
        r"\- a", r"1\. a", r"12\) a", r"\# a", r"\=", "2026",
    ]  # fmt: skip


@given(st.text(st.sampled_from("ab1 .)(-+*=_~`#|>&;<\\[]!{}$:/\"'@") | st.characters(exclude_categories=("C", "Z"))))
@settings(deadline=None)
def test_a_description_is_the_same_text_in_markdown(text: str) -> None:
    text = " ".join(text.split())
    expected = f"<p>{html.escape(text, quote=False)}</p>\n" if text else ""
    assert MarkdownIt("commonmark").render(markdown_text(text)).replace("&quot;", '"') == expected


def test_values_in_yaml() -> None:
    for value in (
        "a",
        "no",
        "1",
        "1e3",
        "a b",
        "a: b",
        "a #b",
        "-",
        "./x",
        "=",
        "",
        " a",
        "ü",
        "0.5",
        0.5,
        1e-7,
        1e22,
        3,
        -2.0,
    ):
        assert yaml.safe_load(yaml_text(value)) == value
    assert conf_text("${A} $${B} ${} ${a b}") == '"$${A} $$${B} ${} ${a b}"'


def test_a_folder_with_an_odd_name(empty: Workspace) -> None:
    name = """-o'u"t {{x}} ${HOME} $(id) #1: y"""
    made = new(empty, "churn", "--framework", "none", f"--out={name}", "--add")
    assert made.code == 0, made.err
    assert shlex.quote(name) not in made.out
    no_problem(empty.call("checkout"))
    no_problem(empty.call("validate"))
    assert files(empty.root / name).keys() == {*FILES, ".github/workflows/check.yml"}


# --- questions on a terminal


def answered(workspace: Workspace, arguments: list[str], answers: list[str]) -> tuple[int, str]:
    """Run `new` on a terminal and type the answers; return its exit code, and what was to be seen."""
    from tests.test_up import read_until

    environment = workspace.environment(TERM="xterm", COLUMNS="200")
    with on_terminal(workspace.command("new", *arguments), workspace.root, environment) as (process, main):
        seen = ""
        for answer in answers:
            seen += read_until(main, "]: ")
            os.write(main, f"{answer}\n".encode())
        seen += read_until(main, "never to be seen")
        return process.wait(60), seen


def test_questions(empty: Workspace) -> None:
    answers = [
        "xgboost",
        "regresion",
        "regression",
        "Prices of houses",
        "ml.m5.xlarge",
        "rmse",
        "a lot",
        "25.5",
        "houses",
        "y",
        "y",
        "gitlab",
    ]
    code, seen = answered(empty, ["price"], answers)
    assert code == 0, seen
    for question in (
        "Framework (sklearn, xgboost, pytorch, tensorflow, none) [sklearn]: ",
        "Task (classification, regression) [classification]: ",
        "What it is for [A regression in XGBoost]: ",
        "Instance type of its jobs [ml.m5.large]: ",
        "Metric of the gate (r2, rmse, mse, mae) [r2]: ",
        "The rmse has to be at most [40.0]: ",
        "Name of the pipeline [price]: ",
        "Add it to model_repos.yaml [Y/n]: ",
        "Make it a git repository with a first commit [Y/n]: ",
        "CI (github, gitlab, none) [github]: ",
    ):
        assert question in seen
    conf: Any = yaml.safe_load((empty.root / "price/conf/conf.yaml").read_text())["conf"]
    model = conf["models"]["price"]
    assert model["registry"]["ModelPackageGroupDescription"] == "Prices of houses"
    assert model["gate"] == [{"metric": "regression_metrics.rmse.value", "max": 25.5}]
    assert (model["train"]["instance_type"], conf["sagemakerPipeline"]["pipelineName"]) == ("ml.m5.xlarge", "houses")
    assert (empty.root / "price" / ".gitlab-ci.yml").is_file()
    no_problem(empty.call("checkout"))
    no_problem(empty.call("validate"))


def test_only_what_is_not_given_is_asked(empty: Workspace) -> None:
    given = ["--framework", "none", "--task", "classification", "--description", "x", "--instance-type", "ml.m5.large",
             "--metric", "f1", "--min", "0.1", "--pipeline", "p", "--add", "--git"]  # fmt: skip
    code, seen = answered(empty, ["churn", *given], [""])
    assert (code, seen.count("]: ")) == (0, 1), seen
    code, seen = answered(empty, ["other", "--yes"], [])
    assert (code, seen.count("]: ")) == (0, 0), seen


def test_a_name_that_cannot_be_is_said_before_the_questions(empty: Workspace) -> None:
    code, seen = answered(empty, ["Churn"], [])
    assert (code, "PB691" in seen) == (1, True)


# --- its CI


@pytest.mark.long
@pytest.mark.parametrize("anchor", ["--anchor", "--no-anchor"])
def test_what_its_ci_does(empty: Workspace, anchor: str) -> None:
    """The commands of both CI files, in a clone without history as CI systems make them."""
    new(empty, "churn", "--framework", "none", "--ci", "github", anchor)
    new(empty, "other", "--framework", "none", "--ci", "gitlab", anchor, "--out", "other")
    for name, path in (("churn", ".github/workflows/check.yml"), ("other", ".gitlab-ci.yml")):
        clone = Workspace(empty.root / f"clone of {name}")
        git(empty.root, "clone", "--quiet", "--depth=1", (empty.root / name).as_uri(), str(clone.root))
        text = (clone.root / path).read_text()
        commands = re.findall(r"(?:run:|-) (pipeline-builder .*|python -m pytest.*|python -m pip .*)", text)
        assert commands == [
            "python -m pip install -r requirements-test.txt", "python -m pytest",
            'python -m pip install "$PIPELINE_BUILDER"', "pipeline-builder checkout", "pipeline-builder validate",
        ]  # fmt: skip
        for command in commands[-2:]:
            no_problem(clone.run(*command.split()[1:]))


@pytest.mark.long
def test_the_rest_of_the_how_to_word_for_word(empty: Workspace) -> None:
    """What `test_told.py` doesn't run of it, after the page's first block: an environment of the model's own, and a model
    after it.
    """
    found = [block for block in blocks(ROOT / "docs" / "how-to" / "new-model.md") if block.language == "bash"]
    assert [block.tags for block in found] == [(RUN,), (AWS,), (RUN,), (AWS,)]
    commits = "git -C churn commit -q -a -m 'More steps'\n"
    script = "\n".join((found[0].text, found[1].text, found[3].text, commits, "pipeline-builder up --approve"))
    uv = str(find_uv())
    subprocess.run([uv, "--quiet", "venv", "--seed", "--python", sys.executable, str(empty.root / "env")], check=True)
    command = ["bash", "-euo", "pipefail", "-c", script]
    with offered(empty.root / "bin") as ours:
        environment = empty.environment(PATH=f"{empty.root / 'env' / 'bin'}:{ours}:{os.environ['PATH']}")
        done = subprocess.run(
            command, cwd=empty.root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (done.stdout.count("Approved: approved by ada"), "5 passed" in done.stdout) == (4, True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
def test_a_user_without_a_name_has_a_number() -> None:
    code = "import os; from pipeline_builder.machine.people import login_name; os.setuid(54321); print(login_name())"
    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "uid-54321\n"), done.stderr
