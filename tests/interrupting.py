"""Interrupts checkouts of a large repository at many moments, and holds the next one's files against the commit's."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.repositories import ENVIRONMENT, commit, git, make_repository

MANIFEST = "version: 1\nrepos:\n  - name: a\n    url: remotes/a\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak interrupt", description=__doc__)
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--files", type=int, default=30_000)
    parser.add_argument("--manner", choices=[*MANNERS], action="append", help="only this one; may be repeated")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    with tempfile.TemporaryDirectory(prefix="soak-interrupt-") as folder:
        return _soak(Path(folder), chosen.moments, chosen.files, chosen.manner or [*MANNERS])


def _soak(root: Path, moments: int, files: int, manners: list[str]) -> int:
    commits = _make(root, files)
    started = time.monotonic()
    _finish(root)
    whole = time.monotonic() - started
    print(f"{files} files; a checkout of all takes {whole:.1f} s", flush=True)
    expected = {name: _digest_of_commit(root / "remotes" / "a", name) for name in commits}
    failed = 0
    for name in manners:
        ended: dict[str, int] = {}
        for moment in range(moments):
            wanted = commits[moment % 2]
            git(root / "remotes" / "a", "update-ref", "refs/heads/main", wanted)
            if moment % 3 == 0:  # now and then nothing has been fetched before
                shutil.rmtree(root / ".pipeline_builder")
                shutil.rmtree(root / "aws-train")
            code = _interrupted(root, MANNERS[name], whole * (moment + 0.5) / moments)
            ended[str(code)] = ended.get(str(code), 0) + 1
            said = _finish(root)
            wrong = _wrong(root, said, expected[wanted])
            failed += bool(wrong)
            print(f"{name}, moment {moment}: ended with {code}; {wrong or 'the next one passed'}", flush=True)
        codes = ", ".join(f"{count} with {code}" for code, count in sorted(ended.items()))
        print(f"{name}: {moments} moments; the interrupted ones ended: {codes}", flush=True)
    print("all passed" if not failed else f"{failed} failed")
    return int(bool(failed))


def _make(root: Path, files: int) -> tuple[str, str]:
    """Make the repository and return its two commits, which differ in every file."""
    folder = root / "remotes" / "a"
    found = []
    for version in ("one", "two"):
        for number in range(files):
            path = folder / f"d{number % 100}" / f"f{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{version} {number}\n" * 20)
        if version == "one":
            make_repository(folder)
            git(folder, "config", "gc.auto", "0")  # it would go on in the background
            found.append(git(folder, "rev-parse", "HEAD"))
        else:
            found.append(commit(folder, version))
    git(folder, "gc", "--quiet")
    (root / "model_repos.yaml").write_text(MANIFEST)
    return found[0], found[1]


def _digest_of_commit(repository: Path, name: str) -> str:
    git(repository, "update-ref", "refs/heads/main", name)
    git(repository, "reset", "--quiet", "--hard", "main")
    return _digest(repository)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for path in (Path(where, name) for name in sorted(names)):
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_mode:o}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _start(root: Path) -> subprocess.Popen[bytes]:
    environment = {**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    command = [sys.executable, "-m", "pipeline_builder", "checkout"]
    output = (root / "said").open("wb")
    with output:
        return subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=output)


def _interrupted(root: Path, interrupt: Callable[[int], None], after: float) -> int:
    process = _start(root)
    time.sleep(after)
    if process.poll() is None:
        interrupt(process.pid)
    return process.wait()


def _finish(root: Path) -> str:
    """Check out to the end; return what was said where that failed."""
    process = _start(root)
    return (root / "said").read_text() if process.wait() else ""


def _wrong(root: Path, said: str, expected: str) -> str:
    if said:
        return said
    if _digest(root / "aws-train" / "a") != expected:
        return "the files are not the commit's"
    left = [path.name for path in (root / "aws-train").iterdir() if path.name != "a"]
    cache = root / ".pipeline_builder" / "git"
    left += [str(path) for pattern in ("*.lock", "*tmp_*", "*.new*") for path in cache.rglob(pattern)]
    return f"left behind: {left}" if left else ""


def _descendants(process: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _kill_all(process: int) -> None:
    for one in _descendants(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


MANNERS: dict[str, Callable[[int], None]] = {
    "SIGINT": lambda process: os.kill(process, signal.SIGINT),
    "SIGTERM": lambda process: os.kill(process, signal.SIGTERM),
    "kill -9 of all": _kill_all,
    "kill -9 of the parent alone": lambda process: os.kill(process, signal.SIGKILL),
}
