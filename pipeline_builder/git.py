"""git: commits are read through GitPython; what talks to a remote or writes files runs git itself, scrubbed.

GitPython's calls hand on the whole environment of the process and check nothing in their raw form. So every command
that meets a remote or untrusted content is started here: a fixed argument list, a few variables, no hook, filter, link
or submodule, in a process group of its own.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from pipeline_builder.programs import fault_of, find_programs

TIMEOUT = 600.0
"""Seconds that one git command may take."""
_GLANCE = 0.2
MOST_FILES = 50_000
MOST_BYTES = 2 * 1024**3
_LINK = "120000"
# A pointer has a fixed first line, a SHA-256 and a size.
_LFS_POINTER = range(120, 200)

# What git may see of our environment: where it is, how it reaches the network, whose keys it may use.
_INHERITED = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|XDG_CONFIG_HOME|SSH_AUTH_SOCK|SSH_AGENT_PID|GIT_SSH|GIT_SSH_COMMAND|GIT_ASKPASS"
    r"|SSL_CERT_(?:FILE|DIR)|GIT_SSL_CAINFO|GIT_CONFIG_GLOBAL|(?i:(?:https?|all|no)_proxy)"
)
_IDENTITY = re.compile(r"GIT_(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)|EMAIL")
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PROTOCOL_FROM_USER": "0",
    "LC_ALL": "C",
}
# An embedded bare repository, a hook, a redirect, an object that git-fsck would refuse: none of them gets through.
_CONFIG = (
    ("safe.bareRepository", "explicit"),
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.symlinks", "false"),
    ("core.autocrlf", "false"),
    ("transfer.fsckObjects", "true"),
    ("transfer.credentialsInUrl", "die"),
    ("protocol.version", "2"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "30"),
    ("fetch.unpackLimit", "1"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("core.fsync", "none"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
)


class GitError(Exception):
    """A git command failed; the text is git's own.

    `kind` is unreachable, authentication, missing, no commit, ambiguous, large, absent, timeout, stopped or other.

    `known` has the branches that there are, where the one that was asked for is missing.
    """

    def __init__(self, kind: str, text: str, known: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.known = known
        super().__init__(text)


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
class Remote:
    """A repository to fetch from: its address, and the token for it where it needs one."""

    url: str
    local: bool
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """git on this machine. `environment` is the process's own; little of it is handed on.

    `timeout` is how many seconds a command may take. `stopped` being set ends those that run, also in other threads.
    """

    environment: Mapping[str, str]
    timeout: float = TIMEOUT
    stopped: threading.Event = field(default_factory=threading.Event, compare=False)

    # --- remotes

    def resolve(self, remote: Remote, revision: str) -> str:
        """Return the commit id of a branch, tag, HEAD or full ref as the remote has it now.

        Raises:
            GitError: kind "missing" where it has none, "ambiguous" where a branch and a tag share the name.
        """
        patterns = [revision, f"refs/heads/{revision}", f"refs/tags/{revision}", f"refs/tags/{revision}^{{}}"]
        text = self._run(["ls-remote", "--", remote.url, *patterns], remote=remote)
        refs = {name: commit for commit, _, name in (line.partition("\t") for line in text.splitlines())}
        branch = refs.get(f"refs/heads/{revision}")
        tag = refs.get(f"refs/tags/{revision}^{{}}") or refs.get(f"refs/tags/{revision}")
        if branch and tag and branch != tag:
            raise GitError("ambiguous", f"'{revision}' is a branch and a tag")
        found = refs.get(f"{revision}^{{}}") or refs.get(revision) or branch or tag
        if not found:
            heads = self._run(["ls-remote", "--heads", "--", remote.url], remote=remote).splitlines()
            known = tuple(_plain(line.partition("\trefs/heads/")[2]) for line in heads)
            raise GitError("missing", f"there is no branch or tag '{revision}'", known)
        return found

    def fetch(self, repository: Path, remote: Remote, commit: str) -> None:
        """Get one commit, without its history, into a bare repository, which is made where it isn't there.

        Raises:
            GitError: kind "no commit" for the id of something else.
        """
        if not (repository / "HEAD").exists():
            repository.parent.mkdir(parents=True, exist_ok=True)
            self._run(["init", "--quiet", "--bare", "--template=", "--", str(repository)])
        arguments = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--", remote.url, commit]
        self._run(arguments, repository=repository, remote=remote)
        kind = self._run(["cat-file", "-t", commit], repository=repository).strip()
        if kind in ("blob", "tree"):
            raise GitError("no commit", f"{commit[:12]} is a {kind}, expected a commit")

    # --- a fetched commit

    def has(self, repository: Path, commit: str) -> bool:
        """Tell whether the commit is there with all of its files."""
        if not (repository / "HEAD").exists():
            return False
        try:
            self._run(["rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}^{{tree}}"], repository=repository)
        except GitError:
            return False
        return True

    def describe(self, repository: Path, commit: str) -> Commit:
        """Return a commit's facts.

        Raises:
            GitError: kind "other" where what has been fetched is damaged.
        """
        module = _gitpython()
        try:
            with module.Repo(repository) as repo:
                found = repo.commit(commit)
                return Commit(
                    commit=found.hexsha,
                    tree=found.tree.hexsha,
                    committed=_utc(found.committed_date),
                    subject=_plain(str(found.summary))[:200],
                    author=_plain(str(found.author.name))[:100],
                )
        except (module.exc.GitError, module.exc.ODBError, OSError, ValueError) as error:
            raise GitError("other", f"cannot read the commit {commit[:12]}: {error}") from error

    def tree_of(self, repository: Path, commit: str, path: str) -> str:
        """Return the id of a folder's tree.

        Raises:
            GitError: kind "missing" where the commit has no such folder.
        """
        spec = f"{commit}:{path}" if path else f"{commit}^{{tree}}"
        try:
            found = self._run(["rev-parse", "--quiet", "--verify", spec], repository=repository).strip()
            kind = self._run(["cat-file", "-t", found], repository=repository).strip()
        except GitError:
            kind = ""
        if kind != "tree":
            raise GitError("missing", f"there is no folder '{path}' in the commit {commit[:12]}")
        return found

    def measure(self, repository: Path, tree: str) -> Measured:
        """Look at a tree before anything is written: seven small objects can unfold to a hundred thousand files.

        Raises:
            GitError: kind "large", as soon as it is too large.
        """
        size = 0
        found: dict[str, list[str]] = {"submodules": [], "links": [], "small": []}
        for files, line in enumerate(self._lines(["ls-tree", "-r", "-l", "-z", tree], repository), 1):
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
        return Measured(**{name: tuple(paths) for name, paths in found.items()})

    def export(self, repository: Path, tree: str, folder: Path, index: Path) -> None:
        """Write a tree's files into a folder, plain: links come out as files with their target in them."""
        index.unlink(missing_ok=True)
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        self._run(["read-tree", tree], repository=repository, extra=extra)
        self._run(["checkout-index", "--all", "--force", "-u"], repository=repository, extra=extra, folder=folder)

    def is_unchanged(self, repository: Path, folder: Path, index: Path) -> bool:
        """Tell whether the folder still is what was exported with that index, but for compiled Python files."""
        if not folder.is_dir() or not index.is_file():
            return False
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        ignored = ["--exclude=__pycache__/", "--exclude=*.pyc"]
        arguments = ["ls-files", "--modified", "--deleted", "--others", *ignored, "-z"]
        return not self._run(arguments, repository=repository, extra=extra, folder=folder)

    def head_of(self, folder: Path) -> tuple[str, bool]:
        """Return the commit of the working tree that a folder is in, and whether it has uncommitted changes there.

        An empty commit says that the folder is in no repository.
        """
        module = _gitpython()
        try:
            with module.Repo(folder, search_parent_directories=True) as repo:
                changed = repo.is_dirty(untracked_files=True, path=str(folder))
                return repo.head.commit.hexsha, changed
        except (module.exc.InvalidGitRepositoryError, module.exc.NoSuchPathError, ValueError):
            return "", False

    def top_of(self, folder: Path) -> Path | None:
        """Return the top folder of the working tree that a folder is in; None where it is in none."""
        module = _gitpython()
        try:
            with module.Repo(folder, search_parent_directories=True) as repo:
                return Path(repo.working_tree_dir) if repo.working_tree_dir else None
        except (module.exc.InvalidGitRepositoryError, module.exc.NoSuchPathError):
            return None

    def clone(self, repository: Path, commit: str, folder: Path) -> None:
        """Clone a repository of this machine with its whole history, links and all, and check a commit out.

        For repositories of the user's own only: what others have written goes through `fetch` and `export`.

        Raises:
            GitError: the commit isn't there.
        """
        remote = Remote(url=str(repository), local=True)
        unchecked = ["-c", "transfer.fsckObjects=false"]
        self._run([*unchecked, "clone", "--quiet", "--no-checkout", "--", remote.url, str(folder)], remote=remote)
        checkout = ["-c", "core.symlinks=true", "checkout", "--quiet", "--detach", commit]
        self._run(checkout, repository=folder / ".git", folder=folder)

    # --- a repository of one's own

    def begin(self, folder: Path, subject: str, login: str) -> tuple[str, str]:
        """Make a folder a repository with all that is in it as the first commit of `main`.

        Return the commit's id, and its author where git knows none and `login` was taken.

        Raises:
            GitError: where git fails, or is not there.
        """
        own = {name: value for name, value in self.environment.items() if _IDENTITY.fullmatch(name)}
        self._run(["init", "--quiet", "--initial-branch=main", "--template=", "--", "."], folder=folder)
        missing = {
            name: value
            for name, value in {"user.name": login, "user.email": f"{login}@localhost"}.items()
            if not self._is_set(name, own, folder)
        }
        author = [part for name, value in missing.items() for part in ("-c", f"{name}={value}")]
        self._run(["add", "--all", "--", "."], folder=folder)
        # A signature would ask for a key's password, where nobody may be.
        commit = ["-c", "commit.gpgSign=false", *author, "commit", "--quiet", "--message", subject]
        self._run(commit, folder=folder, extra=own)
        return self._run(["rev-parse", "HEAD"], folder=folder).strip(), ", ".join(missing.values())

    def _is_set(self, name: str, own: Mapping[str, str], folder: Path) -> bool:
        """Tell whether git knows who commits: by its configuration, or by the environment for both of its roles."""
        part = name.rpartition(".")[2].upper()
        if f"GIT_AUTHOR_{part}" in own and f"GIT_COMMITTER_{part}" in own:
            return True
        try:
            return bool(self._run(["config", "--get", name], folder=folder).strip())
        except GitError as error:
            if error.kind == "absent":
                raise
            return False

    # --- processes

    def _command(self, arguments: list[str], repository: Path | None) -> list[str]:
        where = [f"--git-dir={repository}"] if repository else []
        return ["git", *where, *arguments]

    def _environment(self, remote: Remote | None, extra: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in self.environment.items() if _INHERITED.fullmatch(name)}
        config = list(_CONFIG)
        protocols = "file" if remote and remote.local else "https:ssh"
        if remote and remote.url.startswith("http://127.0.0.1:"):
            protocols = "http"  # a server on this machine, as tests and `serve` have it
        if remote and remote.token:
            # For this address only, and never in an argument or a file.
            # GitHub and GitLab take any name beside a token; Bitbucket and CodeCommit want theirs.
            named = remote.token if ":" in remote.token else f"x-access-token:{remote.token}"
            login = base64.b64encode(named.encode()).decode()
            config.append((f"http.{remote.url}.extraHeader", f"Authorization: Basic {login}"))
        numbered = {
            "GIT_CONFIG_COUNT": str(len(config)),
            **{f"GIT_CONFIG_KEY_{i}": key for i, (key, _) in enumerate(config)},
            **{f"GIT_CONFIG_VALUE_{i}": value for i, (_, value) in enumerate(config)},
        }
        return {**kept, **_FIXED, "GIT_ALLOW_PROTOCOL": protocols, **numbered, **extra}

    def _run(
        self,
        arguments: list[str],
        *,
        repository: Path | None = None,
        remote: Remote | None = None,
        extra: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> str:
        environment = self._environment(remote, extra or {})
        process = _start(self._command(arguments, repository), environment, folder)
        try:
            output, errors = self._outputs(process)
        except BaseException:
            _end(process)
            raise
        if process.returncode:
            raise _error(errors.decode("utf-8", "replace"), remote)
        return output.decode("utf-8", "replace")

    def _outputs(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        deadline = time.monotonic() + self.timeout
        while not self.stopped.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=_GLANCE)
            if time.monotonic() > deadline:
                raise GitError("timeout", f"no answer within {self.timeout:.0f} s")
        raise GitError("stopped", "interrupted")

    def _lines(self, arguments: list[str], repository: Path) -> Iterator[str]:
        """Yield NUL-ended records as they come; the process ends with the reader."""
        process = _start(self._command(arguments, repository), self._environment(None, {}), None)
        assert process.stdout is not None
        try:
            rest = b""
            while block := process.stdout.read(1 << 16):
                *records, rest = (rest + block).split(b"\0")
                for record in records:
                    yield record.decode("utf-8", "replace")
        finally:
            _end(process)
            process.stdout.close()
            if process.stderr:
                process.stderr.close()


def _gitpython() -> ModuleType:
    """Import GitPython, which takes a sixth of a second, and which would fail by itself where git is missing."""
    try:
        import git
    except ImportError as error:  # it looks for git as it is imported
        raise GitError("absent", "the program 'git' is not there") from error
    return git


def _plain(text: str) -> str:
    """Take out what a terminal would obey: the text is somebody's commit message."""
    return "".join(char if char.isprintable() else " " for char in text)


def _start(command: list[str], environment: Mapping[str, str], folder: Path | None) -> subprocess.Popen[bytes]:
    """Start git in a process group of its own: killing git alone would leave its helpers behind."""
    _try_git(environment.get("PATH", os.defpath))
    try:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise GitError("absent", "the program 'git' is not there") from error


@functools.lru_cache
def _try_git(path: str) -> None:
    """Try the first git on a PATH before it is trusted, once; a failure is not remembered, as it may be mended.

    Raises:
        GitError: kind "absent" where there is none, or where it doesn't work.
    """
    found = next(find_programs("git", {"PATH": path}), None)
    if found is None:
        raise GitError("absent", "the program 'git' is not there")
    if fault := fault_of([found, "--version"], "git version ", environment={"PATH": path}):
        raise GitError("absent", f"the program '{found}' does not work: {fault}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


_KINDS = (
    (
        "authentication",
        r"Authentication failed|could not read (Username|Password)|returned error: 40[13]|Permission denied",
    ),
    ("missing", r"not our ref|couldn't find remote ref|unadvertised object"),
    ("unreachable", r"Could not resolve|unable to access|does not exist|not appear to be a git repository"),
    ("unreachable", r"Connection|timed out|repository .* not found|Could not read from remote"),
)


def _error(text: str, remote: Remote | None) -> GitError:
    clean = re.sub(r"://[^/@\s]+@", "://***@", text)
    if remote and remote.token:
        clean = clean.replace(remote.token, "***")
    lines = [line.strip() for line in clean.splitlines() if line.strip()]
    words = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    said = (words[0] if words else "git gave no reason").removeprefix("fatal: ").removeprefix("error: ")
    kind = next((name for name, pattern in _KINDS if re.search(pattern, clean)), "other")
    return GitError(kind, said[:300])


def _utc(seconds: int) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
