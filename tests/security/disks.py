"""A small disk that one process alone has, and scripts that run on it: a fork of what has all imported, see `forking.py`."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import cast

import pytest

from tests.forking import fork_call
from tests.places import ROOT
from tests.workspaces import Ended, Workspace

_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
_NOT_HERE = 77


def on_small_disk(folder: Path, size: str, script: str, *arguments: str) -> str:
    """Run a script with `disk` in the folder as a disk of that size, and return what it prints.

    Its arguments are the disk, the folder of the code, and what is given here.
    """
    (folder / "disk").mkdir()
    (folder / "script.py").write_text(script)
    process = fork_call(f"{__name__}:work", str(folder), size, *arguments)
    try:
        code = process.wait(120)
    finally:
        process.kill()
    said = (folder / "said").read_text()
    if code == _NOT_HERE:
        pytest.skip(f"this system gives nobody a mount of his own: {said}")
    assert code == 0, said
    return said


def work(folder: str, size: str, *arguments: str) -> None:
    """Be the process with the disk: what the script prints, and its traceback, is in the file `said`."""
    os.chdir(folder)
    with Path("said").open("w") as said, contextlib.redirect_stdout(said):
        try:
            _mount(Path("disk").absolute(), size)
        except PermissionError as error:
            said.write(str(error))
            sys.exit(_NOT_HERE)
        sys.argv = ["script.py", str(Path("disk").absolute()), str(ROOT), *arguments]
        try:
            runpy.run_path("script.py", run_name="__main__")
        except BaseException:
            traceback.print_exc(file=said)
            raise


def _mount(disk: Path, size: str) -> None:
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS | _NEW_USERS):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path("/proc/self", name).write_text(text)
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]):
        done = subprocess.run(["mount", *words], stderr=subprocess.PIPE, text=True, check=False)
        if "permi" in done.stderr.lower():
            raise PermissionError(done.stderr)
        done.check_returncode()


def run_apart(workspace: Workspace, *arguments: str) -> Ended:
    """Run a command to its end in a fork of this process, which has its disk."""
    here, there = os.pipe()
    if not (child := os.fork()):
        code = 1
        try:
            os.close(here)
            with os.fdopen(there, "wb") as file:
                pickle.dump(workspace.call(*arguments), file)
            code = 0
        finally:
            os._exit(code)
    os.close(there)
    with os.fdopen(here, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    return cast("Ended", pickle.loads(answer))
