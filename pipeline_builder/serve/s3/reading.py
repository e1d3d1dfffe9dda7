"""The S3 call that reads an object: whole, a range or a part of it, on its conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import IO

from werkzeug.http import http_date, is_resource_modified
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper

from pipeline_builder.engine.state.objects import ObjectFacts
from pipeline_builder.machine.streams import BLOCK
from pipeline_builder.serve.s3.conditions import check_read
from pipeline_builder.serve.s3.place import (
    MOST_PARTS,
    PARTS,
    UPLOAD,
    Place,
    S3Error,
    can_be,
    check_bucket,
    gone,
    number_of,
)

_SAID = {
    f"response-{name.lower()}": name
    for name in (
        "Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding",
    )
}  # fmt: skip
_HEADER = re.compile(r"[\x20-\x7e\xa0-\xff]*")
_ANSWERED = ("HTTP_RANGE", "HTTP_IF_MATCH")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def get_object(place: Place) -> Response:
    """Give an object, whole, a range or a part of it, or (HEAD) only what is known of it."""
    check_bucket(place)
    opened = place.objects.open(place.uri) if can_be(place) else None
    if opened is None:
        raise gone()
    found, file = opened
    try:
        check_read(place, found)
        response = _conditional(_asked(place, found), found, file)
        _say(place, found, response)
    except BaseException:
        file.close()
        raise
    return response


class _Content(FileWrapper):
    """Closes its file with itself too: of a client that was killed the server drops the response without closing it."""

    def __del__(self) -> None:
        self.close()


def _conditional(environ: dict[str, object], found: ObjectFacts, file: IO[bytes]) -> Response:
    response = Response(
        _Content(file, BLOCK),
        mimetype=found.headers.get("Content-Type", "binary/octet-stream"),
        direct_passthrough=True,
    )
    response.content_length = found.size
    response.last_modified = found.modified
    response.set_etag(found.etag)
    return response.make_conditional(environ, accept_ranges=True, complete_length=found.size)


def _say(place: Place, found: ObjectFacts, response: Response) -> None:
    """Say of the object what it was uploaded with, or what the request wants said instead."""
    whole = response.status_code == 200
    for name, value in found.headers.items():
        checksum = name.startswith("x-amz-checksum-")
        if name not in (PARTS, UPLOAD) and (
            not checksum or (whole and place.request.headers.get("x-amz-checksum-mode"))
        ):
            response.headers[name] = value
    response.headers.pop("Date", None)
    response.headers["Last-Modified"] = http_date(found.modified)
    if "partNumber" in place.request.args and found.etag.partition("-")[2]:
        response.headers["x-amz-mp-parts-count"] = found.etag.partition("-")[2]
    for asked, name in _SAID.items():
        if said := place.request.args.get(asked):
            if not _HEADER.fullmatch(said):
                raise S3Error("InvalidArgument", f"{asked}: the value can't be that of a header in ISO-8859-1")
            response.headers[name] = said


def _asked(place: Place, found: ObjectFacts) -> dict[str, object]:
    """Return the request's environment with what is left to answer: that of If-Match is, and the range is one that the
    object has. What S3 takes for none is left out.

    Raises:
        S3Error: InvalidRange, InvalidPartNumber.
    """
    environ = {name: value for name, value in place.request.environ.items() if name not in _ANSWERED}
    asked = place.request.headers.get("Range", "")
    if number := place.request.args.get("partNumber"):
        asked = _of_part(found, number, asked)
    named = _RANGE.fullmatch(asked)
    if named is None or named[0] == "bytes=-" or (named[1] and named[2] and int(named[1]) > int(named[2])):
        return environ
    if not found.size or (not named[1] and not int(named[2])):
        raise S3Error("InvalidRange", "The requested range is not satisfiable", 416)
    if not is_resource_modified(environ, f'"{found.etag}"', last_modified=found.modified):
        return environ  # to which 304 is the answer, not a part
    # The last hundred bytes of ten are the ten.
    return {**environ, "HTTP_RANGE": asked if named[1] or int(named[2]) < found.size else "bytes=0-"}


def _of_part(found: ObjectFacts, number: str, asked: str) -> str:
    """Return the range that is a part of an object as it was uploaded; nothing for all of an empty one."""
    if asked:
        raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    part = number_of(number, MOST_PARTS + 1)
    if not part or part > MOST_PARTS:
        raise S3Error("InvalidArgument", f"a part's number is 1 to {MOST_PARTS:,}, not '{number[:20]}'")
    sizes = _sizes(found.headers, found)
    if part > len(sizes):
        raise S3Error("InvalidPartNumber", "The requested partnumber is not satisfiable", 416)
    ends = list(accumulate(sizes))
    return f"bytes={ends[part - 1] - sizes[part - 1]}-{ends[part - 1] - 1}" if sizes[part - 1] else ""


def _sizes(headers: Mapping[str, str], found: ObjectFacts) -> list[int]:
    if PARTS in headers:
        return [int(size) for size in headers[PARTS].split(",")]
    if found.etag.partition("-")[2] not in ("", "1"):
        raise S3Error("NotImplemented", "the parts of this object were uploaded to an older version", 501)
    return [found.size]
