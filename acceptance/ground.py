"""What scenarios stand on: the account, names with a suffix, notes, patience, and the command line as people use it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from acceptance.answers import Verdict
from acceptance.state import Book
from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.facts import token
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.regions.partitions import PARTITIONS

PAUSE = 15.0
"""Seconds between two looks."""
TAG = "pipeline-builder-acceptance"
_AWS = tuple(f".{suffix}" for found in PARTITIONS for suffix in (found.suffix, found.dual_stack))
# What emulators answer for what they haven't got; AWS never does for these calls.
_UNKNOWN = frozenset(
    ["UnknownOperationException", "UnknownOperation", "InvalidAction", "NotImplemented", "NotImplementedException",
     "UnsupportedOperation", "MethodNotAllowed", "404", "405", "501", "NotYetImplemented", "InternalFailure"]
)  # fmt: skip
_NOT_AWS = "PB763"
_UNREADABLE = frozenset(["ResponseParserError", "EndpointConnectionError", "ConnectionClosedError"])
T = TypeVar("T")


class NotHere(Exception):
    """An emulator has no such service or operation: the scenario can't be played here."""


class NotSeen(Exception):
    """What a scenario waits for didn't come in its time."""


class Otherwise(Exception):
    """Something went another way than the scenario needs to find its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A point's answer as a scenario yields it."""

    point: str
    ok: bool
    words: str
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        return Verdict.CONFIRMED if self.ok else Verdict.OTHERWISE


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    long: bool = False
    connection: str = ""
    repository: str = ""
    image: str = ""


@dataclass(slots=True, kw_only=True)
class Ground:
    """An acceptance's place in an account; `say` is told what is going on."""

    aws: Aws
    book: Book
    home: Path
    partition: str
    options: Options
    say: Callable[[str], None]
    deadline: float = float("inf")
    """When the scenario that is played gives up, by the monotonic clock."""

    # --- names

    @property
    def account(self) -> str:
        return self.book.state.account

    @property
    def region(self) -> str:
        return self.book.state.region

    @property
    def name(self) -> str:
        """The service's name; everything else begins with it."""
        return f"acc-{self.book.state.suffix}"

    @property
    def own(self) -> str:
        """The bucket of the acceptance itself: the service's source, and what probes read and write."""
        return f"{self.name}-own-{self.account}-{self.region}"

    @property
    def bucket(self) -> str:
        """The service's bucket."""
        return f"{self.name}-{self.account}-{self.region}"

    @property
    def tags(self) -> dict[str, str]:
        return {TAG: self.book.state.suffix}

    @property
    def listed_tags(self) -> list[dict[str, str]]:
        """The tags, as most of AWS's services take them."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @property
    def code_tags(self) -> list[dict[str, str]]:
        """The tags, as CodePipeline and CodeBuild take them."""
        return [{"key": key, "value": value} for key, value in self.tags.items()]

    def arn(self, service: str, resource: str) -> str:
        where = ":" if service == "iam" else f"{self.region}:"
        return f"arn:{self.partition}:{service}:{where}{self.account}:{resource}"

    def token(self, *parts: str) -> str:
        """Return the request token of a call, which makes a repeated one harmless."""
        return token(self.name, *parts)

    # --- calls

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call AWS, as `Aws.call` does.

        Raises:
            NotHere: the service is an emulated one that doesn't know the operation.
        """
        try:
            return self.aws.call(service, operation, **arguments)
        except OutsideFailure as error:
            self.check_here(service, operation, error)
            raise
        except KeyError as error:  # botocore can't read what some emulators answer
            if self.emulated(service):
                raise NotHere(f"{service}:{operation} is answered with something else here") from error
            raise

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Yield the items of a listing."""
        try:
            for page in self.aws.pages(service, operation, **arguments):
                yield from page.get(key, ())
        except OutsideFailure as error:
            self.check_here(service, operation, error)
            raise

    def check_here(self, service: str, operation: str, error: OutsideFailure) -> None:
        """Raise NotHere where an emulator has refused what it hasn't got, or isn't there at all."""
        if isinstance(error, NotFoundError) or not self.emulated(service):
            return
        unread = type(error.__cause__).__name__ in _UNREADABLE or error.problems[0].id == _NOT_AWS
        if unread or code_of(error) in _UNKNOWN:
            raise NotHere(f"{service}:{operation} is not answered at {self.endpoint(service)}") from error

    def endpoint(self, service: str) -> str:
        return str(self.aws.client(service).meta.endpoint_url)

    def emulated(self, service: str) -> bool:
        """Tell whether the service isn't AWS's own."""
        return not f".{urlsplit(self.endpoint(service)).hostname}".endswith(_AWS)

    def there(self, service: str, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """Call a Describe or the like; None where there is no such thing."""
        try:
            return self.call(service, operation, **arguments)
        except NotFoundError:
            return None

    # --- patience

    def wait(self, what: str, look: Callable[[], T | None], *, minutes: float) -> T:
        """Look again and again until there is something to see.

        Raises:
            NotSeen: it didn't come in that time.
        """
        for number in range(max(1, int(minutes * 60 / PAUSE))):
            if number:
                if time.monotonic() > self.deadline:
                    break
                time.sleep(PAUSE)
            found = look()
            if found:
                return found
        raise NotSeen(f"{what}: not seen in {minutes:g} minutes")

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    # --- commands

    @property
    def repository(self) -> Path:
        """The folder of the service's own repository."""
        return self.home / "repository"

    def command(self, *arguments: str) -> str:
        """Run `pipeline-builder` in the service's repository, as people do; return what it printed.

        Raises:
            Otherwise: it failed; its own words say why.
        """
        self.say(f"  pipeline-builder {' '.join(arguments)}")
        done = subprocess.run(
            [sys.executable, "-m", "pipeline_builder", *arguments],
            cwd=self.repository, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise Otherwise(
                f"'pipeline-builder {' '.join(arguments)}' ended with {done.returncode}: {_said(done.stderr)}"
            )
        return done.stdout

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMP_")}
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), root])
        return {
            **kept, "PYTHONPATH": path, "SMP_TARGET": "aws", "SMP_REGION": self.region, "SMP_ACCOUNTID": self.account,
        }  # fmt: skip


def _said(text: str) -> str:
    """Return the problems among a command's lines, else its last words."""
    lines = [line for line in text.splitlines() if line.strip()]
    return " / ".join(
        [line for line in lines if re.search(r"\bPB\d{3}\b", line) and "explain" not in line] or lines[-3:]
    )


def code_of(error: BaseException) -> str:
    """Return the code with which AWS refused; empty where it wasn't AWS that did."""
    response = getattr(error.__cause__, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
