"""Versions and tags of a bucket that keeps neither: each object is its own only version."""

from __future__ import annotations

from werkzeug.wrappers import Response

from pipeline_builder.serve.s3.buckets import listing_after, shown
from pipeline_builder.serve.s3.place import ONLY_VERSION, Place, S3Error, check_bucket, iso, xml_response
from pipeline_builder.serve.s3.xml import Value

LIST_QUERY = ("key-marker", "version-id-marker")


def list_versions(place: Place) -> Response:
    """List the objects of a bucket as their only versions."""
    asked = place.request.args
    listing = listing_after(place, asked.get("key-marker", ""))
    versions: list[Value] = [
        {
            "Key": shown(place, key), "VersionId": ONLY_VERSION, "IsLatest": True, "LastModified": iso(facts),
            "ETag": f'"{facts.etag}"', "Size": facts.size, "StorageClass": "STANDARD",
        }
        for key, facts in listing.contents
    ]  # fmt: skip
    marks = {"NextKeyMarker": shown(place, listing.last), "NextVersionIdMarker": ONLY_VERSION}
    return xml_response(
        "ListVersionsResult",
        {
            "Name": place.bucket, "Prefix": shown(place, asked.get("prefix", "")),
            "KeyMarker": shown(place, asked.get("key-marker", "")), "EncodingType": asked.get("encoding-type"),
            "IsTruncated": listing.more, **(marks if listing.more else {}), "Version": versions,
            "CommonPrefixes": [{"Prefix": shown(place, prefix)} for prefix in listing.prefixes],
        },
    )  # fmt: skip


def get_tagging(place: Place) -> Response:
    """Say that the bucket has no tags; none can be given to it here."""
    check_bucket(place)
    raise S3Error("NoSuchTagSet", "The TagSet does not exist", 404)
