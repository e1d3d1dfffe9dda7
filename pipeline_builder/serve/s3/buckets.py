"""The S3 calls on buckets: made, looked at, emptied, listed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from werkzeug.wrappers import Response

from pipeline_builder.engine.state.objects import ObjectFacts
from pipeline_builder.errors import InputProblems
from pipeline_builder.serve.s3.conditions import check_is
from pipeline_builder.serve.s3.place import (
    ONLY_VERSION,
    Place,
    S3Error,
    check_bucket,
    count_of,
    document,
    gone,
    iso,
    xml_response,
)
from pipeline_builder.serve.s3.rights import check_object
from pipeline_builder.serve.s3.xml import Value, read_xml

LIST_QUERY = (
    "prefix", "delimiter", "max-keys", "marker", "start-after", "continuation-token", "encoding-type", "fetch-owner",
    "list-type", "max-buckets", "bucket-region",
)  # fmt: skip
_MOST, _MOST_BUCKETS = 1000, 10_000
_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)")
_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")


def list_buckets(place: Place) -> Response:
    """List buckets by name; the token of a next page is the last name of the one before."""
    asked = place.request.args
    prefix, after = asked.get("prefix", ""), asked.get("continuation-token", "")
    names = sorted(name for name in place.objects.store.buckets() if name.startswith(prefix) and name > after)
    most = count_of(asked.get("max-buckets", str(_MOST_BUCKETS)), _MOST_BUCKETS, "buckets")
    items: list[Value] = [{"Name": name, "CreationDate": "2020-01-01T00:00:00.000Z"} for name in names[:most]]
    token = names[most - 1] if 0 < most < len(names) else None
    answer: dict[str, Value] = {"Owner": {"ID": "local"}, "Buckets": {"Bucket": items}, "ContinuationToken": token}
    return xml_response("ListAllMyBucketsResult", answer)


def get_location(place: Place) -> Response:
    """Say where a bucket is; an empty text is S3's word for us-east-1."""
    check_bucket(place)
    return xml_response("LocationConstraint", {})


def head_bucket(place: Place) -> Response:
    """Say whether a bucket is there."""
    check_bucket(place)
    return Response(headers={"x-amz-bucket-region": "us-east-1"})


def create_bucket(place: Place) -> Response:
    """Make a bucket; one's own that is there already is no mistake."""
    if not _NAME.fullmatch(place.bucket) or ".." in place.bucket or _ADDRESS.fullmatch(place.bucket):
        raise S3Error("InvalidBucketName", "The specified bucket is not valid.")
    try:
        place.objects.store.bucket(place.bucket).mkdir(parents=True, exist_ok=True)
    except InputProblems:
        raise S3Error("InvalidBucketName", "The specified bucket is not valid.") from None
    return Response(headers={"Location": f"/{place.bucket}"})


def delete_bucket(place: Place) -> Response:
    """Delete an empty bucket."""
    check_bucket(place)
    try:
        place.objects.store.bucket(place.bucket).rmdir()
    except FileNotFoundError:
        raise PermissionError from None  # it is a mounted one
    except OSError:
        raise S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty", 409) from None
    return Response(status=204)


def delete_objects(place: Place) -> Response:
    """Delete many objects; what can't be deleted is said for each."""
    check_bucket(place)
    try:
        root = read_xml(document(place.request))
    except ValueError as error:
        raise S3Error("MalformedXML", str(error)) from error
    items = root.findall("Object")
    keys = [item.findtext("Key") or "" for item in items]
    if root.tag != "Delete" or not 1 <= len(keys) <= _MOST or not all(keys):
        message = f"the request is to name 1 to {_MOST:,} objects by their keys, and names {len(keys):,}"
        raise S3Error("MalformedXML", message)
    done: list[Value] = []
    failed: list[Value] = []
    for key, item in zip(keys, items, strict=True):
        if why := _not_deleted(place, key, item.findtext("VersionId") or ONLY_VERSION, item.findtext("ETag")):
            failed.append({"Key": key, "Code": why.code, "Message": str(why)})
        else:
            done.append({"Key": key})
    shown = [] if root.findtext("Quiet") == "true" else done
    return xml_response("DeleteResult", {"Deleted": shown, "Error": failed})


def _not_deleted(place: Place, key: str, version: str, etag: str | None) -> S3Error | None:
    """Delete an object, or return why it isn't. With an ETag it has to be there, and have that one."""
    uri = f"s3://{place.bucket}/{key}"
    try:
        check_object(place, "DeleteObject", place.bucket, key)
        if version != ONLY_VERSION:
            return S3Error("NoSuchVersion", "The specified version does not exist.")
        check = None if etag is None else (lambda: check_is(place.objects.facts(uri), etag))
        place.objects.delete(uri, check=check)
    except S3Error as error:
        return error
    except PermissionError:
        return S3Error("AccessDenied", "it is in a mounted folder")
    except InputProblems:
        return None if etag is None else gone()  # there can be no such object
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A page of a bucket: objects, prefixes of more, and the name after which the next page begins."""

    contents: list[tuple[str, ObjectFacts]]
    prefixes: list[str]
    last: str
    more: bool


def listing_after(place: Place, after: str) -> Listing:
    """Return the names after `after`, keys and common prefixes together in one order."""
    check_bucket(place)
    asked = place.request.args
    if asked.get("encoding-type", "url") != "url":
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    most = count_of(asked.get("max-keys", str(_MOST)), _MOST, "keys")
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    contents: list[tuple[str, ObjectFacts]] = []
    prefixes: list[str] = []
    last = ""
    for name, facts in _names(place, prefix, delimiter, after):
        if len(contents) + len(prefixes) == most:
            return Listing(contents=contents, prefixes=prefixes, last=last, more=most > 0)
        last = name
        if facts is None:
            prefixes.append(name)
        else:
            contents.append((name, facts))
    return Listing(contents=contents, prefixes=prefixes, last=last, more=False)


def _names(place: Place, prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, ObjectFacts | None]]:
    seen = ""
    for key, path in place.objects.keys(place.bucket, prefix):
        head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        name = f"{prefix}{head}{cut}" if cut else key
        if name.encode() <= after.encode() or name == seen:
            continue
        seen = name
        yield name, None if cut else place.objects.facts_of(path)


def list_v2(place: Place) -> Response:
    """List a bucket."""
    asked = place.request.args
    token = asked.get("continuation-token", "")
    listing = listing_after(place, _after(token) if token else asked.get("start-after", ""))
    following = base64.urlsafe_b64encode(listing.last.encode()).decode() if listing.more else None
    count = len(listing.contents) + len(listing.prefixes)
    more: dict[str, Value] = {
        "KeyCount": count, "NextContinuationToken": following, "ContinuationToken": token or None,
        "StartAfter": shown(place, asked["start-after"]) if asked.get("start-after") else None,
    }  # fmt: skip
    return _render(place, listing, more)


def _after(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (ValueError, binascii.Error) as error:
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from error


def list_v1(place: Place) -> Response:
    """List a bucket as older clients do it."""
    marker = place.request.args.get("marker", "")
    listing = listing_after(place, marker)
    following = shown(place, listing.last) if listing.more else None
    return _render(place, listing, {"Marker": shown(place, marker), "NextMarker": following})


def _render(place: Place, listing: Listing, more: dict[str, Value]) -> Response:
    asked = place.request.args
    owned = "list-type" not in asked or asked.get("fetch-owner") == "true"
    contents: list[Value] = [
        {
            "Key": shown(place, key),
            "LastModified": iso(facts),
            "ETag": f'"{facts.etag}"',
            "Size": facts.size,
            "StorageClass": "STANDARD",
            "Owner": {"ID": "local"} if owned else None,
        }
        for key, facts in listing.contents
    ]
    prefixes: list[Value] = [{"Prefix": shown(place, prefix)} for prefix in listing.prefixes]
    return xml_response(
        "ListBucketResult",
        {
            "Name": place.bucket,
            "Prefix": shown(place, asked.get("prefix", "")),
            "Delimiter": shown(place, asked["delimiter"]) if asked.get("delimiter") else None,
            "MaxKeys": count_of(asked.get("max-keys", str(_MOST)), _MOST, "keys"),
            "EncodingType": asked.get("encoding-type"),
            "IsTruncated": listing.more,
            **more,
            "Contents": contents,
            "CommonPrefixes": prefixes,
        },
    )


def shown(place: Place, key: str) -> str:
    """Return a key as the client wants it: XML can't hold every character that a key can."""
    return quote(key, safe="/") if place.request.args.get("encoding-type") == "url" else key
