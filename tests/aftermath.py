"""What a soak looks at after a kill: registry, decisions, evidence, state, locks, files and processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.trio import Trio

_ID = re.compile(r"[0-9a-f]{64}|(?<![a-z0-9])[a-z0-9]{12}(?![a-z0-9])|[0-9a-f]{10}(?![0-9a-z])")
_SKIPPED = {"git", "envs", "remotes", ".logs"}  # logs of attempts that were killed are kept
_MAY = frozenset([".pipeline_builder/seen-local.json"])  # which is where what was there is noted


def wrong_state(workspace: Trio, *, versions: list[str], decided: list[str], runs: int) -> Iterator[str]:
    """Say what of registry, decisions and executions isn't there once."""
    (found,), *_ = ask(workspace, "PRAGMA integrity_check")
    if found != "ok":
        yield f"the state is damaged: {found}"
    registered = [f"{group}/{version}" for group, version in ask(workspace, "SELECT group_name, version FROM packages")]
    yield from _otherwise("versions", registered, versions)
    history = workspace.run("history", "--json")
    if history.code:
        yield f"history ends with {history.code}: {history.err[-200:]}"
        return
    said = ["/".join(one["package"].split("/")[-2:]) + f" {one['after']}" for one in history.json["approvals"]]
    yield from _otherwise("decisions", said, decided)
    yield from _otherwise("runs", [one["status"] for one in history.json["executions"]], ["Succeeded"] * runs)
    for lock in (workspace.root / ".pipeline_builder").rglob("lock"):
        if _is_held(lock):
            yield f"{lock.relative_to(workspace.root)} is held"


def _otherwise(what: str, found: list[str], expected: list[str]) -> Iterator[str]:
    if lost := Counter(expected) - Counter(found):
        yield f"{what} lost: {dict(lost)}"
    if more := Counter(found) - Counter(expected):
        yield f"{what} too many: {dict(more)}"


def wrong_champion(workspace: Trio, model: str, version: int) -> Iterator[str]:
    """Say why a model's champion isn't this version with all that it was approved by."""
    verified = workspace.run("verify", model, "--json")
    if verified.code or verified.json["version"] != version:
        yield f"verify {model} ends with {verified.code}: {(verified.err or verified.out)[-300:]}"


def names_in(root: Path) -> frozenset[str]:
    """Return the names of all that lies in a workspace, with one word for everything that is named at random."""
    found = set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED and name != ".git"]
        found |= {_ID.sub("ID", str(Path(folder, name).relative_to(root))) for name in files}
    locks = (path for git in (".pipeline_builder/git", "aws-train") for path in (root / git).rglob("*.lock"))
    return frozenset(found - _MAY | {str(path.relative_to(root)) for path in locks})


def left_running(root: Path) -> Iterator[str]:
    """Say which processes still are in the workspace, or have it in their arguments."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            said = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(root) in said or (entry / "cwd").resolve().is_relative_to(root):
                yield f"process {entry.name} goes on: {said[:200]}"


def _is_held(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def ask(workspace: Trio, query: str) -> list[tuple[Any, ...]]:
    path = workspace.root / ".pipeline_builder" / "state.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as state:
        return state.execute(query).fetchall()


def wrong_steps(workspace: Trio, steps: int, kills: int) -> Iterator[str]:
    """Say which steps didn't end well, and whether more jobs were begun than kills explain."""
    for name, status in ask(workspace, "SELECT name, status FROM steps WHERE status != 'Succeeded'"):
        yield f"the step {name} is {status}"
    (found,), *_ = ask(workspace, "SELECT count(*) FROM steps")
    if found != steps:
        yield f"{found} steps, expected {steps}"
    (attempts,), *_ = ask(workspace, "SELECT sum(attempts) FROM steps")
    if attempts > steps + kills * (os.cpu_count() or 1) * 2:
        yield f"{attempts} attempts of {steps} steps"
