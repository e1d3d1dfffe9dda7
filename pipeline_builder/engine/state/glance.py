"""A glance at the state: the ids of executions for a shell that completes one; nothing is made or mended."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_PATIENCE = 0.2


def newest_ids(state: Path, begun: str, most: int) -> tuple[tuple[str, str], ...]:
    """Return the ids of the newest executions that begin so, each with its status, pipeline and start; none where the
    state can't be read.
    """
    path = state / "state.db"
    if not path.is_file():
        return ()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as db:
            rows = db.execute(
                "SELECT arn, status, pipeline, started FROM executions "
                "WHERE substr(arn, instr(arn, '/execution/') + 11, length(?1)) = ?1 ORDER BY number DESC LIMIT ?2",
                (begun, most),
            ).fetchall()
    except sqlite3.Error:
        return ()
    return tuple(
        (arn.rsplit("/", 1)[-1], f"{status} {pipeline} {started[:16]}") for arn, status, pipeline, started in rows
    )
