"""ministack, an emulator of AWS in one process, on a free port of 127.0.0.1 for as long as a test uses it.

It makes a stack's resources for real, as far as it knows their types, and lets schedules and rules fire. It has no
CodePipeline and no SageMaker, doesn't run builds without Docker, and doesn't ask IAM.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT, REGION = "123456789012", "eu-central-1"


@dataclass(frozen=True)
class Emulator:
    """A running emulator; the access key says whose account it is."""

    url: str

    @property
    def session(self) -> boto3.session.Session:
        return boto3.session.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="b", region_name=REGION)

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1}))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def emulating(folder: Path) -> Iterator[Emulator]:
    """Start the emulator with its files below the folder, and end it."""
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "S3_DATA_DIR": str(folder / "s3"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    with (folder / "emulator.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            emulator = Emulator(f"http://127.0.0.1:{port}")
            _wait(port, process)
            yield emulator
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the emulator ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the emulator didn't start in a minute")
