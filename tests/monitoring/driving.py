"""Runs the jobs' code over many folders, in the Python of an image: one process for all of them.

Usage: driving.py CODE FOLDER…; each folder is an `/opt/ml` with `job.json` in it, `{"module", "settings"}`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any


def main(code: str, folders: list[str]) -> None:
    """Run each, and write how it ended into `ended.json`."""
    sys.path.insert(0, code)
    baseline: Any = importlib.import_module("smp_monitoring.baseline")
    failure: Any = importlib.import_module("smp_monitoring.failure")
    importlib.import_module("smp_monitoring.monitor")
    warnings.simplefilter("error" if sys.version_info >= (3, 9) else "default")  # pandas 1.1 has some of its own
    for folder in folders:
        job = json.loads(Path(folder, "job.json").read_text("utf-8"))
        module: Any = importlib.import_module(f"smp_monitoring.{job['module']}")
        os.environ["SAGEMAKER_BASE_DIR"] = folder
        module.read_settings = baseline.read_settings = lambda settings=job["settings"]: settings
        ended = ""
        try:
            failure.run(module.main)
        except SystemExit as error:
            ended = str(error)
        except BaseException:  # noqa: BLE001 - whatever it is, a test says it
            ended = f"Traceback: {traceback.format_exc()}"
        Path(folder, "ended.json").write_text(json.dumps(ended), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
