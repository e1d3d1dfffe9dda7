"""Runs as commands leave them: each kept for itself, with the commits that it was made of, whatever comes later."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.release.evidence import PIPELINE, PROPERTY
from pipeline_builder.release.past.index import RunIndex
from pipeline_builder.release.past.keeping import (
    find_registering,
    keep_run,
    read_kept,
    read_run,
    record_uri,
    run_folder,
)
from pipeline_builder.release.past.query import RunQuery
from pipeline_builder.release.past.since import SAME_CODE
from pipeline_builder.session import Session
from tests.console.consoles import session_of as session
from tests.tiny import TRAIN
from tests.trio import MANIFEST, make_trio
from tests.workspaces import Kept, Workspace, make_workspace


def kept_files(workspace: Workspace) -> dict[str, bytes]:
    """Return the kept records, by the id of the run."""
    found = (workspace.root / ".pipeline_builder" / "store").glob("local/tiny/evidence/runs/*/run.json")
    return {path.parent.name: path.read_bytes() for path in found}


def record_of(workspace: Workspace) -> Any:
    return json.loads((workspace.root / "build" / "run.json").read_bytes())


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A champion; then a push of words alone, and one of words and code that waits for a decision."""
    workspace = make_workspace(tmp_path_factory.mktemp("past") / "workspace")
    assert workspace.call("up", "--approve").code == 0
    first = kept_files(workspace)
    workspace.push("README.md", "words")
    assert workspace.call("up").code == 0
    assert kept_files(workspace) == first  # nothing was written of a run that did nothing
    (workspace.root / "docs-only.json").write_bytes((workspace.root / "build" / "run.json").read_bytes())
    workspace.push("NOTES.md", "more words")
    workspace.push("scripts/train.py", f"{TRAIN}# another\n")
    assert workspace.call("up").code == 0
    return Kept.keep(workspace)


@pytest.fixture
def workspace(past: Kept) -> Workspace:
    return past.restore()


@pytest.mark.long
def test_a_push_of_words_keeps_the_commit_that_a_model_was_trained_from(workspace: Workspace) -> None:
    record = json.loads((workspace.root / "docs-only.json").read_bytes())
    (repo,), (package,) = record["repos"], record["packages"]
    assert (repo["subject"], repo["head_words"]) == ("first", SAME_CODE)
    assert repo["commit"] == package["metadata"]["commit-churn"] == record["parameters"]["Commit-churn"]
    assert repo["head"] not in ("", repo["commit"])


def test_what_came_since_the_champion_is_in_the_record(workspace: Workspace) -> None:
    record = record_of(workspace)
    (repo,), (package,) = record["repos"], record["packages"]
    assert (package["champion_version"], repo["head"]) == (1, "")
    subjects = ["change scripts/train.py", "change NOTES.md", "change README.md"]
    assert ([one["subject"] for one in repo["since"]], repo["more"], repo["since_unknown"]) == (subjects, 0, "")
    assert repo["before"] == json.loads((workspace.root / "docs-only.json").read_bytes())["repos"][0]["commit"]


@pytest.mark.long
def test_a_repository_that_was_renamed_is_found_by_its_place(tmp_path: Path) -> None:
    """What came since a champion is told of it; one that has moved as well is said to be none of the champion's."""
    trio = make_trio(tmp_path / "trio")
    assert trio.call("up", "--approve").code == 0
    trio.change("churn")
    trio.change("price")
    (trio.root / "remotes" / "price").rename(trio.root / "remotes" / "prices")
    text = MANIFEST.replace("- url: remotes/churn", "- {url: remotes/churn, name: people}").replace("price", "prices")
    policy = "policy: {repos: {people: {groups: [trio-churn]}, prices: {groups: [trio-price]}}}\n"
    (trio.root / "model_repos.yaml").write_text(text + policy)
    assert trio.call("up").code == 0
    people, prices, _ = trio.record["repos"]
    assert ([one["subject"] for one in people["since"]], people["since_unknown"]) == (["change churn"], "")
    assert (prices["since"], prices["since_unknown"]) == (
        [],
        "the champion was made of 'price', not of this repository",
    )


def test_each_run_is_found_again_as_it_was(workspace: Workspace) -> None:
    one = session(workspace)
    first, second = sorted(one.target.pipelines.list_executions("tiny"), key=lambda found: found.started)
    for execution, subject in ((first, "first"), (second, "change scripts/train.py")):
        record = one.runs.record(execution.arn)
        assert (record.execution, record.repos[0].subject) == (execution.arn, subject)
        assert record == read_run(one.target, "tiny", execution.id)
    assert one.runs.record(first.arn).packages[0].status == "Approved"
    assert read_run(one.target, "tiny", "../../x") is read_run(one.target, "tiny", "nothing") is None


def test_a_decision_is_kept_for_the_run_that_it_is_about(workspace: Workspace) -> None:
    before = kept_files(workspace)
    assert workspace.call("reject", "churn", "--comment", "not yet").code == 0
    after = kept_files(workspace)
    (changed,) = [name for name in after if after[name] != before[name]]
    assert json.loads(after[changed])["packages"][0]["status"] == "Rejected"
    one = session(workspace)
    (run, _), _ = index_of(one).runs(RunQuery())
    assert (run.id, "rejected" in run.states) == (changed, True)


def index_of(one: Session) -> RunIndex:
    found = RunIndex(one.target, lambda: ("tiny",))
    found.refresh()
    return found


def test_a_state_of_before_has_its_runs_with_commits_and_gate(workspace: Workspace) -> None:
    """The version before has kept no records, and has its evidence."""
    shutil.rmtree(workspace.root / ".pipeline_builder" / "store" / "local" / "tiny" / "evidence" / "runs")
    (workspace.root / "build" / "run.json").unlink()
    one = session(workspace)
    index = index_of(one)
    shown, total = index.runs(RunQuery())
    assert (total, [run.kept for run in shown], [run.status for run in shown]) == (2, [False] * 2, ["Succeeded"] * 2)
    made = [one.runs.record(run.execution) for run in shown]
    assert [record.verdict is not None and record.verdict.passed for record in made] == [True, True]
    assert [record.unknown for record in made] == [(), ()]
    commits = [record.repos[0].commit for record in made]
    assert commits == [record.packages[0].metadata["commit-churn"] for record in made]
    assert made[0].repos[0].url == "remotes/churn"


def test_without_evidence_the_gate_is_unknown_and_commits_are_those_of_the_start(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / ".pipeline_builder" / "store" / "local" / "tiny" / "evidence")
    (workspace.root / "build" / "run.json").unlink()
    one = session(workspace)
    record = one.runs.record("")
    assert record.verdict is None
    assert record.unknown == ("the gate's verdict: no evidence was kept of this run",)
    (repo,) = record.repos
    assert (repo.name, repo.url) == ("churn", "")  # a folder of a machine has no address elsewhere
    assert repo.commit == record.parameters["Commit-churn"]


@pytest.mark.parametrize("harm", [b"", b"{", b'{"format": 1}', b"[1]", "\ud800".encode("utf-8", "surrogatepass")])
def test_a_damaged_record_is_none_and_is_written_anew(workspace: Workspace, harm: bytes) -> None:
    one = session(workspace)
    record = one.runs.record("")
    path = workspace.root / ".pipeline_builder" / "store" / record_uri(one.target, "tiny", record.execution)[5:]
    path.write_bytes(harm)
    assert read_kept(one.target, "tiny", record.execution) is None
    index = index_of(one)
    assert (len(index.unreadable), index.runs(RunQuery())[1]) == (1, 2)  # the target still knows the run
    assert keep_run(record, one.target)
    assert not keep_run(record, one.target)
    assert read_kept(one.target, "tiny", record.execution) is not None


def test_the_run_of_a_package_is_found_by_its_execution_or_its_evidence(workspace: Workspace) -> None:
    one, said = session(workspace), list[str]()
    one.warn = lambda problem: said.append(problem.message)
    record = one.runs.record("")
    here = one.target.registry.describe_package(record.packages[0].arn)
    decided = {PROPERTY: record.evidence, PIPELINE: "tiny"}
    for package in (here, replace(here, execution="", metadata=decided)):  # SageMaker's don't name one
        found = find_registering(package, one.target)
        assert found is not None
        assert found.execution == record.execution
    for package in (replace(here, execution="", metadata={}), replace(here, execution="someone's")):
        assert find_registering(package, one.target) is None
        one.keep_decided(package)
    assert said == []
    one.keep_decided(replace(here, execution="", metadata=decided | {PROPERTY: "0" * 64}))
    (words,) = said
    assert words.startswith("the record of the run of tiny-churn version 2 is not kept among those of all runs: the ev")


def test_a_run_that_cannot_be_kept_is_said_and_stands(workspace: Workspace) -> None:
    folder = workspace.root / ".pipeline_builder" / "store" / "local" / "tiny" / "evidence" / "runs"
    shutil.rmtree(folder)
    folder.write_text("in the way")
    ended = workspace.call("up")
    assert ended.code == 0
    assert re.search("PB010 the record of the run '[0-9a-z]{12}' is not kept among those of all runs: ", ended.err)


@pytest.mark.parametrize(
    "changed", [{"execution": "a/.."}, {"execution": "a b"}, {"pipeline": "tiny/evidence"}, {"pipeline": ".."}]
)
def test_what_no_run_is_called_is_kept_nowhere(workspace: Workspace, changed: dict[str, str]) -> None:
    one = session(workspace)
    with pytest.raises(InputProblems, match="PB010 no run is called '"):
        keep_run(one.runs.record("").model_copy(update=changed), one.target)


def test_another_runs_record_in_its_place_is_none(workspace: Workspace) -> None:
    one = session(workspace)
    newest, first = (run.execution for run in index_of(one).runs(RunQuery())[0])
    store = workspace.root / ".pipeline_builder" / "store"
    there, here = (store / record_uri(one.target, "tiny", arn)[5:] for arn in (newest, first))
    shutil.copy(there, here)
    assert read_kept(one.target, "tiny", first) is None


def test_old_executions_go_and_their_records_stay(workspace: Workspace) -> None:
    """`gc` takes what an execution's outputs are, by its id, and no record of what ran."""
    before = kept_files(workspace)
    manifest = workspace.root / "model_repos.yaml"
    keep = "local:\n  keep: {executions: 1, days: 0}\n"
    manifest.write_text(manifest.read_text().replace("local:\n", keep))
    assert workspace.call("reject", "churn", "--comment", "no").code == 0
    assert workspace.call("gc", "--yes").code == 0
    assert kept_files(workspace).keys() == before.keys()


@pytest.mark.long
def test_records_go_where_somebody_asks_for_that_and_nothing_stands_on_them(workspace: Workspace) -> None:
    assert workspace.call("reject", "churn", "--comment", "no").code == 0
    (rejected,) = [name for name, content in kept_files(workspace).items() if b'"Rejected"' in content]
    workspace.push("scripts/train.py", f"{TRAIN}# a third one\n")
    assert workspace.call("up").code == 0
    before = kept_files(workspace)
    assert workspace.call("gc", "--yes", "--runs", "1").code == 0
    assert kept_files(workspace) == before  # they are of today
    ended = workspace.call("gc", "--yes", "--runs", "0", "--json")
    assert [item["name"] for item in ended.json["items"] if item["kind"] == "runs"] == [rejected]
    # The champion's stays, and that of the version which waits.
    assert kept_files(workspace).keys() == before.keys() - {rejected}
    assert workspace.call("status", rejected).code == 0  # the target still knows what it did


def test_records_of_a_pipeline_go_also_when_its_executions_have_gone(workspace: Workspace) -> None:
    """Its newest stays, as that of any."""
    one = session(workspace)
    newest, first = index_of(one).runs(RunQuery())[0]
    for run in (newest, first):
        record = read_kept(one.target, "tiny", run.execution)
        assert record
        gone = {"pipeline": "left", "execution": f"{run.execution}left", "packages": ()}
        keep_run(record.model_copy(update=gone), one.target)
    ended = workspace.call("gc", "--dry-run", "--runs", "0", "--json")
    assert [item["name"] for item in ended.json["items"] if item["kind"] == "runs"] == [f"{first.id}left"]


def test_jobs_never_write_there(workspace: Workspace) -> None:
    one = session(workspace)
    folder = run_folder(one.target, "tiny", "x" * 12)
    conf = workspace.root / "remotes" / "churn" / "conf" / "conf.yaml"
    changed = conf.read_text().replace("          test:\n", f"          test: {{s3Uri: '{folder}'}}\n")
    assert changed != conf.read_text()
    workspace.push("conf/conf.yaml", changed)
    ended = workspace.call("up")
    assert (ended.code, "evidence" in ended.err) == (1, True), ended.err


def test_records_of_before_are_read(tmp_path: Path) -> None:
    from pipeline_builder.release.record import RepoRecord

    text = """{"name": "a", "url": "u", "revision": "main", "commit": "c", "tree": "t",
    "committed": "2026-11-29T00:00:00Z"}"""
    found = RepoRecord.model_validate_json(text)
    assert (found.before, found.since, found.more, found.since_unknown, found.head) == ("", (), 0, "", "")


def test_a_report_of_a_run_without_evidence_says_what_is_not_known(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / ".pipeline_builder" / "store" / "local" / "tiny" / "evidence")
    (workspace.root / "build" / "run.json").unlink()
    assert workspace.call("report").code == 0
    page = (workspace.root / "build" / "report.html").read_text()
    assert "Not known any more: the gate&#39;s verdict: no evidence was kept of this run</p>" in page
    commits = {one.parameters["Commit-churn"] for one in session(workspace).target.pipelines.list_executions("tiny")}
    assert any(commit[:10] in page for commit in commits)
