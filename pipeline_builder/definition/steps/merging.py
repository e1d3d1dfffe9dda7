"""`arguments:` of a conf, merged over a composed request."""

from __future__ import annotations

from typing import Any

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import is_expression

# Lists whose entries have a name are merged entry by entry; any other list is replaced.
_NAMES = ("InputName", "OutputName", "ChannelName")


def merge(request: JSON, over: Any) -> JSON:
    """Return the request with `over` on top: mappings by member, `null` takes a member out, all else replaces."""
    if not over and isinstance(over, dict):
        return {} if request is None else request
    if isinstance(request, dict) and isinstance(over, dict) and not (is_expression(request) or is_expression(over)):
        merged = {key: merge(request.get(key), value) for key, value in over.items() if value is not None}
        return {**{key: value for key, value in request.items() if key not in over}, **merged}
    if isinstance(request, list) and isinstance(over, list):
        name = next((key for key in _NAMES if _all_have(key, request) and _all_have(key, over)), None)
        return _merge_named(request, over, name) if name else list(over)
    result: JSON = over
    return result


def _all_have(key: str, items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and isinstance(item.get(key), str) for item in items)


def _merge_named(items: list[Any], over: list[Any], name: str) -> JSON:
    named = {item[name]: item for item in items}
    for item in over:
        named[item[name]] = merge(named.get(item[name]), item)
    return list(named.values())
