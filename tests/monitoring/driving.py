"""Runs the jobs' code over many folders, in the Python of an image: one process for all of them.

Usage: driving.py CODE MEASURED FOLDER…; MEASURED is where `measuring.py` puts its figures, or empty; each folder has an `/opt/ml` of a Baseline step, `train`, and one of the Monitor step
that gets what it has left, `day`; in either is `job.json`, the settings.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any


def main(code: str, measured: str, folders: list[str]) -> None:
    """Run each, and write how it ended into `ended.json`."""
    sys.path.insert(0, code)
    if measured:
        figures = importlib.import_module("measuring").measure()  # beside this file
        Path(measured).write_text(json.dumps(figures), "utf-8")
    baseline: Any = importlib.import_module("smp_monitoring.baseline")
    failure: Any = importlib.import_module("smp_monitoring.failure")
    monitor: Any = importlib.import_module("smp_monitoring.monitor")
    warnings.simplefilter("error" if sys.version_info >= (3, 9) else "default")  # pandas 1.1 has some of its own
    for folder in folders:
        train, day = Path(folder, "train"), Path(folder, "day")
        _run(baseline, failure, train)
        made = train / "processing" / "output"
        for path in made.iterdir() if made.is_dir() else ():
            target = day / "processing" / "input" / "baseline" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copyfile(path, target)
        _run(monitor, failure, day)


def _run(module: Any, failure: Any, folder: Path) -> None:
    settings = json.loads(Path(folder, "job.json").read_text("utf-8"))
    os.environ["SAGEMAKER_BASE_DIR"] = str(folder)
    module.read_settings = lambda: settings
    ended = ""
    try:
        failure.run(module.main)
    except SystemExit as error:
        ended = str(error)
    except BaseException:  # noqa: BLE001 - whatever it is, a test says it
        ended = f"Traceback: {traceback.format_exc()}"
    Path(folder, "ended.json").write_text(json.dumps(ended), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
