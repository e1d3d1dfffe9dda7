"""A body in chunks as AWS clients send it: each chunk held against its signature where it is signed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from werkzeug.wrappers import Request

from pipeline_builder.machine.streams import BLOCK

if TYPE_CHECKING:
    from pipeline_builder.serve.access.signatures import Chain

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
"""How `x-amz-content-sha256` begins where each chunk has a signature."""
_LINE = 8192
_MOST_TRAILERS = 16
_HEAD = re.compile(rb"([0-9a-fA-F]{1,15})\s*(?:;(?:chunk-signature=([0-9a-f]{64}))?.*)?", re.DOTALL)
_OF_TRAILERS = "x-amz-trailer-signature"


class UploadError(Exception):
    """The body is not what the request says it is; `code` is S3's."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def chunks_of(request: Request, trailers: dict[str, str], chain: Chain | None) -> Iterator[bytes]:
    """Yield the content of an aws-chunked body (`<hex size>[;chunk-signature=…]`, content, …); keep its trailers.

    Raises:
        UploadError: IncompleteBody.
        AccessError: a chunk, or what comes after the last one, has another signature.
    """
    stream = request.stream
    size = -1
    while size:
        size, signature = _head(stream.readline(_LINE))
        digest = hashlib.sha256()
        for block in _content(stream, size):
            if chain:
                digest.update(block)
            yield block
        if chain:
            chain.check(signature, digest.hexdigest())
        if size:
            stream.readline(_LINE)
    _read_trailers(stream, trailers)
    if chain and "x-amz-trailer" in request.headers:
        signature = trailers.pop(_OF_TRAILERS, "")
        chain.check_trailers(signature, "".join(f"{name}:{value}\n" for name, value in trailers.items()).encode())


def _head(line: bytes) -> tuple[int, str]:
    found = _HEAD.fullmatch(line.strip())
    if found is None:
        raise UploadError("IncompleteBody", "the body is not aws-chunked, or ends too early")
    return int(found[1], 16), (found[2] or b"").decode()


def _content(stream: IO[bytes], left: int) -> Iterator[bytes]:
    while left:
        block = stream.read(min(left, BLOCK))
        if not block:
            raise UploadError("IncompleteBody", "the body ends within a chunk")
        left -= len(block)
        yield block


def _read_trailers(stream: IO[bytes], trailers: dict[str, str]) -> None:
    while line := stream.readline(_LINE).strip():
        if len(trailers) == _MOST_TRAILERS:
            raise UploadError("IncompleteBody", f"the body has more than {_MOST_TRAILERS} trailers")
        name, _, value = line.decode("latin-1").partition(":")
        trailers[name.strip().lower()] = value.strip()
