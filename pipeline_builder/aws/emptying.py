"""Taking a versioned bucket away: every version and every delete marker, a page at a time; again, it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline_builder.aws.client import Aws, ChangedError, NotFoundError
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.stacks.stacks import OWNER_TAG

_TRIES = 5
_MOST = 1000
"""Versions that S3 lists, and deletes, in one request."""


class Buckets:
    """Buckets of one account; `tell` gets the number of versions that are deleted so far."""

    def __init__(self, aws: Aws, account: str, tell: Callable[[int], None]) -> None:
        self._aws = aws
        self._account = account
        self._tell = tell

    def _call(self, operation: str, bucket: str, **arguments: Any) -> dict[str, Any]:
        return self._aws.call("s3", operation, Bucket=bucket, ExpectedBucketOwner=self._account, **arguments)

    def owner(self, name: str) -> str | None:
        """Return the service that the bucket's tag names, empty where it has none; None where there is no bucket."""
        try:
            self._call("head_bucket", name)
        except NotFoundError:
            return None
        try:
            tags = self._call("get_bucket_tagging", name)["TagSet"]
        except NotFoundError:
            return ""
        return next((str(tag["Value"]) for tag in tags if tag["Key"] == OWNER_TAG), "")

    def empty(self, name: str) -> None:
        """Delete all that is in the bucket.

        Raises:
            OutsideFailure: PB675 for what S3 won't delete, the first ten of a page.
        """
        done = 0
        while found := self._some(name):
            answer = self._call("delete_objects", name, Delete={"Objects": found, "Quiet": True})
            if errors := answer.get("Errors"):
                raise OutsideFailure(*(_refused(name, error) for error in errors[:10]))
            done += len(found)
            self._tell(done)

    def _some(self, name: str) -> list[dict[str, str]]:
        """Return the first versions and markers that are (still) there."""
        try:
            page = self._call("list_object_versions", name, MaxKeys=_MOST)
        except NotFoundError:  # somebody else has deleted it
            return []
        return [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for item in page.get(kind, ())
        ]

    def delete(self, name: str) -> None:
        """Delete a bucket that was emptied, and what a build has still written since; one that is gone stays gone."""
        for again in range(_TRIES, 0, -1):
            try:
                self._call("delete_bucket", name)
                return
            except NotFoundError:
                return
            except ChangedError:
                if again == 1:
                    raise
            self.empty(name)


def _refused(bucket: str, error: dict[str, Any]) -> Problem:
    message = f"S3 won't delete 's3://{bucket}/{error.get('Key')}': {error.get('Code')}: {error.get('Message')}"
    hint = "a lock, a legal hold or a policy keeps it: lift that, and repeat the command; it goes on from there"
    return Problem(id="PB675", message=message, hint=hint)
