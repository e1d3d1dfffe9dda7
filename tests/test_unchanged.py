"""What is kept between commands: with it all is said, written and decided as without it, whatever has changed since."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_builder.cli.options import make_session
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.record import load_record
from pipeline_builder.release.upheld import Upheld
from tests.tiny import variant
from tests.workspaces import MANIFEST, Ended, Kept, Workspace, make_workspace

_TIME = re.compile(r"\d+\.\d s$", re.MULTILINE)
_POLICY = "policy: {repos: {churn: {variables: [SEED]}}}\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    conf = variant(("hyperparams: {scale: 2}", 'hyperparams: {scale: "${SEED}"}'))
    workspace = make_workspace(
        tmp_path_factory.mktemp("unchanged") / "workspace", conf=conf, manifest=f"{MANIFEST}{_POLICY}"
    )
    assert workspace.run("up", "--approve", SEED="2").code == 0
    return Kept.keep(workspace)


@pytest.fixture
def workspace(trained: Kept) -> Workspace:
    """Return a workspace whose definition is kept."""
    found = trained.restore()
    assert "a run would do nothing" in planned(found)[1]
    assert kinds(found) >= {"composed"}
    return found


@pytest.fixture
def judged(trained: Kept) -> Workspace:
    """Return a workspace that has been looked at since its model was trained, so that all is kept that can be."""
    found = trained.restore()
    assert [found.call("up", SEED="2").code for _ in range(2)] == [0, 0]
    assert kinds(found) >= {"composed", "verdict", "report"}
    return found


def kinds(workspace: Workspace) -> set[str]:
    return {path.name.partition("-")[0] for path in kept(workspace).glob("*/*")}


def planned(workspace: Workspace, *arguments: str, **environment: str) -> tuple[int, str, str]:
    return shown(workspace.call("plan", *arguments, **{"SEED": "2", **environment}))


def planned_without(workspace: Workspace, *arguments: str) -> tuple[int, str, str]:
    shutil.rmtree(kept(workspace), ignore_errors=True)  # where nothing is right nothing is kept
    return planned(workspace, *arguments)


def kept(workspace: Workspace) -> Path:
    return workspace.root / ".pipeline_builder" / "kept"


def folder(workspace: Workspace) -> Path:
    (found,) = (path for path in workspace.root.glob("*/churn") if path.parent.name not in ("remotes", "data"))
    return found


def shown(ended: Ended) -> tuple[int, str, str]:
    return ended.code, ended.out, _TIME.sub("", ended.err)


def rewrite(path: Path, old: str, new: str) -> None:
    """Change a file in place, to a content of the same size, and set its times back."""
    assert len(old) == len(new)
    before, text = path.stat(), path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def in_state(workspace: Workspace, *statements: str) -> None:
    with closing(sqlite3.connect(workspace.root / ".pipeline_builder" / "state.db")) as db, db:
        for statement in statements:
            db.execute(statement)


def stored(workspace: Workspace, pattern: str) -> Path:
    return next(iter(sorted((workspace.root / ".pipeline_builder" / "store").glob(pattern))))


def age(workspace: Workspace) -> None:
    """Let everything have happened 31 days before: results are good for 30."""
    back = "datetime({}, '-31 days') || '+00:00'"
    times = {"executions": ("started", "ended"), "steps": ("started", "ended"), "cache": ("created",)}
    in_state(
        workspace,
        *(f"UPDATE {table} SET {name} = {back.format(name)}" for table, names in times.items() for name in names),
    )


def link(workspace: Workspace) -> None:
    script = folder(workspace) / "scripts" / "evaluate.py"
    script.rename(script.with_name("other.py"))
    script.symlink_to("other.py")


EDITS: dict[str, Callable[[Workspace], object]] = {
    "tags": lambda w: (w.root / "framework.yaml").write_text("conf: {tags: {team: risk}}\n"),
    "a script, of the same size and time": lambda w: rewrite(folder(w) / "scripts" / "train.py", "scale", "Scale"),
    "the mode of a script": lambda w: (folder(w) / "scripts" / "train.py").chmod(0o755),
    "a file more": lambda w: (folder(w) / "scripts" / "more.py").write_text("x = 1\n"),
    "a file less": lambda w: (folder(w) / "scripts" / "more.py").unlink(),
    "a link for a script": link,
    "a conf": lambda w: rewrite(folder(w) / "conf" / "conf.yaml", "Line", "None"),
    "the manifest": lambda w: rewrite(w.root / "model_repos.yaml", "[SEED]", "[MEED]"),
}
LOSSES: dict[str, Callable[[Workspace], object]] = {
    "the data, of the same size and time": lambda w: rewrite(w.root / "data" / "numbers.csv", "1", "2"),
    "an output": lambda w: stored(w, "**/model.tar.gz").unlink(),
    "the execution": lambda w: in_state(w, "DELETE FROM steps", "DELETE FROM executions"),
    "the store": lambda w: shutil.rmtree(w.root / ".pipeline_builder" / "store"),
    "the state": lambda w: (w.root / ".pipeline_builder" / "state.db").unlink(),
    "the time": age,
}


@pytest.mark.long
def test_each_edit_is_noticed_as_without_what_is_kept(workspace: Workspace) -> None:
    before = planned(workspace)
    for name, edit in EDITS.items():
        edit(workspace)
        found = planned(workspace)
        assert found == planned_without(workspace), name
        assert found != before, name
        before = found


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_loss_is_noticed_as_without_what_is_kept(workspace: Workspace, lose: Callable[[Workspace], object]) -> None:
    lose(workspace)
    found = planned(workspace)
    assert "a run would do nothing" not in found[1]
    assert found == planned_without(workspace)


def test_a_plan_for_machines_says_what_the_cache_has_also_where_nothing_runs(workspace: Workspace) -> None:
    found = planned(workspace, "--json")
    plan = json.loads(found[1])
    assert plan["unchanged_since"]
    assert {prediction["hit"] for prediction in plan["predictions"]} == {True, False}
    assert found == planned_without(workspace, "--json")


def test_what_counts_for_nothing_changes_nothing(workspace: Workspace) -> None:
    before = planned(workspace)
    (folder(workspace) / "scripts" / "notes.md").write_text("ignored")
    assert planned(workspace, OTHER="x") == before


@pytest.mark.long
def test_variables_and_parameters_count(workspace: Workspace) -> None:
    before = planned(workspace)
    assert planned(workspace, SEED="3")[:2] != before[:2]
    assert workspace.call("plan").code == 1
    assert planned(workspace, "--parameter", "CommitId=x")[0] == 1
    assert planned(workspace) == before


@pytest.mark.parametrize("harm", [b"", b"torn", b'pipeline-builder kept 1 {"format": 9}'])
def test_what_is_kept_and_damaged_is_none(workspace: Workspace, harm: bytes) -> None:
    before = planned(workspace)
    for path in kept(workspace).glob("*/*"):
        path.write_bytes(harm)
    assert planned(workspace) == before


@pytest.mark.long
def test_nothing_is_written_again(judged: Workspace) -> None:
    build, store = judged.root / "build", judged.root / ".pipeline_builder" / "store"
    files = [build / "report.html", *(build / "bundles").rglob("*.gz"), *store.rglob("*.json"), *store.rglob("*.gz")]
    before = {path: path.stat().st_ctime_ns for path in files}
    said = shown(judged.call("up", SEED="2"))
    assert {path: path.stat().st_ctime_ns for path in files} == before
    assert "nothing changed since execution" in said[2]

    lost = [build / "report.html", build / "run.json", *store.rglob("evidence/**/*.json")]
    contents = {path: path.read_bytes() for path in lost}
    for path in lost:
        path.unlink()
    assert shown(judged.call("up", SEED="2")) == said
    shutil.rmtree(kept(judged))
    assert shown(judged.call("up", SEED="2")) == said
    assert {path: _without_times(path.read_bytes()) for path in lost} == {
        path: _without_times(content) for path, content in contents.items()
    }


def _without_times(content: bytes) -> bytes:
    """Return a file without what the stages of the command took."""
    content = re.sub(rb'"reused": (true|false)', b"", content)  # a record that was lost is one of the later command
    return re.sub(rb'\d+(?:\.\d+)? m?s\b|"seconds": [\d.]+', b"", content)


@pytest.mark.long
def test_a_decision_in_between_is_seen(judged: Workspace) -> None:
    assert judged.call("reject", "churn", "--comment", "too old", "--again", SEED="2").code == 0
    ended = judged.call("up", "--json", SEED="2")
    assert [package["status"] for package in ended.json["packages"]] == ["Rejected"], ended.err


@pytest.mark.long
def test_a_verdict_that_somebody_decides_beside_is_not_kept(judged: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is another when the verdict is kept than when its evidence was read."""
    monkeypatch.setenv("SEED", "2")
    places = {"manifest": judged.root / "model_repos.yaml", "state": None, "build": None, "env_file": None}
    session = make_session(places, "local", None)
    record = load_record(judged.root / "build" / "run.json")
    assert record is not None
    execution = session.target.pipelines.describe_execution(record.execution)
    assert execution is not None
    evidence = load_evidence(session.target, record.pipeline, record.evidence)
    for asked, decided in (("before", False), ("after", True)):
        if decided:
            judged.call("reject", "churn", "--comment", "too old", "--again", SEED="2")
        upheld = Upheld(kept=session.kept, target=session.target, execution=execution, asked=asked)
        upheld.keep(record, evidence, time.time())
        assert (upheld.find() is None) is decided


@pytest.mark.long
def test_evidence_of_a_result_that_was_taken_from_the_cache_is_looked_at(judged: Workspace) -> None:
    assert judged.call("reject", "churn", "--comment", "too old", "--again", SEED="2").code == 0
    before = stored(judged, "**/evidence/*.json")
    assert [judged.call("up", SEED="3").code for _ in range(3)] == [0, 0, 0]
    before.write_bytes(b"{}")
    ended = judged.call("up", SEED="3")
    assert (ended.code, "PB462" in ended.err) == (3, True), ended.err


@pytest.mark.long
@pytest.mark.parametrize("kind", ["model.tar.gz", "model_evaluation_metrics.json"])
def test_what_was_judged_and_is_another_now_is_refused(judged: Workspace, kind: str) -> None:
    path = stored(judged, f"**/{kind}")
    found, before = path.stat(), path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    ended = judged.call("up", "--approve", SEED="2")
    assert (ended.code, "PB461" in ended.err) == (3, True), ended.err


@pytest.mark.long
def test_code_that_is_not_what_its_name_says_is_brought_back(judged: Workspace) -> None:
    path = stored(judged, "**/code/*/sourcedir.tar.gz")
    before = path.read_bytes()
    path.write_bytes(b"other")
    ended = judged.call("up", SEED="2")
    assert (ended.code, path.read_bytes()) == (0, before)
    assert "PB465" in ended.err


_NOT_NEEDED = {
    "pipeline_builder.conf.graph", "pipeline_builder.conf.sections", "pipeline_builder.definition.compose",
    "pipeline_builder.definition.steps", "pipeline_builder.engine.execution.scheduler",
    "pipeline_builder.engine.execution.starts", "pipeline_builder.engine.jobs.sources",
    "pipeline_builder.engine.jobs.tools", "pipeline_builder.views.report", "pipeline_builder.release.judging",
    "boto3", "jinja2", "rich",
}  # fmt: skip


@pytest.mark.parametrize("words", [("up", "--approve"), ("plan",), ("status",)])
def test_nothing_is_imported_of_what_composes_runs_judges_and_draws(judged: Workspace, words: tuple[str, ...]) -> None:
    python, *command = judged.command(*words)
    ended = subprocess.run(
        [python, "-X", "importtime", *command],
        cwd=judged.root, env=judged.environment(SEED="2"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert re.search("nothing changed since|a run would do nothing|Succeeded", ended.stdout + ended.stderr)
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert "pipeline_builder.engine.local" in imported
    assert not imported & _NOT_NEEDED
