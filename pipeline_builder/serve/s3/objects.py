"""The S3 calls that change objects: written, copied, deleted."""

from __future__ import annotations

from werkzeug.wrappers import Response

from pipeline_builder.engine.state.objects import ObjectFacts
from pipeline_builder.machine.streams import Hashing, copy
from pipeline_builder.serve.s3.conditions import check_form, check_if_match, check_source, put
from pipeline_builder.serve.s3.place import (
    PARTS,
    Place,
    S3Error,
    can_be,
    check_bucket,
    check_new,
    copy_source,
    facts,
    gone,
    iso,
    kept_headers,
    xml_response,
)
from pipeline_builder.serve.s3.uploads import received

_CHANGING = ("x-amz-storage-class", "x-amz-server-side-encryption")
"""What makes a copy of an object to itself another object, besides what is said of it."""


def put_object(place: Place) -> Response:
    """Write an object, or with x-amz-copy-source copy one."""
    check_bucket(place)
    check_new(place)
    check_form(place)
    if "x-amz-copy-source" in place.request.headers:
        return _copy(place)
    check_if_match(place)
    with received(place) as upload:
        headers = {**kept_headers(place.request), **upload.checksums}
        put(place, upload.file, upload.md5, headers, upload.sha256)
    return Response(headers={"ETag": f'"{upload.md5}"', **upload.checksums})


def _copy(place: Place) -> Response:
    source = copy_source(place)
    check_source(place, source)
    replaces = _replaces(place, source)
    check_if_match(place)
    own = {**kept_headers(place.request), **_of_bytes(source)}
    headers = own if replaces else source.headers
    with place.objects.store.staged() as (file, path):
        hashing = Hashing(file)
        with source.path.open("rb") as content:
            copy(content, hashing)
        sha256 = hashing.sha256
        file.close()
        put(place, path, source.etag, headers, sha256)
    copied = facts(place)
    return xml_response("CopyObjectResult", {"ETag": f'"{copied.etag}"', "LastModified": iso(copied)})


def _of_bytes(source: ObjectFacts) -> dict[str, str]:
    """Return what is known of an object's bytes, and so of those of each copy."""
    return {
        name: value for name, value in source.headers.items() if name == PARTS or name.startswith("x-amz-checksum-")
    }


def _replaces(place: Place, source: ObjectFacts) -> bool:
    """Tell whether a copy has its own metadata; S3 copies nothing to itself that stays what it is."""
    named = place.request.headers
    directive = named.get("x-amz-metadata-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", f"Unknown metadata directive: '{directive[:64]}'.")
    here = place.objects.facts(place.uri)
    itself = here is not None and here.path == source.path
    if itself and directive == "COPY" and not any(name in named for name in _CHANGING):
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise S3Error("InvalidRequest", message)
    return directive == "REPLACE"


def delete_object(place: Place) -> Response:
    """Delete an object; one that isn't there is none."""
    check_bucket(place)
    named = "If-Match" in place.request.headers
    if can_be(place):
        place.objects.delete(place.uri, check=(lambda: check_if_match(place)) if named else None)
    elif named:
        raise gone()
    return Response(status=204)
