"""git: what is asked of remotes, of the bare repositories that commits are fetched into, and of those that we make.

GitPython reads the facts of fetched commits, with the runner's environment. Its calls check nothing in their raw form,
so what talks to a remote, writes files or looks at a working tree runs git itself, through the runner.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline_builder.checkout.advertised import read_advertised
from pipeline_builder.checkout.runner import Remote, Runner
from pipeline_builder.checkout.variables import Whose
from pipeline_builder.checkout.words import GitError
from pipeline_builder.machine.folders import remove_folder

MOST_FILES = 50_000
MOST_BYTES = 2 * 1024**3
MOST_FOLDERS = 64
MOST_LETTERS = 1000
"""What a path in a repository may have: folders in each other, and bytes in all; 255 of them in a name."""
_MOST_IN_NAME = 255
_SHA1 = 40
_SHORT = re.compile(r"[0-9a-f]{4,63}")
_NAMED = "GIT_PYTHON_GIT_EXECUTABLE"
_LINK = "120000"
_WITHOUT_FILES = "--filter=blob:none"
# A pointer has a fixed first line, a SHA-256 and a size.
_LFS_POINTER = range(120, 200)
_IDENTITY = re.compile(r"GIT_(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)|EMAIL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit's facts; `committed` is UTC in ISO 8601."""

    commit: str
    tree: str
    committed: str
    subject: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What of a tree isn't checked out as it is: submodules, links, and files of the size of LFS pointers."""

    submodules: tuple[str, ...]
    links: tuple[str, ...]
    small: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Git(Runner):
    """git on this machine, with verbs."""

    # --- remotes

    def resolve(self, remote: Remote, revision: str) -> str:
        """Return the commit id of a branch, tag, HEAD or full ref as the remote has it now.

        Raises:
            GitError: kind "missing" where it has none, "ambiguous" where a branch and a tag share the name.
        """
        named = [revision, f"refs/heads/{revision}", f"refs/tags/{revision}"]
        patterns = [*named, f"{revision}^{{}}", f"refs/tags/{revision}^{{}}"]
        text = self._ask(remote, [], patterns)
        refs = {name: commit for commit, _, name in (line.partition("\t") for line in text.splitlines())}
        branch = refs.get(f"refs/heads/{revision}")
        tag = refs.get(f"refs/tags/{revision}^{{}}") or refs.get(f"refs/tags/{revision}")
        if branch and tag and branch != tag:
            raise GitError("ambiguous", f"'{revision}' is a branch and a tag")
        found = refs.get(f"{revision}^{{}}") or refs.get(revision) or branch or tag
        if not found:
            raise self._missing(remote, revision)
        return found

    def tags(self, remote: Remote) -> dict[str, str]:
        """Return a remote's tags, each with its commit."""
        lines = (line.partition("\t") for line in self._ask(remote, ["--tags"], []).splitlines())
        # An annotated tag is followed by its commit.
        return {name.removeprefix("refs/tags/").removesuffix("^{}"): commit for commit, _, name in lines}

    def leads_to(self, remote: Remote, commit: str, scratch: Path) -> bool:
        """Tell whether a branch or tag of a remote leads to a commit; `scratch` is where its history is fetched to."""
        lines = self._ask(remote, ["--heads", "--tags"], []).splitlines()
        if commit in {line.partition("\t")[0] for line in lines}:
            return True
        if not lines:
            return False
        self._make(scratch, "sha256" if _is_long(commit) else "sha1")
        arguments = ["fetch", "--quiet", "--filter=tree:0", "--no-tags", "--no-write-fetch-head", "--", remote.url]
        refs = [f"+refs/{kind}/*:refs/{kind}/*" for kind in ("heads", "tags")]
        # Nothing of it is written anywhere; an old fault somewhere in the history is none of ours.
        self.run([*arguments, *refs], repository=scratch, remote=remote, config=[("transfer.fsckObjects", "false")])
        return commit in self.lines(["log", "--all", "-z", "--no-patch", "--no-show-signature", "--format=%H"], scratch)

    def _missing(self, remote: Remote, revision: str) -> GitError:
        """Return why a remote has no such revision, and what may be meant."""
        names = tuple(_plain(line.partition("\t")[2]) for line in self._ask(remote, [], []).splitlines())
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

    def _ask(self, remote: Remote, options: list[str], patterns: list[str]) -> str:
        """Ask a remote for its refs, in no repository: one that we are in by chance has no say in it."""
        if (refs := read_advertised(self, remote)) is not None:
            kinds = tuple(f"refs/{option.removeprefix('--')}/" for option in options)
            return "".join(f"{commit}\t{name}\n" for name, commit in refs.items() if name.startswith(kinds or ""))
        arguments = ["ls-remote", *options, "--", remote.url, *patterns]
        return self.run(arguments, repository=Path(os.devnull), remote=remote)

    def fetch(self, repository: Path, remote: Remote, commit: str, *, files: bool = True) -> None:
        """Get one commit, without its history, into a bare repository, which is made where it isn't there.

        Without its `files` only where the server can leave them out.

        Raises:
            GitError: kind "no commit" for the id of something else.
        """
        if not _is_whole(repository) or _has_long_ids(repository) != _is_long(commit):
            self._make(repository, "sha256" if _is_long(commit) else "sha1")
        without = [] if files else [_WITHOUT_FILES]
        arguments = ["fetch", "--quiet", "--depth=1", *without, "--no-tags", "--no-write-fetch-head", "--"]
        self.run([*arguments, remote.url, commit], repository=repository, remote=remote)
        kind = self.run(["cat-file", "-t", commit], repository=repository).strip()
        if kind in ("blob", "tree"):
            raise GitError("no commit", f"{commit[:12]} is a {kind}, expected a commit")

    def get(self, repository: Path, remote: Remote, objects: Sequence[str]) -> None:
        """Get the objects with these ids, and nothing that they lead to, into a repository without all of its files."""
        arguments = ["fetch", "--quiet", _WITHOUT_FILES, "--no-tags", "--no-write-fetch-head", "--", remote.url]
        self.run([*arguments, *objects], repository=repository, remote=remote)

    def _make(self, repository: Path, form: str) -> None:
        """Make a bare repository, whole or not at all; what is there without being one goes."""
        new = repository.with_name(f"{repository.name}.new")
        remove_folder(new)
        repository.parent.mkdir(parents=True, exist_ok=True)
        self.run(["init", "--quiet", "--bare", "--template=", f"--object-format={form}"], repository=new)
        remove_folder(repository)
        new.rename(repository)

    # --- a fetched commit

    def has(self, repository: Path, commit: str) -> bool:
        """Tell whether the commit is there with all of its files."""
        if not _is_whole(repository):
            return False
        try:
            self.run(["rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}^{{tree}}"], repository=repository)
        except GitError:
            return False
        return True

    def is_partial(self, repository: Path) -> bool:
        """Tell whether files may be missing in a repository; git notes that there when it fetches without."""
        return b"promisor" in (repository / "config").read_bytes()

    def find_missing(self, repository: Path, commit: str, paths: Sequence[str]) -> list[str]:
        """Return the ids of what isn't there of a commit's folders; one that the commit hasn't is no matter here."""
        trees = [commit]
        if all(paths):
            said = self.run(["ls-tree", "-d", "-z", commit, "--", *paths], repository=repository)
            trees = [line.partition("\t")[0].split()[2] for line in said.split("\0") if line]
        asked = ["rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk=unsorted"]
        said = self.run([*asked, *trees], repository=repository) if trees else ""
        return [line.removeprefix("?") for line in said.splitlines() if line.startswith("?")]

    def describe(self, repository: Path, commit: str) -> Commit:
        """Return the facts of a fetched commit.

        Raises:
            GitError: it is damaged.
        """
        module = _gitpython(self.environment)
        environment = {**self._environment("nobody", None, ()), "GIT_DIR": str(repository)}
        try:
            with _repo_type(module, environment)(repository, expand_vars=False) as repo:
                found = repo.commit(commit)
                return Commit(
                    commit=found.hexsha,
                    tree=found.tree.hexsha,
                    committed=_utc(found.committed_date),
                    subject=_plain(str(found.summary))[:200],
                    author=_plain(str(found.author.name))[:100],
                )
        except (module.exc.GitError, module.exc.ODBError, OSError, ValueError, LookupError, configparser.Error):
            # What it can't read, such as an encoding that Python lacks, or a damaged file.
            return self._read(commit, repository=repository)

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
            return Commit(
                commit=found,
                tree=tree,
                committed=_utc(int(committed)),
                subject=_plain(subject)[:200],
                author=_plain(author)[:100],
            )
        except (ValueError, OverflowError, OSError) as error:  # of a date that is none
            raise GitError("other", f"cannot read the commit {commit[:12]}: {error}") from error

    def tree_of(self, repository: Path, commit: str, path: str) -> str:
        """Return the id of a folder's tree.

        Raises:
            GitError: kind "no folder" where the commit has none of that path.
        """
        spec = f"{commit}:{path}" if path else f"{commit}^{{tree}}"
        try:
            found = self.run(["rev-parse", "--quiet", "--verify", spec], repository=repository).strip()
            kind = self.run(["cat-file", "-t", found], repository=repository).strip()
        except GitError as error:
            if error.kind != "no answer":
                raise
            kind = ""
        if kind != "tree":
            raise GitError("no folder", f"there is no folder '{path}' in the commit {commit[:12]}")
        return found

    def measure(self, repository: Path, tree: str) -> Measured:
        """Look at a tree before anything is written: seven small objects can unfold to a hundred thousand files.

        Raises:
            GitError: kind "large" or "deep", as soon as it is too large, or a path in it too long.
        """
        size = 0
        found: dict[str, list[str]] = {"submodules": [], "links": [], "small": []}
        for files, line in enumerate(self.lines(["ls-tree", "-r", "-l", "-z", tree], repository), 1):
            facts, _, name = line.partition("\t")
            mode, kind, _, length = facts.split()
            bytes_ = int(length) if length.isdigit() else 0
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
        return Measured(**{name: tuple(paths) for name, paths in found.items()})

    def export(self, repository: Path, tree: str, folder: Path, index: Path) -> None:
        """Write a tree's files into a folder, plain: links come out as files with their target in them."""
        index.unlink(missing_ok=True)
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        self.run(["read-tree", tree], repository=repository, extra=extra)
        self.run(["checkout-index", "--all", "--force", "-u"], repository=repository, extra=extra, folder=folder)

    def is_unchanged(self, repository: Path, folder: Path, index: Path) -> bool:
        """Tell whether the folder still is what was exported with that index, but for compiled Python files."""
        if not folder.is_dir() or not index.is_file():
            return False
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        ignored = ["--exclude=__pycache__/", "--exclude=*.pyc"]
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
        self.run(["add", "--all", "--", "."], whose="user", folder=folder)
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


def _is_whole(repository: Path) -> bool:
    """Tell whether all is there that makes a bare repository: without one of it git looks for another, or fails."""
    return all((repository / name).exists() for name in ("HEAD", "config", "objects", "refs"))


def _has_long_ids(repository: Path) -> bool:
    return b"objectformat = sha256" in (repository / "config").read_bytes()


def _is_long(commit: str) -> bool:
    return len(commit) > _SHA1


def _check_path(path: str) -> None:
    """Refuse what can be written on some machines only, or read by some programs only."""
    *folders, _ = names = path.split("/")
    letters, longest = len(path.encode()), max(len(name.encode()) for name in names)
    if len(folders) > MOST_FOLDERS or letters > MOST_LETTERS or longest > _MOST_IN_NAME:
        shown = path if len(path) <= 60 else f"{path[:60]}…"
        raise GitError("deep", f"the path '{shown}' has {len(folders)} folders and {letters} bytes")


def _gitpython(environment: Mapping[str, str]) -> ModuleType:
    """Import GitPython, which takes a sixth of a second, and which would fail by itself where git is missing."""
    try:
        import git
    except ImportError as error:  # it looks for git as it is imported
        if named := environment.get(_NAMED):
            message = f"the variable {_NAMED} names '{named}', which is no git that works: unset it, or let it name one"
            raise GitError("absent", message) from error
        raise GitError("absent", "the program 'git' is not there") from error
    return git


def _repo_type(module: ModuleType, environment: Mapping[str, str]) -> type[Any]:
    """Return GitPython's Repo with a git that has this environment, and nothing of our process's."""

    def execute(self: object, command: Sequence[str], *arguments: object, **options: object) -> object:
        alone = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
        return module.Git.execute(self, alone, *arguments, **options)

    scrubbed = type("Scrubbed", (module.Git,), {"execute": execute})
    return type("ScrubbedRepo", (module.Repo,), {"GitCommandWrapperType": scrubbed})


def _plain(text: str) -> str:
    """Take out what a terminal would obey: the text is somebody's commit message."""
    return "".join(char if char.isprintable() else " " for char in text)


def _utc(seconds: int) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
