"""Whose an address in the bucket is: a repository's, the service's own, or nobody's yet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline_builder.definition.policy.known import EXECUTION
from pipeline_builder.definition.steps.context import OWN_FOLDERS
from pipeline_builder.documents.prefix import RESERVED
from pipeline_builder.regions.hosts import s3_url

_CLIMBING = re.compile(r"(?:^|/)\.\.?(?:/|\Z)|[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """The pipeline's bucket and name, the first folders of CodePipelines' artifacts, and the `prefix` (with a `/` at
    its end) that everything else of the service lies below.
    """

    bucket: str
    pipeline: str
    artifacts: tuple[str, ...]
    prefix: str = ""
    kept: tuple[str, ...] = OWN_FOLDERS

    @property
    def base(self) -> str:
        """The folder that everything of the pipeline lies below."""
        return f"s3://{self.bucket}/{self.prefix}{self.pipeline}/"

    def own(self, repo: str) -> str:
        """Return the folder that a repository's steps write to."""
        return f"{self.base}{repo}/"

    def is_own(self, address: str, repo: str, steps: frozenset[str]) -> bool:
        """Tell whether an address is the repository's by itself: in its folder, or an execution's of one of its steps.

        The second is how it was before repositories had folders.
        """
        shared = tuple(f"{self.base}executions/{EXECUTION}/{step}" for step in steps)
        return is_inside(address, self.own(repo)) or any(is_inside(address, folder) for folder in shared)

    def protected(self, address: str) -> str:
        """Return what an address would overwrite that no job may, below it or around it; empty where nothing."""
        key = self.key(address)
        if key is None:
            return ""
        # Some file systems don't tell upper from lower case, nor what Unicode has besides for a letter.
        parts = [part for part in key.casefold().split("/") if part]
        if not parts:
            return "all of the bucket"
        # A service without a prefix may be in the same bucket, and so may CodePipeline's artifacts, which have none.
        return self._protected(parts) or self._below_prefix(parts)

    def _below_prefix(self, parts: list[str]) -> str:
        above = self.prefix.casefold().split("/")[:-1]
        if not above or parts[: len(above)] != above[: len(parts)]:
            return ""
        below = parts[len(above) :]
        return self._protected(below) if below else f"'{self.prefix}', where all of the service is"

    def _protected(self, parts: list[str]) -> str:
        if self.is_service(parts[0]):
            return f"'{parts[0]}/', where the service keeps its records"
        if parts[0] == self.pipeline.lower():
            return f"'{self.pipeline}/', where the pipeline keeps code, definitions and the outputs of all repositories"
        depth = 2 if set(parts[1:2]) & set(self.kept) else 3 if parts[2:3] == ["executions"] else 0
        return f"'{'/'.join(parts[:depth])}/', where a pipeline keeps what it has made" if depth else ""

    def is_service(self, folder: str) -> bool:
        """Tell whether the service has a folder of that name, directly in the bucket, for itself."""
        return folder.lower() in (*RESERVED, *(name.lower() for name in self.artifacts))

    def key(self, address: str) -> str | None:
        """Return the key of an address in the bucket; None for one that is elsewhere."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        return key if bucket == self.bucket else None


def plain(address: str) -> str:
    """Return an address of S3 by its bucket and key, also one that was written as a url, with `%2F` in it."""
    found = s3_url(address)
    return f"s3://{found[0]}/{unquote(found[1])}" if found else address


def is_inside(address: str, folder: str) -> bool:
    """Tell whether an address is the folder, or something below it."""
    return f"{address.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")


def climbs(address: str) -> bool:
    """Tell whether an address has parts that lead elsewhere on a file system, or none that S3 takes."""
    if "/." not in address and not address.startswith(".") and address.isprintable():
        return False  # most of a thousand models' addresses, which take no look at each letter
    return bool(_CLIMBING.search(address))
