"""Runs the tests that take too long for each change: a command killed after every answer, frameworks of a gigabyte,
linters as their makers have them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    "tests/aws/test_killed.py",
    "tests/scaffold/test_new.py",
    "tests/service/cloudformation/rendering/test_linters.py::test_what_is_made_quick_finds_what_the_linters_find",
)

if __name__ == "__main__":
    os.environ["PIPELINE_BUILDER_SOAK"] = "1"
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *(sys.argv[1:] or TESTS)])
