"""Cuts short what a command waits between two looks at AWS; with KILL_AFTER it kills it too, see ../killing."""

import os
import runpy
import time
from pathlib import Path

_sleep = time.sleep


def _short(seconds: float) -> None:  # as the real one, but for its length
    _sleep(min(seconds, 0.002))


time.sleep = _short  # type: ignore[assignment] # floats is all that is slept here
if "KILL_AFTER" in os.environ:
    runpy.run_path(str(Path(__file__).parent.parent / "killing" / "sitecustomize.py"))
