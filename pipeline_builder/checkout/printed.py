"""What git prints, read: objects in a row, and the note of what a fetch has got."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline_builder.checkout.words import GitError

Object = tuple[str, str, bytes]
"""An object's id, kind and content; of one that isn't there the kind is "missing"."""
_HEADER = re.compile(rb"([0-9a-f]{40,64}) ([a-z]+) (\d+)")
_NOTED = re.compile(r"[0-9a-f]{40,64}\t\t(.*)")
_OTHER = re.compile(r"(?:branch |tag |remote-tracking branch )?'")
_HEADS = "refs/heads/"


def parse_batch(said: bytes, count: int) -> list[Object]:
    """Read what `cat-file --batch` prints of so many objects.

    Raises:
        GitError: it is anything else.
    """
    found: list[Object] = []
    at = 0
    for _ in range(count):
        end = said.find(b"\n", at)
        header = _HEADER.fullmatch(said[at:end]) if end >= 0 else None
        at = end + 1
        if header is None:  # which says in words what is wrong with it
            if end < 0:
                raise GitError("other", "git has printed less than it was asked for")
            found.append(("", "missing", b""))
            continue
        size = int(header[3])
        found.append((header[1].decode(), header[2].decode(), said[at : at + size]))
        at += size + 1
    return found


def is_nameable(revision: str) -> bool:
    """Tell whether a fetch can be asked for a revision by its name; the rest is something else to it, or a tag."""
    return revision != "tag" and not revision.startswith(("+", "refs/tags/")) and not set(revision) & set("*?^:")


def read_fetched(repository: Path, revision: str) -> str:
    """Return the commit that a fetch of one branch, or of HEAD, has noted; empty for anything else.

    git takes a tag before a branch of the same name: where it has taken a branch there is no such tag.
    """
    try:
        text = (repository / "FETCH_HEAD").read_text()
    except (OSError, ValueError):
        return ""
    noted = _NOTED.fullmatch(text.removesuffix("\n"))
    branch = f"branch '{revision.removeprefix(_HEADS)}' of "
    of_head = revision == "HEAD" and noted and not _OTHER.match(noted[1])
    return text.partition("\t")[0] if of_head or (noted and noted[1].startswith(branch)) else ""
