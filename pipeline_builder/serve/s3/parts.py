"""What is on its way in parts: the uploads of a bucket, and the parts of one that have come."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from werkzeug.wrappers import Response

from pipeline_builder.serve.s3.multipart import ABOUT, found_upload
from pipeline_builder.serve.s3.place import MOST_PARTS, Place, check_bucket, count_of, xml_response
from pipeline_builder.serve.s3.xml import Value

_PAGE = 1000


def list_parts(place: Place) -> Response:
    """List the parts of an upload that have come."""
    folder, asked = found_upload(place), place.request.args
    after = count_of(asked.get("part-number-marker", "0"), MOST_PARTS, "a part")
    most = count_of(asked.get("max-parts", str(_PAGE)), _PAGE, "parts")
    parts = sorted((int(path.stem), path) for path in folder.iterdir() if path.stem.isdigit())
    left = [(number, path) for number, path in parts if number > after]
    shown: list[Value] = [
        {
            "PartNumber": number, "ETag": f'"{path.suffix[1:]}"', "Size": path.stat().st_size,
            "LastModified": _time(path.stat().st_mtime),
        }
        for number, path in left[:most]
    ]  # fmt: skip
    answer: dict[str, Value] = {
        "Bucket": place.bucket, "Key": place.key, "UploadId": folder.name, "PartNumberMarker": after,
        "NextPartNumberMarker": left[:most][-1][0] if left[:most] else None, "MaxParts": most,
        "IsTruncated": len(left) > most > 0, "Part": shown, "StorageClass": "STANDARD",
    }  # fmt: skip
    return xml_response("ListPartsResult", answer)


def list_uploads(place: Place) -> Response:
    """List the uploads of a bucket that are on their way, by key and then by their ids."""
    check_bucket(place)
    asked = place.request.args
    marker, after = asked.get("key-marker", ""), asked.get("upload-id-marker", "")
    most = count_of(asked.get("max-uploads", str(_PAGE)), _PAGE, "uploads")
    known = _uploads(place, asked.get("prefix", ""))
    left = [one for one in known if one[0] > marker or (after and one[0] == marker and one[1] > after)]
    more = len(left) > most > 0
    uploads: list[Value] = [
        {"Key": key, "UploadId": number, "Initiated": time, "StorageClass": "STANDARD"}
        for key, number, time in left[:most]
    ]
    answer: dict[str, Value] = {
        "Bucket": place.bucket, "Prefix": asked.get("prefix", ""), "KeyMarker": marker, "UploadIdMarker": after,
        "NextKeyMarker": left[most - 1][0] if more else None,
        "NextUploadIdMarker": left[most - 1][1] if more else None,
        "MaxUploads": most, "IsTruncated": more, "Upload": uploads,
    }  # fmt: skip
    return xml_response("ListMultipartUploadsResult", answer)


def _uploads(place: Place, prefix: str) -> list[tuple[str, str, str]]:
    """Return key, id and beginning of each upload of the bucket, sorted."""
    found = []
    for folder in (place.objects.store.root / ".uploads").glob("*"):
        try:
            about = json.loads((folder / ABOUT).read_text())
            time = _time((folder / ABOUT).stat().st_mtime)
        except (OSError, ValueError):  # gone meanwhile, or one that a full disk has left half written
            continue
        bucket, _, key = str(about["uri"]).removeprefix("s3://").partition("/")
        if bucket == place.bucket and key.startswith(prefix):
            found.append((key, folder.name, time))
    return sorted(found)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
