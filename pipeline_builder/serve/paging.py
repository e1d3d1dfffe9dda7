"""Lists: filters by time, orders, and pages whose token says where the next one begins."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pipeline_builder.serve.protocol import VALIDATION, Call, ServiceError, time_of

_PAGE = 100
Item = TypeVar("Item")


def between(
    items: Sequence[Item], request: Mapping[str, Any], when: Callable[[Item], datetime], prefix: str = "Created"
) -> list[Item]:
    """Return the items that were made after `<prefix>After` and before `<prefix>Before`."""
    after, before = request.get(f"{prefix}After"), request.get(f"{prefix}Before")
    return [
        item
        for item in items
        if (after is None or when(item) > time_of(after)) and (before is None or when(item) < time_of(before))
    ]


def ordered(
    items: Sequence[Item],
    request: Mapping[str, Any],
    keys: Mapping[str, Callable[[Item], Any]],
    *,
    by: str,
    order: str = "Descending",
) -> list[Item]:
    """Return the items as SortBy and SortOrder say; `by` and `order` where the request says nothing.

    The items come in the order of their making, which decides between equals.
    """
    key = keys[request.get("SortBy") or by]
    down = (request.get("SortOrder") or order) == "Descending"
    numbered = sorted(enumerate(items), key=lambda pair: (key(pair[1]), pair[0]), reverse=down)
    return [item for _, item in numbered]


def page(call: Call, items: Sequence[Item], name: Callable[[Item], str]) -> tuple[list[Item], str | None]:
    """Return a page of the items and the token of the next.

    The token names the last item of its page, so that what was added or taken away meanwhile moves nothing.

    Raises:
        ServiceError: the token is of another request, or none.
    """
    asked = hashlib.sha256(
        json.dumps({**call.request, "NextToken": None, "MaxResults": None}, sort_keys=True).encode()
    ).hexdigest()[:16]
    begin = 0
    if token := call.request.get("NextToken"):
        begin = _begin(token, asked, [name(item) for item in items])
    end = begin + int(call.request.get("MaxResults") or _PAGE)
    if end >= len(items):
        return list(items[begin:]), None
    mark = json.dumps([asked, name(items[end - 1]), end])
    return list(items[begin:end]), base64.urlsafe_b64encode(mark.encode()).decode()


def _begin(token: str, asked: str, names: list[str]) -> int:
    try:
        request, last, mark = json.loads(base64.urlsafe_b64decode(token.encode()))
        number = min(max(int(mark), 0), len(names))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise ServiceError(VALIDATION, "the NextToken is none that was given here") from error
    if request != asked:
        raise ServiceError(VALIDATION, "the NextToken is of another request")
    return names.index(last) + 1 if last in names else number
