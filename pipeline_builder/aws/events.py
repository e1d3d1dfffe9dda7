"""Events of our own on EventBridge's default bus, which rules of the service start pipelines by."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline_builder.aws.client import Aws
from pipeline_builder.errors import OutsideFailure, Problem

SOURCE = "pipeline-builder"
RETRAINING = "Model Retraining Requested"


def put_retraining(aws: Aws, detail: Mapping[str, object]) -> None:
    """Tell the service that a model is to be trained anew.

    Raises:
        OutsideFailure: PB986 where EventBridge doesn't take it, PB701 to PB707.
    """
    entry = {"Source": SOURCE, "DetailType": RETRAINING, "Detail": json.dumps(detail, ensure_ascii=False)}
    answer = aws.call("events", "put_events", Entries=[entry])
    # It answers a call whose entry it hasn't taken as one that went well.
    for result in answer.get("Entries", ()):
        if code := result.get("ErrorCode"):
            message = f"EventBridge didn't take the event '{RETRAINING}': {code}: {result.get('ErrorMessage', '')}"
            hint = "the request is written, and the next run tells of it; or start the training pipeline by hand"
            raise OutsideFailure(Problem(id="PB986", message=message, hint=hint))
