"""The function of handlers, against an emulated S3: it runs what the event names, and nothing that isn't what it says."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline_builder.aws.inside import call

HANDLER = "import os\n\nfrom beside import WORD\n\n\ndef run(event, context):\n    return {**event, 'mode': os.environ['MODE'] + WORD}\n"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(call, "_CODE", tmp_path / "code")
    path = list(sys.path)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        yield client
    sys.path[:] = path


def put(client: Any, word: str, *, name: str = "") -> str:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for file, text in (("ask.py", HANDLER), ("beside.py", f"WORD = '{word}'\n")):
            entry = tarfile.TarInfo(file)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    digest = name or hashlib.sha256(content.getvalue()).hexdigest()
    key = f"tiny/code/{digest}/sourcedir.tar.gz"
    client.put_object(Bucket="bucket", Key=key, Body=gzip.compress(content.getvalue()))
    return f"s3://bucket/{key}"


@pytest.mark.long
def test_each_call_runs_the_code_that_it_names_with_its_own_variables(bucket: Any) -> None:
    one, two = put(bucket, "!"), put(bucket, "?")
    for code, mode, found in ((one, "a", "a!"), (two, "b", "b?"), (one, "c", "c!")):
        event = {"day": 1, "smp_code": code, "smp_handler": "ask.py:run", "smp_env_MODE": mode, "smp_timeout": 3}
        assert call.handler(event, None) == {"day": 1, "mode": found}


def test_what_is_not_its_name_is_refused(bucket: Any) -> None:
    code = put(bucket, "!", name="0" * 64)
    with pytest.raises(ValueError, match="not what its name says"):
        call.handler({"smp_code": code, "smp_handler": "ask.py:run"}, None)
    with pytest.raises(ValueError, match="names no handler"):
        call.handler({"day": 1}, None)
