"""The runner: git's processes, with a scrubbed environment, and their end.

Every command that meets a remote, untrusted content or a working tree is started here: a fixed argument list, a few
variables, no hook, link or submodule, in a session of its own. Whose configuration has a say depends on what is done:
nobody's on what is read from a fetched commit and exported, as the same commit is the same bytes on every machine; the
user's on how a remote is reached; the user's and the machine's on what counts as changed in a working tree.
"""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pipeline_builder.checkout.access import Access, Pass, open_access
from pipeline_builder.checkout.answers import TRACED, split_answer
from pipeline_builder.checkout.retries import PATIENCE, PAUSES, try_again
from pipeline_builder.checkout.variables import FIXED, WITHOUT, Whose, given_by_variables, inherited, trusted
from pipeline_builder.checkout.words import GitError, answer_error, error_of
from pipeline_builder.machine.programs import fault_of, find_programs

TIMEOUT = 600.0
"""Seconds that one git command may take."""
MARK = "--git-dir="
"""How a command names the repository that git works on; nobody but us puts that first."""
_GLANCE = 0.2
_FIRST = threading.Lock()
GRACE = 2.0
"""Seconds that git has after SIGTERM to take its own lock files away; it needs a hundredth of one."""

# Before 2.32 git has no notice of GIT_CONFIG_COUNT or GIT_CONFIG_GLOBAL, and so of nothing that it may not do.
_NEW_ENOUGH = r"git version (?:2\.(?:3[2-9]|[4-9]\d|\d{3})|[3-9]\.|\d{2})"
_INSTALL_NEWER = "install a newer git: this one can't be told what it may do and what not"

# As git chooses its ssh; what it has configured for that is in the variable already.
_SSH = """if [ "$GIT_SSH_COMMAND" ]; then eval "exec $GIT_SSH_COMMAND \\"\\$@\\""; fi; exec "${GIT_SSH:-ssh}" "$@\""""

_NOTHING = Pass()
# What old programs have left in many repositories, and changes nothing of what is read: GitHub and GitLab take it, too.
_HARMLESS = ("zeroPaddedFilemode", "badTimezone", "missingSpaceBeforeDate")
# An embedded bare repository, a hook, a redirect, an object that git-fsck would refuse: none of them gets through.
CONFIG = (
    ("safe.bareRepository", "explicit"),
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("transfer.fsckObjects", "true"),
    *((f"fetch.fsck.{fault}", "ignore") for fault in _HARMLESS),
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
# What is written must not depend on the machine, also where git has another default on it.
_PLAIN = (
    ("core.symlinks", "false"),
    ("core.autocrlf", "false"),
    ("core.eol", "lf"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
)
# $XDG_CONFIG_HOME, or the home of whoever runs this, have no attributes for us.
_NOBODYS = (("core.attributesFile", os.devnull), ("core.excludesFile", os.devnull))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository to fetch from: its address, how git is let in there, and what to do where it isn't."""

    url: str
    local: bool
    access: Access = open_access
    hint: str = ""

    @property
    def by_web(self) -> bool:
        """Whether it is reached by http."""
        return self.url.lower().startswith(("https:", "http:"))

    def leaving_out(self, what: str) -> list[str]:
        """Return the option by which a fetch leaves something out ("blob:none", "tree:0"), where the server can.

        Of a folder of this machine it doesn't: git takes no path for where what is missing may be had later.
        """
        return [] if self.local else [f"--filter={what}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Starts git on this machine. `environment` is the process's own; little of it is handed on.

    `timeout` is how many seconds a command may take, `pauses` are between the tries of one that meets a remote.
    `stopped` being set ends those that run, also in other threads.
    """

    environment: Mapping[str, str]
    timeout: float = TIMEOUT
    pauses: Sequence[float] = PAUSES
    stopped: threading.Event = field(default_factory=threading.Event, compare=False)

    def run(
        self,
        arguments: Sequence[str],
        *,
        repository: Path | None = None,
        remote: Remote | None = None,
        whose: Whose = "nobody",
        config: Sequence[tuple[str, str]] = (),
        extra: Mapping[str, str] | None = None,
        folder: Path | None = None,
        told: str = "",
    ) -> str:
        """Run git to its end and return what it printed; `config` and `extra` are on top of what is always set.

        It reads what it is `told`.

        Raises:
            GitError: it failed, is not there, took too long, or was stopped.
        """

        def once() -> str:
            command = _command(arguments, repository)
            told_bytes = told.encode()
            said = self._run(
                command, remote, whose=whose, config=config, extra=extra or {}, folder=folder, read=told_bytes
            )
            return said.decode("utf-8", "replace")

        if remote is None or remote.local:
            return once()
        return try_again(once, self.stopped.wait, self.pauses, min(self.timeout, PATIENCE))

    def run_at_host(self, remote: Remote, host: Sequence[str], words: str, extra: Mapping[str, str]) -> str:
        """Run a command at the host of an ssh remote, by the ssh and with the keys that git has there.

        `host` is what ssh is given to find it, `extra` are variables.

        Raises:
            GitError: as `run`.
        """

        def once() -> str:
            command = ["sh", "-c", _SSH, "ssh", *host, words]
            said = self._run(command, remote, whose="user", config=(), extra=extra, folder=None)
            return said.decode("utf-8", "replace")

        return try_again(once, self.stopped.wait, self.pauses, min(self.timeout, PATIENCE))

    def run_raw(self, arguments: Sequence[str], *, repository: Path, text: str = "") -> bytes:
        """Run git on a fetched commit, with `text` to read, and return what it printed.

        Raises:
            GitError: as of `run`.
        """
        command = _command(arguments, repository)
        read = text.encode("utf-8", "surrogateescape")
        return self._run(command, None, whose="nobody", config=(), extra={}, folder=None, read=read)

    def _run(
        self,
        command: list[str],
        remote: Remote | None,
        *,
        whose: Whose,
        config: Sequence[tuple[str, str]],
        extra: Mapping[str, str],
        folder: Path | None,
        read: bytes = b"",
    ) -> bytes:
        with remote.access() if remote else open_access() as given:
            if given.hidden:
                keep_no_core()
            environment = self._environment("user" if remote else whose, remote, config, given) | dict(extra)
            process = _start(command, environment, folder, subprocess.PIPE, reads=bool(read))
            try:
                output, said = self._outputs(process, read)
            except BaseException:
                _end(process)
                raise
            errors, answer = split_answer(said) if remote and remote.by_web else (said, None)
            if process.returncode:
                by_ssh = bool(remote and not remote.local)
                raise error_of(errors, process.returncode, given.hidden, by_ssh=by_ssh, answer=answer)
            # A page without a line in it passes for a repository of the old kind with nothing in it.
            if answer and (error := answer_error(answer) if answer.is_page else None):
                raise error
        return output

    def lines(self, arguments: Sequence[str], repository: Path, *, errors: str = "replace") -> Iterator[str]:
        """Yield NUL-ended records as they come; the process ends with the reader.

        `errors` is what becomes of bytes that are no UTF-8; names of files have to be "surrogateescape" to be found.

        Raises:
            GitError: git failed, after what it has printed until then.
        """
        with tempfile.TemporaryFile() as words:
            environment = self._environment("nobody", None, ())
            process = _start(_command(arguments, repository), environment, None, words)
            assert process.stdout is not None
            try:
                rest = b""
                while block := process.stdout.read(1 << 16):
                    *records, rest = (rest + block).split(b"\0")
                    for record in records:
                        yield record.decode("utf-8", errors)
                process.wait()
            finally:
                _end(process)
                process.stdout.close()
            words.seek(0)
            if process.returncode:
                raise error_of(words.read(), process.returncode)

    def _environment(
        self, whose: Whose, remote: Remote | None, more: Sequence[tuple[str, str]], given: Pass = _NOTHING
    ) -> dict[str, str]:
        if remote and remote.local:
            whose = "machine"  # whose words are trusted on this machine, its own configuration may say
        own = given.own and remote is not None and whose == "user"
        kept = inherited(self.environment, whose, own=own)
        config = [*(given_by_variables(self.environment) if own else ()), *CONFIG]
        config += [*(trusted(self.environment) if whose == "machine" else _PLAIN)]
        config += [*(_NOBODYS if whose == "nobody" else ()), *more, *given.config]
        if remote and remote.by_web:  # a setting for an address would win over the one for all
            config += [(f"http.{remote.url}.followRedirects", "false")]
        numbered = {
            "GIT_CONFIG_COUNT": str(len(config)),
            **{f"GIT_CONFIG_KEY_{i}": key for i, (key, _) in enumerate(config)},
            **{f"GIT_CONFIG_VALUE_{i}": value for i, (_, value) in enumerate(config)},
        }
        kept = {name: value for name, value in kept.items() if name not in given.withheld}
        variables = {**FIXED, **WITHOUT[whose], "GIT_ALLOW_PROTOCOL": _protocols(remote)}
        traced = TRACED if remote and remote.by_web else {}
        return {**kept, **variables, **given.variables, **traced, **numbered}

    def _outputs(self, process: subprocess.Popen[bytes], read: bytes) -> tuple[bytes, bytes]:
        deadline, given = time.monotonic() + self.timeout, read or None
        while not self.stopped.is_set():
            try:
                return process.communicate(given, timeout=_GLANCE)
            except subprocess.TimeoutExpired:
                given = None  # it is on its way
            if time.monotonic() > deadline:
                raise GitError("timeout", f"no answer within {self.timeout:.0f} s")
        raise GitError("stopped", "interrupted")


def _protocols(remote: Remote | None) -> str:
    """Return what git may speak. Where no remote is meant that is nothing: a partial clone would ask its own."""
    if remote is None:
        return "none"
    if remote.local:
        return "file"
    # A server on this machine, as tests and `serve` have it.
    return "http" if remote.url.startswith("http://127.0.0.1:") else "https:ssh"


def _command(arguments: Sequence[str], repository: Path | None) -> list[str]:
    return ["git", *([f"{MARK}{repository}"] if repository else []), *arguments]


def _start(
    command: list[str],
    environment: Mapping[str, str],
    folder: Path | None,
    errors: int | IO[bytes],
    *,
    reads: bool = False,
) -> subprocess.Popen[bytes]:
    """Start git in a session of its own: killing git alone would leave its helpers behind.

    The system closes our files as the process becomes git, and not Python before: until it can be known as git, it
    holds the checkout's lock.
    """
    with _FIRST:
        program = _try_git(environment.get("PATH", os.defpath))
    try:
        return subprocess.Popen(
            command,
            executable=program if command[0] == "git" else None,  # or a shell, for ssh
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            close_fds=False,
        )
    except OSError as error:
        if folder is not None and str(error.filename) == str(folder):
            raise GitError("other", f"the folder '{folder}' can't be entered: {error.strerror}") from error
        raise GitError("absent", f"the program 'git' can't be started: {error.strerror}") from error


@functools.cache
def keep_no_core() -> None:
    """Leave no picture of this process or of git on the disk when it crashes: secrets are in it."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


@functools.lru_cache
def _try_git(path: str) -> str:
    """Return the first git on a PATH, which is tried before it is trusted, once; a failure is not remembered, as it may
    be mended.

    Raises:
        GitError: kind "absent" where there is none, or where it doesn't work.
    """
    found = next(find_programs("git", {"PATH": path}), None)
    if found is None:
        raise GitError("absent", "the program 'git' is not there")
    if fault := fault_of([found, "--version"], _NEW_ENOUGH, environment={"PATH": path}):
        what, _, version = fault.rpartition("it says: git version ")
        if what:
            text = f"the program '{found}' is git {version}, expected 2.32 or newer"
            raise GitError("absent", text, advice=_INSTALL_NEWER)
        raise GitError("absent", f"the program '{found}' does not work: {fault}")
    return str(Path(found).absolute())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and its helpers: by SIGTERM, at which it takes its lock files away, and what is left then by SIGKILL."""
    if process.poll() == 0:
        return
    try:
        if process.returncode is None:
            signal_session(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
    finally:
        signal_session(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def signal_session(group: int, number: signal.Signals) -> None:
    """Send a signal to all that a git of ours has started, and to itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
