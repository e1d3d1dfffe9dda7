"""Environments of their own in `.venv-sdk`: the SDK's as the product makes them, and checkov's, each once for its lock.

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

from pipeline_builder.sdk.environment import SdkEnvironment
from tests.places import ROOT

LOCKS = {"checkov": ROOT / "requirements-checkov.txt", "suite": ROOT / "requirements-sdk-suite.txt"}
SDKS = {"v2": 2, "v3": 3}
FOLDER = ROOT / ".venv-sdk"
"""Outlives a run of the tests: hundreds of megabytes that change with the lock alone."""


def sdk_python(version: str) -> Path:
    """Return the Python of an environment; the first call for a lock file makes it."""
    # As in `tests/engine/environments.py`: nothing is written into them that is there.
    os.environ.setdefault("UV_LINK_MODE", "hardlink")
    if version in SDKS:
        return SdkEnvironment(SDKS[version], FOLDER, say=lambda _: None).python(alone=True)
    lock = LOCKS[version]
    wanted = hashlib.sha256(f"{sys.version}\0{lock.read_text()}".encode()).hexdigest()[:12]
    folder = FOLDER / f"{version}-{wanted}"
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
