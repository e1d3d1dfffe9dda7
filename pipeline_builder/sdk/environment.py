"""The SDK's environment, of the lock of its version: made when it is first needed, shared by all that need it."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.job import Command
from pipeline_builder.engine.jobs.sandbox import run_plain
from pipeline_builder.errors import OutsideFailure, PipelineBuilderError
from pipeline_builder.machine.temporary import temporary_folder

_LOCKS: Mapping[int, Path] = {number: Path(__file__).with_name(f"requirements-{number}.txt") for number in (2, 3)}
_IMPORTED: Mapping[int, str] = {
    2: "sagemaker.workflow.pipeline, sagemaker.workflow.pipeline_context, sagemaker.estimator, sagemaker.processing",
    3: "sagemaker.mlops.workflow.pipeline, sagemaker.core.processing, sagemaker.train.model_trainer",
}
_PATIENCE = 300.0
_HINT = (
    "look at the network, the proxy variables and UV_DEFAULT_INDEX, and repeat the command; where there is no index, "
    "write addresses of images as image_uri"
)


@dataclass(frozen=True)
class SdkEnvironment:
    """One version of the SDK, as its lock has it; `folder` is where environments are, `say` gets a line for people."""

    number: int
    folder: Path
    say: Callable[[str], None]

    @cached_property
    def lock(self) -> str:
        """The requirements, each with its hashes."""
        return _LOCKS[self.number].read_text(encoding="utf-8")

    @cached_property
    def digest(self) -> str:
        """What tells it from any other; a Python decides nothing about what the SDK says."""
        return hashlib.sha256(self.lock.encode()).hexdigest()

    @cached_property
    def release(self) -> str:
        """The SDK's own version."""
        found = re.search(r"^sagemaker==(\S+)", self.lock, re.MULTILINE)
        assert found
        return found[1]

    def python(self, *, alone: bool = False, stop: threading.Event | None = None) -> Path:
        """Return a Python that has the SDK: this program's own where the same release is installed, else one that is
        made in the folder. With `alone` it has the lock's packages and nothing else. `stop` being set ends making it.

        Raises:
            OutsideFailure: PB915 where it can't be made.
        """
        if not alone and _installed() == self.release:
            return Path(sys.executable)
        said: list[str] = []

        def observe(line: str) -> None:
            said.append(line)
            self._told(line)

        try:
            python = Environments(self.folder, whole=False).get(
                (tuple(self.lock.splitlines()),), observe=observe, stop=stop
            )
        except PipelineBuilderError as error:
            raise self._unmade(error) from error
        if said:
            self._compile(python, stop or threading.Event())
        return python

    def _compile(self, python: Path, stop: threading.Event) -> None:
        """Have what factories import compiled, once: jobs can't write into the environment. It may fail: then not."""
        with temporary_folder() as home:
            command = Command(
                name="the SageMaker SDK",
                command=(str(python), "-c", f"import {_IMPORTED[self.number]}"),
                # Version 3 refuses its import where there is no Region.
                environment={**plain_variables(home), "AWS_DEFAULT_REGION": "us-east-1"},
                workdir=str(home),
                log=home / "said.txt",
                timeout=_PATIENCE,
            )
            run_plain(command, stop=stop)

    def _told(self, line: str) -> None:
        """The engine names every requirement with its hashes."""
        if line.startswith("making"):
            self.say(f"an environment is made for the SageMaker SDK {self.release}, once on this machine")
        elif not line.endswith("is ready"):
            self.say(line)

    def _unmade(self, error: PipelineBuilderError) -> OutsideFailure:
        first = error.problems[0]
        message = f"the environment of the SageMaker SDK {self.release} can't be made: {first.message}"
        return OutsideFailure(replace(first, id="PB915", message=message, hint=_HINT))


def _installed() -> str:
    try:
        return version("sagemaker")
    except PackageNotFoundError:
        return ""


PLAIN: Mapping[str, str] = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "ignore",
    "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
}
"""Variables of what uses the SDK: nobody's settings, credentials or notices."""


def plain_variables(home: Path) -> dict[str, str]:
    """Return the variables of a program of ours that uses the SDK, outside of a job."""
    return {**PLAIN, "PATH": os.defpath, "HOME": str(home), "TMPDIR": str(home)}
