"""What a handler may answer with: a body, its MIME type, a status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import content_types
from .missing import refuser


class Response:
    """An answer to a request, with what servers look for in one of Flask's."""

    def __init__(
        self,
        response: Any = None,
        accept: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        mimetype: str | None = None,
        **_: object,
    ) -> None:
        body = response if response is not None else b""
        self.data = body.encode() if isinstance(body, str) else bytes(body)
        self.response = [self.data]
        self.status_code = int(status)
        self.mimetype = mimetype or accept or content_types.JSON
        self.headers = {**(headers or {}), "Content-Type": self.mimetype, **({"Accept": accept} if accept else {})}

    @property
    def content_type(self) -> str:
        """The MIME type."""
        return self.mimetype

    def get_data(self, as_text: bool = False) -> bytes | str:
        """Return the body."""
        return self.data.decode() if as_text else self.data


__getattr__ = refuser(__name__)
