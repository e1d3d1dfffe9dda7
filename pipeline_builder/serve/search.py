"""The operation that searches pipelines, executions, training jobs, packages and groups, by what is in them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from pipeline_builder.engine.jobs.records import list_jobs
from pipeline_builder.engine.state import catalogue
from pipeline_builder.engine.state import package_details as details
from pipeline_builder.engine.state.tags import list_tags
from pipeline_builder.serve.executions import describe_pipeline_execution
from pipeline_builder.serve.jobs import describe_training_job
from pipeline_builder.serve.packages import describe_model_package, describe_model_package_group
from pipeline_builder.serve.paging import page
from pipeline_builder.serve.pipelines import describe_pipeline
from pipeline_builder.serve.protocol import VALIDATION, Call, Handler, ServiceError

Record = Mapping[str, Any]
# By resource: the member that names one to its Describe, its ARN, and how it is described.
_DESCRIBED: Mapping[str, tuple[str, str, Handler]] = {
    "TrainingJob": ("TrainingJobName", "TrainingJobArn", describe_training_job),
    "Pipeline": ("PipelineName", "PipelineArn", describe_pipeline),
    "PipelineExecution": ("PipelineExecutionArn", "PipelineExecutionArn", describe_pipeline_execution),
    "ModelPackage": ("ModelPackageName", "ModelPackageArn", describe_model_package),
    "ModelPackageGroup": ("ModelPackageGroupName", "ModelPackageGroupArn", describe_model_package_group),
}
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt, "GreaterThanOrEqualTo": operator.ge, "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}  # fmt: skip


def search(call: Call) -> Mapping[str, Any]:
    """Return the resources of a kind for which an expression is true."""
    resource = call.request["Resource"]
    if resource not in _DESCRIBED:
        known = ", ".join(sorted(_DESCRIBED))
        raise ServiceError(VALIDATION, f"the local engine has none of '{resource}' to search, only: {known}")
    expression = call.request.get("SearchExpression") or {}
    found = [record for record in _records(call, resource) if _holds(expression, record)]
    by = call.request.get("SortBy") or ("CreationTime" if "CreationTime" in (found[0] if found else {}) else "")
    if by:
        down = call.request.get("SortOrder") != "Ascending"
        found.sort(key=lambda record: _key(_at(record, by)), reverse=down)
    arn = _DESCRIBED[resource][1]
    items, token = page(call, found, lambda record: str(record[arn]))
    return {"Results": [{resource: record} for record in items], "NextToken": token}


def _records(call: Call, resource: str) -> Iterator[dict[str, Any]]:
    member, arn, describe = _DESCRIBED[resource]
    for name in _names(call, resource):
        described = describe(replace(call, operation=f"Describe{resource}", request={member: name}))
        record = {key: value for key, value in (described or {}).items() if value is not None}
        yield {**record, "Tags": list_tags(call.engine.state, str(record[arn]))}


def _names(call: Call, resource: str) -> Iterator[str]:
    state = call.engine.state
    match resource:
        case "TrainingJob":
            yield from (job.name for job in reversed(list_jobs(state, "training-job")))
        case "Pipeline":
            yield from (item.name for item in catalogue.list_pipelines(state))
        case "PipelineExecution":
            for item in catalogue.list_pipelines(state):
                yield from (execution.arn for execution in reversed(state.executions(item.name)))
        case "ModelPackage":
            yield from (item.arn for item in details.list_packages(state, None))
        case _:
            yield from (item.name for item in details.list_groups(state))


def _holds(expression: Record, record: Record) -> bool:
    parts = [
        *(_filter_holds(one, record) for one in expression.get("Filters") or ()),
        *(_nested_holds(one, record) for one in expression.get("NestedFilters") or ()),
        *(_holds(one, record) for one in expression.get("SubExpressions") or ()),
    ]
    return not parts or (any(parts) if expression.get("Operator") == "Or" else all(parts))


def _nested_holds(nested: Record, record: Record) -> bool:
    """Tell whether one item of a list is all that the filters say."""
    name = str(nested["NestedPropertyName"])
    items = _at(record, name)
    filters = [{**one, "Name": str(one["Name"]).removeprefix(f"{name}.")} for one in nested["Filters"]]
    return any(all(_filter_holds(one, item) for one in filters) for item in items or () if isinstance(item, Mapping))


def _filter_holds(asked: Record, record: Record) -> bool:
    found, wanted = _at(record, asked["Name"]), asked.get("Value")
    compare = asked.get("Operator") or "Equals"
    if found is None:
        return compare in ("NotExists", "NotEquals")
    match compare:
        case "Exists" | "NotExists":
            return bool(compare == "Exists")
        case "Contains":
            return wanted is not None and str(wanted).lower() in str(found).lower()
        case "Equals" | "NotEquals":
            return bool(_equal(found, wanted) == (compare == "Equals"))
        case "In":
            return any(_equal(found, one) for one in str(wanted or "").split(","))
        case _:
            return wanted is not None and _ordered(_ORDERS[compare], found, str(wanted))


def _at(record: Any, path: str) -> Any:
    """Return the property at a path; of tags the value of a key."""
    if path.startswith("Tags."):
        key = path.removeprefix("Tags.")
        return next((tag["Value"] for tag in record.get("Tags") or () if tag["Key"] == key), None)
    for part in path.split("."):
        record = record.get(part) if isinstance(record, Mapping) else None
    return record


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool):
        return str(found).lower() == str(wanted).lower()
    if isinstance(found, datetime):
        return _time(str(wanted)) == found
    return str(found) == str(wanted)


def _ordered(order: Callable[[Any, Any], bool], found: Any, wanted: str) -> bool:
    if isinstance(found, datetime):
        return order(found, _time(wanted))
    try:
        return order(float(found), float(wanted))
    except (TypeError, ValueError):
        return order(str(found), wanted)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            time = datetime.fromtimestamp(float(text), tz=timezone.utc)
        except (ValueError, OverflowError, OSError) as error:
            raise ServiceError(VALIDATION, f"'{text}' is no time") from error
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _key(value: Any) -> tuple[int, Any]:
    """Return what values of different kinds are sorted by: those that aren't there first."""
    if value is None:
        return 0, 0
    if isinstance(value, datetime):
        return 1, value.timestamp()
    return (2, float(value)) if isinstance(value, int | float) else (3, str(value))


OPERATIONS: Mapping[str, Handler] = {"Search": search}
