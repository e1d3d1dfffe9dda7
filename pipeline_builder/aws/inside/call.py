"""Runs the handler of a model repository as a Lambda function: its code comes by content, named in the event.

A function runs this file alone. The event of a Lambda step has our own inputs beside the step's: `smp_code`, where the
bundle is; `smp_handler`, which function of it; `smp_env_NAME`, its variables. The handler sees none of them. So what an
execution runs is what its definition says, whatever was pushed since, and the function stays as it is.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

_OWN, _VARIABLE = "smp_", "smp_env_"
_MOST_BYTES = 256 * 1024**2
_CODE = Path("/tmp/smp")  # noqa: S108 - the one folder that a function may write to, and its own
_set: dict[str, str | None] = {}


def handler(event: dict[str, Any], context: object) -> object:
    """Call the handler that the event names with the rest of the event."""
    if "smp_code" not in event or "smp_handler" not in event:
        raise ValueError("the event names no handler: this function is for Lambda steps of its own service")
    name, _, function = str(event["smp_handler"]).rpartition(":")
    folder = fetch(str(event["smp_code"]))
    set_variables({key[len(_VARIABLE) :]: str(value) for key, value in event.items() if key.startswith(_VARIABLE)})
    found = load(folder, name)
    return getattr(found, function)({k: v for k, v in event.items() if not k.startswith(_OWN)}, context)


def fetch(uri: str) -> Path:
    """Return the folder of a bundle, which is fetched once; what is not what its name says is refused."""
    import boto3

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    digest = key.split("/")[-2]
    folder = _CODE / digest
    if folder.is_dir():
        return folder
    shutil.rmtree(_CODE, ignore_errors=True)  # of another execution's code
    found = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(_MOST_BYTES)
    unpack(found, digest, folder)
    return folder


def unpack(packed: bytes, digest: str, folder: Path) -> None:
    """Unpack a bundle whose tar has the digest (sha256, hex) into the folder."""
    with gzip.open(io.BytesIO(packed)) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES or hashlib.sha256(content).hexdigest() != digest:
        raise ValueError("the code is not what its name says, or too large")
    part = folder.with_suffix(".part")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(part, filter="data")
    part.rename(folder)


def set_variables(wanted: dict[str, str]) -> None:
    """Set the handler's variables, and take back those of the call before."""
    for name, before in _set.items():
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
    _set.clear()
    for name, value in wanted.items():
        _set[name] = os.environ.get(name)
        os.environ[name] = value


def load(folder: Path, name: str) -> Any:
    """Import the handler's file anew, with nothing left of another bundle's modules."""
    for known, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{_CODE}/"):
            del sys.modules[known]
    path = folder / name
    sys.path[:] = [str(path.parent), str(folder), *(entry for entry in sys.path if not entry.startswith(f"{_CODE}/"))]
    found = importlib.util.spec_from_file_location(path.stem, path)
    if found is None or found.loader is None:
        raise ImportError(f"'{name}' is no file of Python")
    module = importlib.util.module_from_spec(found)
    sys.modules[path.stem] = module
    found.loader.exec_module(module)
    return module
