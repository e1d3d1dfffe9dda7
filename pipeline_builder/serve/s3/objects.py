"""The S3 calls on objects: read, written, copied, deleted."""

from __future__ import annotations

from typing import IO

from werkzeug.http import http_date
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper

from pipeline_builder.engine.state.objects import ObjectFacts
from pipeline_builder.machine.streams import BLOCK, Hashing, copy
from pipeline_builder.serve.s3.place import (
    Place,
    S3Error,
    can_be,
    check_bucket,
    check_if_match,
    check_new,
    copy_source,
    facts,
    iso,
    kept_headers,
    xml_response,
)
from pipeline_builder.serve.s3.uploads import received


def get_object(place: Place) -> Response:
    """Give an object, whole or a range of it, or (HEAD) only what is known of it."""
    check_bucket(place)
    opened = place.objects.open(place.uri) if can_be(place) else None
    if opened is None:
        raise S3Error("NoSuchKey", "The specified key does not exist.", 404)
    found, file = opened
    response = _conditional(place, found, file)
    whole = response.status_code == 200
    for name, value in found.headers.items():
        if not name.startswith("x-amz-checksum-") or (whole and place.request.headers.get("x-amz-checksum-mode")):
            response.headers[name] = value
    response.headers.pop("Date", None)
    response.headers["Last-Modified"] = http_date(found.modified)
    if response.status_code == 412:
        response.close()
        raise S3Error("PreconditionFailed", "At least one of the preconditions did not hold.", 412)
    return response


class _Content(FileWrapper):
    """Closes its file with itself too: of a client that was killed the server drops the response without closing it."""

    def __del__(self) -> None:
        self.close()


def _conditional(place: Place, found: ObjectFacts, file: IO[bytes]) -> Response:
    environ = place.request.environ
    response = Response(
        _Content(file, BLOCK),
        mimetype=found.headers.get("Content-Type", "binary/octet-stream"),
        direct_passthrough=True,
    )
    response.content_length = found.size
    response.last_modified = found.modified
    response.set_etag(found.etag)
    try:
        return response.make_conditional(environ, accept_ranges=True, complete_length=found.size)
    except BaseException:
        file.close()
        raise


def put_object(place: Place) -> Response:
    """Write an object, or with x-amz-copy-source copy one."""
    check_bucket(place)
    check_new(place)
    if "x-amz-copy-source" in place.request.headers:
        return _copy(place)
    check_if_match(place)
    new = place.request.headers.get("If-None-Match") == "*"
    with received(place) as upload:
        headers = {**kept_headers(place.request), **upload.checksums}
        try:
            place.objects.put(
                place.uri, upload.file, upload.md5, headers,
                sha256=upload.sha256, new=new, check=lambda: check_if_match(place),
            )  # fmt: skip
        except FileExistsError:
            raise S3Error("PreconditionFailed", "The object is there already.", 412) from None
    return Response(headers={"ETag": f'"{upload.md5}"', **upload.checksums})


def _copy(place: Place) -> Response:
    source = copy_source(place)
    replace = place.request.headers.get("x-amz-metadata-directive") == "REPLACE"
    headers = kept_headers(place.request) if replace else source.headers
    with place.objects.store.staged() as (file, path):
        hashing = Hashing(file)
        with source.path.open("rb") as content:
            copy(content, hashing)
        sha256 = hashing.sha256
        file.close()
        place.objects.put(place.uri, path, source.etag, headers, sha256=sha256)
    copied = facts(place)
    return xml_response("CopyObjectResult", {"ETag": f'"{copied.etag}"', "LastModified": iso(copied)})


def delete_object(place: Place) -> Response:
    """Delete an object; one that isn't there is none."""
    check_bucket(place)
    if can_be(place):
        place.objects.delete(place.uri)
    return Response(status=204)
