"""The operations on models: made by executions, or by whoever asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.engine.jobs.records import drop_model, find_job, list_jobs, put_model
from pipeline_builder.engine.jobs.resolving import check_model
from pipeline_builder.engine.jobs.tools import ACCOUNT
from pipeline_builder.engine.state.tags import put_tags
from pipeline_builder.serve.paging import between, ordered, page
from pipeline_builder.serve.protocol import VALIDATION, Call, Handler, ServiceError


def create_model(call: Call) -> Mapping[str, Any]:
    """Make a model, which transform steps name by its name."""
    name = call.request["ModelName"]
    arn = f"{ACCOUNT}:model/{name}"
    if find_job(call.engine.state, "model", name):
        raise ServiceError(VALIDATION, f'Cannot create already existing model "{arn}".')
    check_model(name, call.request, call.engine.state, call.engine.store)
    with call.engine.state.transaction() as db:
        if not put_model(db, arn, call.request):
            raise ServiceError(VALIDATION, f'Cannot create already existing model "{arn}".')
        put_tags(db, arn, call.request.get("Tags") or ())
    return {"ModelArn": arn}


def describe_model(call: Call) -> Mapping[str, Any]:
    """Describe a model."""
    model = find_job(call.engine.state, "model", call.request["ModelName"])
    if model is None:
        raise call.not_found(f"Could not find the requested model with name: {call.request['ModelName']}")
    return {"EnableNetworkIsolation": False, **model.result, "CreationTime": model.started}


def delete_model(call: Call) -> None:
    """Delete a model; its artifacts stay."""
    name = call.request["ModelName"]
    with call.engine.state.transaction() as db:
        if not drop_model(db, name):
            raise ServiceError(VALIDATION, f'Could not find model "{ACCOUNT}:model/{name}".')


def list_models(call: Call) -> Mapping[str, Any]:
    """List models."""
    part = call.request.get("NameContains") or ""
    known = [m for m in reversed(list_jobs(call.engine.state, "model")) if part.lower() in m.name.lower()]
    found = between(known, call.request, lambda model: model.started, "CreationTime")
    keys = {"Name": lambda model: model.name, "CreationTime": lambda model: model.started}
    items, token = page(call, ordered(found, call.request, keys, by="CreationTime"), lambda model: model.name)
    models = [{"ModelName": m.name, "ModelArn": m.arn, "CreationTime": m.started} for m in items]
    return {"Models": models, "NextToken": token}


OPERATIONS: Mapping[str, Handler] = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "DeleteModel": delete_model,
    "ListModels": list_models,
}
