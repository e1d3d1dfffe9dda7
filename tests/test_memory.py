"""Things of any size pass through little memory: each in a process whose addresses end below the size of the thing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hungry import KINDS, SIZE

LIMIT = 'ulimit -v "$1" && shift && exec "$@"'
ROOT = Path(__file__).resolve().parent.parent


def limited(addresses: int, *command: str) -> list[str]:
    """Return the command that runs another, and all that this starts, with so many bytes of addresses each."""
    return ["sh", "-c", LIMIT, "sh", str(addresses >> 10), *command]


@pytest.mark.parametrize("kind", KINDS)
def test_large_things_pass_through_little_memory(tmp_path: Path, kind: str) -> None:
    # In this one client and server are threads of one process, which have their stacks.
    addresses = SIZE + (150 << 20) if kind == "served" else SIZE - (10 << 20)
    done = subprocess.run(
        limited(addresses, sys.executable, "-m", "tests.hungry", kind, str(tmp_path)),
        cwd=ROOT,
        env={"MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
