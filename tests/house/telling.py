"""Runs what a page tells its reader to run, in order, in a fresh folder, and holds what is shown against what is seen."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.cli.terminals import answer
from tests.house.fences import RUN, Block, blocks
from tests.offering import offered
from tests.places import ROOT

_QUESTION = re.compile(r"^((?:Approve .*|Comment|.*\[y/N\])): ?(.*)$", re.MULTILINE)
_LONGEST = 60.0  # seconds that a command may take
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
# What differs from run to run, and what stands for it on both sides.
_UNSTABLE = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r"\b20\d\d-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ?)?\b|\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"(?<![\w.])(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{12}(?![\w.])"), "ID"),
    # One in fifty has no digit, and looks like a word but for where it stands.
    (re.compile(r"(\bexecutions?[ /]|\bTIME +)[a-z]{12}(?![\w.])"), r"\1ID"),
    (re.compile(r"(?<![\w.])(?=[0-9a-f]*[0-9])[0-9a-f]{7}(?![\w.])"), "COMMIT"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b"), "N s"),
    (re.compile(r"token=[\w-]+"), "token=T"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
)


class OtherwiseError(AssertionError):
    """What a page shows isn't what is seen."""


@dataclass(slots=True, kw_only=True)
class Teller:
    """One reader: a folder, what is around it, and how the last command ended; `offered` has the program for all that
    asks nothing.
    """

    folder: Path
    environment: Mapping[str, str]
    offered: Path
    code: int = 0

    def tell(self, page: Path) -> Iterator[tuple[str, str, str]]:
        """Run a page's `run` blocks; yield each command with what is shown below it, and what was seen."""
        for block in blocks(page):
            if RUN in block.tags:
                for command, shown in block.commands():
                    yield self._do(block, command, shown)
        if self.code:
            raise OtherwiseError(f"{page.name} ends with {self.code}, and nobody says so")

    def copied(self, folder: Path) -> Teller:
        """Return somebody else with a copy of this one's folder as it is now."""
        shutil.copytree(self.folder, folder / self.folder.name, symlinks=True)
        return replace(self, folder=folder / self.folder.name)

    def _do(self, block: Block, command: str, shown: str) -> tuple[str, str, str]:
        if self.code and "$?" not in command:
            raise OtherwiseError(
                f"{block.place}: before '{command}' something ended with {self.code}, and nobody says so"
            )
        where = self.folder.with_name("where")
        script = f"(exit {self.code})\n{command}\ncode=$?\npwd > {shlex.quote(str(where))}\nexit $code"
        asked = _QUESTION.findall(shown)
        if asked:
            self.code, seen = answer(["bash", "-c", script], self.folder, self.environment, *asked, columns=200)
        else:
            quick = {**self.environment, "PATH": f"{self.offered}:{self.environment['PATH']}"}
            done = subprocess.run(
                ["bash", "-c", script], cwd=self.folder, env=quick, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=_LONGEST,
            )  # fmt: skip
            self.code, seen = done.returncode, done.stdout
        self.folder = Path(where.read_text("utf-8").strip())
        compare(f"{block.place}: {command}", shown, seen)
        return command, shown, seen


@contextmanager
def reading(folder: Path) -> Iterator[Teller]:
    """Give somebody who has the program on the path, git set up, and an empty folder, until the end of the block."""
    home, work = folder / "home", folder / "models"
    home.mkdir()
    work.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n  name = Ada\n  email = ada@example.com\n[init]\n  defaultBranch = main\n"
    )
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    surroundings = {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "USER": "ada", "SMP_APPROVER": "ada"}
    with offered(folder / "bin") as quick:
        yield Teller(folder=work, environment=surroundings, offered=quick)


def compare(place: str, shown: str, seen: str) -> None:
    """Hold what a page shows against what was seen: each line of it comes, in order; `…` stands for what is left out.

    Raises:
        OtherwiseError: with the first line that doesn't come.
    """
    lines = [plain(line) for line in _ESCAPES.sub("\n", seen).splitlines()]
    at, skipping = 0, False
    for line in (plain(line) for line in shown.splitlines() if line.strip()):
        if line == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        found = next((n for n in range(at, len(lines)) if pattern.fullmatch(lines[n])), None)
        if found is None or (not skipping and any(lines[at:found])):
            raise OtherwiseError(
                f"{place}\n  shows: {line}\n  seen:\n" + "\n".join(f"    {one}" for one in lines if one)
            )
        at, skipping = found + 1, False


def plain(line: str) -> str:
    """Return a line without what differs from run to run."""
    for pattern, word in _UNSTABLE:
        line = pattern.sub(word, line)
    return re.sub(r" +", " ", line).strip()
