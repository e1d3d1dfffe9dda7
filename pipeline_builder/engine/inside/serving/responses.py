"""What web frameworks take for an answer: their Response objects, and what Flask makes one of."""

from __future__ import annotations

import json
from typing import Any

from pipeline_builder.engine.inside.answers import Answered, AnswerError

HTML, JSON_TYPE = "text/html; charset=utf-8", "application/json"
_REFUSED = 400


def read_response(value: Any) -> Answered | None:
    """Return the answer in a Response of Flask, Starlette (FastAPI) or requests, None for anything else.

    Raises:
        AnswerError: the Response has such a status.
    """
    status = getattr(value, "status_code", None)
    if not isinstance(status, int):
        return None
    if callable(getattr(value, "get_data", None)):  # werkzeug
        body, kind = value.get_data(), getattr(value, "content_type", None)
    elif isinstance(getattr(value, "body", None), (bytes, memoryview)):  # Starlette
        body, kind = bytes(value.body), getattr(value, "media_type", None)
    elif isinstance(getattr(value, "content", None), bytes):  # requests
        body, kind = value.content, getattr(value, "headers", {}).get("Content-Type")
    else:
        return None
    return _checked(status, body, kind)


def _checked(status: int, body: bytes, kind: str | None) -> Answered:
    if status >= _REFUSED:
        raise AnswerError(status, body.decode("utf-8", "replace"))
    return Answered(body, kind or HTML)


def flask_answer(value: Any) -> Answered:
    """Return the answer that Flask makes of what a view returns: text, bytes, a Response, a mapping or a list."""
    if (response := read_response(value)) is not None:
        return response
    if isinstance(value, str):
        return Answered(value.encode("utf-8"), HTML)
    if isinstance(value, (bytes, bytearray)):
        return Answered(bytes(value), HTML)
    if isinstance(value, (dict, list)):
        return Answered((json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode(), JSON_TYPE)
    raise TypeError(f"the answer must be text, bytes, a mapping, a list or a Response, not {type(value).__name__}")


def body_of_response(value: Any) -> bytes:
    """Return the body of `Response(value)`: text, bytes, or what of either can be gone through."""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return b"".join(part.encode("utf-8") if isinstance(part, str) else bytes(part) for part in value)
