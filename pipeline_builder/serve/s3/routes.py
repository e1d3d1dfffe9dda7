"""Which of S3's operations there are: by what a request is about, its method, and what of its query tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from werkzeug.wrappers import Response

from pipeline_builder.serve.s3 import buckets, multipart, objects, parts, reading, versions
from pipeline_builder.serve.s3.place import Place

S3Handler = Callable[[Place], Response]
ROUTES: Mapping[tuple[str, str], Mapping[str, tuple[str, S3Handler]]] = {
    ("service", "GET"): {"": ("ListBuckets", buckets.list_buckets)},
    ("bucket", "GET"): {
        "location": ("GetBucketLocation", buckets.get_location),
        "list-type": ("ListObjectsV2", buckets.list_v2),
        "versions": ("ListObjectVersions", versions.list_versions),
        "tagging": ("GetBucketTagging", versions.get_tagging),
        "uploads": ("ListMultipartUploads", parts.list_uploads),
        "": ("ListObjects", buckets.list_v1),
    },
    ("bucket", "HEAD"): {"": ("HeadBucket", buckets.head_bucket)},
    ("bucket", "PUT"): {"": ("CreateBucket", buckets.create_bucket)},
    ("bucket", "DELETE"): {"": ("DeleteBucket", buckets.delete_bucket)},
    ("bucket", "POST"): {"delete": ("DeleteObjects", buckets.delete_objects)},
    ("object", "GET"): {"uploadId": ("ListParts", parts.list_parts), "": ("GetObject", reading.get_object)},
    ("object", "HEAD"): {"": ("HeadObject", reading.get_object)},
    # By x-amz-copy-source these are UploadPartCopy and CopyObject.
    ("object", "PUT"): {"uploadId": ("UploadPart", multipart.upload_part), "": ("PutObject", objects.put_object)},
    ("object", "DELETE"): {
        "uploadId": ("AbortMultipartUpload", multipart.abort),
        "": ("DeleteObject", objects.delete_object),
    },
    ("object", "POST"): {
        "uploads": ("CreateMultipartUpload", multipart.create),
        "uploadId": ("CompleteMultipartUpload", multipart.complete),
    },
}
COPIES = ("CopyObject", "UploadPartCopy")
"""The operations that a header makes of others."""
