"""Reading: files of a commit out of a bare repository that a checkout has filled. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline_builder.checkout.commits import is_commit
from pipeline_builder.checkout.printed import parse_batch
from pipeline_builder.checkout.runner import Runner
from pipeline_builder.checkout.words import GitError

MOST_FILE = 1 << 20
"""Bytes of a file that is read."""


def find_paths(git: Runner, repository: Path, commit: str, folder: str = "") -> tuple[str, ...]:
    """Return the paths of all files of a commit below a folder, sorted by git.

    Raises:
        GitError: kind "missing" where the repository doesn't have the commit, or what its folders are.
    """
    _check(repository, commit)
    arguments = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, *([f"{folder}/"] if folder else [])]
    return tuple(git.lines(arguments, repository))


def read_files(git: Runner, repository: Path, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
    """Return the content of those of the files that the commit has, and that came with it.

    Raises:
        GitError: kind "missing" where the repository doesn't have the commit.
    """
    _check(repository, commit)
    # A path that begins so would be one of where git stands.
    wanted = [path for path in paths if "\n" not in path and not path.startswith((".", "/"))]
    specs = [f"{commit}^{{commit}}", *(f"{commit}:{path}" for path in wanted)]
    said = git.run_raw(["cat-file", "--batch"], repository=repository, text="".join(f"{s}\n" for s in specs))
    (_, kind, _), *found = parse_batch(said, len(specs))
    if kind != "commit":
        raise GitError("missing", f"the commit {commit[:12]} isn't among what checkouts have fetched")
    return {
        path: content
        for path, (_, what, content) in zip(wanted, found, strict=True)
        if what == "blob" and len(content) <= MOST_FILE
    }


def _check(repository: Path, commit: str) -> None:
    if not is_commit(commit):
        raise GitError("missing", f"'{commit[:80]}' is no commit")
    if not repository.is_dir():
        raise GitError("missing", "the repository isn't among what checkouts have fetched on this machine")
