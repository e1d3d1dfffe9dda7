"""Publishes runs, each in a process that dies at one of its writes; what is asked for comes by lines.

The process that forks has no state open: SQLite's connections don't survive that.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from pipeline_builder.descriptions import StoredObject
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.release.scoring.ledger import LedgerDay, PackageUsed, RowCounts, write_day
from pipeline_builder.release.scoring.publishing import Publishable, publish
from pipeline_builder.target import Target
from tests.engine import definitions

DATE, TO = "2026-11-29", "s3://local/scores/"


def scored(target: Target, run: str, content: bytes = b"1\n2\n", *, files: int = 2) -> Publishable:
    """Leave predictions of a run, and return what is to be published of them."""
    predictions = f"s3://local/p/churn/executions/{run}/churn-Transform/"
    for number in range(files):
        target.store.put(f"{predictions}day/{number}.csv.out", content)
    about = {
        "pipeline": "p", "model": "churn", "date": DATE, "execution": f"arn:aws:sagemaker:::pipeline/p/execution/{run}",
        "started": f"2026-11-30T03:00:{run[3:]:0>2}+00:00", "rows": RowCounts(input=4, predictions=4),
        "package": PackageUsed(arn="a", group="churn", version=3), "definition_sha256": "d" * 64,
    }  # fmt: skip
    listed = target.store.entries(predictions)
    return Publishable(to=TO, predictions=predictions, listed=listed, about=about, at="2026-11-30T04:00:00+00:00")


def day(run: str, **changes: Any) -> LedgerDay:
    given: dict[str, Any] = {
        "pipeline": "p", "model": "churn", "date": DATE, "execution": run, "started": f"2026-11-30T03:00:{run[3:]:0>2}",
        "status": "published", "definition_sha256": "d",
    }  # fmt: skip
    return LedgerDay(**given | changes)


class Mortal(LocalStore):
    """A store whose process dies at one of its writes: before it, or right after."""

    lives = -1
    lock = threading.Lock()

    def _die(self) -> None:
        with self.lock:  # two objects are copied at once
            self.lives -= 1
            if self.lives == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def put(self, *args: Any, **more: Any) -> None:
        self._die()
        super().put(*args, **more)
        self._die()

    def put_if(self, *args: Any, **more: Any) -> bool:
        self._die()
        written = super().put_if(*args, **more)
        self._die()
        return written

    def copy(self, *args: Any) -> StoredObject:
        self._die()
        made = super().copy(*args)
        self._die()
        return made


def mortal(folder: Path, lives: int) -> Target:
    from dataclasses import replace

    target = definitions.target(folder)
    assert isinstance(target.store, LocalStore)
    target.store.__class__ = Mortal
    target.store.lives = lives  # type: ignore[attr-defined] # it has just become one
    return replace(target)


def _publish(folder: Path, lives: int, run: str) -> None:
    target = mortal(folder, -1)
    wanted = scored(target, run)
    target.store.lives = lives  # type: ignore[attr-defined] # it is a mortal one
    publish(wanted, target)
    write_day(target, day(run))


def main() -> None:
    """Read lines with lives and a run; answer each with how its process has ended."""
    for line in sys.stdin:
        lives, run = line.split()
        if process := os.fork():
            ended = os.waitpid(process, 0)[1]
            sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
            sys.stdout.flush()
            continue
        try:
            _publish(Path(sys.argv[1]), int(lives), run)
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not read the next line
            traceback.print_exc()
            os._exit(1)
        os._exit(0)


if __name__ == "__main__":
    main()
