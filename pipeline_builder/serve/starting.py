"""The operations that start a job which is no step's: it really runs, and is described as those of steps are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.engine.execution.alone import check_job, refusal_of_job
from pipeline_builder.engine.jobs.records import ALONE, find_job, put_job
from pipeline_builder.engine.state.tags import put_tags
from pipeline_builder.serve.protocol import IN_USE, TOO_MANY, VALIDATION, Call, Handler, ServiceError
from pipeline_builder.serve.regions import HOME_ARN

MOST = 20
"""Jobs of a kind that go on at once and are no steps'."""


def _start(call: Call, kind: str, word: str) -> Mapping[str, Any]:
    name = str(call.request[f"{word}JobName"])
    arn = f"{HOME_ARN}:{kind}/{name}"
    if find_job(call.engine.state, kind, name):
        raise _taken(kind, arn)
    if refused := refusal_of_job(call.engine, kind, call.request):
        raise ServiceError(VALIDATION, refused)
    check_job(call.engine, kind, call.request)
    with call.engine.state.transaction(lasting=True) as db:
        sql = f"SELECT COUNT(*) FROM jobs WHERE kind = ? AND {ALONE}"  # noqa: S608 - a fixed text
        if db.execute(sql, (kind,)).fetchone()[0] >= MOST:
            going = f"{MOST} {kind.replace('-', ' ')}s go on already"
            raise ServiceError(TOO_MANY, f"{going}, which is as many as may at once")
        if not put_job(db, kind, name, {k: v for k, v in call.request.items() if k != "Tags"}):
            raise _taken(kind, arn)
        put_tags(db, arn, call.request.get("Tags") or ())
    call.background.start_job(kind, name)
    return {f"{word}JobArn": arn}


def _taken(kind: str, arn: str) -> ServiceError:
    name = kind.replace("-", " ")
    message = (
        f"{name.capitalize()} names must be unique within an AWS account and region, and a {name} with this name "
        f"already exists ({arn})"
    )
    return ServiceError(IN_USE, message)


OPERATIONS: Mapping[str, Handler] = {
    "CreateTrainingJob": lambda call: _start(call, "training-job", "Training"),
    "CreateProcessingJob": lambda call: _start(call, "processing-job", "Processing"),
    "CreateHyperParameterTuningJob": lambda call: _start(call, "hyper-parameter-tuning-job", "HyperParameterTuning"),
    "CreateTransformJob": lambda call: _start(call, "transform-job", "Transform"),
}
