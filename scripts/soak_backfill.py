"""Kills a backfill of thirty days ten times and repeats it: no day is scored twice, and none is missing."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.backfilling import main

if __name__ == "__main__":
    sys.exit(main())
