"""Submodules: the repositories that a commit has in it, each at its commit, and theirs, fetched like any other.

git's own command for them is never run: it would obey a tree that others have written. Which commit a submodule is at
says its parent's tree, where it comes from says `.gitmodules`, which is read as data; what that may name is decided in
`gitmodules`. They come into the checkout with its parent's files, in one go.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from pipeline_builder.checkout.bare import size_of
from pipeline_builder.checkout.git import MOST_FILES, Git
from pipeline_builder.checkout.gitmodules import (
    FILE,
    MOST_BYTES,
    Named,
    RefusedError,
    read_entries,
    submodule_repo,
)
from pipeline_builder.checkout.remotes import failure_of, in_parallel
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import OutsideFailure, PipelineBuilderError, Place, Problem
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.manifest.manifest import Repo

MOST = 256
"""Submodules that a repository may have, those of submodules too."""
DEEPEST = 8
"""How far they may be inside each other."""
MARK = "@"
"""How the names begin under which they are kept: no repository of a manifest may be called so."""
_AT_ONCE = 4
_LINK_MODE = "160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What comes into a folder from one repository: `tree` of its `commit`, at `path` of the folder ('' for all of it).

    `inside` is where in its repository that tree is, `came` are the bytes that were fetched for it.
    """

    repo: Repo
    remote: Remote
    bare: Path
    commit: str
    tree: str
    path: str = ""
    inside: str = ""
    came: int = 0


@dataclass(frozen=True, slots=True)
class Modules:
    """The repositories of submodules that are kept in a folder: each address once, whoever names it."""

    git: Git
    cache: Path
    guard: threading.Lock = field(default_factory=threading.Lock)
    locks: dict[Path, threading.Lock] = field(default_factory=dict)

    def bare_of(self, url: str) -> Path:
        """Return where a repository is kept; with '.git' behind it or not, it is the same."""
        bare = url.rstrip("/").removesuffix(".git")
        return self.cache / f"{MARK}{hashlib.sha256(bare.encode()).hexdigest()[:32]}.git"

    def fetch(self, remote: Remote, commit: str) -> tuple[Path, int]:
        """Have a commit with all of its files; return where, and how many bytes came for it.

        One that is fetched elsewhere at the moment is waited for.

        Raises:
            GitError: it can't be had.
        """
        bare = self.bare_of(remote.url)
        with self.guard:
            lock = self.locks.setdefault(bare, threading.Lock())
        with lock:
            before = size_of(bare)
            try:
                self._fetch(bare, remote, commit)
            except GitError as error:
                if not error.of_damage or not bare.exists():
                    raise
                remove_folder(bare)  # what is kept may be damaged
                self._fetch(bare, remote, commit)
            return bare, max(0, size_of(bare) - before)

    def _fetch(self, bare: Path, remote: Remote, commit: str) -> None:
        if not self.git.has(bare, commit):
            self.git.fetch(bare, remote, commit)


def find_parts(top: Part, modules: Modules, remote_of: Callable[[Repo], Remote], root: Path) -> tuple[Part, ...]:
    """Return a repository's submodules and theirs, all fetched, parents first and in the order of their paths.

    Raises:
        OutsideFailure: PB821, PB823, PB824, and what `checkout` raises for a repository: all of them.
    """
    found: list[Part] = []
    failures: list[PipelineBuilderError] = []
    level: Sequence[Part] = (top,)
    for _ in range(DEEPEST + 1):
        every = (one for part in level for one in _wanted(part, top, modules.git, remote_of, root))
        wanted = [*islice(every, MOST + 1 - len(found))]
        if len(found) + len(wanted) > MOST:
            raise _too_many(top.repo, f"more than {MOST}")
        failures += [one for one in wanted if isinstance(one, PipelineBuilderError)]
        asked = [one for one in wanted if isinstance(one, Part)]
        answers = in_parallel(modules.git, [partial(_bring, one, top, modules) for one in asked], _AT_ONCE)
        failures += [one for one in answers if isinstance(one, PipelineBuilderError)]
        level = [one for one in answers if isinstance(one, Part)]
        found += level
        if not level:
            break
    else:
        raise _too_many(top.repo, f"one inside the other, deeper than {DEEPEST}")
    if failures:
        raise OutsideFailure(*dict.fromkeys(problem for failure in failures for problem in failure.problems))
    return tuple(sorted(found, key=lambda part: part.path.split("/")))


def _bring(part: Part, top: Part, modules: Modules) -> Part:
    """Fetch a submodule's commit."""
    try:
        bare, came = modules.fetch(part.remote, part.commit)
        return replace(part, bare=bare, came=came, tree=modules.git.describe(bare, part.commit)[1])
    except GitError as error:
        raise _failure(part, top, error) from error


def _failure(part: Part, top: Part, error: GitError) -> PipelineBuilderError:
    if error.kind in ("missing", "gone", "no commit"):
        message = (
            f"the commit {part.commit[:12]} of the submodule '{part.path}' of '{top.repo.name}' is not in "
            f"'{part.repo.url}': {error}"
        )
        hint = "push the submodule too; or its history was rewritten: let the repository name a commit that is there"
        return OutsideFailure(Problem(id="PB823", message=message, place=top.repo.place, hint=hint))
    return failure_of(part.repo, error, part.remote)


def _wanted(
    part: Part, top: Part, git: Git, remote_of: Callable[[Repo], Remote], root: Path
) -> Iterator[Part | PipelineBuilderError]:
    """Yield the submodules right inside of a part, without their trees; and what is wrong with the others."""
    links = _links_of(git, part)
    if not links:
        return
    try:
        entries = _entries(git, part)
    except GitError as error:
        message = f"'{FILE}' of '{part.repo.name}' can't be read: {error}"
        yield OutsideFailure(Problem(id="PB821", message=message, place=top.repo.place))
        return
    whose = f"{part.repo.name}@{part.commit[:12]}"
    at = Place(file=f"{whose}:{FILE}")
    for path, commit in links:
        full = f"{part.inside}/{path}" if part.inside else path
        shown = f"{part.path}/{path}" if part.path else path
        if "\ufffd" in path:  # another folder would be written, and named in the lock
            yield _refused(top, shown, "has a name that is no UTF-8", "give its folder another name", at)
            continue
        if full not in entries or not entries[full].url:
            yield _refused(top, shown, "has no url", "add it with 'git submodule add', or take it out", at)
            continue
        named = entries[full]
        try:
            repo = submodule_repo(part.repo, top.repo, shown, named, root)
            repo = repo.model_copy(update={"revision": commit, "place": top.repo.place})
            remote = remote_of(repo)
        except RefusedError as error:
            yield _refused(top, shown, f"is not fetched: {error}", error.hint, named.place(whose))
        except PipelineBuilderError as error:
            yield error
        else:
            yield Part(repo=repo, remote=remote, bare=part.bare, commit=commit, tree="", path=shown)


def _refused(top: Part, path: str, what: str, hint: str, place: Place) -> OutsideFailure:
    message = f"the submodule '{path}' of the repository '{top.repo.name}' {what}"
    related = (place,)
    return OutsideFailure(Problem(id="PB821", message=message, place=top.repo.place, hint=hint, related=related))


def _too_many(repo: Repo, what: str) -> OutsideFailure:
    message = f"the repository '{repo.name}' has too many submodules: {what}"
    hint = "name a folder with 'path: …', or leave 'submodules' out"
    return OutsideFailure(Problem(id="PB824", message=message, place=repo.place, hint=hint))


def _links_of(git: Git, part: Part) -> list[tuple[str, str]]:
    """Return the paths and commits of the submodules in a part's tree.

    Raises:
        GitError: kind "large", as of `measure`, which needs the files too.
    """
    found = []
    for files, line in enumerate(git.lines(["ls-tree", "-r", "-z", part.tree], part.bare), 1):
        if files > MOST_FILES:
            raise GitError("large", f"more than {MOST_FILES} files")
        facts, _, path = line.partition("\t")
        if facts.startswith(_LINK_MODE):
            found.append((path, facts.split()[2]))
    return found


def _entries(git: Git, part: Part) -> dict[str, Named]:
    """Return what a commit's file names; nothing where it has none, or a link in its place.

    Raises:
        GitError: it is none.
    """
    text = read_small(git, part, FILE)
    if not text:
        return {}
    settings = git.run([*config_in(part, FILE), "-z", "--list"], repository=part.bare)
    return dict(read_entries(settings, text))


def config_in(part: Part, path: str) -> list[str]:
    """Return the words by which git reads a file of settings in a part's commit, and nothing that the file includes:
    that would be files of this machine.
    """
    return ["config", "--no-includes", "--blob", f"{part.commit}:{path}"]


def read_small(git: Git, part: Part, path: str) -> str:
    """Return the text of a file of settings in a part's commit, empty where there is no such file.

    Raises:
        GitError: it is too large, or not there.
    """
    said = git.run(["ls-tree", "-l", "-z", part.commit, "--", path], repository=part.bare)
    facts = said.partition("\t")[0].split()
    if len(facts) != 4 or not facts[0].startswith("100"):
        return ""
    if int(facts[3]) > MOST_BYTES:
        raise GitError("large", f"'{path}' has {facts[3]} bytes")
    return git.run(["cat-file", "blob", facts[2]], repository=part.bare)
