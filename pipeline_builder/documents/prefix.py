"""The prefix in the bucket that everything of a service lies below (`SMP_S3PREFIX`); without one the bucket itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import InputProblems, Problem

NAME = "SMP_S3PREFIX"
RESERVED = ("builds", "evidence", "runs", "watch")
"""What the service names itself, directly below the prefix."""
# A key has 1,024 bytes, and names of pipeline, repository, execution, step and output come behind the prefix.
_LONGEST = 200
# What S3 calls safe, without what means something to IAM, a shell or a pattern.
_PART = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


def read_prefix(values: Mapping[str, str]) -> str:
    """Return the prefix with a `/` at its end, empty where none is given.

    Raises:
        InputProblems: PB637 for one that can't be used, with everything that is wrong in it.
    """
    text = values.get(NAME, "").strip()
    if problems := tuple(prefix_problems(text)):
        raise InputProblems(*problems)
    return f"{text}/" if text else ""


def prefix_faults(text: str) -> Iterator[str]:
    """Yield what is wrong with a prefix, in words; nothing for an empty one."""
    if not text:
        return
    parts = text.strip("/").split("/")
    if text.startswith("/"):
        yield "begins with a '/'"
    if text.endswith("/"):
        yield "ends with a '/'"
    if "" in parts:
        yield "has no name between two '/'"
    if climbing := [part for part in parts if part in (".", "..")]:
        yield f"has '{climbing[0]}' in it, which leads elsewhere on a file system"
    if unfit := next((part for part in parts if part and not _PART.fullmatch(part)), ""):
        yield f"has characters in {describe(unfit)} other than letters, digits, '.', '_' and '-'"
    if len(text) > _LONGEST:
        yield f"has {len(text)} characters, expected at most {_LONGEST}"
    # Some file systems don't tell upper from lower case.
    if parts[0].lower() in RESERVED:
        yield f"begins with '{parts[0]}', which a service without a prefix has for itself"


def prefix_problems(text: str) -> Iterator[Problem]:
    """Yield a problem for everything that is wrong with a prefix."""
    for fault in prefix_faults(text):
        message = f"the prefix {describe(text)} ({NAME}) {fault}"
        yield Problem(id="PB637", message=message, hint="write it as 'team/models', or leave it empty")
