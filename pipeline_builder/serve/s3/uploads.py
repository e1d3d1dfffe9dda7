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
from pipeline_builder.serve.s3.chunks import SIGNED, UploadError, chunks_of
from pipeline_builder.serve.s3.place import Place, S3Error, check_sha256

_CHECKSUM = "x-amz-checksum-"
_STREAMING = "STREAMING-"
_MD5 = re.compile(r"[A-Za-z0-9+/]{22}==")


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
def received(place: Place) -> Iterator[Upload]:
    """Give the request's body as a file of the staging folder; what is left of it afterwards is deleted.

    Raises:
        UploadError: BadDigest, IncompleteBody.
        S3Error: XAmzContentSHA256Mismatch, MissingContentLength.
        AccessError: a chunk has another signature.
    """
    if not any(name in place.request.headers for name in ("Content-Length", "Transfer-Encoding")):
        # What a client sends all the same until it hangs up would be lost.
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    with tempfile.NamedTemporaryFile(dir=place.objects.store.staging(), delete=False) as file:
        path = Path(file.name)
        try:
            upload = _receive(place, file, path)
            file.close()
            yield upload
        finally:
            path.unlink(missing_ok=True)


def _receive(place: Place, file: IO[bytes], path: Path) -> Upload:
    request = place.request
    given = request.headers.get("Content-MD5")
    if given and not _MD5.fullmatch(given):
        raise UploadError("InvalidDigest", "The Content-MD5 you specified was invalid.")
    trailers: dict[str, str] = {}
    named = request.headers.get("x-amz-content-sha256", "")
    signed_chunks = named.startswith(_STREAMING) or "aws-chunked" in request.headers.get("Content-Encoding", "")
    blocks = (
        chunks_of(request, trailers, place.caller.chain if named.startswith(SIGNED) else None)
        if signed_chunks
        else iter(lambda: request.stream.read(BLOCK), b"")
    )
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    wanted = _wanted(request)
    size = 0
    for block in blocks:
        file.write(block)
        size += len(block)
        for digest in (md5, sha256, *wanted.values()):
            digest.update(block)
    _check_size(request, size, chunked=signed_chunks)
    check_sha256(request, sha256.hexdigest())
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
