"""A member of a finished request that a policy has to do with."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath

Kind = Literal[
    "read", "write", "text", "role", "image", "type", "count", "most", "runtime", "minutes", "pool", "status", "group",
    "index", "secret", "other", "",
]  # fmt: skip


class Member(NamedTuple):  # a dataclass takes several times as long to make
    """A member at `path` of a request, what it is to the policy, and its value: a scalar or an expression.

    `prefix` is what a policy writes before the name of something that is no address of S3.
    """

    kind: Kind
    path: DataPath
    value: JSON
    prefix: str = ""

    def named(self, text: str) -> str:
        """Return the value's text as a policy names it."""
        if not self.prefix or text.startswith("arn:"):
            return text
        return f"{self.prefix}{text.removeprefix('https://')}"
