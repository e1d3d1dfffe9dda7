"""The toolkit's exceptions."""

from __future__ import annotations


class ClientError(Exception):
    """Whoever asked is to blame."""


class UnsupportedFormatError(Exception):
    """A MIME type that nothing is known of."""

    def __init__(self, content_type: str = "", **_: object) -> None:
        super().__init__(f"Content type {content_type} is not supported by this framework.")


class ImportModuleError(Exception):
    """A user's module that can't be imported."""
