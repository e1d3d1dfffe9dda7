"""What a program of ours finds in a job, wherever that runs: the container's paths, and the job's log."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

OPT_ML = "/opt/ml"
_NOT_THE_USERS = (f"{Path(__file__).resolve().parent}{os.sep}", "<frozen importlib", importlib.__file__)


def here(path: str) -> Path:
    """Return where a path of the container is: below SAGEMAKER_BASE_DIR where /opt/ml isn't private."""
    base = os.environ.get("SAGEMAKER_BASE_DIR")
    return Path(base + path[len(OPT_ML) :]) if base and (path + "/").startswith(OPT_ML + "/") else Path(path)


def tell(text: str) -> None:
    """Write a line into the job's log."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - standard error is the job's log


def tell_error(error: BaseException) -> None:
    """Write where and how a user's code has failed, from its first frame on: those before are this program's."""
    import traceback

    place = error.__traceback__
    while place and place.tb_frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        place = place.tb_next
    traceback.print_exception(type(error), error, place)
