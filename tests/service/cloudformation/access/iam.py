"""IAM in a few lines: whether policies allow a call. Written from IAM's reference, and it knows nothing of our code."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline_builder.service.cloudformation.access.listing import Names, role_json
from pipeline_builder.service.cloudformation.access.statements import Role

ACCOUNT, REGION = "111122223333", "eu-central-1"
NAMES = Names(account=ACCOUNT, region=REGION, bucket="artifacts", key=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own")
Context = Mapping[str, str | tuple[str, ...]]
# A wildcard's escape, a policy variable, or any one character.
_TOKEN = re.compile(r"\$\{([*?$])\}|(\$\{[^}]*\})|(.)", re.DOTALL)


def documents(role: Role, names: Names = NAMES) -> list[dict[str, Any]]:
    """Return the role's policies as IAM gets them."""
    found: list[dict[str, Any]] = role_json(role, names)["Policies"]
    return found


def matches(pattern: str, text: str, *, wild: bool = True) -> bool:
    """Tell whether a pattern of a resource or of a StringLike condition matches."""
    return _expression(pattern, wild=wild).fullmatch(text) is not None


@functools.lru_cache(10_000)  # the statements of a role are asked about each of thousands of calls
def _expression(pattern: str, *, wild: bool) -> re.Pattern[str]:
    parts = []
    for escaped, variable, character in _TOKEN.findall(pattern):
        assert not variable, f"a policy variable in {pattern!r}"
        if escaped or not wild or character not in "*?":
            parts.append(re.escape(escaped or character))
        else:
            parts.append(".*" if character == "*" else ".")
    return re.compile("".join(parts), re.DOTALL)


def allows(policies: Iterable[Mapping[str, Any]], action: str, resource: str = "*", **context: Any) -> bool:
    """Tell whether any statement allows the action on the resource; `context` has condition keys with `_` for `:`.

    An action without resource-level permissions is asked with the resource `*`.
    """
    keys = {name.replace("_", ":", 1): value for name, value in context.items()}
    return any(
        statement["Effect"] == "Allow"
        and any(matches(one.lower(), action.lower()) for one in statement["Action"])
        and any(matches(one, resource) for one in statement["Resource"])
        and all(_holds(operator, tests, keys) for operator, tests in statement.get("Condition", {}).items())
        for policy in policies
        for statement in policy["Statement"]
    )


def _holds(operator: str, tests: Mapping[str, Any], context: Context) -> bool:
    return all(_one(operator, value, context.get(key)) for key, value in tests.items())


def _one(operator: str, expected: Any, found: Any) -> bool:
    if found is None:
        return False
    wanted = expected if isinstance(expected, list) else [expected]
    values = found if isinstance(found, tuple) else (found,)
    plain = operator.removeprefix("ForAnyValue:")
    assert plain in ("StringEquals", "StringLike", "ArnEquals", "Bool"), operator
    wild = plain in ("StringLike", "ArnEquals")
    return any(matches(one, value, wild=wild) for one in wanted for value in values)


def size(policy: Mapping[str, Any]) -> int:
    """Return the characters of a policy as IAM counts them."""
    return len(json.dumps(policy, separators=(",", ":"), ensure_ascii=False))
