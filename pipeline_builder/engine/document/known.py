"""A request before anything has run: every reference in it that is known by then replaced, all others as they stand."""

from __future__ import annotations

from typing import Any

from pipeline_builder.engine.document.members import is_open
from pipeline_builder.engine.document.references import Scope, UnresolvedError, resolve
from pipeline_builder.errors import InputProblems


def resolve_known(value: Any, scope: Scope) -> Any:
    """Return the value with parameters put in; what only a step, or a file of one, decides stays an expression."""
    # No call for a scalar: most of what is in a thousand models' requests is one.
    if isinstance(value, list):
        return [resolve_known(item, scope) if isinstance(item, (dict, list)) else item for item in value]
    if not isinstance(value, dict):
        return value
    if not is_open(value):
        return {
            key: resolve_known(item, scope) if isinstance(item, (dict, list)) else item for key, item in value.items()
        }
    try:
        return value if "Std:JsonGet" in value else resolve(value, scope)
    except (UnresolvedError, InputProblems):
        return value
