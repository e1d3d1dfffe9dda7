"""Authors: reads who has written the commits that lead to a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline_builder.checkout.bare import has_long_ids, is_whole, make_bare
from pipeline_builder.checkout.commits import is_long
from pipeline_builder.checkout.runner import Remote, Runner
from pipeline_builder.checkout.unnamed import fetch_commit
from pipeline_builder.manifest.history import MOST_COMMITS, Written

_FIELDS = "%H%n%P%n%an <%ae>%n%(trailers:key=Co-authored-by,valueonly)"
_FOLDER = "authors"
_MOST_LETTERS = 200
_MOST_AUTHORS = 20


def read_history(git: Runner, bare: Path, remote: Remote, commit: str, known: Sequence[Written]) -> tuple[Written, ...]:
    """Return the newest commits that lead to this one; `known` is what the last checkout has found.

    They are kept beside those that are checked out, without their files where the server can leave them out; a commit
    that is known needs no look.

    Raises:
        GitError: they can't be had.
    """
    if known and known[0].commit == commit:
        return tuple(known)
    folder = bare / _FOLDER
    if not is_whole(folder) or has_long_ids(folder) != is_long(commit):
        make_bare(git, folder, long_ids=is_long(commit))
    # Nothing of it is written anywhere, and an old fault in it is none of ours.
    unchecked = (("transfer.fsckObjects", "false"),)
    options = [f"--depth={MOST_COMMITS}", *remote.leaving_out("tree:0")]
    fetch_commit(git, folder, remote, commit, options, config=unchecked)
    # No .mailmap, and nothing of what the commits themselves bring: these are other people's words.
    asked = ["log", "-z", f"--max-count={MOST_COMMITS}", "--no-patch", "--no-show-signature", "--encoding=UTF-8"]
    asked += ["--no-mailmap", f"--format={_FIELDS}", "--end-of-options", commit]
    return tuple(_written(text) for text in git.lines(asked, folder) if text.strip())


def _written(text: str) -> Written:
    commit, parents, *authors = text.split("\n")
    plain = ["".join(c if c.isprintable() else " " for c in author).strip()[:_MOST_LETTERS] for author in authors]
    return Written(
        commit=commit.strip(),
        parents=tuple(parents.split()),
        authors=tuple(author for author in plain if author)[:_MOST_AUTHORS],
    )
