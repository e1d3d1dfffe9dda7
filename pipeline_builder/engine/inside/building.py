"""One step of building a wheel from a source distribution, in a job: nothing of it is trusted outside.

Run as `python -I building.py requires|more|wheel SOURCE FOLDER`: `requires` unpacks SOURCE into FOLDER, writes what its
pyproject.toml wants for a build, `more` what its build backend wants besides, both as FOLDER/requires.json;
`wheel` makes FOLDER/dist/*.whl. Only the standard library is used, and `tomli` where Python has no tomllib.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> int:
    """Do the step; what goes wrong is a traceback in the job's log."""
    step, source, folder = arguments[0], Path(arguments[1]), Path(arguments[2])
    if step == "requires":
        shutil.unpack_archive(source, folder / "unpacked")
    (tree,) = (folder / "unpacked").iterdir()
    os.chdir(tree)
    system = _build_system(tree)
    if step == "wheel":
        (folder / "dist").mkdir()
        _backend(system).build_wheel(str(folder / "dist"))
        return 0
    found = system["requires"]
    if step == "more":
        more = getattr(_backend(system), "get_requires_for_build_wheel", None)
        found = list(more()) if more else []
    (folder / "requires.json").write_text(json.dumps([str(line) for line in found]), encoding="utf-8")
    return 0


def _build_system(tree: Path) -> dict[str, Any]:
    file = tree / "pyproject.toml"
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    given = toml.loads(file.read_text(encoding="utf-8")).get("build-system") if file.is_file() else None
    default = {"requires": ["setuptools>=40.8.0", "wheel"], "build-backend": "setuptools.build_meta:__legacy__"}
    return {**default, **(given or {})}


def _backend(system: dict[str, Any]) -> Any:
    sys.path[0:0] = [os.path.abspath(path) for path in system.get("backend-path", ())]  # noqa: PTH100
    module, _, name = system["build-backend"].partition(":")
    found: Any = functools.reduce(getattr, filter(None, name.split(".")), importlib.import_module(module))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
