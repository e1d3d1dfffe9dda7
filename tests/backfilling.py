"""Kills a backfill again and again, repeats it, and compares what it leaves with one that nobody has killed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any

from tests.aftermath import left_running
from tests.forking import Process
from tests.scoring import FAR, Scoring, make_scoring

FIRST = date(2026, 11, 1)


def main() -> int:
    """Kill a backfill of many days, and say whether any of them is missing or was scored twice."""
    parser = argparse.ArgumentParser(prog="scripts/soak backfill", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-backfill-") as folder:
        scoring = make_days(Path(folder) / "workspace", chosen.days)
        wrong = kill_backfill(scoring, chosen.days, chosen.kills, random.Random(f"{chosen.seed} backfill"))
    print("\n".join(wrong) or f"{chosen.days} days, killed {chosen.kills} times: none twice, none missing")
    return int(bool(wrong))


def make_days(root: Path, days: int) -> Scoring:
    """Make a workspace with a champion, so many days of data, of which one is blocked, and the pipeline deployed."""
    scoring = make_scoring(root)
    for number in range(days):
        scoring.land(str(FIRST + timedelta(number)), FAR if number == days // 2 else (1, 2, 3, number % 3 + 1))
    for arguments in (
        ("up", "--pipeline", "training", "--approve", "--comment", "the first"),
        ("build", "--pipeline", "scoring"),
        ("apply", "--pipeline", "scoring"),
    ):
        done = scoring.run(*arguments, SMP_APPROVER="ada")
        assert done.code == 0, done
    return scoring


def kill_backfill(scoring: Scoring, days: int, kills: int, chance: random.Random) -> list[str]:
    """Return what is wrong after a backfill that was killed so often, each time when it had got a bit further."""
    kept = scoring.root.with_name("kept")
    shutil.copytree(scoring.root, kept, symlinks=True)
    asked = ("backfill", "--from", str(FIRST), "--to", str(FIRST + timedelta(days - 1)), "--jobs", "4")
    began = time.monotonic()
    whole = scoring.run(*asked, "--json")
    print(f"undisturbed: exit code {whole.code}, {time.monotonic() - began:.1f} s", flush=True)
    expected = _outcome(scoring)
    shutil.rmtree(scoring.root)
    shutil.copytree(kept, scoring.root, symlinks=True)
    shutil.rmtree(kept)
    ended: Counter[str] = Counter()
    with _followed(scoring) as wrong:
        for number in range(kills):
            steps = days * 3 * (number + 1) // (kills + 1)
            how = _killed(scoring, asked, steps, chance, way=number % 3)
            ended[how] += 1
            print(f"kill {number + 1}: {how}, at {_steps_done(scoring)} steps of {days * 3}", flush=True)
        interrupted = {how for how in ended if how.startswith("ended")} - {f"ended with {whole.code}", "ended with 130"}
        last = scoring.run(*asked, "--json")
    print(f"ended: {dict(ended)}; then with {last.code}", flush=True)
    wrong += [f"interrupted, it {how}" for how in interrupted]
    if last.code != whole.code:
        wrong.append(f"it ends with {last.code}, undisturbed with {whole.code}: {last.err[-500:]}")
    if (outcome := _outcome(scoring)) != expected:
        wrong.append(f"{outcome} is not {expected}")
    rows = _ask(scoring, "SELECT status, count(*) FROM executions WHERE pipeline = 'churn-scoring' GROUP BY status")
    if dict(rows) != {"Succeeded": days}:
        wrong.append(f"executions: {dict(rows)}, expected {days} that have succeeded")
    runs = [path.name for path in scoring.object("scores").glob("dt=*/run=*")]
    if len(runs) != days - 1:
        wrong.append(f"{len(runs)} runs are published, expected {days - 1}")
    return [*wrong, *left_running(scoring.root)]


def _outcome(scoring: Scoring) -> dict[str, Any]:
    """Return what readers find of each day: its rows, or that it is blocked."""
    found: dict[str, Any] = {}
    for path in sorted(scoring.object("churn-scoring/ledger/churn").glob("*.json")):
        day = json.loads(path.read_text())
        found[day["date"]] = (day["status"], day["rows"])
        pointer = scoring.object(f"scores/dt={day['date']}/_current.json")
        if pointer.exists():
            found[f"{day['date']} read"] = _read(scoring, pointer)
    return found


def _read(scoring: Scoring, pointer: Path) -> list[str]:
    """Return what a reader finds who follows a pointer."""
    read = json.loads(pointer.read_text())
    listed = json.loads(scoring.object(read["manifest"].removeprefix("s3://local/")).read_text())["objects"]
    contents = [scoring.object(one["uri"][11:]).read_text() for one in listed]
    found = [sum(map(len, contents)), sum(len(content.splitlines()) for content in contents), len(contents)]
    if found != [read["bytes"], read["rows"]["predictions"], read["objects"]]:
        raise ValueError(f"{found} is not what it says")
    return contents


@contextlib.contextmanager
def _followed(scoring: Scoring) -> Iterator[list[str]]:
    """Let a reader follow all pointers again and again meanwhile; what it says is wrong with what it reads."""
    wrong: list[str] = []
    ended = threading.Event()

    def read(pointer: Path) -> None:
        try:
            _read(scoring, pointer)
        except (OSError, ValueError, KeyError) as error:
            wrong.append(f"a reader of {pointer.parent.name} finds: {error}")

    def look() -> None:
        while not ended.wait(0.05):
            for pointer in scoring.object("scores").glob("dt=*/_current.json"):
                read(pointer)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield wrong
    finally:
        ended.set()
        reader.join()


def _killed(scoring: Scoring, asked: tuple[str, ...], steps: int, chance: random.Random, *, way: int) -> str:
    process = scoring.start(*asked)
    readers = [threading.Thread(target=_drain, args=(stream,)) for stream in (process.stdout, process.stderr)]
    for reader in readers:
        reader.start()
    while process.poll() is None and _steps_done(scoring) < steps:
        time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, 0.3))
    return _kill(process, readers, way)


def _kill(process: Process, readers: list[threading.Thread], way: int) -> str:
    """Kill a command alone, with its jobs, or interrupt it as a person does; return how it ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if way == 1 else os.kill)(process.pid, signal.SIGINT if way == 2 else signal.SIGKILL)
    code = process.wait()
    for reader in readers:
        reader.join()
    for stream in (process.stdout, process.stderr):
        stream.close()
    if code >= 0:
        return f"ended with {code}"
    return "killed with its jobs" if way == 1 else "killed alone"


def _drain(stream: IO[str]) -> None:
    with contextlib.suppress(ValueError, OSError):
        for _ in stream:
            pass


def _steps_done(scoring: Scoring) -> int:
    with contextlib.suppress(sqlite3.Error):
        asked = "SELECT count(*) FROM steps JOIN executions ON arn = execution WHERE pipeline = 'churn-scoring' AND "
        return int(_ask(scoring, f"{asked} steps.status = 'Succeeded'")[0][0])
    return 0


def _ask(scoring: Scoring, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(scoring.root / ".pipeline_builder" / "state.db", timeout=30)) as db:
        return db.execute(sql).fetchall()
