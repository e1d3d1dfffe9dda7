"""What changes with each topic that a page can be about, as cheap as it can be told."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline_builder.console.live import Stamps
from pipeline_builder.console.look import STATE, Look


def stamps_of(look: Look) -> Stamps:
    """Return what changes with each topic."""
    workspace = look.session.workspace
    state, shared = workspace.state, workspace.shared
    files = (stamp(workspace.manifest_path), stamp(workspace.lock_path))
    memory = (stamp(state / STATE), stamp(state / f"{STATE}-wal"))
    runs = (*memory, *(stamp(one.workspace.build / "run.json") for one in look.sessions.values()))
    return {
        "runs": runs,
        "registry": memory,
        "scoring": runs,
        "manifest": files,
        "plan": (*files, stamp(shared / "pipeline_definition.json"), memory),
        "watch": (stamp(state / "watch.json"), stamp(state / "triggers.json")),
    }


def stamp(path: Path) -> tuple[int, ...]:
    """Return what changes with a file; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - each second, for each file
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)
