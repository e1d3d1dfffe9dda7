"""Puts the stand-ins for packages of AWS's images behind an environment's own packages; says which have none."""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
from pathlib import Path

STANDINS = "standins"
_SOURCE = Path(__file__).parent.parent / STANDINS
_PATH_FILE = "smp_standins.pth"
_PATH_LINE = f"import os, sys; sys.path.append(os.path.join(sys.prefix, '{STANDINS}'))\n"
_ABSENT = re.compile(
    r"^(?:ModuleNotFoundError|ImportError): No module named '((?:smdebug|smdistributed|smdistributed_modelparallel"
    r"|smexperiments|sagemaker_\w+|mms|multi_model_server|model_archiver|ts)(?:\.[\w.]+)?)'",
    re.MULTILINE,
)
# What `env` and shells say of the interpreter that a script's first line, or a command, names.
_NO_PYTHON = re.compile(
    r"^(?:/usr/bin/env: |.*?: (?:line \d+: )?|.*?: \d+: )['\u2018]?python(?P<version>3\.\d+)['\u2019]?: "
    r"(?:No such file or directory|(?:command )?not found)$",
    re.MULTILINE,
)
# What the starters of several processes say of themselves where they aren't there.
_NO_STARTER = {
    "torchrun": (re.compile(r"module specification for 'torch\.distributed\.run'|No module named torch\b"), "torch"),
    "mpirun": (re.compile(r"mpirun: (?:command )?not found"), "openmpi"),
}
_ADDED = {
    "smdebug": "smdebug",
    "smexperiments": "sagemaker-experiments",
    "mms": "multi-model-server",
    "multi_model_server": "multi-model-server",
    "model_archiver": "multi-model-server",
    "ts": "torchserve",
    "sagemaker_inference": "sagemaker-inference",
    "sagemaker_training": "sagemaker-training",
    "sagemaker_containers": "sagemaker-training",
}


def put_standins(folder: Path) -> None:
    """Copy them into an environment's folder; its own packages come first where Python looks for one."""
    shutil.copytree(
        _SOURCE, folder / STANDINS, ignore=lambda at, names: {"__pycache__", *_own(at, names)}, dirs_exist_ok=True
    )
    for packages in folder.glob("lib/python*/site-packages"):
        (packages / _PATH_FILE).write_text(_PATH_LINE, encoding="utf-8")


def _own(folder: str, names: list[str]) -> set[str]:
    return {"__init__.py"} & set(names) if Path(folder) == _SOURCE else set()


@functools.cache
def standins_digest() -> str:
    """Return the sha256 (hex) of all of them."""
    digest = hashlib.sha256()
    digest.update(_PATH_LINE.encode())
    for path in sorted(_SOURCE.rglob("*.py")):
        digest.update(path.relative_to(_SOURCE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def explain_absent(said: str) -> str:
    """Return what a failed job's last words mean where they miss what only its image has; "" else."""
    if wanted := _NO_PYTHON.search(said):
        version = wanted["version"]
        how = f"python: \"{version}\" in the manifest's 'local.images' takes one of this machine"
        return f"the Python of its image is another one here: {how}"
    for starter, (absent, needed) in _NO_STARTER.items():
        if absent.search(said):
            how = f"let its image require '{needed}' in the manifest's 'local.images'"
            return f"'{starter}', which starts the training's processes, isn't in its environment here: {how}"
    found = _ABSENT.search(said)
    if not found:
        return ""
    name = found[1]
    package = _ADDED.get(name.partition(".")[0])
    how = "it is published nowhere, so that this part of the script runs on AWS only"
    if package:
        how = f"add '{package}' to the requirements of its image in the manifest's 'local.images'"
    return f"the package '{name}' is a part of AWS's images: {how}"
