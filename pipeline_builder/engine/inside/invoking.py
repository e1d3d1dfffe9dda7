"""Calls a Lambda step's handler inside of its job, as Lambda calls it: with event and context, JSON in and JSON out.

    python invoking.py SPEC

SPEC is a file with {"handler": "file.py:function", "event": {…}, "seconds": n, "arn": …, "result": path, "failure":
path}; the folder of the handler's code is the working directory. What it returns goes to `result`, as JSON; what it
raises goes to `failure`, as Lambda writes it: errorMessage, errorType, stackTrace.
"""

# A function's code may be for a Python that is older than ours, and this runs in it.
# ruff: noqa: PTH100, PTH109, PTH119, PTH120, PTH123
from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """What a handler is told of its call [AWS Lambda, "Using the Lambda context object"]."""

    def __init__(self, arn: str, seconds: float) -> None:
        self.invoked_function_arn = arn
        self.function_name = arn.rsplit(":", 1)[-1]
        self.function_version = "$LATEST"
        self.aws_request_id = "00000000-0000-0000-0000-000000000000"
        self.memory_limit_in_mb = "0"
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "local"
        self.identity = None
        self.client_context = None
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the call's time."""
        return max(0, int((self._end - time.monotonic()) * 1000))


def main(path: str) -> int:
    """Call the handler; return 0 unless it failed."""
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    try:
        text = _called(spec)
    except BaseException as error:  # noqa: BLE001 - what ends a handler is told, whatever it is
        with open(spec["failure"], "w", encoding="utf-8") as file:
            json.dump(described(error), file)
        traceback.print_exc()
        return 1
    with open(spec["result"], "w", encoding="utf-8") as file:
        file.write(text)
    return 0


def _called(spec: dict[str, Any]) -> str:
    name, _, function = spec["handler"].rpartition(":")
    sys.path.insert(0, os.getcwd())
    sys.path.insert(0, os.path.dirname(os.path.abspath(name)))
    found = importlib.util.spec_from_file_location(os.path.basename(name).rsplit(".", 1)[0], name)
    if found is None or found.loader is None:
        raise ImportError(f"'{name}' is no file of Python")
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return json.dumps(getattr(module, function)(spec["event"], Context(spec["arn"], spec["seconds"])))


def described(error: BaseException) -> dict[str, Any]:
    """Return an error as a function's answer has it."""
    trace = [line for line in traceback.format_tb(error.__traceback__) if __file__ not in line]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


if __name__ == "__main__":
    # Threads that a handler leaves go on with its next call, and there is none. Nothing waits to be flushed: the job's
    # output isn't buffered.
    os._exit(main(sys.argv[1]))
