"""The shell of a build: each command in a process of its own that takes up what the one before it has left.

So an `exit` in a command ends that command and nothing else, and variables, functions and the working directory go from
command to command and from phase to phase, as in CodeBuild. All commands of a build have one supervisor: what they
start in the background lives until the build ends, and dies with it, also where this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.engine.jobs.job import Command, JobEnd, JobResult
from pipeline_builder.engine.jobs.sandbox import run_plain

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TICK = 0.05
# Reads names of scripts from one pipe and writes exit codes to another.
_DRIVER = """\
exec 3<"$1" 4>"$2"
while IFS= read -r script <&3; do
  "$BASH" "$script" 3<&- 4>&-
  echo "$?" >&4
done
"""
# `exit` in a command comes by the trap; a command with a trap of its own comes by the last line.
_SCRIPT = """\
. {before} 2>/dev/null
cd {directory} || exit
export CODEBUILD_BUILD_SUCCEEDING={succeeding}
_codebuild_keep() {{ {{ declare -p; declare -f; }} >{after}; pwd >{directory_file}; }}
trap _codebuild_keep EXIT
{mode}
. {command}
_codebuild_status=$?
trap - EXIT
_codebuild_keep
exit "$_codebuild_status"
"""


class ShellGoneError(Exception):
    """The build's time is over, or it was stopped, or a command has killed its own shell."""

    def __init__(self, end: JobEnd) -> None:
        self.end = end
        super().__init__(end.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a build's commands find: `posix` is how `sh` behaves on the images, where bash is what the shell is."""

    bash: str
    posix: bool
    environment: Mapping[str, str]
    directory: Path
    log: Path
    timeout: float


class Shell:
    """Runs commands one by one; a context manager. `folder` is for its own files."""

    def __init__(self, folder: Path, surroundings: Surroundings, *, stop: threading.Event) -> None:
        self._folder = folder
        self._of = surroundings
        self._stop = stop
        self._number = 0
        self._state = folder / "state"
        self._directory = folder / "directory"
        self._result: JobResult | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Shell:  # noqa: PYI034 - Self is not in Python 3.10
        self._folder.mkdir(parents=True, exist_ok=True)
        # Both ends in this process, so that neither side waits for the other to open.
        self._pipes = {name: self._make_pipe(name) for name in ("requests", "answers")}
        known = {name: value for name, value in self._of.environment.items() if _NAME.fullmatch(name)}
        self._state.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in known.items()))
        self._directory.write_text(f"{self._of.directory}\n")
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stop.set()
        # The driver reads the end of its file and ends; what commands have left behind is killed with it.
        os.close(self._pipes["requests"])
        self._thread.join()
        os.close(self._pipes["answers"])

    def _make_pipe(self, name: str) -> int:
        path = self._folder / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def _supervise(self) -> None:
        arguments = (str(self._folder / "requests"), str(self._folder / "answers"))
        job = Command(
            name="build",
            command=(self._of.bash, "-c", _DRIVER, "build", *arguments),
            environment={"PATH": os.defpath},
            workdir=str(self._of.directory),
            log=self._of.log,
            timeout=self._of.timeout,
        )
        try:
            self._result = run_plain(job, stop=self._stop)
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._error = error

    def run(self, command: str, *, succeeding: bool = True) -> int:
        """Run a command and return its exit code.

        Raises:
            ShellGoneError: it did not come to its end.
        """
        self._number += 1
        script, text = self._folder / f"{self._number}.sh", self._folder / f"{self._number}.command.sh"
        after = self._folder / f"{self._number}.state"
        text.write_text(command + "\n")
        directory = self._directory.read_text().rstrip("\n")
        script.write_text(
            _SCRIPT.format(
                before=shlex.quote(str(self._state)),
                after=shlex.quote(str(after)),
                directory=shlex.quote(directory),
                directory_file=shlex.quote(str(self._directory)),
                succeeding=int(succeeding),
                mode="set -o posix" if self._of.posix else "",
                command=shlex.quote(str(text)),
            )
        )
        os.write(self._pipes["requests"], f"{script}\n".encode())
        code = self._answer()
        if after.is_file() and after.stat().st_size:
            self._state = after
        return code

    def _answer(self) -> int:
        said = b""
        while not said.endswith(b"\n"):
            if select.select([self._pipes["answers"]], [], [], _TICK)[0]:
                said += os.read(self._pipes["answers"], 64)
            elif not self._thread.is_alive():
                if self._error:
                    raise self._error
                raise ShellGoneError(self._result.end if self._result else JobEnd.STOPPED)
        return int(said)

    def exported(self) -> dict[str, str]:
        """Return the variables that a program started now would find."""
        target = self._folder / "environment"
        with contextlib.suppress(ShellGoneError):
            if self.run(f"/usr/bin/env -0 >{shlex.quote(str(target))}") == 0:
                found = target.read_bytes().decode("utf-8", "surrogateescape")
                return dict(entry.split("=", 1) for entry in found.split("\0") if "=" in entry)
        return {}
