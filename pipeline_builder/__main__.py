"""`python -m pipeline_builder`, the same as the console command."""

from __future__ import annotations

import gc
import sys

_YOUNG = 250_000
"""Objects that are made before the collector looks at them: nearly all that a command imports and reads stays to its
end, and to look at it every 700 objects takes a tenth of a short command's time. One that finds nothing to do makes
fewer than these.
"""


def main() -> int:
    """Run the command line; returns the exit code."""
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    from pipeline_builder.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
