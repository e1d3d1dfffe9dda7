"""What a request makes its reading, copying, replacing or deleting of an object depend on, in S3's rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from werkzeug.datastructures import Headers
from werkzeug.http import parse_date, parse_etags

from pipeline_builder.engine.state.objects import ObjectFacts
from pipeline_builder.serve.s3.place import Place, S3Error, gone

_SOURCE = "x-amz-copy-source-"


def _failed(condition: str) -> S3Error:
    """Return the error of a condition that doesn't hold."""
    return S3Error("PreconditionFailed", f"At least one of the preconditions did not hold: {condition}.", 412)


def check_read(place: Place, found: ObjectFacts) -> None:
    """Raise PreconditionFailed where the object isn't one that the request reads: what If-None-Match and
    If-Modified-Since say of a read object is answered with 304, by whoever answers.
    """
    _check_wanted(place.request.headers, "", found)


def check_source(place: Place, found: ObjectFacts) -> None:
    """Raise PreconditionFailed where the source of a copy isn't one that the request copies."""
    headers = place.request.headers
    _check_wanted(headers, _SOURCE, found)
    unwanted, since = headers.get(f"{_SOURCE}if-none-match"), parse_date(headers.get(f"{_SOURCE}if-modified-since"))
    if unwanted is not None:
        if _matches(unwanted, found):
            raise _failed(f"{_SOURCE}if-none-match")
    elif since is not None and found.modified <= since:
        raise _failed(f"{_SOURCE}if-modified-since")


def _check_wanted(headers: Headers, prefix: str, found: ObjectFacts) -> None:
    # An ETag that matches counts, whatever the time says.
    wanted, until = headers.get(f"{prefix}if-match"), parse_date(headers.get(f"{prefix}if-unmodified-since"))
    if wanted is not None:
        if not _matches(wanted, found):
            raise _failed(f"{prefix}if-match")
    elif until is not None and found.modified > until:
        raise _failed(f"{prefix}if-unmodified-since")


def check_form(place: Place) -> None:
    """Raise NotImplemented for a condition on writing that S3 has none like; it would hold for whatever is there."""
    if place.request.headers.get("If-None-Match", "*") != "*":
        message = "A header you provided implies functionality that is not implemented: If-None-Match can only be '*'."
        raise S3Error("NotImplemented", message, 501)


def put(place: Place, file: Path, etag: str, headers: Mapping[str, str], sha256: str) -> None:
    """Make a file of the staging folder the object, if the request's conditions hold of what is there by then."""
    new = place.request.headers.get("If-None-Match") == "*"
    try:
        place.objects.put(place.uri, file, etag, headers, sha256=sha256, new=new, check=lambda: check_if_match(place))
    except FileExistsError:
        raise _failed("If-None-Match") from None


def check_if_match(place: Place) -> None:
    """Raise PreconditionFailed, or NoSuchKey, where the object that is written or deleted isn't what If-Match names."""
    wanted = place.request.headers.get("If-Match")
    if wanted is not None:
        check_is(place.objects.facts(place.uri), wanted)


def check_is(found: ObjectFacts | None, wanted: str) -> None:
    """Raise PreconditionFailed, or NoSuchKey, where an object hasn't the ETag that is wanted, or any for `*`."""
    if found is None:
        raise gone()
    if not _matches(wanted, found):
        raise _failed("If-Match")


def _matches(wanted: str, found: ObjectFacts) -> bool:
    etags = parse_etags(wanted)
    return etags.star_tag or etags.contains_weak(found.etag)
