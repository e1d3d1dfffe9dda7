"""Callback steps over the API: listed with their token while they wait, answered by it, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.serving import Served, refused, serving, until

QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/answers"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


def begun(served: Served, name: str) -> tuple[str, dict[str, Any]]:
    outputs = [{"OutputName": "approved", "OutputType": "Boolean"}]
    step = {
        "Name": "Wait",
        "Type": "Callback",
        "SqsQueueUrl": QUEUE,
        "Arguments": {"a": 1},
        "OutputParameters": outputs,
    }
    served.create(name, json.dumps({"Version": "2020-12-01", "Steps": [step]}).encode())
    arn = served.start(name)

    def waits() -> dict[str, Any]:
        found: dict[str, Any] = served.steps(arn).get("Wait", {}).get("Metadata", {}).get("Callback", {})
        return found if "CallbackToken" in found else {}

    return arn, until(waits)


def test_success(served: Served) -> None:
    arn, found = begun(served, "good")
    assert (len(found["CallbackToken"]), found["SqsQueueUrl"]) == (10, QUEUE)
    answer = {"CallbackToken": found["CallbackToken"], "OutputParameters": [{"Name": "approved", "Value": "true"}]}
    with refused("ValidationException", "expected Boolean"):
        served.sagemaker.send_pipeline_execution_step_success(
            **{**answer, "OutputParameters": [{"Name": "approved", "Value": "maybe"}]}
        )
    token = {"ClientRequestToken": "t" * 32}
    for _ in range(2):  # the same request again is answered as the first time
        said = served.sagemaker.send_pipeline_execution_step_success(**answer, **token)
        assert said["PipelineExecutionArn"] == arn
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert served.steps(arn)["Wait"]["Metadata"]["Callback"]["OutputParameters"] == [
        {"Name": "approved", "Value": "true"}
    ]


def test_failure_and_nobodys_token(served: Served) -> None:
    arn, found = begun(served, "bad")
    with refused("ResourceNotFound", "There is no step that waits with the callback token"):
        served.sagemaker.send_pipeline_execution_step_failure(CallbackToken="nobodysone")
    served.sagemaker.send_pipeline_execution_step_failure(CallbackToken=found["CallbackToken"], FailureReason="no")
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    assert served.steps(arn)["Wait"]["FailureReason"] == "no"
