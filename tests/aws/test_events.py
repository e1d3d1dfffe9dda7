"""The event that tells a service of a retraining."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.events import put_retraining
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.release.scoring.requests import Request
from pipeline_builder.release.scoring.retraining import event_of
from tests.aws.mocked import REGION

REQUEST = Request(
    group="churn", champion="arn:churn/3", version=3, cause="drift of 'age\"\\': psi is 0.31, allowed is 0.2",
    causes=("drift age",), execution="arn:execution/e1", date="2026-11-29", requested="2026-11-29T12:00:00Z",
    pipeline="training",
)  # fmt: skip


class Answering(Aws):
    """AWS whose EventBridge answers as it is told, and is asked what botocore's model takes."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=REGION)
        super().__init__(REGION, session=session)
        self.stub = Stubber(self.client("events"))
        self.stub.add_response("put_events", dict(answer))
        self.stub.activate()
        self.asked: list[Mapping[str, Any]] = []
        self.client("events").meta.events.register(
            "provide-client-params.events.PutEvents", lambda params, **_: self.asked.append(params)
        )


def test_the_event_is_the_request_with_a_cause_that_goes_into_json_as_it_is() -> None:
    aws = Answering({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    put_retraining(aws, event_of(REQUEST))
    (entry,) = aws.asked[0]["Entries"]
    assert (entry["Source"], entry["DetailType"], entry.get("EventBusName")) == (
        "pipeline-builder", "Model Retraining Requested", None,
    )  # fmt: skip
    detail = json.loads(entry["Detail"])
    assert detail == {
        "format": 1, "group": "churn", "champion": "arn:churn/3", "version": 3, "execution": "arn:execution/e1",
        "date": "2026-11-29", "requested": "2026-11-29T12:00:00Z", "pipeline": "training",
        "cause": "drift of 'age''': psi is 0.31, allowed is 0.2",
    }  # fmt: skip
    assert json.loads(f'{{"value": "{detail["cause"]}"}}') == {"value": detail["cause"]}


def test_an_event_that_is_not_taken_is_no_success() -> None:
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}
    aws = Answering({"FailedEntryCount": 1, "Entries": [failed]})
    with pytest.raises(OutsideFailure, match="PB986 EventBridge didn't take the event .*InternalFailure: try again"):
        put_retraining(aws, event_of(REQUEST))
