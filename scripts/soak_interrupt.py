"""Interrupts checkouts of a large repository at many moments, and holds the next one's files against the commit's."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.checkout.interrupting import main

if __name__ == "__main__":
    sys.exit(main())
