"""`python -m pipeline_builder`, the same as the console command."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from typing import NoReturn

_YOUNG = 250_000
"""Objects that are made before the collector looks at them: nearly all that a command imports and reads stays to its
end, and to look at it every 700 objects takes a tenth of a short command's time. One that finds nothing to do makes
fewer than these.
"""


def main() -> int:
    """Run the command line; returns the exit code."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, leave)
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    from pipeline_builder.cli import run

    try:
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run(sys.argv[1:])
    except KeyboardInterrupt:  # before there was somebody to take it, or a second time
        leave()


def leave(number: int = signal.SIGINT, frame: object = None) -> NoReturn:
    """End at once: while a command is being imported it has done nothing yet, and the second time it is asked for."""
    del frame
    with contextlib.suppress(OSError):
        os.write(2, b"interrupted; the same command goes on from here\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
