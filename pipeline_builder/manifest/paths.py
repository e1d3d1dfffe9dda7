"""Paths and addresses of data in a manifest: relative to its folder, and bounded as file systems bound them."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from itertools import dropwhile
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from pipeline_builder.documents.schema import describe
from pipeline_builder.manifest.texts import as_tuple

_LONGEST_NAME, _LONGEST_PATH = 255, 1000
"""Bytes that file systems take, and that a checkout takes (`checkout/git.py`)."""


@lru_cache(maxsize=4096)  # models name the same few
def relative_path(value: str, *, anywhere: bool = False) -> str:
    """Return the path without redundant parts; ValueError where it is absolute or climbs out with '..'.

    One that may lie `anywhere` may be absolute, or begin with '..': for data, which is only read, and which several
    manifests may share.
    """
    path = PurePosixPath(value)
    inside = tuple(dropwhile(lambda part: anywhere and part == "..", path.parts))
    outside = path.is_absolute() and not anywhere
    if outside or ".." in inside or "\\" in value or not value.strip() or "\x00" in value:
        folder = "a folder relative to the manifest, which may begin with '..', or an absolute one"
        expected = folder if anywhere else "a relative path without '..'"
        raise ValueError(f"the path {describe(value)} is refused, expected {expected}")
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in path.parts]
    if max(sizes, default=0) > _LONGEST_NAME or sum(sizes) + len(sizes) > _LONGEST_PATH:
        bounds = f"{_LONGEST_NAME} bytes in a name and {_LONGEST_PATH} in all"
        raise ValueError(f"the path {describe(value)} is refused, expected at most {bounds}")
    return str(path)


def _glob(value: str) -> str:
    """A pattern that this and every later Python reads the same way."""
    if value == "." or any("**" in part and part != "**" for part in value.split("/")):
        raise ValueError(
            f"the pattern {describe(value)} is refused, expected one of files, '**' only as a whole folder"
        )
    return value


def _source(value: str) -> str:
    """The address of data that are in no bucket, as a policy names it, without patterns."""
    scheme, _, rest = value.partition("://")
    if scheme not in ("filesystem", "athena", "redshift") or not re.match(r"^[^\s/*?][^\s*?]*\Z", rest):
        raise ValueError(
            f"{describe(value)} can't be mapped to a folder, expected filesystem://ID/path, "
            "athena://catalog/database/input, redshift://cluster/database/input, or the beginning of one"
        )
    return value


RelativePath = Annotated[str, AfterValidator(relative_path)]
Glob = Annotated[RelativePath, AfterValidator(_glob)]
Globs = Annotated[tuple[Glob, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...])]
DataFolder = Annotated[str, AfterValidator(partial(relative_path, anywhere=True))]
Source = Annotated[str, AfterValidator(_source)]
