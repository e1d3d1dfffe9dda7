"""Uploads in parts: each part is a file, and the last request makes one object of them."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from werkzeug.wrappers import Response

from pipeline_builder.machine.streams import BLOCK, Hashing, copy
from pipeline_builder.serve.s3.conditions import check_form, check_if_match, check_source, put
from pipeline_builder.serve.s3.place import (
    MOST_PARTS,
    PARTS,
    UPLOAD,
    Place,
    S3Error,
    check_bucket,
    check_new,
    copy_source,
    document,
    iso,
    kept_headers,
    number_of,
    xml_response,
)
from pipeline_builder.serve.s3.uploads import received
from pipeline_builder.serve.s3.xml import read_xml

QUERY = ("uploads", "uploadId", "partNumber", "part-number-marker", "max-parts", "upload-id-marker", "max-uploads")
ABOUT = "upload.json"
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")
_SMALLEST = 5 << 20
"""Bytes of a part that isn't the last one, as S3 has it."""


def create(place: Place) -> Response:
    """Begin an upload."""
    check_bucket(place)
    check_new(place)
    number = secrets.token_hex(16)
    folder = _folder(place, number)
    folder.mkdir(parents=True)
    (folder / ABOUT).write_text(json.dumps({"uri": place.uri, "headers": kept_headers(place.request)}))
    answer = {"Bucket": place.bucket, "Key": place.key, "UploadId": number}
    return xml_response("InitiateMultipartUploadResult", answer)


def _folder(place: Place, number: str) -> Path:
    if not re.fullmatch(r"[0-9a-f]{32}", number):
        raise _nothing()
    return place.objects.store.root / ".uploads" / number


def _nothing() -> S3Error:
    return S3Error("NoSuchUpload", "The specified multipart upload does not exist.", 404)


def found_upload(place: Place) -> Path:
    """Return the folder of the upload that the request names, which is one of this object."""
    folder = _folder(place, place.request.args["uploadId"])
    try:
        about = json.loads((folder / ABOUT).read_text())
    except (OSError, ValueError):  # one that a full disk has left half written is none
        raise _nothing() from None
    if about["uri"] != place.uri:
        raise _nothing()
    return folder


def upload_part(place: Place) -> Response:
    """Take a part; the same number again takes the place of the one before."""
    folder = found_upload(place)
    number = place.request.args.get("partNumber", "")
    if not number_of(number, MOST_PARTS + 1) or number_of(number, MOST_PARTS + 1) == MOST_PARTS + 1:
        raise S3Error("InvalidArgument", f"a part's number is 1 to {MOST_PARTS}, not '{number}'")
    target = folder / f"{int(number)}"
    if "x-amz-copy-source" in place.request.headers:
        return _copy_part(place, target)
    with received(place) as upload:
        upload.file.replace(_with_etag(target, upload.md5))
    return Response(headers={"ETag": f'"{upload.md5}"', **upload.checksums})


def _with_etag(target: Path, md5: str) -> Path:
    """Return the file of a part, which has its MD5 in its name; an older one of the same number is taken away."""
    for old in target.parent.glob(f"{target.name}.*"):
        old.unlink()
    return target.with_name(f"{target.name}.{md5}")


def _copy_part(place: Place, target: Path) -> Response:
    source = copy_source(place)
    check_source(place, source)
    first, end = _of_source(place, source.size)
    digest = hashlib.md5(usedforsecurity=False)
    with source.path.open("rb") as content, place.objects.store.staged() as (file, path):
        content.seek(first)
        left = end - first
        while left and (block := content.read(min(left, BLOCK))):
            left -= len(block)
            digest.update(block)
            file.write(block)
        file.close()
        path.replace(_with_etag(target, md5 := digest.hexdigest()))
    return xml_response("CopyPartResult", {"ETag": f'"{md5}"', "LastModified": iso(source)})


def _of_source(place: Place, size: int) -> tuple[int, int]:
    """Return where what is copied of a source begins and ends, the end not included."""
    asked = place.request.headers.get("x-amz-copy-source-range")
    if asked is None:
        return 0, size
    match = _RANGE.fullmatch(asked)
    if match is None or not int(match[1]) <= int(match[2]) < size:
        raise S3Error("InvalidArgument", f"'{asked}' is no range of the source, which has {size:,} bytes")
    return int(match[1]), int(match[2]) + 1


def complete(place: Place) -> Response:
    """Make one object of the parts that the request lists, in its order; asked again, say that it is made."""
    listed = _listed(place)
    etag = _etag(listed)
    made = place.objects.facts(place.uri)
    if made is None or (made.headers.get(UPLOAD), made.etag) != (place.request.args["uploadId"], etag):
        _make(place, found_upload(place), listed, etag)
    answer = {"Location": f"/{place.bucket}/{place.key}", "Bucket": place.bucket, "Key": place.key}
    return xml_response("CompleteMultipartUploadResult", {**answer, "ETag": f'"{etag}"'})


def _etag(listed: Sequence[tuple[int, str]]) -> str:
    digests = b"".join(bytes.fromhex(etag) for _, etag in listed if re.fullmatch("[0-9a-f]{32}", etag))
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(listed)}"


def _make(place: Place, folder: Path, listed: Sequence[tuple[int, str]], etag: str) -> None:
    check_form(place)
    check_if_match(place)
    parts = [_part(folder, *item) for item in listed]
    told = {PARTS: ",".join(map(str, _sizes(place, parts))), UPLOAD: folder.name}
    headers = {**json.loads((folder / ABOUT).read_text())["headers"], **told}
    with place.objects.store.staged() as (file, path):
        hashing = Hashing(file)
        for part in parts:
            with part.open("rb") as content:
                copy(content, hashing)
        sha256 = hashing.sha256
        file.close()
        put(place, path, etag, headers, sha256)
    shutil.rmtree(folder)


def _sizes(place: Place, parts: Sequence[Path]) -> list[int]:
    """Return the sizes of the parts, which are those that S3 makes an object of."""
    sizes = [part.stat().st_size for part in parts]
    if any(size < _SMALLEST for size in sizes[:-1]):
        raise S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    named = place.request.headers.get("x-amz-mp-object-size")
    if named is not None and named != str(sum(sizes)):
        message = f"The provided 'x-amz-mp-object-size' header value {named[:20]} does not match what was computed: "
        raise S3Error("InvalidRequest", f"{message}{sum(sizes)}")
    return sizes


def _listed(place: Place) -> list[tuple[int, str]]:
    try:
        root = read_xml(document(place.request))
        listed = [
            (
                number_of(part.findtext("PartNumber") or "", MOST_PARTS + 1) or 0,
                (part.findtext("ETag") or "").strip('"'),
            )
            for part in root.findall("Part")
        ]
    except ValueError as error:
        raise S3Error("MalformedXML", str(error)) from error
    if not 1 <= len(listed) <= MOST_PARTS:
        raise S3Error("MalformedXML", f"an upload has 1 to {MOST_PARTS:,} parts, the request lists {len(listed):,}")
    if any(after[0] <= before[0] for before, after in itertools.pairwise(listed)):
        raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order.")
    return listed


def _part(folder: Path, number: int, etag: str) -> Path:
    part = next(folder.glob(f"{number}.*"), None)
    if part is None or part.suffix != f".{etag}":
        raise S3Error("InvalidPart", f"Part {number} could not be found, or its ETag is another.")
    return part


def abort(place: Place) -> Response:
    """Throw an upload away."""
    shutil.rmtree(found_upload(place))
    return Response(status=204)
