"""Kills the process that starts with this on its path: at the KILL_AT-th time that it is about to change something.

Python tells of folders, renames, removals and processes before they happen. CALLS names a file that gets a letter for
each of them.
"""

import os
import signal
import sys

_changes = [0]


def _count(event: str, arguments: tuple[object, ...]) -> None:
    if event not in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "subprocess.Popen") or "__pycache__" in str(
        arguments
    ):
        return
    _changes[0] += 1
    with open(os.environ["CALLS"], "a", encoding="utf-8") as file:  # noqa: PTH123 - start-up is before pathlib is wanted
        file.write(".")
    if _changes[0] == int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(_count)
