"""Revisions: what a repository is taken at, as the manifest has it: a branch, a tag, a commit, or a pattern of tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.tags import TAGS

if TYPE_CHECKING:
    from pipeline_builder.documents.source import DataPath, Document

_DEFAULT = "main"


def _bad(value: str) -> bool:
    """A ref name as git-check-ref-format has it, or a commit id; nothing that git could take for an option."""
    return (
        value.startswith(("-", "/", "."))
        or value.endswith(("/", ".lock", "."))
        or ".." in value
        or "@{" in value
        or not re.match(r"^[^\s\x00-\x20~^:\[\\\x7f]{1,255}$", value)
    )


def _revision(value: str) -> str:
    if _bad(value) or set(value) & set("*?"):
        # Of what looks like a pattern it is said how one is written.
        more = ": a pattern of tags is written as 'tag: v*'" if set(value) & set("*?:") else ""
        raise ValueError(
            f"the revision {describe(value)} is refused, expected a branch, a tag or a full commit id{more}"
        )
    return value


def _tag(value: str) -> str:
    if _bad(value) or value.startswith("refs/"):
        raise ValueError(f"the tag {describe(value)} is refused, expected a tag's name, or a pattern with * and ?: v*")
    return value


def _text(value: JSON) -> JSON:
    # An unquoted 1234567 or 1.0 reads as a number; guessing its text back could name another commit.
    if isinstance(value, bool | int | float):
        what = "a yes or no" if isinstance(value, bool) else "a number"
        raise ValueError(f"the revision {value} reads as {what}, put it in quotes")  # noqa: TRY004 - pydantic wants it
    return value


Revision = Annotated[str, BeforeValidator(_text), AfterValidator(_revision)]
Tag = Annotated[str, BeforeValidator(_text), AfterValidator(_tag)]
TAG = "tag, or pattern of tags with * and ? of which the newest by version is taken; instead of 'revision'"


def asked_revision(*asked: tuple[str | None, str | None]) -> str:
    """Return the first revision that is asked for, of pairs of 'revision' and 'tag'; a tag is its full ref."""
    for revision, tag in asked:
        if revision or tag:
            return revision or f"{TAGS}{tag}"
    return _DEFAULT


def revision_place(document: Document, index: int) -> Place:
    """Return where it stands that a repository is taken at its revision."""
    paths: list[DataPath] = [(*at, key) for at in (("repos", index), ("defaults",)) for key in ("revision", "tag")]
    return document.place(next((path for path in paths if path in document.values), ("repos", index, "url")))


def revision_problems(document: Document, count: int) -> Iterator[Problem]:
    """Yield each place that asks for a revision and a tag."""
    for at in (("defaults",), *(("repos", index) for index in range(count))):
        revision, tag = (*at, "revision"), (*at, "tag")
        if revision in document.values and tag in document.values:
            yield Problem(
                id="PB140",
                message="'revision' and 'tag' both say at what the repository is taken",
                place=document.place(tag, key=True),
                related=(document.place(revision, key=True),),
                hint="leave one of them out",
            )
