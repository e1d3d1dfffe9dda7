"""What comes in with an upload: the body, chunked and signed as AWS clients do it, into a file, with its checksums."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from werkzeug.wrappers import Request

from pipeline_builder.machine.streams import BLOCK

_LINE = 8192
_MOST_TRAILERS = 16
_CHECKSUM = "x-amz-checksum-"
_STREAMING = "STREAMING-"


class UploadError(Exception):
    """The body is not what the request says it is; `code` is S3's."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


# CRC32C and CRC64NVME are not in Python's library, and much too slow in Python itself: these are not looked at.
_ALGORITHMS: Mapping[str, Callable[[], _Digest]] = {
    "crc32": _Crc32,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A body in a file: its MD5 (hex), which is the ETag, its sha256, and the checksums that came and were right."""

    file: Path
    size: int
    md5: str
    sha256: str
    checksums: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def received(request: Request, staging: Path) -> Iterator[Upload]:
    """Give the request's body as a file of the staging folder; what is left of it afterwards is deleted.

    Raises:
        UploadError: BadDigest, XAmzContentSHA256Mismatch, IncompleteBody.
    """
    with tempfile.NamedTemporaryFile(dir=staging, delete=False) as file:
        path = Path(file.name)
        try:
            upload = _receive(request, file, path)
            file.close()
            yield upload
        finally:
            path.unlink(missing_ok=True)


def _receive(request: Request, file: IO[bytes], path: Path) -> Upload:
    trailers: dict[str, str] = {}
    named = request.headers.get("x-amz-content-sha256", "")
    signed_chunks = named.startswith(_STREAMING) or "aws-chunked" in request.headers.get("Content-Encoding", "")
    blocks = _chunks(request, trailers) if signed_chunks else iter(lambda: request.stream.read(BLOCK), b"")
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    wanted = _wanted(request)
    size = 0
    for block in blocks:
        file.write(block)
        size += len(block)
        for digest in (md5, sha256, *wanted.values()):
            digest.update(block)
    _check_size(request, size, chunked=signed_chunks)
    if len(named) == 64 and named != sha256.hexdigest():
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise UploadError("XAmzContentSHA256Mismatch", message)
    given = request.headers.get("Content-MD5")
    if given and given != base64.b64encode(md5.digest()).decode():
        raise UploadError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    checksums = _checked(request, wanted, trailers)
    return Upload(file=path, size=size, md5=md5.hexdigest(), sha256=sha256.hexdigest(), checksums=checksums)


def _wanted(request: Request) -> dict[str, _Digest]:
    """Return a digest for each checksum that the request has, or says that a trailer will have."""
    named = [name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(",")]
    names = {name.removeprefix(_CHECKSUM) for name in [*named, *(key.lower() for key, _ in request.headers)]}
    return {name: _ALGORITHMS[name]() for name in sorted(names & _ALGORITHMS.keys())}


def _checked(request: Request, wanted: Mapping[str, _Digest], trailers: Mapping[str, str]) -> dict[str, str]:
    checked = {}
    for name, digest in wanted.items():
        header = f"{_CHECKSUM}{name}"
        found = base64.b64encode(digest.digest()).decode()
        given = request.headers.get(header) or trailers.get(header)
        if given != found:
            raise UploadError("BadDigest", f"The {name.upper()} you specified did not match what we received.")
        checked[header] = found
    return checked


def _check_size(request: Request, size: int, *, chunked: bool) -> None:
    named = request.headers.get("x-amz-decoded-content-length") if chunked else request.headers.get("Content-Length")
    if named is not None and named != str(size):
        raise UploadError("IncompleteBody", f"The request said {named} bytes, {size} came.")


def _chunks(request: Request, trailers: dict[str, str]) -> Iterator[bytes]:
    """Yield the content of an aws-chunked body (`<hex size>[;chunk-signature=…]`, content, …); keep its trailers."""
    stream = request.stream
    while True:
        head = stream.readline(_LINE)
        size = head.split(b";")[0].strip()
        try:
            left = int(size if re.fullmatch(rb"[0-9a-fA-F]{1,15}", size) else b"", 16)
        except ValueError:
            raise UploadError("IncompleteBody", "the body is not aws-chunked, or ends too early") from None
        if left == 0:
            break
        while left:
            block = stream.read(min(left, BLOCK))
            if not block:
                raise UploadError("IncompleteBody", "the body ends within a chunk")
            left -= len(block)
            yield block
        stream.readline(_LINE)
    while line := stream.readline(_LINE).strip():
        if len(trailers) == _MOST_TRAILERS:
            raise UploadError("IncompleteBody", f"the body has more than {_MOST_TRAILERS} trailers")
        name, _, value = line.decode("latin-1").partition(":")
        trailers[name.strip().lower()] = value.strip()
