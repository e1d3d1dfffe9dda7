"""A pytest plugin that lets the SDK's integration tests talk to `serve`: addresses, keys, waiting times, docker.

It runs in the SDK's environment, given with `-p`, and imports nothing of ours. The tests' own files stay as they are.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

IMAGES = "000000000000.dkr.ecr.us-west-2.amazonaws.com/remote-function-dummy-container"
KEY = "arn:aws:kms:us-west-2:000000000000:key/00000000-0000-0000-0000-000000000000"
_LONGEST_SLEEP = 0.5
_sleep = time.sleep


def pytest_configure() -> None:
    """Before any of their modules is imported."""
    server = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    _stay_here(str(server.hostname), int(server.port or 0))
    _use_one_address()
    time.sleep = lambda seconds: _sleep(min(seconds, _LONGEST_SLEEP))
    _wait_as_long()


def pytest_plugin_registered(plugin: Any) -> None:
    """Their conftest builds and pushes images with docker; here an image's name is all that is needed."""
    if getattr(plugin, "__name__", "").endswith("integ.sagemaker.conftest"):
        plugin._build_container = _name_image  # noqa: SLF001 - theirs


def _stay_here(host: str, port: int) -> None:
    """Refuse every connection but that to the server; what a test asks elsewhere is the reason of its failure."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and tuple(arguments[1])[:2] != (host, port):
            raise ConnectionRefusedError(f"sdk-suite: no connection to {arguments[1]}")
        if event == "socket.getaddrinfo" and arguments[0] not in (host, "localhost", None):
            raise ConnectionRefusedError(f"sdk-suite: no connection to {arguments[0]}")

    sys.addaudithook(refuse)


def _use_one_address() -> None:
    """Drop AWS's addresses where clients are made with them: those of the environment hold."""
    import botocore.session

    create = botocore.session.Session.create_client

    def create_client(self: Any, *arguments: Any, **named: Any) -> Any:
        if "amazonaws.com" in str(named.get("endpoint_url")):
            named["endpoint_url"] = None
        return create(self, *arguments, **named)

    botocore.session.Session.create_client = create_client


def _wait_as_long() -> None:
    """Ask each second or less, and at most as long as they would; and name a key of KMS without asking for one."""
    import tests.integ.kms_utils
    import tests.integ.retry
    from sagemaker.workflow import pipeline

    wait = pipeline._PipelineExecution.wait  # noqa: SLF001 - theirs

    def wait_shorter(self: Any, delay: float = 30, max_attempts: int = 60) -> Any:
        return wait(self, delay=1, max_attempts=int(delay * max_attempts / _LONGEST_SLEEP))

    pipeline._PipelineExecution.wait = wait_shorter  # noqa: SLF001

    def retries(max_retry_count: int, exception_message_prefix: str, seconds_to_sleep: float = 10) -> Iterator[int]:
        ends = time.monotonic() + max_retry_count * seconds_to_sleep
        count = 0
        while time.monotonic() < ends:
            yield count
            count += 1
            _sleep(_LONGEST_SLEEP)
        raise Exception(f"{exception_message_prefix} has reached the maximum retry count {max_retry_count}")  # noqa: TRY002

    tests.integ.retry.retries = retries
    tests.integ.kms_utils.get_or_create_kms_key = lambda *_, **__: KEY  # there is no KMS; requests name one


def _name_image(_session: Any, py_version: str, docker_template: str) -> str:
    kind = "conda" if "conda" in docker_template else "user" if "useradd" in docker_template else "plain"
    return f"{IMAGES}:{kind}-{py_version}"
