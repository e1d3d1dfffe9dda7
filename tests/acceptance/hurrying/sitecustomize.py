"""Cuts short what an acceptance waits between two looks; with KILL_AFTER it kills it too, see
tests/aws/killing, and none of the commands that it runs."""

import os
import runpy
import sys
import time
from pathlib import Path

_sleep = time.sleep


def _short(seconds: float) -> None:  # as the real one, but for its length
    _sleep(min(seconds, float(os.environ.get("LONGEST_SLEEP", "0.05"))))


time.sleep = _short  # type: ignore[assignment] # floats is all that is slept here
if "KILL_AFTER" in os.environ and "acceptance" in sys.orig_argv:
    runpy.run_path(str(Path(__file__).parents[2] / "aws" / "killing" / "sitecustomize.py"))
