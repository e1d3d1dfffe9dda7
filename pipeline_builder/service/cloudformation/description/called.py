"""What a service can't be called: names that AWS keeps for itself, which it says only when it makes what has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline_builder.errors import Place, Problem

if TYPE_CHECKING:
    from pipeline_builder.service.cloudformation.description.model import ServiceModel

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; its suffixes end no Region.
_BUCKETS = ("amzn-s3-demo-", "sthree-", "xn--")
# EventBridge Scheduler has a group of this name in each account.
_GROUP = "default"


def name_problems(model: ServiceModel, where: Place | None) -> Iterator[Problem]:
    """Yield PB792 for a name that the service's bucket or its group of schedules can't have."""
    kept = next((prefix for prefix in _BUCKETS if model.artifact_bucket.startswith(prefix)), "")
    if kept:
        what = f"its bucket '{model.artifact_bucket}' can't be made: S3 keeps names that begin with '{kept}' for itself"
    elif model.name == _GROUP and (model.schedules or model.triggers.polled):
        what = "its group of schedules can't be made: EventBridge Scheduler has one of that name in each account"
    else:
        return
    message = f"the service is called '{model.name}', and {what}"
    yield Problem(id="PB792", message=message, place=where, hint="give the service another 'name'")
