"""Attacks on what was judged: ways to change a file, a record or the registry behind the tool's back."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.workspaces import Workspace

Attack = Callable[[Workspace], None]


def copy_of(base: Workspace, folder: Path) -> Workspace:
    """Return a copy of a workspace with all that has run in it."""
    shutil.copytree(base.root, folder, symlinks=True)
    return Workspace(folder)


def store(workspace: Workspace) -> Path:
    return workspace.root / ".pipeline_builder" / "store" / "local" / "tiny"


def found(workspace: Workspace, pattern: str) -> Path:
    """Return the only object of the pipeline with such a name, of the run that is the record's."""
    execution = record_of(workspace)["execution"].rsplit("/", 1)[-1]
    (path,) = (path for path in store(workspace).rglob(pattern) if execution in path.parts)
    return path


def artifact(workspace: Workspace) -> Path:
    return found(workspace, "model.tar.gz")


def report(workspace: Workspace) -> Path:
    return found(workspace, "model_evaluation_metrics.json")


def baseline(workspace: Workspace) -> Path:
    return found(workspace, "test.csv")


def evidence(workspace: Workspace) -> Path:
    return store(workspace) / "evidence" / f"{record_of(workspace)['evidence']}.json"


def pointer(workspace: Workspace) -> Path:
    execution = record_of(workspace)["execution"].rsplit("/", 1)[-1]
    return store(workspace) / "evidence" / "executions" / f"{execution}.json"


def record_of(workspace: Workspace) -> Any:
    return json.loads((workspace.root / "build" / "run.json").read_text())


def replaced(name: Callable[[Workspace], Path], content: bytes = b"other") -> Attack:
    def attack(workspace: Workspace) -> None:
        name(workspace).write_bytes(content)

    return attack


def gone(name: Callable[[Workspace], Path]) -> Attack:
    def attack(workspace: Workspace) -> None:
        name(workspace).unlink()

    return attack


def cut(workspace: Workspace) -> None:
    path = artifact(workspace)
    path.write_bytes(path.read_bytes()[:-1])


def hidden(workspace: Workspace) -> None:
    """Change a bit in place, and give the file its size and its time back."""
    path = artifact(workspace)
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_ino) == (before.st_size, before.st_ino)


def code(workspace: Workspace, content: bytes | None = None) -> None:
    """Put another archive under the name of each bundle, or take them away."""
    for path in (store(workspace) / "code").rglob("sourcedir.tar.gz"):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)


def other_code(workspace: Workspace) -> None:
    code(workspace, gzip.compress(b"other"))


def no_archive(workspace: Workspace) -> None:
    code(workspace, b"no archive")


def edited_evidence(workspace: Workspace) -> None:
    path = evidence(workspace)
    path.write_bytes(path.read_bytes().replace(b'"value":1.0', b'"value":0.1'))


def pointed_elsewhere(workspace: Workspace) -> None:
    path = pointer(workspace)
    path.write_text(json.dumps({**json.loads(path.read_text()), "execution": "another"}))


def recorded(change: Callable[[Any], None]) -> Attack:
    """Edit `build/run.json`, which a stage hands on."""

    def attack(workspace: Workspace) -> None:
        record = record_of(workspace)
        change(record)
        (workspace.root / "build" / "run.json").write_text(json.dumps(record))

    return attack


def said(**values: Any) -> Attack:
    """Let the record say something else of its package."""
    return recorded(lambda record: record["packages"][0].update(values))


def in_registry(sql: str) -> Attack:
    """Change the state's tables, as somebody may do who has the machine."""

    def attack(workspace: Workspace) -> None:
        with closing(sqlite3.connect(workspace.root / ".pipeline_builder" / "state.db")) as db, db:
            assert db.execute(sql).rowcount > 0
        db.close()

    return attack
