"""git: what is asked of remotes, of the bare repositories that commits are fetched into, and of those that we make.

All of them run git itself, through the runner; GitPython reads what it prints of commits. As few processes as can be:
of a small repository they are most of what a checkout takes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.checkout.advertised import read_advertised
from pipeline_builder.checkout.bare import clear_pack, has_long_ids, is_whole, make_bare, note_shallow, put_pack
from pipeline_builder.checkout.commits import Commit, build_commit, is_long, parse_commit, plain
from pipeline_builder.checkout.looks import Looks
from pipeline_builder.checkout.printed import is_nameable, parse_batch, read_fetched
from pipeline_builder.checkout.retries import PATIENCE, try_again
from pipeline_builder.checkout.runner import Remote, Runner
from pipeline_builder.checkout.settings import web_settings
from pipeline_builder.checkout.unnamed import fetch_commit, has_commit
from pipeline_builder.checkout.variables import Whose
from pipeline_builder.checkout.words import GitError
from pipeline_builder.manifest.tags import AmbiguousError, asked_refs, find_commit, tag_pattern

MOST_FILES = 50_000
MOST_BYTES = 2 * 1024**3
MOST_FOLDERS = 64
MOST_LETTERS = 1000
"""What a path in a repository may have: folders in each other, and bytes in all; 255 of them in a name."""
_MOST_IN_NAME = 255
_SHORT = re.compile(r"[0-9a-f]{4,63}")
_LINK = "120000"
_WITHOUT_FILES = "--filter=blob:none"
_LFS_POINTER = range(120, 200)  # a fixed first line, a SHA-256 and a size
_IDENTITY = re.compile(r"GIT_(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)|EMAIL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How much a tree has, and what of it isn't checked out as it is: submodules, links, files of a pointer's size."""

    files: int
    bytes: int

    submodules: tuple[str, ...]
    links: tuple[str, ...]
    small: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Git(Runner):
    """git on this machine, with verbs; `looks` ask web servers where they can."""

    looks: Looks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "looks", Looks(self.environment, web_settings(self)))

    # --- remotes

    def resolve(self, remote: Remote, revision: str) -> str:
        """Return the commit id of a branch, tag, HEAD, full ref or pattern of tags as the remote has it now.

        Raises:
            GitError: kind "missing" where it has none, "ambiguous" where a branch and a tag share the name.
        """
        try:
            found = find_commit(self._refs(remote, asked_refs(revision)), revision)
        except AmbiguousError as error:
            raise GitError("ambiguous", str(error)) from None
        if found:
            return found
        if pattern := tag_pattern(revision):
            raise GitError("missing", f"no tag with a version fits '{pattern}'")
        raise self._missing(remote, revision)

    def leads_to(self, remote: Remote, commit: str, scratch: Path, *, since: str = "") -> bool:
        """Tell whether a branch or tag of a remote leads to a commit; `scratch` is where its history is fetched to.

        `since` is a day before the commit, where that is known: what was committed before it comes only where the rest
        doesn't lead there, as of a commit that is lost or whose date is wrong.
        """
        refs = self._refs(remote, ("refs/heads/", "refs/tags/"))
        if commit in refs.values():
            return True
        if not refs:
            return False
        make_bare(self, scratch, long_ids=is_long(commit))
        if since:
            try:
                self._fetch_history(remote, scratch, f"--shallow-since={since}")
            except GitError as error:
                if error.kind != "other":  # of no commit that is as new
                    raise
            if self._has_come(commit, scratch):
                return True
        self._fetch_history(remote, scratch, *(["--unshallow"] if (scratch / "shallow").exists() else []))
        return self._has_come(commit, scratch)

    def _fetch_history(self, remote: Remote, scratch: Path, *options: str) -> None:
        """Get the commits of all branches and tags, without their files where the server can leave them out."""
        arguments = ["fetch", "--quiet", *options, *remote.leaving_out("tree:0"), "--no-tags"]
        every = [f"+refs/{kind}/*:refs/{kind}/*" for kind in ("heads", "tags")]
        # Nothing of it is written anywhere; an old fault somewhere in the history is none of ours.
        without = [("transfer.fsckObjects", "false")]
        arguments += ["--no-write-fetch-head", "--", remote.url, *every]
        self.run(arguments, repository=scratch, remote=remote, config=without)

    def _has_come(self, commit: str, scratch: Path) -> bool:
        arguments = ["log", "--all", "-z", "--no-patch", "--no-show-signature", "--format=%H"]
        return commit in self.lines(arguments, scratch)

    def _missing(self, remote: Remote, revision: str) -> GitError:
        """Return why a remote has no such revision, and what may be meant."""
        names = tuple(plain(name) for name in self._refs(remote, ()))
        if not names:
            empty = "the repository is empty: it has no commit yet; push a first one"
            return GitError("missing", "there is no commit yet", advice=empty)
        kind, _, short = revision.removeprefix("refs/").partition("/")
        other = {"heads": "tags", "tags": "heads"}.get(kind, "")
        if other and f"refs/{other}/{short}" in names:
            words = {"heads": "a branch", "tags": "a tag"}
            text = f"'{short}' is {words[other]}, not {words[kind]}"
            return GitError("missing", text, advice=f"{text}: write refs/{other}/{short}")
        advice = None
        if _SHORT.fullmatch(revision):
            advice = "it may be a short commit id: write all of it, 40 digits (64 of SHA-256); git rev-parse shows them"
        known = tuple(name.removeprefix("refs/heads/") for name in names if name.startswith("refs/heads/"))
        tags = tuple(name.removeprefix("refs/tags/") for name in names if name.startswith("refs/tags/"))
        return GitError("missing", f"there is no branch or tag '{revision}'", known + tags, advice=advice)

    def _refs(self, remote: Remote, asked: tuple[str, ...]) -> Mapping[str, str]:
        """Return what a remote's refs stand at, of some names, of what is below others ('…/'), or of all."""
        found = self._look(remote, asked)
        if found is None:
            found = read_advertised(self, remote)
        if found is not None:
            return found
        # In no repository: one that we are in by chance has no say in it. Patterns fit ends of names as well.
        patterns = [f"{name}{end}" for name in asked for end in (("*",) if name.endswith("/") else ("", "^{}"))]
        text = self.run(["ls-remote", "--", remote.url, *patterns], repository=Path(os.devnull), remote=remote)
        # Not by `splitlines`: names may have what Unicode takes for the end of a line.
        return {name: commit for commit, _, name in (line.partition("\t") for line in text.split("\n") if line)}

    def _look(self, remote: Remote, asked: tuple[str, ...]) -> Mapping[str, str] | None:
        """Return the refs as we see them ourselves; None where git has to look."""
        return try_again(
            lambda: self.looks.refs(remote, asked), self.stopped.wait, self.pauses, min(self.timeout, PATIENCE)
        )

    def fetch(self, repository: Path, remote: Remote, commit: str, *, files: bool = True) -> None:
        """Get one commit, without its history, into a bare repository, which is made where it isn't there.

        Without its `files` only where the server can leave them out.

        Raises:
            GitError: it can't be had.
        """
        if not is_whole(repository) or has_long_ids(repository) != is_long(commit):
            make_bare(self, repository, long_ids=is_long(commit))
        if files and self._take(repository, remote, commit):
            return
        fetch_commit(self, repository, remote, commit, _shallow(files))

    def _take(self, repository: Path, remote: Remote, commit: str) -> bool:
        """Get a commit over a connection of ours; False where git has to, or has to say what is wrong with it."""
        pack = repository / "objects" / "pack" / "tmp_taken.pack"
        try:
            with pack.open("wb") as file:
                shallow = self.looks.pack(remote, commit, file, self.timeout)
            if shallow is None:
                return False
            note_shallow(repository, shallow)
            # It reads all of what came, and wants all of what that names.
            name = self.run(["index-pack", "--strict", str(pack)], repository=repository).strip()
            put_pack(pack, name)
            return self.has(repository, commit)
        except GitError as error:
            if error.kind in ("stopped", "timeout", "absent"):
                raise
            return False
        except OSError:  # a full disk too, of which git says more
            return False
        finally:
            clear_pack(pack)

    def named(self, remote: Remote, revision: str) -> str:
        """Return the commit that a revision names as we see it ourselves, empty where it takes git to tell.

        Raises:
            GitError: the server refuses.
        """
        refs = self._look(remote, asked_refs(revision))
        try:
            return find_commit(refs or {}, revision)
        except AmbiguousError:
            return ""

    def fetch_named(self, repository: Path, remote: Remote, revision: str, *, files: bool = True) -> str:
        """Get the commit of a branch or HEAD into a new bare repository, and return its id: one look less.

        Empty where the answer leaves a doubt, as of tags and of what isn't there: then `resolve` tells.

        Raises:
            GitError: the remote can't be reached, or lets nobody in.
        """
        if not is_nameable(revision):
            return ""
        make_bare(self, repository, long_ids=False)
        try:
            arguments = ["fetch", "--quiet", *_shallow(files), "--no-tags", "--", remote.url, revision]
            self.run(arguments, repository=repository, remote=remote)
        except GitError as error:
            if error.kind in ("missing", "other", "no answer") and not error.passing:
                return ""
            raise
        return read_fetched(repository, revision)

    def get(self, repository: Path, remote: Remote, objects: Sequence[str]) -> None:
        """Get the objects with these ids, and nothing that they lead to, into a repository without all of its files."""
        arguments = ["fetch", "--quiet", _WITHOUT_FILES, "--no-tags", "--no-write-fetch-head", "--", remote.url]
        self.run([*arguments, *objects], repository=repository, remote=remote)

    # --- a fetched commit

    def has(self, repository: Path, commit: str) -> bool:
        """Tell whether the commit is there with all of its files."""
        return is_whole(repository) and has_commit(self, repository, commit)

    def find_missing(self, repository: Path, commit: str, paths: Sequence[str]) -> list[str]:
        """Return the ids of what isn't there of a commit's folders; one that the commit hasn't is no matter here."""
        trees = [commit]
        if all(paths):
            specs = "".join(f"{_folder(commit, path)}\n" for path in dict.fromkeys(paths))
            said = self.run_raw(["cat-file", "--batch-check"], repository=repository, text=specs).decode()
            trees = [line.split()[0] for line in said.splitlines() if not line.endswith(" missing")]
        asked = ["rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk=unsorted"]
        said = self.run([*asked, *trees], repository=repository) if trees else ""
        return [line.removeprefix("?") for line in said.splitlines() if line.startswith("?")]

    def describe(self, repository: Path, commit: str, path: str = "") -> tuple[Commit, str]:
        """Return the facts of a fetched commit, and the id of a folder's tree in it; one process reads both.

        Raises:
            GitError: the commit is damaged, or none (kind "no commit"), or has no such folder (kind "no folder").
        """
        specs = [f"{commit}^{{commit}}", *([_folder(commit, path)] if path else [])]
        said = self.run_raw(["cat-file", "--batch"], repository=repository, text="".join(f"{s}\n" for s in specs))
        (found, kind, content), *rest = parse_batch(said, len(specs))
        if kind != "commit":
            kind = self.run(["cat-file", "-t", commit], repository=repository).strip()
            raise GitError("no commit", f"{commit[:12]} is a {kind}, expected a commit")
        facts = parse_commit(found, content, self.environment) or self._read(commit, repository=repository)
        if any(kind != "tree" for _, kind, _ in rest):
            parent = path.strip("/").rpartition("/")[0]
            beside = ["ls-tree", "-d", "-z", "--name-only", commit, *(["--", f"{parent}/"] if parent else [])]
            known = tuple(self.lines(beside, repository, errors="surrogateescape"))
            raise GitError("no folder", f"there is no folder '{path}' in the commit {commit[:12]}", known)
        return facts, rest[0][0] if rest else facts.tree

    def describe_in(self, folder: Path, commit: str) -> Commit:
        """Return the facts of a commit of the repository whose working tree a folder is in.

        Raises:
            GitError: it is damaged, or isn't there.
        """
        return self._read(commit, folder=folder)

    def _read(self, commit: str, *, repository: Path | None = None, folder: Path | None = None) -> Commit:
        fields = "%x00".join(("%H", "%T", "%ct", "%s", "%an"))
        arguments = ["log", "--max-count=1", "--no-patch", "--no-show-signature", "--encoding=UTF-8"]
        arguments += [f"--format={fields}", "--end-of-options", commit]
        whose: Whose = "nobody" if repository else "machine"
        said = self.run(arguments, repository=repository, folder=folder, whose=whose).rstrip("\n").split("\0")
        try:
            found, tree, committed, subject, author = said
            return build_commit((found, tree), int(committed), subject, author)
        except (ValueError, OverflowError, OSError) as error:  # of a date that is none
            raise GitError("other", f"cannot read the commit {commit[:12]}: {error}") from error

    def measure(self, repository: Path, tree: str) -> Measured:
        """Look at a tree before anything is written: seven small objects can unfold to a hundred thousand files.

        Raises:
            GitError: kind "large" or "deep", as soon as it is too large, or a path in it too long.
        """
        files = size = 0
        found: dict[str, list[str]] = {"submodules": [], "links": [], "small": []}
        for line in self.lines(["ls-tree", "-r", "-l", "-z", tree], repository, errors="surrogateescape"):
            facts, _, name = line.partition("\t")
            mode, kind, _, length = facts.split()
            bytes_ = int(length) if length.isdigit() else 0
            files += 1
            size += bytes_
            if kind == "commit":
                found["submodules"].append(name)
            elif mode == _LINK:
                found["links"].append(name)
            elif bytes_ in _LFS_POINTER:
                found["small"].append(name)
            if files > MOST_FILES or size > MOST_BYTES:
                raise GitError("large", f"more than {MOST_FILES} files or {MOST_BYTES // 1024**3} GiB")
            _check_path(name)
        return Measured(files=files, bytes=size, **{name: tuple(paths) for name, paths in found.items()})

    def export(self, repository: Path, tree: str, folder: Path, index: Path) -> None:
        """Write a tree's files into a folder, plain: links come out as files with their target in them."""
        index.unlink(missing_ok=True)
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        self.run(["read-tree", "--reset", "-u", tree], repository=repository, extra=extra, folder=folder)

    def is_unchanged(self, repository: Path, folder: Path, index: Path, new: Sequence[str] = ()) -> bool:
        """Tell whether the folder still is what was exported with that index, but for compiled Python files, and `new`
        ones of these patterns.
        """
        if not folder.is_dir() or not index.is_file():
            return False
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        ignored = [f"--exclude={pattern}" for pattern in ("__pycache__/", "*.pyc", *new)]
        arguments = ["ls-files", "--modified", "--deleted", "--others", *ignored, "-z"]
        return not self.run(arguments, repository=repository, extra=extra, folder=folder)

    def clone(self, repository: Path, commit: str, folder: Path) -> None:
        """Clone a repository of this machine with its whole history, links and all, and check a commit out.

        For repositories of the user's own only: what others have written goes through `fetch` and `export`.

        Raises:
            GitError: the commit isn't there.
        """
        remote = Remote(url=str(repository), local=True)
        # The user's configuration says whether git may read there, and nothing of what comes out.
        config = (
            ("transfer.fsckObjects", "false"), ("clone.rejectShallow", "false"), ("clone.defaultRemoteName", "origin")
        )  # fmt: skip
        cloned = ["clone", "--quiet", "--no-checkout", "--template=", "--", remote.url, str(folder)]
        self.run(cloned, remote=remote, config=config)
        checkout = ["checkout", "--quiet", "--detach", commit]
        self.run(checkout, repository=folder / ".git", folder=folder, config=[("core.symlinks", "true")])

    # --- a repository of one's own

    def begin(self, folder: Path, subject: str, login: str) -> tuple[str, str]:
        """Make a folder a repository with all that is in it as the first commit of `main`.

        Return the commit's id, and its author where git knows none and `login` was taken.

        Raises:
            GitError: where git fails, or is not there.
        """
        own = {name: value for name, value in self.environment.items() if _IDENTITY.fullmatch(name)}
        self.run(["init", "--quiet", "--initial-branch=main", "--template=", "--", "."], whose="user", folder=folder)
        missing = {
            name: value
            for name, value in {"user.name": login, "user.email": f"{login}@localhost"}.items()
            if not self._is_set(name, own, folder)
        }
        author = [part for name, value in missing.items() for part in ("-c", f"{name}={value}")]
        # What a user ignores everywhere, tables for one, is a part of it all the same.
        self.run(["add", "--all", "--force", "--", "."], whose="user", folder=folder)
        # A signature would ask for a key's password, where nobody may be.
        commit = ["-c", "commit.gpgSign=false", *author, "commit", "--quiet", "--message", subject]
        self.run(commit, whose="user", folder=folder, extra=own)
        return self.run(["rev-parse", "HEAD"], whose="user", folder=folder).strip(), ", ".join(missing.values())

    def _is_set(self, name: str, own: Mapping[str, str], folder: Path) -> bool:
        """Tell whether git knows who commits: by its configuration, or by the environment for both of its roles."""
        part = name.rpartition(".")[2].upper()
        if f"GIT_AUTHOR_{part}" in own and f"GIT_COMMITTER_{part}" in own:
            return True
        try:
            return bool(self.run(["config", "--get", name], whose="user", folder=folder).strip())
        except GitError as error:
            if error.kind == "absent":
                raise
            return False


def _shallow(files: bool) -> list[str]:
    """Return the options by which one commit comes without its history."""
    return ["--depth=1", *([] if files else [_WITHOUT_FILES])]


def _folder(commit: str, path: str) -> str:
    """Return how git names a folder of a commit; a file of that name is none, and is not to be fetched for that."""
    return f"{commit}:{path}/"


def _check_path(path: str) -> None:
    """Refuse what can be written on some machines only, or read by some programs only."""
    *folders, _ = names = path.split("/")
    written = [name.encode("utf-8", "surrogateescape") for name in names]
    letters, longest = len(b"/".join(written)), max(map(len, written))
    if len(folders) > MOST_FOLDERS or letters > MOST_LETTERS or longest > _MOST_IN_NAME:
        shown = path if len(path) <= 60 else f"{path[:60]}…"
        raise GitError("deep", f"the path '{shown}' has {len(folders)} folders and {letters} bytes")
