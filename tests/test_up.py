"""The whole job through the command line: up, again, changed, failed, interrupted, killed, approved, rejected."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkout.repositories import git, make_repository
from tests.cli.terminals import on_terminal
from tests.definition.cases import CASES
from tests.doors import Door
from tests.tiny import DATA, EVALUATE, TRAIN, variant
from tests.workspaces import Kept, Workspace, make_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    workspace = make_workspace(tmp_path_factory.mktemp("trained") / "workspace")
    assert workspace.run("up", "--approve").code == 0
    return Kept.keep(workspace)


@pytest.fixture
def trained(kept: Kept) -> Workspace:
    """Return a workspace whose model was trained and approved."""
    return kept.restore()


def states(workspace: Workspace) -> dict[str, str]:
    """Return what became of each step in the last run: its status, or `cached`."""
    steps = workspace.call("status", "--json").json["steps"]
    return {step["name"].removeprefix("churn-"): "cached" if step["cache_hit"] else step["status"] for step in steps}


ALL = ("Preprocess", "Train", "CreateModel", "Transform", "Metrics", "Register")


def test_up_trains_and_promotes(workspace: Workspace) -> None:
    ended = workspace.run_anew("up", "--approve", "--comment", "fine")
    assert (ended.code, ended.err.count("Traceback")) == (0, 0), ended.err
    assert states(workspace) == dict.fromkeys(ALL, "Succeeded")
    record = json.loads((workspace.root / "build" / "run.json").read_text())
    (package,) = record["packages"]
    assert package["status"] == "Approved"
    assert package["approval_description"].startswith("approved by ada: fine (execution ")
    assert package["metrics"] == {"regression_metrics": {"mae": {"value": 1.0}}}
    (repo,) = record["repos"]
    assert package["metadata"]["CommitId"] == package["metadata"]["commit-churn"] == repo["commit"]
    assert "mae" in ended.out
    assert "report: build/report.html" in ended.out
    built = {path.name for path in (workspace.root / "build").iterdir()}
    assert built == {
        "pipeline_definition.json",
        "run.json",
        "report.html",
        "junit.xml",
        "model_repos.lock.yaml",
        "applied.json",
        "bundles",
    }
    assert [line.split()[0] for line in ended.err.splitlines() if line[0].isalpha()] == [
        "checkout", "validate", "build", "plan", "apply", "run", "gate", "promote", "report",
    ]  # fmt: skip


@pytest.mark.long
def test_the_second_time_nothing_is_trained(trained: Workspace) -> None:
    before = trained.call("history", "--json").json
    ended = trained.run("up", "--approve")
    assert ended.code == 0
    assert "nothing changed since execution" in ended.err
    after = trained.call("history", "--json").json
    assert (after, len(after["executions"])) == (before, 1)
    assert trained.run("up", "--rerun", "--approve").code == 0
    assert states(trained) == dict.fromkeys(ALL, "Succeeded")
    assert len(trained.call("history", "--json").json["approvals"]) == 2


@pytest.mark.long
def test_only_what_a_change_touches_runs_again(trained: Workspace) -> None:
    trained.push("scripts/evaluate.py", EVALUATE + "# a comment\n")
    plan = trained.call("checkout"), trained.call("plan", "--json").json
    assert [c["name"] for c in plan[1]["changes"]] == ["churn-Metrics"]
    assert {p["step"]: p["hit"] for p in plan[1]["predictions"]}["churn-Train"]
    trained.run("up")
    assert states(trained) == {
        "Preprocess": "cached", "Train": "cached", "CreateModel": "Succeeded", "Transform": "cached",
        "Metrics": "Succeeded", "Register": "Succeeded",
    }  # fmt: skip
    trained.push("README.md", "nothing that runs")
    assert "nothing changed since execution" in trained.run("up").err
    (trained.root / "data" / "numbers.csv").write_text("1\n2\n3\n4\n5\n7\n")
    trained.run("up")
    assert states(trained)["Preprocess"] == "Succeeded"


@pytest.mark.long
def test_without_an_answer_the_run_waits(workspace: Workspace) -> None:
    ended = workspace.run("up")
    assert ended.code == 0
    assert "waits for your decision: 'pipeline-builder promote' or 'pipeline-builder reject --comment WHY'" in ended.out
    promoted = workspace.run("promote", "--comment", "later")
    assert (promoted.code, "Approved: approved by ada: later" in promoted.out) == (0, True)
    again = workspace.run("promote", "--comment", "later")
    assert again.code == 0
    assert len(workspace.call("history", "--json").json["approvals"]) == 1


@pytest.mark.long
def test_reject(workspace: Workspace) -> None:
    ended = workspace.run("up", "--reject", "--comment", "too old")
    assert (ended.code, "Rejected: rejected by ada: too old" in ended.out) == (0, True)


@pytest.mark.long
def test_the_champion_is_compared(trained: Workspace) -> None:
    trained.push("conf/conf.yaml", variant(("scale: 2", "scale: 1")))
    ended = trained.run("up")
    assert "tiny-churn version 2 (Waits for your decision, against version 1)" in ended.out
    assert "champion 1" in ended.out


@pytest.mark.long
def test_a_failing_script(workspace: Workspace) -> None:
    workspace.push("scripts/train.py", "print('so far so good')\nraise SystemExit('the numbers are wrong')\n")
    ended = workspace.run("up", "--approve")
    assert ended.code == 5
    said = "step 'churn-Train' failed: the numbers are wrong\n    so far so good\n    the numbers are wrong\n  hint: "
    assert said in ended.err  # the end of the log once
    assert f"the whole log: {workspace.root}/.pipeline_builder/jobs/" in ended.err
    assert "Traceback" not in ended.err
    assert states(workspace) == {
        "Preprocess": "Succeeded", "Train": "Failed", "CreateModel": "Waiting", "Transform": "Waiting",
        "Metrics": "Waiting", "Register": "Waiting",
    }  # fmt: skip
    assert workspace.call("logs", "churn-Train").out == "so far so good\nthe numbers are wrong\n"
    assert workspace.run("promote").code == 1
    workspace.push("scripts/train.py", TRAIN)
    assert workspace.run("up", "--approve").code == 0
    assert states(workspace)["Preprocess"] == "cached"


def gate(bound: float, *more: tuple[str, str]) -> str:
    """Return the conf with a bound on the metric, which is 1.0."""
    text = f"      gate: [{{metric: regression_metrics.mae.value, max: {bound}}}]\n"
    return variant(("      registry:\n", f"{text}      registry:\n"), *more)


@pytest.mark.long
def test_a_model_within_its_bounds_is_registered(workspace: Workspace) -> None:
    workspace.push("conf/conf.yaml", gate(1.5))
    workspace.call("checkout")
    reasons = {p["step"]: p["reason"] for p in workspace.call("plan", "--json").json["predictions"]}
    words = workspace.call("plan")
    assert "6 to run, 0 from the cache, 2 by conditions" in words.err
    assert "maybe  churn-Register-Blocked  if 'churn-Register-Gate' comes out as False" in words.out
    assert reasons["churn-Register"] == "if 'churn-Register-Gate' comes out as True"
    ended = workspace.run("up", "--approve")
    assert (ended.code, "tiny-churn version 1 (Approved" in ended.out) == (0, True), ended.err
    assert states(workspace) == {
        **dict.fromkeys(ALL, "Succeeded"), "Register-Gate": "Succeeded", "Register-Blocked": "Skipped",
    }  # fmt: skip
    assert "churn-Register-Gate     Succeeded" in workspace.call("status").out
    record = json.loads((workspace.root / "build" / "run.json").read_text())
    steps = {step["name"]: step for step in record["steps"]}
    assert steps["churn-Register"]["depends_on"] == ["churn-Register-Gate", "churn-Train", "churn-Metrics"]
    made = {name: (step["model"], step["step_class"]) for name, step in steps.items()}
    assert made["churn-Register-Gate"] == ("churn", "Condition")
    assert made["churn-Register-Blocked"] == ("churn", "Fail")
    assert made["churn-Register"] == ("churn", "RegisterModel")
    report = (workspace.root / "build" / "report.html").read_text()
    assert "not needed: a condition went the other way" in report
    assert "nothing changed since execution" in workspace.run("up").err


@pytest.mark.long
def test_a_model_beyond_its_bounds_is_not_registered(workspace: Workspace) -> None:
    workspace.push("conf/conf.yaml", gate(0.5))
    ended = workspace.run("up", "--approve")
    blocked = (
        "the gate of the model 'churn' blocks it from the registry: "
        "regression_metrics.mae.value is 1.0, expected at most 0.5"
    )
    assert (ended.code, f"PB500 step 'churn-Register-Blocked' failed: {blocked}" in ended.err) == (5, True), ended.err
    assert ("Traceback" in ended.err, "pipeline-builder retry" in ended.err) == (False, False)  # which can't help here
    assert "change the model, its data, or the bounds of 'gate' in its conf" in ended.err
    found = states(workspace)
    assert (found["Register-Gate"], found["Register"], found["Register-Blocked"]) == ("Succeeded", "Skipped", "Failed")
    record = json.loads((workspace.root / "build" / "run.json").read_text())
    assert (record["packages"], record["failure_reason"]) == ([], blocked)
    # What the gate has looked at is there, though nothing was registered.
    (kept,) = record["blocked"]
    assert (kept["model"], kept["group"], kept["step"]) == ("churn", "tiny-churn", "churn-Register-Gate")
    assert (kept["metrics"]["regression_metrics"]["mae"]["value"], kept["reason"]) == (1.0, blocked)
    assert [(bound["metric"], bound["max"]) for bound in kept["bounds"]] == [("regression_metrics.mae.value", 0.5)]
    assert "tiny-churn (Blocked, no champion yet)\n  mae          1  at most 0.5, NOT kept\n" in ended.out
    report = (workspace.root / "build" / "report.html").read_text()
    assert '<span class="badge">Blocked</span>' in report
    assert "✕ at most 0.5" in report
    assert workspace.call("history", "--json").json["approvals"] == []
    assert workspace.run("promote").code == 1
    plan = workspace.call("plan").out
    assert "skip   churn-Register          'churn-Register-Gate' goes the other way" in plan
    workspace.push("conf/conf.yaml", gate(1.5))
    ended = workspace.run("up", "--approve")
    assert (ended.code, "tiny-churn version 1 (Approved" in ended.out) == (0, True), ended.err
    assert states(workspace)["Train"] == "cached"


@pytest.mark.long
def test_a_repacked_model_carries_its_code(workspace: Workspace) -> None:
    workspace.push("conf/conf.yaml", gate(1.5, ('ModelRepack: "False"', 'ModelRepack: "True"')))
    workspace.push("scripts/requirements.txt", "# nothing\n")
    ended = workspace.run("up", "--approve")
    assert ended.code == 0, ended.err
    assert states(workspace)["Train-Repack"] == "Succeeded"
    (package,) = json.loads((workspace.root / "build" / "run.json").read_text())["packages"]
    store = workspace.root / ".pipeline_builder" / "store"
    with tarfile.open(store / package["model_data_url"].removeprefix("s3://")) as archive:
        assert {"./mean.txt", "./code/inference.py", "./code/requirements.txt"} <= set(archive.getnames())
    assert "churn-Train-Repack      Processing     ← churn-Train" in workspace.call("graph").out
    # The archive depends on its content only: what is behind it comes from the cache.
    workspace.push("scripts/evaluate.py", EVALUATE + "# a comment\n")
    assert workspace.run("up").code == 0
    found = states(workspace)
    assert (found["Train-Repack"], found["Transform"], found["Metrics"]) == ("cached", "cached", "Succeeded")


@pytest.mark.long
def test_parameters_of_the_command_line(workspace: Workspace) -> None:
    declared = "    pipelineName: tiny\n    parameters: [{name: Scale, type: Integer}, {name: Quick, type: Boolean}]\n"
    conf = variant(
        ("    pipelineName: tiny\n", declared),
        ("hyperparams: {scale: 2}", "hyperparams: {scale: $params.Scale}\n        env: {QUICK: $params.Quick}"),
    )
    workspace.push("conf/conf.yaml", conf)
    ended = workspace.run("up")
    assert (ended.code, "the parameters 'Scale', 'Quick' have no value, and no default" in ended.err) == (1, True)
    ended = workspace.run("up", "--parameter", "Scale=two", "--parameter", "Quick=no", "--parameter", "Other=1")
    assert (ended.code, ended.err.count("PB505 "), "Traceback" in ended.err) == (1, 3, False), ended.err
    own = [f"--parameter={name}=x" for name in ("ManifestCommit", "Commit-churn", "CacheGeneration")]
    ended = workspace.call("plan", *own)
    assert (ended.code, ended.err.count(" can't be given: a run sets it itself")) == (1, 3), ended.err
    ended = workspace.run("up", "--parameter", "Scale=3", "--parameter", "Quick=true")
    assert ended.code == 0, ended.err
    assert "mean: 6.0" in workspace.call("logs", "churn-Train").out


@pytest.mark.long
def test_a_failing_script_as_json(workspace: Workspace) -> None:
    workspace.push("scripts/train.py", "raise SystemExit(3)\n")
    ended = workspace.run("up", "--json")
    assert (ended.code, ended.json["status"]) == (5, "Failed")


@pytest.mark.long
def test_killed_and_repeated(workspace: Workspace, door: Door) -> None:
    door.open()
    workspace.push("scripts/train.py", f"{door.enter}import time\ntime.sleep(1.5)\n{TRAIN}")
    process = workspace.start("up", "--approve")
    wait_for(door.knocked)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    ended = workspace.run("up", "--approve")
    assert ended.code == 0, ended.err
    assert "; what has succeeded stays\n" in ended.err
    jobs = workspace.root / ".pipeline_builder" / "jobs"
    assert [path.name for path in jobs.glob("*/.logs/*")] == ["churn-Train.1.txt"]  # all others have run once
    assert len(workspace.call("history", "--json").json["executions"]) == 1
    assert ended.out.count("model-package/tiny-churn/1") == 1


@pytest.mark.long
@pytest.mark.parametrize("delay", [0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1])
def test_a_gated_run_killed_at_any_moment_and_repeated(workspace: Workspace, delay: float) -> None:
    workspace.push("conf/conf.yaml", gate(1.5))
    process = workspace.start("up", "--approve")
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):  # it was quicker
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    ended = workspace.run("up", "--approve")
    assert ended.code == 0, ended.err
    found = states(workspace)
    assert (found.pop("Register-Blocked"), set(found.values()) <= {"Succeeded", "cached"}) == ("Skipped", True)
    assert ended.out.count("model-package/tiny-churn/1") == 1


@pytest.mark.long
@pytest.mark.parametrize("delay", [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0])
def test_killed_at_any_moment_and_repeated(workspace: Workspace, delay: float) -> None:
    process = workspace.start("up", "--approve")
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):  # it was quicker
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    ended = workspace.run("up", "--approve")
    assert ended.code == 0, ended.err
    assert set(states(workspace).values()) <= {"Succeeded", "cached"}
    history = workspace.call("history", "--json").json
    assert len(history["executions"]) == 1
    assert [a["after"] for a in history["approvals"]] == ["Approved"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_leaves_no_process_and_goes_on(workspace: Workspace, number: signal.Signals) -> None:
    marker = f"7{os.getpid()}.25"
    workspace.push("scripts/train.py", f"import subprocess\nsubprocess.run(['sleep', '{marker}'])\n")
    process = workspace.start("up")
    wait_for(lambda: marker in processes())
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in errors) == (130, False), errors
    assert "interrupted; the same command goes on from here" in errors
    assert marker not in processes()
    assert states(workspace)["Train"] == "Stopped"
    workspace.push("scripts/train.py", TRAIN)
    assert workspace.run("up").code == 0


@pytest.mark.long
def test_stop_from_another_shell(workspace: Workspace) -> None:
    marker = f"8{os.getpid()}.25"
    workspace.push("scripts/train.py", f"import subprocess\nsubprocess.run(['sleep', '{marker}'])\n")
    process = workspace.start("up")
    wait_for(lambda: marker in processes())
    ended = workspace.run("stop")
    assert (ended.code, ended.out.split()[-1]) == (0, "Stopped"), ended.err
    assert marker not in processes()
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in errors) == (5, False), errors
    assert states(workspace)["Train"] == "Stopped"
    assert workspace.run("stop").out.split()[-1] == "Stopped"


@pytest.mark.long
def test_stop_of_an_execution_that_nobody_runs(workspace: Workspace) -> None:
    marker = f"9{os.getpid()}.25"
    workspace.push("scripts/train.py", f"import subprocess\nsubprocess.run(['sleep', '{marker}'])\n")
    process = workspace.start("up")
    wait_for(lambda: marker in processes())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert workspace.run("stop", "--json").json["status"] == "Stopped"


@pytest.mark.long
def test_retry_goes_on_with_what_failed(workspace: Workspace, door: Door) -> None:
    workspace.push("scripts/train.py", door.enter + TRAIN)
    assert workspace.run("up").code == 5
    door.open()
    ended = workspace.run("retry")
    assert ended.code == 0, ended.err
    assert set(states(workspace).values()) == {"Succeeded"}
    (execution,) = workspace.call("history", "--json").json["executions"]
    again = workspace.run("retry")
    assert (again.code, "PB443 the execution '" in again.err) == (1, True), again.err
    assert workspace.run("promote").code == 0, execution


@pytest.mark.long
def test_a_result_stands_only_while_its_data_does(workspace: Workspace) -> None:
    workspace.push("conf/conf.yaml", CASES["cached-by-data"].conf)
    assert workspace.run("up").code == 0
    definition = (workspace.root / "build" / "pipeline_definition.json").read_bytes()
    first = json.loads((workspace.root / "build" / "run.json").read_text())["parameters"]["Data-churn-Preprocess"]
    (workspace.root / "data" / "numbers.csv").write_text(DATA + "11\n12\n")
    ended = workspace.run("up")
    assert ended.code == 0, ended.err
    assert states(workspace)["Preprocess"] == "Succeeded"
    second = json.loads((workspace.root / "build" / "run.json").read_text())["parameters"]["Data-churn-Preprocess"]
    assert (len(first), len(second), first != second) == (64, 64, True)
    assert (workspace.root / "build" / "pipeline_definition.json").read_bytes() == definition
    assert "nothing to run" in workspace.run("up").err


@pytest.mark.long
def test_a_run_of_what_changed_since_a_lock(workspace: Workspace) -> None:
    assert workspace.run("up").code == 0
    before = shutil.copy(workspace.root / "build" / "model_repos.lock.yaml", workspace.root / "before.yaml")
    ended = workspace.run("run", "--changed-since", str(before), "--json")
    assert (ended.code, ended.json) == (0, {"execution": None}), ended.err
    ended = workspace.run("run", "--select", "churn-Metrics")
    assert ended.code == 0, ended.err
    assert "left out: churn-Preprocess, churn-Train, churn-CreateModel, churn-Transform, churn-Register" in ended.err
    found = states(workspace)
    assert (found["Metrics"], found["CreateModel"], found["Register"]) == ("cached", "Waiting", "Waiting")
    workspace.push("scripts/evaluate.py", EVALUATE + "# a comment\n")
    assert [workspace.run(name).code for name in ("checkout", "apply")] == [0, 0]
    ended = workspace.run("run", "--changed-since", str(before))
    assert (ended.code, "everything (changed: churn)" in ended.err) == (0, True), ended.err
    assert states(workspace)["Register"] == "Succeeded"
    assert workspace.run("run", "--select", "a", "--changed-since", str(before)).code == 2


@pytest.mark.long
def test_resume_follows_what_was_interrupted(workspace: Workspace, door: Door) -> None:
    workspace.push("scripts/train.py", door.wait + TRAIN)
    process = workspace.start("up")
    wait_for(lambda: "churn-Train" in workspace.call("status").out and states(workspace)["Train"] == "Executing")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    door.open()
    ended = workspace.run("run", "--resume")
    assert (ended.code, set(states(workspace).values())) == (0, {"Succeeded"}), ended.err
    assert len(workspace.call("history", "--json").json["executions"]) == 1
    assert workspace.run("run", "--resume").code == 0


@pytest.mark.long
def test_rollback_to_the_champion_before(trained: Workspace) -> None:
    refused = trained.run("rollback", "churn", "--comment", "too slow")
    assert (refused.code, "PB433" in refused.err) == (1, True), refused.err
    trained.push("scripts/train.py", TRAIN + "# another\n")
    assert trained.run("up", "--approve").code == 0
    for other, code, said in (("churn/1", 3, "is version 2 now"), ("churn/7", 1, "PB432"), ("churn/", 1, "PB432")):
        ended = trained.call("rollback", other, "--comment", "too slow")
        assert (ended.code, said in ended.err) == (code, True), ended.err
    ended = trained.run("rollback", "churn/2", "--comment", "too slow")
    assert ended.code == 0, ended.err
    assert trained.call("rollback", "churn/2", "--comment", "mine is later").code == 3
    approvals = trained.call("history", "--json").json["approvals"]
    (newest, *_) = approvals
    assert (newest["package"].rsplit("/", 1)[1], newest["after"]) == ("2", "Rejected")
    assert "too slow" in newest["description"]


@pytest.mark.long
def test_two_at_once_share_one_execution(workspace: Workspace) -> None:
    running = [workspace.start("up") for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert len(workspace.call("history", "--json").json["executions"]) == 1


@pytest.mark.long
def test_the_prompt_on_a_terminal(workspace: Workspace) -> None:
    environment = workspace.environment(TERM="xterm", COLUMNS="100", LINES="40")
    with on_terminal(workspace.command("up"), workspace.root, environment) as (process, main):
        seen = read_until(main, "yes / no (reject) / later")
        assert "mae" in seen
        os.write(main, b"yes\n")
        read_until(main, "Comment")
        os.write(main, b"looks right\n")
        seen = read_until(main, "report: ")
        assert process.wait(60) == 0
    assert "Approved: approved by ada: looks right" in seen


@pytest.mark.long
def test_same_commits_elsewhere_give_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    workspace.run("checkout")
    first = workspace.run("build", "--json").json
    other = Workspace(tmp_path / "some where" / "else")
    shutil.copytree(
        workspace.root, other.root, ignore=shutil.ignore_patterns(".pipeline_builder", "build", "aws-train")
    )
    environment = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    old = os.umask(0o077)
    try:
        other.run("checkout", **environment)
        second = other.run("build", "--json", **environment).json
    finally:
        os.umask(old)
    definition = "pipeline_definition.json"
    bytes_of = [(w.root / "build" / definition).read_bytes() for w in (workspace, other)]
    assert bytes_of[0] == bytes_of[1]
    assert (first["sha256"], first["bundles"]) == (second["sha256"], second["bundles"])
    text = bytes_of[0].decode()
    assert str(workspace.root) not in text


@pytest.mark.long
def test_the_target_is_not_in_the_definition(workspace: Workspace) -> None:
    workspace.run("checkout")
    values = {
        "SMP_ACCOUNTID": "123456789012", "SMP_REGION": "eu-central-1", "SMP_S3BUCKETNAME": "b",
        "SMP_ROLE": "arn:aws:iam::123456789012:role/r",
    }  # fmt: skip
    (workspace.root / "data2").mkdir()
    local = workspace.run("build", "--json", **values)
    aws = workspace.run("build", "--json", "--target", "aws", **values)
    assert (local.code, aws.code) == (0, 0), aws.err
    assert local.json["sha256"] == aws.json["sha256"]


@pytest.mark.long
def test_a_commit_that_changes_nothing_that_runs_changes_no_byte(workspace: Workspace) -> None:
    workspace.run("checkout")
    before = workspace.run("build", "--json").json["sha256"]
    workspace.push("docs/notes.md", "words")
    workspace.run("checkout")
    assert workspace.run("build", "--json").json["sha256"] == before


@pytest.mark.long
def test_a_stale_plan_is_refused(workspace: Workspace) -> None:
    workspace.call("checkout")
    workspace.call("plan", "--out", "plan.json")
    assert workspace.call("plan", "--detailed-exitcode").code == 2
    assert workspace.run("apply", "plan.json").code == 0
    assert workspace.call("plan", "--detailed-exitcode").code == 0
    assert workspace.run("apply", "plan.json").code == 0  # what it would do is done
    _scale(workspace, 3)
    ended = workspace.run("apply", "plan.json")
    assert (ended.code, "PB420" in ended.err) == (3, True)
    workspace.call("plan", "--out", "plan.json")
    _scale(workspace, 4)
    workspace.run("apply")
    _scale(workspace, 3)
    ended = workspace.run("apply", "plan.json")
    assert (ended.code, "PB421" in ended.err) == (3, True)


def _scale(workspace: Workspace, scale: int) -> None:
    workspace.push("conf/conf.yaml", variant(("scale: 2", f"scale: {scale}")))
    workspace.call("checkout")


@pytest.mark.long
def test_each_stage_is_a_command(workspace: Workspace) -> None:
    for arguments in (["checkout"], ["validate"], ["build"], ["plan"], ["apply"], ["run"], ["promote"], ["report"]):
        ended = workspace.run(*arguments)
        assert (ended.code, bool(ended.out)) == (0, True), (arguments, ended.err)
    assert "Approved" in workspace.call("history").out
    assert all(f"churn-{name} " in workspace.call("graph").out for name in ALL)
    assert workspace.call("graph", "--format", "mermaid").out.startswith("flowchart LR")
    for command in ("checkout", "validate", "graph", "build", "plan", "apply", "run", "report", "status", "history"):
        assert workspace.run(command, "--json").json, command


@pytest.mark.long
def test_lost_folders_are_made_again(trained: Workspace) -> None:
    for name in ("build", "aws-train"):
        shutil.rmtree(trained.root / name)
        ended = trained.run("up", "--approve")
        assert (ended.code, "nothing changed since" in ended.err) == (0, True), ended.err
    shutil.rmtree(trained.root / ".pipeline_builder" / "store")
    assert trained.run("up", "--rerun", "--approve").code == 0
    shutil.rmtree(trained.root / ".pipeline_builder")
    assert trained.run("up", "--approve").code == 0


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def processes() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def read_until(terminal: int, text: str) -> str:
    seen = ""
    deadline = time.monotonic() + 60
    while text not in seen:
        assert time.monotonic() < deadline, seen
        try:
            seen += os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:
            break
    return seen


@pytest.mark.long
def test_help_and_the_schema_need_no_workspace(tmp_path: Path) -> None:
    outside = Workspace(tmp_path)
    assert outside.run("--help").out.startswith("Usage: pipeline-builder")
    schema = outside.call("schema", "conf").json
    assert schema["additionalProperties"] is False
    train = schema["$defs"]["TrainSection"]["properties"]
    assert {"hyperparams", "hyperparameters", "max_runtime_seconds", "max_runtime_in_seconds"} <= set(train)
    assert "repos" in outside.call("schema", "manifest").json["properties"]


def test_the_state_is_not_committed_with_the_manifest(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, state=False)
    assert workspace.call("checkout").code == 0
    make_repository(workspace.root)
    assert [name for name in git(workspace.root, "ls-files").split() if name.startswith(".pipeline_builder")] == []


@pytest.mark.long
def test_results_from_before_repositories_had_folders_of_their_own_are_taken(workspace: Workspace) -> None:
    """A stack of before lets its builds write to one folder for all; that is what its definitions say."""
    before = workspace.call("up", "--approve", SMP_CODEPIPELINE="models")
    assert before.code == 0, before.err
    old = (workspace.root / "build" / "pipeline_definition.json").read_text()
    assert '"s3://local/tiny/executions"' in old
    assert workspace.call("up", "--approve").code == 0
    assert '"s3://local/tiny/churn/executions"' in (workspace.root / "build" / "pipeline_definition.json").read_text()
    found = states(workspace)
    assert {name for name, state in found.items() if state == "cached"} == {
        "Preprocess",
        "Train",
        "Transform",
        "Metrics",
    }
