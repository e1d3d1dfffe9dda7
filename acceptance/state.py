"""What an acceptance has come to, in a file of its own: from it a killed one is taken up, or taken away."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict

from acceptance.answers import Answer
from pipeline_builder.machine.streams import write_file


class State(BaseModel):
    """The content of the file. `done` has the scenarios that are through, with what became of each."""

    model_config = ConfigDict(extra="forbid")

    format: int = 1
    suffix: str
    account: str
    region: str
    began: str
    options: dict[str, Any] = {}
    notes: dict[str, str] = {}
    done: dict[str, str] = {}
    answers: dict[str, Answer] = {}
    left: list[str] = []


class Book:
    """The state and its file; whatever is noted is on the disk before the next thing is done."""

    def __init__(self, path: Path, state: State) -> None:
        self.path = path
        self.state = state
        self._lock: IO[str] | None = None

    @classmethod
    def load(cls, path: Path) -> Book:
        """Read a file that an acceptance has left.

        Raises:
            ValueError: it is none.
        """
        return cls(path, State.model_validate_json(path.read_text("utf-8")))

    def hold(self) -> None:
        """Keep other processes from this acceptance for as long as this one lives.

        Raises:
            ValueError: another one is at work on it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock_path.open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(f"another process is at work on {self.path}") from error

    @property
    def _lock_path(self) -> Path:
        return self.path.with_suffix(".lock")

    def forget(self) -> None:
        """Delete the file: nothing of the acceptance is there any more."""
        for path in (self.path, self._lock_path):
            path.unlink(missing_ok=True)

    def save(self) -> None:
        """Write it whole, or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_file(self.path, (self.state.model_dump_json(indent=1) + "\n").encode())

    def note(self, key: str, value: str) -> str:
        """Remember a value, such as the id of what was started."""
        self.state.notes[key] = value
        self.save()
        return value

    def once(self, key: str, make: Callable[[], str]) -> str:
        """Return what is noted, else make it. A kill between the two makes it again: `make` takes a request token."""
        found = self.state.notes.get(key)
        return found if found is not None else self.note(key, make())

    def answer(self, answer: Answer) -> None:
        """Keep an answer, in the place of an earlier one."""
        self.state.answers[answer.id] = answer
        self.save()

    def finish(self, scenario: str, outcome: str) -> None:
        """Note that a scenario is through."""
        self.state.done[scenario] = outcome
        self.save()


def now() -> str:
    """Return the time, as it is written down."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def find_states(folder: Path) -> tuple[Path, ...]:
    """Return the files of acceptances that have not been taken away."""
    return tuple(sorted(path for path in folder.glob("*.json") if _is_state(path)))


def _is_state(path: Path) -> bool:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError:
        return False
    return isinstance(found, dict) and {"suffix", "account", "notes"} <= found.keys()
