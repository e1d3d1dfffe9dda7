"""Environments of their own, `.venv-sdk/v2-…`, `v3-…` and `checkov-…`: made once for each lock file, apart from ours.

The SageMaker SDK is 60 (v2) or 130 (v3) packages and takes an older rich than we do, checkov an older botocore: so they
aren't part of the tools' environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.places import ROOT

LOCKS = {
    "v2": ROOT / "requirements-sdk.txt",
    "v3": ROOT / "requirements-sdk-v3.txt",
    "suite": ROOT / "requirements-sdk-suite.txt",
    "checkov": ROOT / "requirements-checkov.txt",
}


def sdk_python(version: str) -> Path:
    """Return the Python of an environment; the first call for a lock file makes it."""
    lock = LOCKS[version]
    wanted = hashlib.sha256(f"{sys.version}\0{lock.read_text()}".encode()).hexdigest()[:12]
    folder = ROOT / ".venv-sdk" / f"{version}-{wanted}"
    ready = folder / ".ready"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / f"{version}.lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)  # several test processes may ask at once
        if not ready.exists():
            for old in folder.parent.glob(f"{version}-*"):
                shutil.rmtree(old)
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            python = str(folder / "bin" / "python")
            _uv("pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(lock))
            ready.touch()
    return folder / "bin" / "python"


def run_in_sdk(
    version: str, module: str, *arguments: str, home: Path, variables: Mapping[str, str] | None = None
) -> None:
    """Run a module of the tests in the SDK's environment.

    `home` is a folder with no AWS configuration in it, `variables` are what the module finds besides; the module itself cuts the network, see `aws.py`.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),  # the SDK leaves folders there
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        **(variables or {}),
    }
    command = [str(sdk_python(version)), "-m", module, *arguments]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([str(uv), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
