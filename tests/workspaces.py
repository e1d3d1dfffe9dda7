"""A workspace in a temporary folder: a manifest, the tiny model in a git repository of its own, and its data."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.cli import run
from pipeline_builder.machine.folders import sweep_folder
from tests.checkout.repositories import ENVIRONMENT, commit, make_repository
from tests.engine.environments import share_environment
from tests.forking import Process, fork
from tests.places import ROOT
from tests.tiny import CONF, DATA, write_model

MANIFEST = """\
version: 1
repos:
  - url: remotes/churn
local:
  s3: {local/churn: data}
"""

PROGRAM = (sys.executable, "-m", "pipeline_builder")

# Variables that count when Python starts, or imports GitPython.
_FOR_PYTHON = frozenset(["LC_ALL", "PYTHONHASHSEED", "PYTHONIOENCODING", "TZ", "GIT_PYTHON_GIT_EXECUTABLE"])


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Workspace:
    """A folder to run commands in."""

    root: Path

    @property
    def remote(self) -> Path:
        return self.root / "remotes" / "churn"

    def command(self, *arguments: str) -> list[str]:
        return [*PROGRAM, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        code = str(ROOT)
        cache = {name: os.environ[name] for name in ("TMPDIR", "UV_CACHE_DIR", "SSL_CERT_FILE") if name in os.environ}
        home = {"HOME": os.environ.get("HOME", "/root"), "PYTHONPATH": code, "USER": "ada", "LOGNAME": "ada"}
        return {**ENVIRONMENT, **home, **cache, **more}

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Run a command to its end."""
        if _FOR_PYTHON.intersection(environment):
            return self.run_anew(*arguments, **environment)
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=300)
        return Ended(process.wait(), out, err)

    def run_anew(self, *arguments: str, **environment: str) -> Ended:
        """Run a command to its end as people do, in a Python of its own."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def call(self, *arguments: str, **environment: str) -> Ended:
        """Run a command to its end in this process, without the start of another: for what is said and written.

        Where streams, signals, kills or jobs matter, `run` is the one.
        """
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        wanted = self.environment(**environment)  # which may look at what there is
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.root)
            patch.setattr(sys, "stdin", io.StringIO())
            for name in os.environ:
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            try:
                code = run(list(arguments))
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return Ended(code, _text(out), _text(err))

    def start(self, *arguments: str, **environment: str) -> Process:
        """Start a command in a session of its own."""
        variables = self.environment(**environment)
        return fork(
            self.command(*arguments)[len(PROGRAM) :], cwd=self.root, environment=variables, start_new_session=True
        )

    def push(self, name: str, text: str) -> str:
        """Commit a changed file to the model repository."""
        path = self.remote / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return commit(self.remote, f"change {name}")

    def files(self) -> dict[str, bytes]:
        """Return every file of the workspace but git's own and the state's."""
        skipped = {".git", ".pipeline_builder"}
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not skipped & set(path.parts)
        }


@dataclass(frozen=True)
class Kept:
    """A workspace that tests get as it was, one after another, at its own path: its state knows that."""

    root: Path

    @classmethod
    def keep(cls, workspace: Workspace) -> Kept:
        shutil.copytree(workspace.root, cls(workspace.root)._copy, symlinks=True)
        return cls(workspace.root)

    def restore(self) -> Workspace:
        sweep_folder(self.root)
        shutil.copytree(self._copy, self.root, symlinks=True)
        return Workspace(self.root)

    @property
    def _copy(self) -> Path:
        return self.root.with_name(f"{self.root.name}.kept")


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def make_workspace(root: Path, *, conf: str = CONF, manifest: str = MANIFEST, state: bool = True) -> Workspace:
    """Make a workspace with the tiny model; its state, where it is to have one, has the environment of jobs already."""
    write_model(root / "remotes" / "churn", conf)
    make_repository(root / "remotes" / "churn")
    (root / "data").mkdir()
    (root / "data" / "numbers.csv").write_text(DATA)
    (root / "model_repos.yaml").write_text(manifest)
    if state:
        share_environment(root / ".pipeline_builder")
    return Workspace(root)
