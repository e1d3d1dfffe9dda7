"""Kills commands at random moments, repeats them, and looks at what they have left: `scripts/soak kill`.

Each command begins where another left three trained models. Half of the kills hit the command alone, half its whole
session. The long run is one of very many steps, which is killed and gone on with again and again until it is through.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.aftermath import ask, left_running, names_in, wrong_champion, wrong_state, wrong_steps
from tests.forking import Process
from tests.trio import MANY, NAMES, Trio, make_many, make_trio


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to kill; `before` brings the workspace where it begins, and the rest is how it is to be after it."""

    arguments: tuple[str, ...]
    before: tuple[str, ...] = ()
    decided: tuple[str, ...] = ()
    champion: int = 2

    @property
    def name(self) -> str:
        return self.arguments[0]


_APPROVED = tuple(f"trio-{name}/2 Approved" for name in NAMES)
_WHY = ("--comment", "a soak")
COMMANDS = (
    Command(arguments=("up", "--approve", *_WHY), decided=_APPROVED),
    Command(arguments=("promote", *_WHY), before=("up",), decided=_APPROVED),
    Command(
        arguments=("reject", *_WHY),
        before=("up",),
        decided=tuple(one.replace("Approved", "Rejected") for one in _APPROVED),
        champion=1,
    ),
    Command(
        arguments=("rollback", "churn", *_WHY),
        before=("up", "--approve"),
        decided=(*_APPROVED, "trio-churn/2 Rejected"),
        champion=1,
    ),
    Command(arguments=("watch", "--once", "--approve", *_WHY), decided=_APPROVED),
)
CHECKED = "repeated well, versions, decisions, verify, state, locks, temporaries, processes"


@dataclass(kw_only=True)
class Tally:
    """What came of a command's kills."""

    name: str
    moments: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def row(self) -> str:
        ended = ", ".join(f"{count} {how}" for how, count in sorted(self.ended.items()))
        return f"| {self.name} | {self.moments} | {ended} | {CHECKED} | {len(self.failures)} |"


def main() -> int:
    """Kill, repeat, look, and print a table; the exit code is 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/soak kill", description=__doc__)
    parser.add_argument("--moments", type=int, default=40, help="kills of each command")
    parser.add_argument("--kills", type=int, default=30, help="kills within the long run")
    parser.add_argument("--steps", type=int, default=500, help="steps of the long run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="commands that are tried at once")
    parser.add_argument("--only", action="append", help="only this one ('long' is the long run); may be repeated")
    chosen = parser.parse_args()
    wanted = chosen.only or [*(command.name for command in COMMANDS), "long"]
    with tempfile.TemporaryDirectory(prefix="soak-kill-") as folder, ThreadPoolExecutor(chosen.jobs) as pool:
        lanes: list[Callable[[], Tally]] = []
        if "long" in wanted:
            lanes.append(lambda: kill_long_run(Path(folder), chosen.steps, chosen.kills, chosen.seed))
        lanes += [
            lambda command=command: kill_command(Path(folder), command, chosen.moments, chosen.seed)  # type: ignore[misc]
            for command in COMMANDS
            if command.name in wanted
        ]
        tallies = list(pool.map(lambda lane: lane(), lanes))
    print(f"seed {chosen.seed}\n| command | moments | ended | looked at after each | failures |\n|---|---|---|---|---|")
    print("\n".join(tally.row for tally in tallies))
    for tally in tallies:
        print("\n".join(f"{tally.name}: {failure}" for failure in tally.failures))
    return int(any(tally.failures for tally in tallies))


# --- short commands


def kill_command(root: Path, command: Command, moments: int, seed: int) -> Tally:
    """Kill a command at random moments, each time from the same beginning."""
    lane = _Lane.make(root / command.name, command)
    lane.restore()
    began = time.monotonic()
    _end(lane.start())
    whole = time.monotonic() - began
    expected, chance = lane.names(), random.Random(f"{seed} {command.name}")
    tally = Tally(name=" ".join(command.arguments[:-2]))
    for moment in range(moments):
        lane.restore()
        after = chance.uniform(0, whole)
        how = _killed(lane.start(), after, group=moment % 2 == 1)
        tally.ended[how] += 1
        tally.moments += 1
        wrong = [*lane.repeat(), *lane.wrong(expected)]
        tally.failures += [f"moment {moment} ({after:.3f} of {whole:.3f} s, {how}): {words}" for words in wrong]
        print(f"{command.name}, moment {moment}, {after:.2f} s: {how}; {'; '.join(wrong) or 'all well'}", flush=True)
    return tally


@dataclass(frozen=True)
class _Lane:
    """The workspace of a command, what it is put back to, and a folder for temporary files of its own."""

    command: Command
    trio: Trio
    kept: Path
    temporary: Path

    @classmethod
    def make(cls, root: Path, command: Command) -> _Lane:
        trio = make_trio(root / "workspace")
        lane = cls(command, trio, root / "kept", root / "temporary")
        _good(trio, "up", "--approve", "--comment", "the first")
        for name in NAMES:
            trio.change(name)
        if command.before:
            _good(trio, *command.before)
        shutil.copytree(trio.root, lane.kept, symlinks=True)
        return lane

    def restore(self) -> None:
        shutil.rmtree(self.trio.root)
        shutil.rmtree(self.temporary, ignore_errors=True)
        shutil.copytree(self.kept, self.trio.root, symlinks=True)
        self.temporary.mkdir()

    def start(self) -> Process:
        return self.trio.start(*self.command.arguments, TMPDIR=str(self.temporary))

    def repeat(self) -> Iterator[str]:
        code, said = _end(self.start())
        if code:
            yield f"repeated, it ends with {code}: {said[-300:]}"

    def names(self) -> frozenset[str]:
        return names_in(self.trio.root)

    def wrong(self, expected: frozenset[str]) -> Iterator[str]:
        """Say what is otherwise than after a command that nobody has killed."""
        first = [f"trio-{name}/1 Approved" for name in NAMES]
        versions = [f"trio-{name}/{version}" for name in NAMES for version in (1, 2)]
        yield from wrong_state(self.trio, versions=versions, decided=[*first, *self.command.decided], runs=2)
        for name in NAMES:
            champion = self.command.champion if self.command.name != "rollback" or name == "churn" else 2
            yield from wrong_champion(self.trio, name, champion)
        if left := sorted(self.names() - expected):
            yield f"left behind: {', '.join(left[:5])}"
        if left := sorted(path.name for path in self.temporary.iterdir()):
            yield f"left among temporary files: {', '.join(left[:5])}"
        yield from left_running(self.trio.root)


# --- the long run


def kill_long_run(root: Path, steps: int, kills: int, seed: int) -> Tally:
    """Kill one run of many steps again and again, whenever it has done a random number of them."""
    models = steps // 2
    many = make_many(root / "long" / "workspace", models)
    temporary = root / "long" / "temporary"
    temporary.mkdir()
    chance = random.Random(f"{seed} long")
    tally = Tally(name=f"up --approve of {steps} steps")
    for number, moment in enumerate(sorted(chance.sample(range(steps * 9 // 10), kills))):
        done = max(moment, _steps_done(many) + 1)  # each gets further
        process = many.start("up", "--approve", *_WHY, TMPDIR=str(temporary))
        with ThreadPoolExecutor(2) as readers:
            for stream in (process.stdout, process.stderr):
                readers.submit(_drain, stream)
            while process.poll() is None and _steps_done(many) < done:
                time.sleep(0.05)
            how = _killed(process, chance.uniform(0, 0.3), group=number % 2 == 1)
        tally.ended[how] += 1
        tally.moments += 1
        print(f"long, kill {number} at {_steps_done(many)} of {steps} steps: {how}", flush=True)
    code, said = _end(many.start("up", "--approve", *_WHY, TMPDIR=str(temporary)))
    if code:
        tally.failures.append(f"the last one ends with {code}: {said[-600:]}")
    groups = [f"trio-{MANY}{number}" for number in range(models)]
    decided = [f"{group}/1 Approved" for group in groups]
    tally.failures += wrong_state(many, versions=[f"{group}/1" for group in groups], decided=decided, runs=1)
    tally.failures += wrong_steps(many, steps, kills)
    for number in range(0, models, 10):  # their evidence is one
        tally.failures += wrong_champion(many, f"{MANY}{number}", 1)
    tally.failures += [f"left among temporary files: {path.name}" for path in temporary.iterdir()]
    tally.failures += [f"left behind: {name}" for name in names_in(many.root) if "/." in name]
    tally.failures += left_running(many.root)
    return tally


def _drain(stream: IO[str]) -> None:
    with contextlib.suppress(ValueError, OSError):
        for _ in stream:
            pass


def _steps_done(workspace: Trio) -> int:
    with contextlib.suppress(sqlite3.Error):
        return int(ask(workspace, "SELECT count(*) FROM steps WHERE status = 'Succeeded'")[0][0])
    return 0


# --- processes


def _good(trio: Trio, *arguments: str) -> None:
    done = trio.run(*arguments, SMP_APPROVER="ada")
    if done.code:
        raise SystemExit(f"'{' '.join(arguments)}' ends with {done.code}: {done.err}")


def _end(process: Process) -> tuple[int, str]:
    out, err = process.communicate(timeout=1200)
    return process.wait(), err or out


def _killed(process: Process, after: float, *, group: bool) -> str:
    """Kill the command after so many seconds; return how it ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    code = process.wait()
    for stream in (process.stdout, process.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.close()
    if code >= 0:
        return f"ended with {code} before"
    return "killed with its jobs" if group else "killed alone"
