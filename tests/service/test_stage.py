"""The stages of the service on the local target: what each does, hands on and refuses."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline_builder.cli.options import make_session
from pipeline_builder.descriptions import Approval
from pipeline_builder.errors import InputProblems, PlanRefused
from pipeline_builder.release.proof import approval_of
from pipeline_builder.service.setting import Setting, read_setting
from pipeline_builder.service.stage import console_link, run_promote, run_reject
from pipeline_builder.service.train import run_train
from pipeline_builder.session import Session
from pipeline_builder.views.following import Eyes
from tests.checkout.repositories import commit, make_repository
from tests.tiny import CONF, EVALUATE, TRAIN, write_model
from tests.workspaces import Kept, Workspace, make_workspace


class Service:
    """CodePipeline as a stage asks it."""

    def __init__(self, approval: Approval | None = None, start: str = "manual") -> None:
        self.approval, self.start = approval, start

    def find_start(self, pipeline: str, execution: str) -> str:
        del pipeline, execution
        return self.start

    def find_approval(self, pipeline: str, execution: str) -> Approval | None:
        del pipeline, execution
        return self.approval


ADA = Approval(approved=True, by="ada", comment="looks right")
BOB = Approval(approved=False, by="bob", comment="too low")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    workspace = make_workspace(tmp_path_factory.mktemp("trained") / "workspace")
    for name in ("build", "train"):
        ended = workspace.run("stage", name, SMP_ARTIFACTS="arts", SMP_CODEPIPELINE_EXECUTION="e1")
        assert ended.code == 0, ended.err
    return Kept.keep(workspace)


@pytest.fixture
def trained(kept: Kept) -> Workspace:
    return kept.restore()


def exports(workspace: Workspace) -> dict[str, str]:
    lines = (workspace.root / "build" / "stage.env").read_text().splitlines()
    return dict(" ".join(shlex.split(line)[1:]).split("=", 1) for line in lines)


def session(workspace: Workspace) -> Session:
    manifest = workspace.root / "model_repos.yaml"
    return make_session({"manifest": manifest, "state": None, "build": None, "env_file": None}, "local", None)


def statuses(workspace: Workspace) -> list[str]:
    record = json.loads((workspace.root / "build" / "run.json").read_text())
    return [package["status"] for package in record["packages"]]


@pytest.mark.long
def test_build_and_train_hand_on_what_the_approver_needs(trained: Workspace) -> None:
    found = exports(trained)
    assert set(found) == {"EXECUTION_ARN", "VERDICT", "SUMMARY", "REPORT_URL", "APPROVAL"}
    assert (found["VERDICT"], len(found["APPROVAL"])) == ("pass", 64)
    assert found["SUMMARY"].startswith("tiny-churn version 1: mae ")
    kept = trained.root / ".pipeline_builder" / "store" / "arts" / "runs" / "e1"
    assert found["REPORT_URL"] == (kept / "report.html").as_uri()
    assert sorted(path.name for path in kept.iterdir()) == ["report.html", "run.json"]
    page = (kept / "report.html").read_text("utf-8")  # what the question links to is one object, and says that it waits
    assert "Waits for your decision" in page
    assert not re.search(r'(src|href)="(?!#|data:|https://)', page)
    assert {"plan.json", "applied.json", "junit.xml"} <= {path.name for path in (trained.root / "build").iterdir()}


@pytest.mark.long
def test_the_site_is_written_and_where_it_cannot_be_nothing_else_fails(trained: Workspace) -> None:
    """What is only shown ends no run: neither a place that is taken, nor an index that is damaged."""
    evidence = trained.root / ".pipeline_builder" / "store" / "local" / "tiny" / "evidence"
    (page,) = (evidence / "site" / "runs" / "tiny").glob("*.html")
    assert (evidence / "runs" / page.stem / "report.html").is_file()
    page.unlink()
    (evidence / "runs.index").write_bytes(b"\xff torn")
    service = {"SMP_ARTIFACTS": "arts", "SMP_CODEPIPELINE_EXECUTION": "e1"}
    again = trained.run("stage", "train", **service)
    assert (again.code, page.is_file()) == (0, True), again.err
    shutil.rmtree(evidence / "site")
    (evidence / "site").write_text("in the way")
    taken = trained.run("stage", "train", **service)
    assert (taken.code, exports(trained)["VERDICT"]) == (0, "pass")
    assert "PB012 the site was not written: " in taken.err


def test_on_aws_the_report_is_linked_in_the_console() -> None:
    """CodePipeline takes an http or https address for the approver; a key with anything in it stays one parameter."""
    assert console_link("models-1", "runs/0a-1/report.html", "eu-central-1") == (
        "https://eu-central-1.console.aws.amazon.com/s3/object/models-1?region=eu-central-1&prefix=runs%2F0a-1%2Freport.html"
    )
    odd = urlsplit(console_link("models-1", "a b/&prefix=c#d", "cn-north-1"))
    assert (odd.hostname, odd.fragment) == ("cn-north-1.console.amazonaws.cn", "")
    assert parse_qs(odd.query)["prefix"] == ["a b/&prefix=c#d"]


def test_a_build_with_problems_says_them_in_its_variables_and_in_junit(workspace: Workspace) -> None:
    workspace.push("conf/conf.yaml", "conf: {}\n")
    ended = workspace.run("stage", "build")
    assert ended.code == 1
    assert exports(workspace)["VERDICT"] == "failed"
    assert "<failure" in (workspace.root / "build" / "junit.xml").read_text()


@pytest.mark.long
def test_a_train_that_fails_hands_on_why(workspace: Workspace) -> None:
    workspace.push("scripts/train.py", "raise SystemExit('no data')\n")
    assert workspace.run("stage", "build").code == 0
    ended = workspace.run("stage", "train")
    assert (ended.code, exports(workspace)["VERDICT"]) == (5, "failed")


def test_the_stage_may_come_from_the_environment(workspace: Workspace) -> None:
    assert workspace.run("stage", STAGE="build").code == 0
    assert "PIPELINE_VERSION=1" in (workspace.root / "build" / "stage.env").read_text()


@pytest.mark.long
def test_a_push_runs_only_what_changed(trained: Workspace) -> None:
    pushed = trained.push("scripts/evaluate.py", EVALUATE + "# a comment\n")
    push = {"SMP_TRIGGER": "webhook", "SMP_REPOSITORY": "churn", "SMP_COMMIT": pushed}
    built = trained.run("stage", "build", **push)
    assert f"started by webhook churn@{pushed[:7]}\n" in built.err
    ended = trained.run("stage", "train", **push)
    assert (ended.code, "left out: churn-Preprocess, churn-Train, churn-CreateModel, churn-Transform" in ended.err) == (
        0,
        True,
    ), ended.err
    record = json.loads((trained.root / "build" / "run.json").read_text())
    assert record["trigger"] == f"webhook churn@{pushed[:7]}"


@pytest.mark.long
def test_a_push_of_nothing_that_runs_runs_nothing(trained: Workspace) -> None:
    (trained.remote / "README.md").write_text("more words\n")
    pushed = commit(trained.remote, "words")
    push = {"SMP_TRIGGER": "poll", "SMP_REPOSITORY": "churn", "SMP_COMMIT": pushed}
    assert trained.run("stage", "build", **push).code == 0
    before = trained.call("history", "--json").json["executions"]
    ended = trained.run("stage", "train", **push)
    assert (ended.code, exports(trained)["VERDICT"]) == (0, "pass"), ended.err  # the first one still waits
    assert trained.call("history", "--json").json["executions"] == before


@pytest.mark.long
def test_a_schedule_without_the_cache_trains_anew(trained: Workspace) -> None:
    schedule = {"SMP_TRIGGER": "schedule:nightly", "SMP_CACHE": "skip"}
    assert trained.run("stage", "build", **schedule).code == 0
    ended = trained.run("stage", "train", **schedule)
    assert ended.code == 0, ended.err
    assert "from the cache: 0 steps; started by schedule:nightly, without the cache" in exports(trained)["SUMMARY"]


@pytest.mark.long
def test_groups_limit_a_run(trained: Workspace) -> None:
    manifest = trained.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace("remotes/churn", "remotes/churn\n    groups: nightly"))
    ended = trained.run("run", "--group", "nightly", "--rerun")
    assert (ended.code, "everything (of churn)" in ended.err) == (0, True), ended.err
    ended = trained.run("run", "--group", "nigthly")
    assert (ended.code, "PB113 no repository is in the group 'nigthly'" in ended.err) == (1, True)


@pytest.mark.long
def test_a_group_that_brings_no_step_is_a_problem_before_anything_runs(workspace: Workspace) -> None:
    conf = CONF.split("  sagemakerPipeline:")[0].replace("    churn:\n", "    quiet:\n")
    make_repository(write_model(workspace.root / "remotes" / "quiet", conf))
    manifest = workspace.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace("local:", "  - {url: remotes/quiet, groups: quiet}\nlocal:"))
    assert workspace.run("stage", "build").code == 0
    ended = workspace.run("stage", "train", SMP_TRIGGER="schedule:nightly", SMP_GROUPS="quiet", SMP_CACHE="skip")
    assert (ended.code, "PB113 the pipeline has no step of the repositories in 'quiet'" in ended.err) == (1, True), (
        ended.err
    )


@pytest.mark.long
def test_what_the_build_applied_runs_although_another_has_applied_since(workspace: Workspace, tmp_path: Path) -> None:
    assert workspace.run("stage", "build").code == 0
    other = tmp_path / "other-build"
    workspace.push("scripts/train.py", TRAIN + "# changed\n")
    state = ("--build-dir", str(other))
    assert [workspace.run(name, *state).code for name in ("checkout", "apply")] == [0, 0]
    assert workspace.call("checkout", "--locked").code == 0  # the first build's commits again
    ended = workspace.run("stage", "train")
    assert (ended.code, "version 2 was applied since; this build's version 1 runs" in ended.err) == (0, True), ended.err
    assert json.loads((workspace.root / "build" / "run.json").read_text())["pipeline_version"] == 1


def test_report_and_record_say_what_they_are_and_code_is_bytes(trained: Workspace) -> None:
    with closing(sqlite3.connect(trained.root / ".pipeline_builder" / "state.db")) as db:
        rows = db.execute("SELECT path, headers FROM objects").fetchall()
    kinds = {Path(path).name: json.loads(headers)["Content-Type"] for path, headers in rows if "/arts/runs/e1/" in path}
    assert kinds == {"report.html": "text/html; charset=utf-8", "run.json": "application/json"}
    assert {json.loads(headers)["Content-Type"] for path, headers in rows if path.endswith(".json")} == {
        "application/json"
    }
    assert not [path for path, _ in rows if "/code/" in path]


@pytest.mark.long
def test_promotion_is_in_the_approvers_name(trained: Workspace) -> None:
    setting = Setting(approval=exports(trained)["APPROVAL"], artifacts="arts", execution="e1")
    staged = run_promote(session(trained), setting, Service(ADA))
    assert staged.record
    assert staged.exports["VERDICT"] == "nothing"
    (package,) = staged.record.packages
    assert (package.status, package.approval_description.split(" (")[0]) == ("Approved", "approved by ada: looks right")
    again = run_promote(session(trained), setting, Service(ADA))  # as a stage that is retried: the same comes out
    assert again.exports == staged.exports
    history = trained.call("history", "--json").json["approvals"]
    assert len(history) == 1, history


def test_another_approval_promotes_nothing(trained: Workspace) -> None:
    for given in ("0" * 64, ""):
        with pytest.raises(PlanRefused, match="PB447"):
            run_promote(session(trained), Setting(approval=given), Service(ADA))
    assert statuses(trained) == ["PendingManualApproval"]


@pytest.mark.parametrize("approval", [None, BOB])
def test_without_an_approval_nothing_is_promoted(trained: Workspace, approval: Approval | None) -> None:
    setting = Setting(approval=exports(trained)["APPROVAL"], pipeline="p", execution="e1")
    with pytest.raises(InputProblems, match="PB448"):
        run_promote(session(trained), setting, Service(approval))
    assert statuses(trained) == ["PendingManualApproval"]


def test_a_rejection_is_in_the_persons_name(trained: Workspace) -> None:
    (trained.root / "build" / "run.json").unlink()  # the build that rejects is another one
    setting = Setting(artifacts="arts", execution="e1")
    assert run_reject(session(trained), setting, Service(None)).record is None
    staged = run_reject(session(trained), setting, Service(BOB))
    assert staged.record
    (package,) = staged.record.packages
    assert (package.status, package.approval_description.split(" (")[0]) == ("Rejected", "rejected by bob: too low")
    with pytest.raises(InputProblems, match="PB449"):
        run_reject(session(trained), Setting(artifacts="arts", execution="e2"), Service(BOB))


def test_the_verdict_is_bound_to_what_was_registered(trained: Workspace) -> None:
    record = session(trained).runs.record()
    assert record.evidence == approval_of(record) == exports(trained)["APPROVAL"]


def test_settings_come_from_the_variables_of_the_pipeline() -> None:
    service = Service(start="connection")
    names = {
        "SMP_TRIGGER": "manual",
        "SMP_REPOSITORY": "none",
        "SMP_COMMIT": "none",
        "SMP_GROUPS": "all",
        "SMP_CACHE": "use",
    }
    assert read_setting(names, service) == Setting()
    found = read_setting({**names, "SMP_CODEPIPELINE": "p", "SMP_CODEPIPELINE_EXECUTION": "e"}, service)
    assert (found.trigger, found.is_push) == ("connection", True)
    found = read_setting({"SMP_TRIGGER": "schedule:n", "SMP_GROUPS": "a, b", "SMP_CACHE": "skip"}, service)
    assert (found.is_push, found.words) == (False, "schedule:n of a, b, without the cache")
    with pytest.raises(InputProblems) as caught:
        read_setting({"SMP_CACHE": "no", "SMP_COMMIT": "main"}, service)
    assert [problem.id for problem in caught.value.problems] == ["PB446", "PB446"]


def test_a_run_that_is_reused_needs_no_stream(trained: Workspace) -> None:
    nobody = Eyes(stream=io.StringIO(), terminal=False, say=lambda _: None)
    staged = run_train(session(trained), Setting(trigger="poll"), nobody)
    assert staged.record
    assert staged.record.reused


@pytest.mark.parametrize("repository", ["+3", ",", " , +1"])
def test_a_list_of_repositories_without_a_name_is_not_looked_up(workspace: Workspace, repository: str) -> None:
    ended = workspace.run("stage", "build", SMP_REPOSITORY=repository)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("name", ["promote", "reject"])
def test_outside_of_codepipeline_nobody_can_be_asked(trained: Workspace, name: str) -> None:
    ended = trained.run("stage", name, SMP_APPROVAL=exports(trained)["APPROVAL"])
    assert ended.code == 1
    assert "PB446 without SMP_CODEPIPELINE and SMP_CODEPIPELINE_EXECUTION nobody can be asked" in ended.err


@pytest.mark.parametrize("value", ["nan", "inf", "1e300"])
def test_a_time_that_no_clock_counts_is_refused(workspace: Workspace, value: str) -> None:
    for command in (("stage", "train"), ("run",), ("up",), ("watch",)):
        ended = workspace.run(*command, "--timeout", value)
        assert (ended.code, f"'{value}' is too long, expected at most 1,000,000" in ended.err) == (2, True), ended.err
    assert workspace.run("watch", "--once", "--interval", value).code == 2


@pytest.mark.long
def test_a_file_that_cannot_be_replaced_is_named(workspace: Workspace) -> None:
    assert workspace.run("stage", "build").code == 0
    (workspace.root / "build" / "report.html").mkdir()
    ended = workspace.run("stage", "train")
    assert (ended.code, ended.err.splitlines()[-1]) == (4, "PB001 cannot use 'build/report.html': Is a directory")
