"""The operations on tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.engine.state.tags import MOST, drop_tags, list_tags, put_tags
from pipeline_builder.serve.paging import page
from pipeline_builder.serve.protocol import VALIDATION, Call, Handler, ServiceError

# Where each kind of resource is on record.
_RECORDS = {
    "pipeline": "SELECT 1 FROM pipelines WHERE name = ? AND NOT deleted",
    "model-package-group": "SELECT 1 FROM package_groups WHERE name = ? AND NOT deleted",
    "model-package": "SELECT 1 FROM packages WHERE group_name || '/' || version = ?",
}
_PREFIX = "arn:aws:sagemaker:localhost:000000000000:"


def _find(call: Call) -> str:
    """Return the ARN of the request's resource, which is one that is there."""
    arn = str(call.request["ResourceArn"])
    kind, _, name = arn.removeprefix(_PREFIX).partition("/")
    if not arn.startswith(_PREFIX) or not name or not _known(call, arn, kind, name):
        raise ServiceError(VALIDATION, f"there is no resource '{arn}'")
    return arn


def _known(call: Call, arn: str, kind: str, name: str) -> bool:
    state = call.engine.state
    if "/execution/" in name:
        return state.execution(arn) is not None
    if kind in _RECORDS:
        return bool(state.query(_RECORDS[kind], name))
    return bool(state.query("SELECT 1 FROM jobs WHERE arn = ?", arn))


def add_tags(call: Call) -> Mapping[str, Any]:
    """Add tags to a resource; a key that it has gets the new value."""
    arn = _find(call)
    tags = call.request["Tags"]
    if len({tag["Key"] for tag in [*list_tags(call.engine.state, arn), *tags]}) > MOST:
        raise ServiceError(VALIDATION, f"a resource has at most {MOST} tags")
    with call.engine.state.transaction() as db:
        put_tags(db, arn, tags)
    return {"Tags": list_tags(call.engine.state, arn)}


def tags_of(call: Call) -> Mapping[str, Any]:
    """List the tags of a resource."""
    items, token = page(call, list_tags(call.engine.state, _find(call)), lambda tag: tag["Key"])
    return {"Tags": items, "NextToken": token}


def delete_tags(call: Call) -> Mapping[str, Any]:
    """Take tags from a resource."""
    arn = _find(call)
    with call.engine.state.transaction() as db:
        drop_tags(db, arn, call.request["TagKeys"])
    return {}


OPERATIONS: Mapping[str, Handler] = {"AddTags": add_tags, "ListTags": tags_of, "DeleteTags": delete_tags}
