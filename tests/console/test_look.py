"""What a console looks at: what isn't there, what is broken, what others write meanwhile; and that it only looks."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline_builder.console.aged import aged
from pipeline_builder.console.look import FRESH, Answers
from pipeline_builder.console.looks import Looks
from pipeline_builder.engine.state.tables import MIGRATIONS
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.target import Target
from tests.console.consoles import Client, client_of, look_of, looks_of, session_of
from tests.serve.serving import Served, serving
from tests.workspaces import Workspace, make_workspace

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
PAGES = ("/", "/models", "/runs", "/plan", "/decide", "/scoring")


def all_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file below a folder, with what changes when it is written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            seen = path.stat()
            found[str(path.relative_to(folder))] = (seen.st_size, seen.st_mtime_ns)
    return found


@pytest.fixture
def opened() -> Iterator[Callable[[Workspace], Client]]:
    """Open consoles over workspaces; none of them may have a bug."""
    made: list[tuple[Looks, Client]] = []

    def open_(workspace: Workspace, **more: Any) -> Client:
        looks = looks_of(workspace, **more)
        made.append((looks, client_of(looks)))
        return made[-1][1]

    yield open_
    for looks, client in made:
        looks.close()
        assert client.bugs == []


@pytest.fixture
def copied(ran: Workspace, tmp_path: Path) -> Workspace:
    """The workspace that has run, to be broken: at another path, which its records don't know."""
    root = tmp_path / "copied"
    shutil.copytree(ran.root, root, symlinks=True)
    return Workspace(root)


# --- what isn't there


def test_a_folder_with_nothing_in_it(tmp_path: Path, opened: Callable[[Workspace], Client]) -> None:
    client = opened(Workspace(tmp_path))
    said = client.text("/")
    assert "PB100 the manifest" in said
    assert "pipeline-builder new my-model" in said
    for path in PAGES:
        assert client.get(path).status_code == 200, path
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_with_nothing_done_yet(tmp_path: Path, opened: Callable[[Workspace], Client]) -> None:
    workspace = make_workspace(tmp_path, state=False)
    before = all_files(tmp_path)
    client = opened(workspace)
    assert "Nothing has run yet pipeline-builder up does the whole job" in client.text("/")
    for path in PAGES:
        assert client.get(path).status_code == 200, path
    assert all_files(tmp_path) == before
    assert not (tmp_path / ".pipeline_builder").exists()


def test_what_comes_later_is_seen_by_a_console_that_was_there(
    tmp_path: Path, opened: Callable[[Workspace], Client]
) -> None:
    workspace = make_workspace(tmp_path, state=False)
    (tmp_path / "model_repos.yaml").rename(tmp_path / "kept.yaml")
    client = opened(workspace)
    assert "PB100" in client.text("/")
    (tmp_path / "kept.yaml").rename(tmp_path / "model_repos.yaml")
    assert "PB100" not in client.text("/")
    assert workspace.call("checkout").code == 0
    assert "Nothing has run yet" in client.text("/")


def test_what_comes_while_a_console_opens_what_there_is_is_seen(copied: Workspace) -> None:
    state = copied.root / ".pipeline_builder" / "state.db"
    kept = state.rename(copied.root / "kept.db")

    class Meanwhile(dict[str, str]):
        """Values of the workspace; when they are read, a command has begun the state."""

        def get(self, *asked: Any) -> Any:
            if kept.exists():
                kept.rename(state)
            return super().get(*asked)

    session = session_of(copied)
    session.workspace = replace(session.workspace, values=Meanwhile(session.workspace.values))
    looks = Looks(open_session=lambda: session)
    try:
        pipelines = [looks.current().target.pipelines.have_run() for _ in range(2)]  # type: ignore[attr-defined]
    finally:
        looks.close()
    assert pipelines == [(), ("tiny",)]


# --- what is broken


def test_a_broken_manifest_is_a_line_and_the_rest_is_shown(
    copied: Workspace, opened: Callable[[Workspace], Client]
) -> None:
    (copied.root / "model_repos.yaml").write_text("version: 1\nrepos: [}\n")
    client = opened(copied)
    said = client.text("/")
    assert "PB100" in said
    assert "model_repos.yaml:2:9" in said
    assert "tiny-churn" in said
    for path in PAGES:
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("name", ["build/model_repos.lock.yaml", "build/run.json", "build/plan.json"])
def test_a_broken_file_of_the_build_is_no_wall(
    copied: Workspace, opened: Callable[[Workspace], Client], name: str
) -> None:
    (copied.root / name).write_text("{\n- junk")
    client = opened(copied)
    assert "tiny-churn" in client.text("/")
    for path in PAGES:
        assert client.get(path).status_code == 200, path
    shutil.rmtree(copied.root / "build")
    for path in PAGES:
        assert client.get(path).status_code == 200, path


def test_a_record_that_cannot_be_read_hides_no_other(copied: Workspace, opened: Callable[[Workspace], Client]) -> None:
    records = sorted((copied.root / ".pipeline_builder" / "store").rglob("evidence/runs/*/run.json"))
    assert len(records) == 3
    records[0].write_bytes(b"\xff{")
    client = opened(copied)
    assert len(client.json("/runs.json")["rows"]) == 3
    for path in ("/", "/models"):
        assert client.get(path).status_code == 200


def test_the_state_of_a_later_version_is_said_so(copied: Workspace, opened: Callable[[Workspace], Client]) -> None:
    path = copied.root / ".pipeline_builder" / "state.db"
    _set_version(path, 99)
    client = opened(copied)
    answer = client.get("/")
    assert (answer.status_code, "PB530" in answer.text, "newer version" in answer.text) == (409, True, True)
    assert '"id": "PB530"' in client.get("/now.json").text
    _set_version(path, len(MIGRATIONS))
    assert "tiny-churn" in client.text("/")


def _set_version(path: Path, version: int) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()


# --- that it only looks


def test_whoever_looks_waits_for_nobody_who_writes_and_keeps_nobody_from_it(
    copied: Workspace, opened: Callable[[Workspace], Client]
) -> None:
    path = copied.root / ".pipeline_builder" / "state.db"
    client = opened(copied)
    writing = sqlite3.connect(path, isolation_level=None, timeout=0.1)
    try:
        writing.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        assert "tiny-churn" in client.text("/")  # the state is opened while somebody writes
        assert time.monotonic() - begun < 10
        writing.execute("COMMIT")
        writing.execute("BEGIN EXCLUSIVE")  # and nothing of it is held afterwards
        writing.execute("COMMIT")
    finally:
        writing.close()


@pytest.mark.long
def test_looking_writes_nothing_but_its_own_index(copied: Workspace, opened: Callable[[Workspace], Client]) -> None:
    before = all_files(copied.root)
    client = opened(copied)
    for path in PAGES:
        assert client.get(path).status_code == 200, path
    after = all_files(copied.root)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    # Beside the index there is what SQLite has beside a file that somebody reads, and what was composed for the plan.
    own = ("runs-local.json", "state.db-shm", "state.db-wal", "/kept/")
    assert {name for name in changed if not any(part in name for part in own)} == set()


def test_an_index_of_before_is_read_and_a_damaged_one_is_made_anew(copied: Workspace) -> None:
    index = copied.root / ".pipeline_builder" / "runs-local.json"
    look_of(copied)
    assert look_of(copied).index.reads == 0
    index.write_text("junk")
    assert look_of(copied).index.reads == 3


# --- AWS


class Far:
    """A registry that answers, or refuses; it counts how often it was asked."""

    def __init__(self) -> None:
        self.asked, self.refuses = 0, False

    def list_packages(self, group: str) -> tuple[str, ...]:
        self.asked += 1
        if self.refuses:
            message = "ListModelPackages was refused: Rate exceeded (ThrottlingException)"
            raise OutsideFailure(Problem(id="PB700", message=message))
        return (f"{group}/{self.asked}",)

    def set_approval(self, arn: str) -> str:
        return arn

    def describe_package(self, arn: str) -> str:
        raise InputProblems(Problem(id="PB531", message=f"no {arn}"))


def test_answers_stand_for_some_seconds_and_as_long_as_there_are_no_others() -> None:
    now = [NOW]
    far, answers = Far(), Answers(clock=lambda: now[0])
    target = aged(
        Target(name="aws", pipelines=cast("Any", far), store=cast("Any", far), registry=cast("Any", far)), answers
    )
    registry = cast("Any", target.registry)
    assert [registry.list_packages("a"), registry.list_packages("a"), registry.list_packages("b")] == [
        ("a/1",), ("a/1",), ("b/2",),
    ]  # fmt: skip
    now[0] += timedelta(seconds=FRESH)
    assert registry.list_packages("a") == ("a/3",)
    registry.set_approval("x")
    assert registry.list_packages("a") == ("a/4",)
    now[0] += timedelta(seconds=FRESH)
    far.refuses = True
    assert registry.list_packages("a") == ("a/4",)
    ((problem, when),) = answers.settle().items()
    assert (problem.id, when) == ("PB700", NOW + timedelta(seconds=FRESH))
    assert answers.settle() == {}
    with pytest.raises(OutsideFailure):  # of which there never was an answer
        registry.list_packages("c")
    with pytest.raises(InputProblems):
        registry.describe_package("none")


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Served]]:
    """A workspace without a state, whose run is at a service: `serve`, over real HTTP."""
    folder = tmp_path_factory.mktemp("far")
    workspace = make_workspace(folder / "here", state=False)
    data = {"local/churn": workspace.root / "data"}
    with serving(folder, **data) as served:  # type: ignore[arg-type] # folders of data by name
        ended = workspace.run("up", "--approve", **served.environment)
        assert ended.code == 0, ended.err
        yield workspace, served


@pytest.mark.long
def test_now_on_aws_with_the_age_of_its_answers(far: tuple[Workspace, Served], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, served = far
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    now = [NOW]
    looks = Looks(open_session=lambda: session_of(workspace, target="aws", **served.environment), now=lambda: now[0])
    client = client_of(looks)
    said = client.text("/")
    assert "tiny-churn 1 mae 1" in said
    assert "as of 12:00:00 UTC" in said
    assert "read-only" in said
    now[0] += timedelta(seconds=FRESH / 2)
    assert "as of 12:00:00 UTC" in client.text("/")
    looks.close()
    assert client.bugs == []


def test_without_credentials_the_page_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    looks = Looks(open_session=lambda: session_of(make_or(tmp_path), target="aws"))
    client = client_of(looks)
    answer = client.get("/")
    assert (answer.status_code, "PB2" in answer.text or "PB7" in answer.text) == (409, True)
    assert client.bugs == []


def make_or(root: Path) -> Workspace:
    return Workspace(root) if (root / "model_repos.yaml").exists() else make_workspace(root, state=False)
