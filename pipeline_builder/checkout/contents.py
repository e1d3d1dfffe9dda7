"""Contents: what of a repository's folder lies elsewhere than in its commit, its submodules and its files in Git LFS.

Everything comes into the folder in one go: submodules are read into the same index as their repository, so that one
export writes all of it with the same safety, and one look tells whether it still is so. Files in LFS take the places of
their pointers there before anybody sees the folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline_builder.checkout.bare import is_partial
from pipeline_builder.checkout.git import MOST_BYTES, MOST_FILES, Git, Measured
from pipeline_builder.checkout.gitmodules import FILE, RefusedError
from pipeline_builder.checkout.lfs import FOLDER, Objects, bring, take_from_folder
from pipeline_builder.checkout.lfsserver import CONFIG, find_server
from pipeline_builder.checkout.pointers import Pointer, batches, find_pointers
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.sources import Source
from pipeline_builder.checkout.submodules import Modules, Part, find_parts
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.machine.refusals import full, says_full
from pipeline_builder.manifest.lock import LockedRepo, LockedSubmodule
from pipeline_builder.manifest.manifest import Repo

_AT_ONCE = 500
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What all repositories of a checkout share: the submodules and the objects that are kept beside them."""

    modules: Modules
    objects: Objects
    root: Path
    remote_of: Callable[[Repo], Remote]


def open_elsewhere(git: Git, cache: Path, root: Path, remote_of: Callable[[Repo], Remote]) -> Elsewhere:
    """Return what is kept in a cache; nothing is made there before something is needed."""
    return Elsewhere(modules=Modules(git, cache), objects=Objects(git, cache / FOLDER), root=root, remote_of=remote_of)


@dataclass(slots=True, kw_only=True)
class Contents:
    """The contents of one repository's folder; `fetched` counts the bytes that came for it beside its commit's."""

    repo: Repo
    source: Source
    elsewhere: Elsewhere
    parts: tuple[Part, ...] = ()
    fetched: int = 0
    placed: list[str] = field(default_factory=list)

    @property
    def asked(self) -> bool:
        """Whether there may be any."""
        return self.repo.submodules or self.repo.lfs

    def locked(self, remote: Remote, facts: LockedRepo) -> LockedRepo:
        """Return the lock's entry with the submodules in it, which are fetched.

        Raises:
            OutsideFailure: they can't be had.
            GitError: what is kept of the repository is damaged.
        """
        if not self.repo.submodules:
            return replace(facts, submodules=None, lfs=self.repo.lfs)
        submodules = tuple(
            LockedSubmodule(path=part.path, url=part.repo.url, commit=part.commit)
            for part in self.find(remote, facts)[1:]
        )
        return replace(facts, submodules=submodules, lfs=self.repo.lfs)

    @property
    def kept(self) -> tuple[str, ...]:
        """What of the cache is in the folder that was written, beside the repository's own: names and SHA-256."""
        return tuple(sorted({*(part.bare.stem for part in self.parts[1:]), *self.placed}))

    def find(self, remote: Remote, facts: LockedRepo) -> tuple[Part, ...]:
        """Return the parts of the folder, the repository itself first; they are looked for once."""
        if not self.parts:
            top = Part(
                repo=self.repo,
                remote=remote,
                bare=self.source.bare,
                commit=facts.commit,
                tree=facts.tree,
                inside=self.repo.path,
            )
            self.bring_settings(remote, facts.commit)
            found = find_parts(top, self.elsewhere.modules, self.elsewhere.remote_of, self.elsewhere.root)
            self.parts = (top, *found)
            self.fetched += sum(part.came for part in found)
        return self.parts

    def bring_settings(self, remote: Remote, commit: str) -> None:
        """Have the files that say what lies elsewhere, also where the commit came without its files."""
        git, bare = self.source.git, self.source.bare
        if not is_partial(bare):
            return
        folders = [*Path(self.repo.path).parents, Path(self.repo.path)] if self.repo.path else [Path()]
        paths = [FILE, CONFIG, *(str(folder / ".gitattributes") for folder in folders)]
        said = git.run(["ls-tree", "-z", commit, "--", *dict.fromkeys(paths)], repository=bare)
        ids = [line.partition("\t")[0].split()[2] for line in said.split("\0") if line.startswith("100")]
        if missing := [one for one in ids if not _is_there(git, bare, one)]:
            with self.source.counted():
                git.get(bare, remote, missing)

    def export(self, remote: Remote, facts: LockedRepo, folder: Path, index: Path) -> Measured:
        """Write all of it into a folder, and return what of it isn't there as its authors have it.

        Raises:
            OutsideFailure: something can't be had.
            GitError: kind "large" where it is too much, together.
        """
        parts = self.find(remote, facts) if self.repo.submodules else self._only(remote, facts)
        measured = [self.source.git.measure(part.bare, part.tree) for part in parts]
        together = _together(parts, measured, submodules=self.repo.submodules)
        _check_size(together)
        _write(self.source.git, parts, folder, index)
        if self.repo.lfs:
            self._place(parts, folder, index, together)
        return together

    def _only(self, remote: Remote, facts: LockedRepo) -> tuple[Part, ...]:
        self.bring_settings(remote, facts.commit)
        repo, inside = self.repo, self.repo.path
        bare = self.source.bare
        return (Part(repo=repo, remote=remote, bare=bare, commit=facts.commit, tree=facts.tree, inside=inside),)

    def _place(self, parts: Sequence[Part], folder: Path, index: Path, measured: Measured) -> None:
        """Put the files in LFS into the places of their pointers, and note in the index that they are there."""
        git = self.source.git
        scratch = index.with_suffix(".attributes.new")
        pointers = [(part, find_pointers(git, part, scratch)) for part in parts]
        _check_size(measured, sum(pointer.size for _, found in pointers for pointer in found))
        problems = [*_extended(self.repo, pointers)]
        for part, found in pointers:
            problems += self._bring(part, found)
        for part, found in pointers:
            wrong = [one for one in found if not problems and not self._put(part, one, folder)]
            if wrong:
                problems.append(_missing(self.repo, part, [(one, "what was kept of it is damaged") for one in wrong]))
        if problems:
            raise OutsideFailure(*problems)
        self.placed = [one.oid for _, found in pointers for one in found]
        paths = [str(Path(part.path, one.path)) for part, found in pointers for one in found]
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        for some in batches(paths, _AT_ONCE):
            # The index has their digests as git counts them, its objects nothing of them.
            arguments = ["update-index", "--info-only", "--", *some]
            git.run(arguments, repository=parts[0].bare, extra=extra, folder=folder)

    def _put(self, part: Part, pointer: Pointer, folder: Path) -> bool:
        """Put a file in place; one of which something else was kept is brought anew, once."""
        target = folder / part.path / pointer.path
        objects = self.elsewhere.objects
        return objects.place(pointer, target) or (not self._bring(part, [pointer]) and objects.place(pointer, target))

    def _bring(self, part: Part, pointers: Sequence[Pointer]) -> list[Problem]:
        """Have the objects of a part; return why some can't be had."""
        objects = self.elsewhere.objects
        wanted = [pointer for pointer in pointers if not objects.has(pointer)]
        if not wanted:
            return []
        try:
            server = find_server(objects.git, part, self.repo, self.elsewhere.remote_of)
            if part.remote.local and server.remote is part.remote:
                repository = Path(part.remote.url.removeprefix("file://"))
                missing = take_from_folder(objects, repository, wanted)
            else:
                missing, fetched = bring(objects, server, wanted)
                self.fetched += fetched
        except RefusedError as error:
            message = f"the files of '{part.repo.name}' in Git LFS are not fetched: {error}"
            return [Problem(id="PB827", message=message, place=self.repo.place, hint=error.hint)]
        except GitError as error:
            return [_unasked(self.repo, part, error)]
        if not missing:
            return []
        return [_missing(self.repo, part, [(one, missing[one.oid]) for one in wanted if one.oid in missing])]

    def forget(self) -> None:
        """Take away what is kept of the submodules: it may be damaged."""
        for part in self.parts[1:]:
            remove_folder(part.bare)
        self.parts = ()


def _check_size(measured: Measured, more: int = 0) -> None:
    """Refuse what is too much together, `more` bytes among it."""
    if measured.files > MOST_FILES or measured.bytes + more > MOST_BYTES:
        what = f"more than {MOST_FILES} files or {MOST_BYTES // 1024**3} GiB"
        raise GitError("large", f"{what}, with submodules and files in Git LFS")


def _write(git: Git, parts: Sequence[Part], folder: Path, index: Path) -> None:
    """Write all parts into a folder by one index, which has no submodules any more but their files."""
    top = parts[0]
    index.unlink(missing_ok=True)
    lent = os.pathsep.join(_quoted(part.bare / "objects") for part in parts[1:])
    extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
    extra |= {"GIT_ALTERNATE_OBJECT_DIRECTORIES": lent} if lent else {}
    git.run(["read-tree", top.tree], repository=top.bare, extra=extra)
    for part in parts[1:]:
        git.run(["update-index", "--force-remove", "--", part.path], repository=top.bare, extra=extra, folder=folder)
        git.run(["read-tree", f"--prefix={part.path}/", part.tree], repository=top.bare, extra=extra)
    git.run(["checkout-index", "--all", "--force", "-u"], repository=top.bare, extra=extra, folder=folder)


def _quoted(path: Path) -> str:
    """Write a path as git reads one out of a list of them."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_there(git: Git, bare: Path, object_id: str) -> bool:
    try:
        git.run(["cat-file", "-e", object_id], repository=bare)
    except GitError:
        return False
    return True


def _together(parts: Sequence[Part], measured: Sequence[Measured], *, submodules: bool) -> Measured:
    def paths(name: str) -> tuple[str, ...]:
        found = zip(parts, (getattr(one, name) for one in measured), strict=True)
        return tuple(str(Path(part.path, path)) for part, names in found for path in names)

    left = () if submodules else paths("submodules")
    files, size = sum(one.files for one in measured), sum(one.bytes for one in measured)
    return Measured(files=files, bytes=size, submodules=left, links=paths("links"), small=paths("small"))


def _extended(repo: Repo, pointers: Sequence[tuple[Part, Sequence[Pointer]]]) -> Iterator[Problem]:
    for part, found in pointers:
        if paths := [str(Path(part.path, one.path)) for one in found if one.extended]:
            message = f"files of '{repo.name}' in Git LFS go through an extension, which isn't run: {_list(paths)}"
            yield Problem(id="PB828", message=message, place=repo.place, hint="store them without the extension")


def _missing(repo: Repo, part: Part, found: Sequence[tuple[Pointer, str]]) -> Problem:
    """Say which files aren't there, and why."""
    paths = [str(Path(part.path, one.path)) for one, _ in found]
    why = found[0][1]
    if says_full(why):
        return replace(full(f"the repository '{repo.name}': {why}"), place=repo.place)
    message = f"files of '{repo.name}' in Git LFS can't be had: {_list(paths)}: {why}"
    hint = "push them with 'git lfs push --all', or look whether what opens the repository may read them"
    return Problem(id="PB826", message=message, place=repo.place, hint=hint)


def _list(paths: Sequence[str]) -> str:
    return ", ".join(f"'{path}'" for path in paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")


def _unasked(repo: Repo, part: Part, error: GitError) -> Problem:
    if says_full(str(error)):
        return replace(full(f"the repository '{repo.name}': {error}"), place=repo.place)
    message = f"the Git LFS server of '{part.repo.name}' can't be asked: {error}"
    hint = error.hint
    if error.kind == "authentication":
        hint = part.remote.hint or "check that what opens the repository may read its files in Git LFS too"
    elif error.kind == "not found":
        hint = "the host may have no Git LFS, as CodeCommit has none; or name its server in .lfsconfig"
    return Problem(id="PB825", message=message, place=repo.place, hint=hint)


def check_locked(repo: Repo, entry: LockedRepo, found: LockedRepo) -> None:
    """Compare the submodules that a lock has with those of its commit.

    Raises:
        InputProblems: PB822, each that is another one.
    """
    if entry.submodules is None or found.submodules is None or entry.submodules == found.submodules:
        return
    there = {one.path: one for one in found.submodules}
    wrong = [one for one in entry.submodules if there.get(one.path) != one] or [
        one for one in found.submodules if one not in entry.submodules
    ]
    raise InputProblems(*(_otherwise(repo, one, there.get(one.path)) for one in wrong))


def _otherwise(repo: Repo, one: LockedSubmodule, there: LockedSubmodule | None) -> Problem:
    now = f"'{there.url}' at {there.commit[:12]}" if there else "none"
    message = (
        f"the lock has the submodule '{one.path}' of '{repo.name}' as '{one.url}' at {one.commit[:12]}, and the commit "
        f"{now}"
    )
    hint = "the lock was edited, or is of another commit: 'pipeline-builder checkout' writes it anew"
    return Problem(id="PB822", message=message, place=repo.place, hint=hint)
