"""Kills commands at random moments and repeats them: nothing is lost, nothing doubled, and nothing is left behind."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.killing import main

if __name__ == "__main__":
    sys.exit(main())
