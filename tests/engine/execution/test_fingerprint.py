"""The fingerprint: what decides about an execution changes it, however the definition is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.definitions import definition, script, target

_URI = "s3://local/limits.json"


def asking(function: dict[str, Any]) -> dict[str, Any]:
    argument = script("Ask", "true")
    argument["Arguments"]["Environment"] = {"LIMIT": function}
    return argument


@pytest.mark.parametrize("written", [b"Std:JsonGet", b"Std:\\u004asonGet", b"Std:JsonG\\u0065t"])
def test_a_file_that_a_function_reads_counts(tmp_path: Path, written: bytes) -> None:
    local = target(tmp_path)
    content = definition(asking({"Std:JsonGet": {"S3Uri": _URI, "Path": "limit"}})).replace(b"Std:JsonGet", written)
    found = set()
    for text in (b'{"limit": 1}', b'{"limit": 2}'):
        local.store.put(_URI, text)
        found.add(local.pipelines.fingerprint(content, {}))
    assert len(found) == 2
