"""What a transform job is told to do, and what it finds in its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside import batch
from pipeline_builder.engine.jobs.looking import look
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.jobs.transforming import OUTPUT, environment_of, hand_on, refusals_of, spec_of
from pipeline_builder.engine.state.elsewhere import Elsewhere
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore

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


def test_what_nobody_knows_yet_is_refused_for_nothing() -> None:
    open_ = {"Get": "Steps.A.TransformOutput.S3OutputPath"}
    asked = {"InputFilter": "$.a", "JoinSource": "Input"}
    source, result = {"ContentType": open_, "SplitType": open_}, {"Accept": open_, "AssembleWith": open_}
    request = {"TransformInput": source, "TransformOutput": result, "MaxPayloadInMB": open_, "DataProcessing": asked}
    assert [seen for seen in look("Transform", request, Elsewhere({})) if seen.problem.id == "PB526"] == []


def test_what_one_container_hands_to_the_next(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    (two / "ml" / "batch").mkdir(parents=True)
    assert not hand_on(one, two)
    handed = one / "ml" / "batch" / "handed"
    handed.mkdir(parents=True)
    assert not hand_on(one, two)
    for name in ("0", "12", "3.part", "x"):
        (handed / name).write_text(name)
    assert hand_on(one, two)
    assert sorted(path.name for path in (two / "ml" / "batch" / "given").iterdir()) == ["0", "12"]


def test_only_the_outputs_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "job" / "ml" / "batch" / "output"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.out", "a.out.part", "deep/b.out", "other"):
        (folder / name).write_text(name)
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    kept = Outputs(folder=tmp_path / "job", store=store, observe=lambda _: None)
    kept.upload_named(OUTPUT, ["a.out", "deep/b.out", "missing.out"], "s3://b/o/")
    assert sorted(key for key, _ in store.keys("b", "")) == ["o/a.out", "o/deep/b.out"]
