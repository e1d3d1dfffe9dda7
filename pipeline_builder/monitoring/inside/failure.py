"""What ends a job in words: a problem of the data or the image, never a traceback of this code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

# What a processing job's ExitMessage is taken from.
MESSAGE = f"{os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')}/output/message"


class UnusableError(Exception):
    """Data that can't be read, or an image that lacks a package; the text says which, and what to do."""


class UnmeasurableError(UnusableError):
    """Predictions whose quality can't be told: a baseline goes without it."""


def run(work: Callable[[], None]) -> None:
    """Do the work; what can't be used ends the job with its text."""
    try:
        work()
    except UnusableError as error:
        _end(str(error))
    except MemoryError:
        _end("the job has no memory left: give it a larger 'instance_type'")
    except ImportError as error:
        _end(f"the image has no package '{error.name}': monitoring takes NumPy, pandas and SciPy")


def _end(words: str) -> None:
    try:
        os.makedirs(os.path.dirname(MESSAGE), exist_ok=True)
        with open(MESSAGE, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(words[:1000])
    except OSError:
        pass
    sys.exit(words)
