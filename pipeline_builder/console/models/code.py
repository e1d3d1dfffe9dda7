"""The code of two versions: which files of their bundles differ, what they require, and their conf files by commit."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from pipeline_builder.console.models.facts import Facts
from pipeline_builder.definition.bundle import ARCHIVE
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.bundle_changes import FileChange, compare_files
from pipeline_builder.release.bundle_reading import BundledFile, Files, UnreadableError, read_archive
from pipeline_builder.target import ObjectStore

if TYPE_CHECKING:
    from pipeline_builder.checkout.runner import Runner

Answer = TypeVar("Answer")
MOST_LINES = 500
"""Lines of requirements that are read of one bundle."""
_MOST_CONFS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePair:
    """The code of some steps in two versions, by the addresses of its bundles, empty where one has none.

    `unknown` says why its files can't be compared; where the addresses are the same, so are the files.
    """

    steps: tuple[str, ...]
    before: str
    after: str
    files: tuple[FileChange, ...] = ()
    unknown: str = ""

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """The lines of the requirements files in the bundle of some steps; `unknown` says why it can't be read."""

    steps: tuple[str, ...]
    lines: tuple[str, ...]
    unknown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfPair:
    """The conf files of a repository at two commits; `unknown` says why they can't be compared."""

    repository: str
    before: str
    after: str
    files: tuple[FileChange, ...] = ()
    unknown: str = ""


class Remember(Protocol):
    """Returns an answer, remembered where it `holds`: what is about things that are named by their content does."""

    def __call__(self, key: Hashable, make: Callable[[], Answer], holds: Callable[[Answer], bool]) -> Answer: ...


def ask_again(key: Hashable, make: Callable[[], Answer], holds: Callable[[Answer], bool]) -> Answer:
    """Remember nothing."""
    del key, holds
    return make()


def compare_code(
    before: Facts, after: Facts, store: ObjectStore, remember: Remember = ask_again
) -> tuple[CodePair, ...]:
    """Compare the bundles of the steps of two versions, each pair of bundles once."""
    old, new = ({step.name: step.code for step in facts.made} for facts in (before, after))
    pairs: dict[tuple[str, str], list[str]] = {}
    for name in dict.fromkeys((*new, *old)):
        was, now = old.get(name, ()), new.get(name, ())
        for index in range(max(len(was), len(now))):
            pair = (was[index] if index < len(was) else "", now[index] if index < len(now) else "")
            pairs.setdefault(pair, []).append(name)
    return tuple(
        replace(
            remember(("code", *pair), partial(_code_pair, *pair, store), lambda found: not found.unknown),
            steps=tuple(steps),
        )
        for pair, steps in pairs.items()
    )


def _code_pair(before: str, after: str, store: ObjectStore) -> CodePair:
    pair = CodePair(steps=(), before=before, after=after)
    if pair.same:
        return pair
    if not all(_is_archive(uri) for uri in (before, after) if uri):
        return replace(pair, unknown="it is a file by itself, whose content is another")
    try:
        files = compare_files(*(read_archive(uri, store) if uri else {} for uri in (before, after)))
    except UnreadableError as error:
        return replace(pair, unknown=_words(error))
    return replace(pair, files=files)


def _is_archive(uri: str) -> bool:
    """Tell an archive of code from a file that a factory or a step has by itself."""
    return uri.endswith(f"/{ARCHIVE}")


def _words(error: UnreadableError) -> str:
    return str(error).replace("the deployed bundle", "a bundle")


def read_required(facts: Facts, store: ObjectStore, remember: Remember = ask_again) -> tuple[Required, ...]:
    """Return what the code of each step of a version requires, each bundle once; of many lines the first ones."""
    bundles: dict[str, list[str]] = {}
    for step in facts.made:
        for uri in filter(_is_archive, step.code):
            bundles.setdefault(uri, []).append(step.name)
    return tuple(
        replace(
            remember(("required", uri), partial(_required, uri, store), lambda found: not found.unknown),
            steps=tuple(steps),
        )
        for uri, steps in bundles.items()
    )


def _required(uri: str, store: ObjectStore) -> Required:
    try:
        files = read_archive(uri, store)
    except UnreadableError as error:
        return Required(steps=(), lines=(), unknown=_words(error))
    except PipelineBuilderError as error:
        return Required(steps=(), lines=(), unknown=error.problems[0].message)
    return Required(steps=(), lines=tuple(_lines(files))[:MOST_LINES])


def _lines(files: Files) -> Iterator[str]:
    for name, file in files.items():
        if fnmatch.fnmatchcase(name.rsplit("/", 1)[-1], "requirements*.txt") and file.content is not None:
            for line in file.content.decode("utf-8", "replace").splitlines():
                if (text := line.partition(" #")[0].strip()) and not text.startswith("#"):
                    yield text


def compare_confs(
    before: Facts, after: Facts, *, git: Runner, cache: Path, paths: Mapping[str, Sequence[str]]
) -> tuple[ConfPair, ...]:
    """Compare the conf files of the repositories that a version's own commits are of, out of the checkouts' cache.

    `paths` has by repository its folder and the patterns of its conf files there. Nothing is fetched.
    """
    old, new = ({one.name: one.commit for one in facts.own_commits} for facts in (before, after))
    return tuple(
        _conf_pair(name, old.get(name, ""), new.get(name, ""), git=git, cache=cache, where=paths.get(name))
        for name in dict.fromkeys((*new, *old))
    )


def _conf_pair(
    name: str, before: str, after: str, *, git: Runner, cache: Path, where: Sequence[str] | None
) -> ConfPair:
    from pipeline_builder.checkout.words import GitError

    pair = ConfPair(repository=name, before=before, after=after)
    if before == after:
        return pair
    if where is None:
        return replace(pair, unknown="the manifest has no repository of this name any more")
    if not before or not after:
        return replace(pair, unknown=f"of the {'older' if not before else 'newer'} version no commit of it is known")
    folder, *patterns = where
    try:
        files = [
            _confs_at(commit, git, _bare(cache, name, commit, git), folder, patterns) for commit in (before, after)
        ]
    except GitError as error:
        return replace(pair, unknown=str(error))
    return replace(pair, files=compare_files(*files))


def _bare(cache: Path, name: str, commit: str, git: Runner) -> Path:
    """Return the bare repository that a commit was fetched into.

    Raises:
        GitError: kind "missing" where none has it.
    """
    from pipeline_builder.checkout.ancestry import find_bare
    from pipeline_builder.checkout.words import GitError

    if found := find_bare(cache, name, commit, git):
        return found
    raise GitError("missing", f"the commit {commit[:12]} isn't among what checkouts have kept on this machine")


def _confs_at(commit: str, git: Runner, bare: Path, folder: str, patterns: Sequence[str]) -> Files:
    from pipeline_builder.checkout.reading import find_paths, read_files

    prefix = f"{folder}/" if folder else ""
    found = [
        path
        for path in find_paths(git, bare, commit, folder)
        if any(fnmatch.fnmatchcase(path.removeprefix(prefix), pattern) for pattern in patterns)
    ]
    read = read_files(git, bare, commit, found[:_MOST_CONFS])
    return {
        path.removeprefix(prefix): BundledFile(
            size=len(content), sha256=hashlib.sha256(content).hexdigest(), content=content
        )
        for path, content in read.items()
    }
