"""What a transform job is told to do, and what it finds in its environment."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.engine.inside import batch
from pipeline_builder.engine.jobs.transforming import environment_of, refusals_of, spec_of

REQUEST: dict[str, Any] = {
    "TransformInput": {"ContentType": "text/csv", "SplitType": "Line"},
    "TransformOutput": {"S3OutputPath": "s3://b/o", "Accept": "text/csv", "AssembleWith": "Line"},
    "BatchStrategy": "SingleRecord",
    "MaxPayloadInMB": 1,
}


def test_spec_of_a_request() -> None:
    spec = spec_of(REQUEST, files=[("/a", "/b")])
    assert set(batch.DEFAULTS) <= {*spec, "first", "last"}
    assert spec["files"] == [["/a", "/b"]]
    told = [spec[key] for key in ("split", "strategy", "assemble", "max_payload_mb", "retries", "timeout", "join")]
    assert told == ["Line", "SingleRecord", "Line", 1, 3, 600, False]
    data = {"InputFilter": "$[1:]", "OutputFilter": "$", "JoinSource": "Input"}
    more = {"DataProcessing": data, "ModelClientConfig": {"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 7}}
    spec = spec_of({**REQUEST, **more, "MaxConcurrentTransforms": 0}, files=[])
    assert (spec["input_filter"], spec["output_filter"], spec["join"]) == ([["items", [[1, None]]]], None, True)
    assert (spec["retries"], spec["timeout"], spec["max_concurrent"]) == (0, 7, None)


def test_the_container_hears_what_the_caller_has_set_and_no_more() -> None:
    own = {"Environment": {"SAGEMAKER_PROGRAM": "inference.py", "A": "model"}}
    assert environment_of({}, own) == {"SAGEMAKER_BATCH": "true", "SAGEMAKER_PROGRAM": "inference.py", "A": "model"}
    environment = environment_of({**REQUEST, "MaxConcurrentTransforms": 4, "Environment": {"A": "job"}}, own)
    assert environment == {
        "SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1", "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "4", "SAGEMAKER_PROGRAM": "inference.py", "A": "job",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DataProcessing": {"InputFilter": "$.id"}}, "DataProcessing.InputFilter is '$.id', and CSV is filtered by"),
        ({"MaxPayloadInMB": 0}, "MaxPayloadInMB 0 means no limit"),
    ],
)
def test_refused(change: dict[str, Any], message: str) -> None:
    [found] = refusals_of({**REQUEST, **change})
    assert message in found


def test_taken() -> None:
    plain = {"DataProcessing": {"JoinSource": "None", "InputFilter": "$", "OutputFilter": "$"}}
    assert refusals_of({**REQUEST, **plain}) == []
