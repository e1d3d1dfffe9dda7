"""Authors: reads who has written the commits that lead to a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline_builder.checkout.runner import Remote, Runner
from pipeline_builder.manifest.history import MOST_COMMITS, Written

_FIELDS = "%H%n%P%n%an <%ae>%n%(trailers:key=Co-authored-by,valueonly)"
_MOST_LETTERS = 200
_MOST_AUTHORS = 20


def read_history(git: Runner, bare: Path, remote: Remote, commit: str, known: Sequence[Written]) -> tuple[Written, ...]:
    """Return the newest commits that lead to this one; `known` is what the last checkout has found.

    Files come along with them, as not every host leaves them out; a commit that is known needs no look.

    Raises:
        GitError: they can't be had.
    """
    if known and known[0].commit == commit:
        return tuple(known)
    arguments = ["fetch", "--quiet", f"--depth={MOST_COMMITS}", "--no-tags", "--no-write-fetch-head"]
    git.run([*arguments, "--", remote.url, commit], repository=bare, remote=remote)
    # No .mailmap, and nothing of what the commits themselves bring: these are other people's words.
    asked = ["log", "-z", f"--max-count={MOST_COMMITS}", "--no-patch", "--no-show-signature", "--encoding=UTF-8"]
    asked += ["--no-mailmap", f"--format={_FIELDS}", "--end-of-options", commit]
    return tuple(_written(text) for text in git.lines(asked, bare) if text.strip())


def _written(text: str) -> Written:
    commit, parents, *authors = text.split("\n")
    plain = ["".join(c if c.isprintable() else " " for c in author).strip()[:_MOST_LETTERS] for author in authors]
    return Written(
        commit=commit.strip(),
        parents=tuple(parents.split()),
        authors=tuple(author for author in plain if author)[:_MOST_AUTHORS],
    )
