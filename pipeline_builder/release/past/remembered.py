"""Remembered: what an index has read, in a file with a line for each record, so that the next start reads none anew.

A changed record gets a new line at the end, and the file is written anew when half of its lines count no more. A line
that is torn, another's or an older version's is none: that record is read again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.machine.streams import write_file
from pipeline_builder.release.past.summary import RunSummary, dump_summary, load_summary

FORMAT = 2
Entry = tuple[str, RunSummary | None]
"""What changes when a record does, and its summary; None of one that can't be read."""
_SPARE = 1000


class Remembered:
    """The entries of an index by the address of the record, in the file at `path`; `place` says whose they are."""

    def __init__(self, path: Path, place: str) -> None:
        self._path = path
        self._head = json.dumps({"format": FORMAT, "place": place}).encode()
        self._lines = 0
        self._ours = False

    def load(self) -> dict[str, Entry]:
        """Return what is there; nothing where it is damaged, another version's or another place's."""
        try:
            head, _, content = self._path.read_bytes().partition(b"\n")
        except OSError:
            return {}
        self._ours = head == self._head and (not content or content.endswith(b"\n"))
        lines = content.split(b"\n") if head == self._head else []
        self._lines = len(lines)
        return dict(entry for line in lines if line and (entry := _read(line)))

    def add(self, changed: Mapping[str, Entry], entries: Mapping[str, Entry]) -> None:
        """Write down what has changed; `entries` are all that there are now. Where that can't be done, nothing is."""
        self._lines += len(changed)
        with contextlib.suppress(OSError):
            if self._ours and self._lines < 2 * len(entries) + _SPARE:
                self._append(b"".join(_line(uri, entry) for uri, entry in changed.items()))
                return
            write_file(self._path, b"".join((self._head, b"\n", *(_line(*one) for one in entries.items()))))
            self._ours, self._lines = True, len(entries)

    def _append(self, lines: bytes) -> None:
        """Write at the end in one go: of two that do so at once, both are there."""
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            os.write(handle, lines)
        finally:
            os.close(handle)


def _line(uri: str, entry: Entry) -> bytes:
    stamp, found = entry
    return json.dumps([uri, stamp, found and dump_summary(found)], separators=(",", ":")).encode() + b"\n"


def _read(line: bytes) -> tuple[str, Entry] | None:
    try:
        uri, stamp, found = json.loads(line)
        return str(uri), (str(stamp), load_summary(found) if found else None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
