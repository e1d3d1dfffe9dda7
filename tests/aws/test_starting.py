"""A start that SageMaker answers with an execution that it knows nothing of: that of a pipeline that was deleted."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.pipelines import SageMakerPipelines
from pipeline_builder.aws.polling import Clock
from pipeline_builder.aws.settings import PipelineSettings
from pipeline_builder.aws.store import S3Store
from pipeline_builder.errors import OutsideFailure
from tests.aws.mocked import mocked

PIPELINE = "arn:aws:sagemaker:eu-central-1:123456789012:pipeline/many"
OLD, NEW = f"{PIPELINE}/execution/aaaaaaaaaaaa", f"{PIPELINE}/execution/bbbbbbbbbbbb"
UNKNOWN = "?"


@pytest.mark.parametrize(
    ("cause", "looks", "starts", "found"),
    [
        ("", [UNKNOWN, OLD], [OLD], OLD),  # a moment later it is known, and none is started beside it
        ("", [UNKNOWN, UNKNOWN, NEW], [OLD, NEW], NEW),
        ("", [UNKNOWN] * 4, [OLD, NEW], ""),
        ("cause", [UNKNOWN, UNKNOWN], [OLD], ""),  # what has a cause starts once, whatever happens
    ],
)
def test_an_execution_that_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, cause: str, looks: list[str], starts: list[str], found: str
) -> None:
    waits: list[float] = []
    with mocked(monkeypatch) as aws, Stubber(aws.client("sagemaker")) as service:
        service.add_response("list_pipeline_executions", {"PipelineExecutionSummaries": []})
        seen = iter(looks)
        for arn in starts:
            service.add_response("start_pipeline_execution", {"PipelineExecutionArn": arn}, _asked())
            for look in (next(seen, None), next(seen, None)):
                if look == UNKNOWN:
                    service.add_client_error("describe_pipeline_execution", "ResourceNotFound", "Pipeline execution")
                elif look:
                    service.add_response("describe_pipeline_execution", _described(look))
                    service.add_response("list_pipeline_parameters_for_execution", {"PipelineParameters": []})
                    break
        pipelines = _pipelines(aws, Clock(sleep=waits.append))
        if found:
            assert pipelines.start_execution("many", 1, {}, fingerprint="f", cause=cause).arn == found
        else:
            with pytest.raises(OutsideFailure, match=r"PB703 SageMaker says that the execution '.*' was made"):
                pipelines.start_execution("many", 1, {}, fingerprint="f", cause=cause)
        service.assert_no_pending_responses()
    assert len(waits) == len(starts) - (looks[-1] == NEW)


def _asked() -> dict[str, Any]:
    keys = (
        "PipelineName",
        "PipelineParameters",
        "PipelineExecutionDescription",
        "ClientRequestToken",
        "PipelineVersionId",
    )
    return dict.fromkeys(keys, ANY)


def _described(arn: str) -> dict[str, Any]:
    return {
        "PipelineExecutionArn": arn, "PipelineArn": PIPELINE, "PipelineExecutionStatus": "Executing",
        "CreationTime": datetime(2026, 1, 1, tzinfo=timezone.utc),
    }  # fmt: skip


def _pipelines(aws: Aws, clock: Clock) -> SageMakerPipelines:
    return SageMakerPipelines(aws, S3Store(aws), PipelineSettings(role="arn:role", bucket="bucket"), clock=clock)
