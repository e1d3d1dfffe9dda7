"""Buckets whose new data starts pipelines: whether they tell of it is looked at, and never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.errors import OutsideFailure, Place, Problem

_DENIED = "PB704"


def find_silent(aws: Aws, buckets: Mapping[str, Place | None]) -> Iterator[Problem]:
    """Yield PB983 for each bucket that sends no events to EventBridge, or of which that can't be told: whatever keeps
    this look from being had, it keeps nothing else from being done.
    """
    for bucket, place in buckets.items():
        if why := _why_silent(aws, bucket):
            hint = (
                "let its owner turn it on ('EventBridgeConfiguration' of its notifications); the service changes none"
            )
            yield Problem(id="PB983", message=f"the bucket '{bucket}' {why}", place=place, hint=hint, warning=True)


def _why_silent(aws: Aws, bucket: str) -> str:
    try:
        found = aws.call("s3", "get_bucket_notification_configuration", Bucket=bucket)
    except NotFoundError:
        return "is not there, so that no data of it starts anything"
    except OutsideFailure as error:
        why = error.problems[0]
        may = "may not be asked" if why.id == _DENIED else f"can't be asked ({why.message})"
        return f"{may} whether it sends its events to EventBridge: if not, new data starts nothing"
    if "EventBridgeConfiguration" in found:
        return ""
    return "doesn't send its events to EventBridge, so that new data starts nothing"
