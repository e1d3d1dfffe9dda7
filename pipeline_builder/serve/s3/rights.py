"""Which of S3's calls a job's key may make: by the action that IAM knows each one as."""

from __future__ import annotations

from pipeline_builder.serve.access.rights import denied
from pipeline_builder.serve.s3.place import Place, S3Error

_READING = ("GetObject", "ListMultipartUploadParts")
_WRITING = ("PutObject", "DeleteObject", "AbortMultipartUpload")
# By method and what the operation is told by; of objects, then of buckets.
_OF_OBJECTS = {
    ("GET", ""): "GetObject", ("HEAD", ""): "GetObject", ("PUT", ""): "PutObject", ("PUT", "uploadId"): "PutObject",
    ("DELETE", ""): "DeleteObject", ("DELETE", "uploadId"): "AbortMultipartUpload", ("POST", "uploads"): "PutObject",
    ("POST", "uploadId"): "PutObject", ("GET", "uploadId"): "ListMultipartUploadParts",
}  # fmt: skip
_OF_BUCKETS = {
    ("GET", "location"): "GetBucketLocation", ("GET", "list-type"): "ListBucket", ("GET", ""): "ListBucket",
    ("GET", "versions"): "ListBucketVersions", ("GET", "tagging"): "GetBucketTagging", ("HEAD", ""): "ListBucket",
    ("GET", "uploads"): "ListBucketMultipartUploads", ("PUT", ""): "CreateBucket", ("DELETE", ""): "DeleteBucket",
    ("POST", "delete"): "DeleteObject",
}  # fmt: skip
_LISTING = ("ListBucket", "ListBucketVersions", "ListBucketMultipartUploads")


def check_right(place: Place, told_by: str) -> None:
    """Raise AccessDenied where whoever asks is a job, and may not."""
    method, prefix = place.request.method, place.request.args.get("prefix", "")
    if place.caller.step is None:
        return
    if place.key:
        check_object(place, _OF_OBJECTS.get((method, told_by), "GetObjectAcl"), place.bucket, place.key)
        return
    action = _OF_BUCKETS.get((method, told_by), "ListAllMyBuckets") if place.bucket else "ListAllMyBuckets"
    step = place.caller.step
    if action == "DeleteObject":  # each key is looked at when it is read
        return
    named = method == "HEAD" or action == "GetBucketLocation"
    if step.knows(place.bucket) if named else action in _LISTING and step.may_read(place.bucket, prefix):
        return
    raise _refused(place, action, place.bucket or "*")


def check_object(place: Place, action: str, bucket: str, key: str) -> None:
    """Raise AccessDenied where whoever asks is a job, and may not do this with the object."""
    step = place.caller.step
    if step is None or (action in _READING and step.may_read(bucket, key)):
        return
    if action in _WRITING and step.may_write(bucket, key):
        return
    raise _refused(place, action, f"{bucket}/{key}")


def _refused(place: Place, action: str, what: str) -> S3Error:
    assert place.caller.step is not None
    resource = f'"arn:aws:s3:::{what}"' if what != "*" else "*"
    return S3Error("AccessDenied", denied(place.caller.step.arn, f"s3:{action}", resource), 403)
