"""What a transform job is told to do, and what it finds in its environment."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.engine.inside import batch
from pipeline_builder.engine.jobs.transforming import environment_of, spec_of, unsupported

REQUEST: dict[str, Any] = {
    "TransformInput": {"ContentType": "text/csv", "SplitType": "Line"},
    "TransformOutput": {"S3OutputPath": "s3://b/o", "Accept": "text/csv", "AssembleWith": "Line"},
    "BatchStrategy": "SingleRecord",
    "MaxPayloadInMB": 1,
}


def test_spec_and_environment_of_a_request() -> None:
    spec = spec_of(REQUEST, files=[("/a", "/b")])
    assert set(batch.DEFAULTS) <= set(spec)
    assert spec["files"] == [["/a", "/b"]]
    assert (spec["split"], spec["strategy"], spec["assemble"], spec["max_payload_mb"]) == (
        "Line",
        "SingleRecord",
        "Line",
        1,
    )
    environment = environment_of(REQUEST, {"Environment": {"SAGEMAKER_PROGRAM": "inference.py"}})
    assert environment["SAGEMAKER_BATCH_STRATEGY"] == "SINGLE_RECORD"
    assert environment["SAGEMAKER_PROGRAM"] == "inference.py"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TransformInput": {"SplitType": "RecordIO"}}, "SplitType 'RecordIO' is not supported"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "JoinSource 'Input' is not supported"),
        ({"DataProcessing": {"InputFilter": "$[1:]"}}, "InputFilter '$[1:]' is not supported"),
        ({"DataProcessing": {"OutputFilter": "$[0]"}}, "OutputFilter '$[0]' is not supported"),
        ({"MaxPayloadInMB": 0}, "MaxPayloadInMB 0 means no limit"),
    ],
)
def test_unsupported(change: dict[str, Any], message: str) -> None:
    [found] = unsupported({**REQUEST, **change})
    assert message in found


def test_supported() -> None:
    plain = {"DataProcessing": {"JoinSource": "None", "InputFilter": "$", "OutputFilter": "$"}}
    assert unsupported({**REQUEST, **plain}) == []
