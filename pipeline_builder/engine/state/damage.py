"""What SQLite says against a state, in words: full, locked, read only, damaged, or somebody else's file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from pathlib import Path

from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.refusals import is_full_at

MEND = (
    "put a copy of 'state.db' in its place, or move it away: runs and approvals so far are lost with it, "
    "what is in the store is not"
)
_GO_ON = "the same command goes on then"
_WAITED = "another process has kept it locked for a minute"
# By what SQLite's own words have: what it comes to, the id, and what to do. Python 3.10 has no codes for them.
_SAID = (
    ("is full", "disk full", "PB532", f"make room on its disk: {_GO_ON}"),
    ("disk I/O error", "its disk is full, damaged or gone", "PB532", f"make room on its disk, or mend it: {_GO_ON}"),
    ("locked", _WAITED, "PB532", f"end that process, or let it come to its end: {_GO_ON}"),
    ("readonly", "it can only be read", "PB532", f"let it be written: {_GO_ON}"),
    ("unable to open", "it can't be opened", "PB532", f"make room on its disk, or let it be written: {_GO_ON}"),
    ("no such table", "its tables are not this program's", "PB673", f"name another folder with --state, or {MEND}"),
    ("no such column", "its tables are not this program's", "PB673", f"name another folder with --state, or {MEND}"),
    ("duplicate column", "its tables are not this program's", "PB673", f"name another folder with --state, or {MEND}"),
    ("already exists", "its tables are not this program's", "PB673", f"name another folder with --state, or {MEND}"),
    ("constraint failed", "what it says contradicts itself", "PB673", MEND),
    ("not a database", "it is damaged", "PB532", MEND),
    ("malformed", "it is damaged", "PB532", MEND),
    ("Could not decode", "it is damaged", "PB532", MEND),
)  # fmt: skip


_LONGEST = 504
"""Bytes of a path that SQLite opens: it has room for 512, and names files beside it."""
_MAYBE_FULL = ("disk I/O error", "unable to open")


def problem_of(path: Path, error: sqlite3.DatabaseError) -> Problem | None:
    """Return what to say of an error; None where it is a statement's, which is a bug of ours."""
    said = str(error)
    known = next((row for row in _SAID if row[0] in said), None)
    if known is None:
        # Of the page or the file, and no statement's: those are subclasses.
        return (
            _problem(path, "PB532", f"it is damaged ({said})", MEND) if type(error) is sqlite3.DatabaseError else None
        )
    _, words, number, hint = known
    if (size := len(os.fsencode(path))) > _LONGEST and known[0] == "unable to open":
        words, hint = f"its path has {size} bytes, and SQLite opens {_LONGEST}", "name another folder with --state"
        return _problem(path, number, words, hint)
    if known[0] in _MAYBE_FULL and path.parent.is_dir() and is_full_at(path.parent):
        words = "disk full"
    return _problem(path, number, f"{words} ({said})", hint)


def problem_of_another(path: Path, execution: str) -> Problem:
    """Return what to say where a state doesn't know what it knew before."""
    words = f"another was put in its place, which knows nothing of the execution '{execution.rsplit('/', 1)[-1]}'"
    return _problem(path, "PB673", words, "repeat the command: it goes by what that one knows")


def refuse_foreign(path: Path, tables: Collection[str]) -> None:
    """Raise OutsideFailure where a file without a format has tables, and none of ours: they would be built upon."""
    if tables and "executions" not in tables:
        words = f"its tables are not this program's ('{inert_line(min(tables), 60)}')"
        raise OutsideFailure(_problem(path, "PB673", words, f"name another folder with --state, or {MEND}"))


def _problem(path: Path, number: str, words: str, hint: str) -> Problem:
    return Problem(id=number, message=f"the state '{path}' cannot be used: {words}", hint=hint)
