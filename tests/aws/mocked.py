"""AWS as moto has it, for one test; nothing of this machine's own AWS configuration is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from moto import mock_aws

from pipeline_builder.aws.client import Aws

REGION = "eu-central-1"


@contextmanager
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Give AWS, empty, in one Region."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield Aws(REGION)
