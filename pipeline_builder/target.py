"""The protocols that both targets, the local engine and AWS, implement; every stage is handed one of these.

Names and status words are SageMaker's. Times are timezone-aware UTC. URIs are `s3://bucket/key` on both targets.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipeline_builder.descriptions import (
    ApprovalChange,
    ApprovalStatus,
    CachePrediction,
    DeployedPipeline,
    Execution,
    JobDescription,
    LogPart,
    ModelPackage,
    Selection,
    StepState,
    StoredObject,
    WaitingStep,
)
from pipeline_builder.errors import InputProblems, PlanRefused, Problem

SecretReader = Callable[[str], str]
"""Returns the text of a secret by its name or ARN."""


class GitSigner(Protocol):
    """Signs for git with the machine's access to AWS; a `profile` of '' is the one at hand."""

    def region(self, profile: str) -> str:
        """Return the Region that is asked where an address names none; OutsideFailure PB702 without one."""
        ...

    def has_access(self, profile: str) -> bool:
        """Tell whether there is any access to AWS."""
        ...

    def login(self, url: str, region: str, profile: str) -> str:
        """Return NAME:PASSWORD for an address, good for some minutes; OutsideFailure PB701 without access."""
        ...


SecretGiver = Callable[[str, str], str]
"""Returns the text of the secret that a job is given as the variable of that name, by what the definition calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """A job that may want to call AWS: of which execution (its ARN) and step, its own ARN, and what was asked for.

    `taken` are the ARNs of other executions whose results this one has taken.
    """

    execution: str
    step: str
    job: str
    request: Mapping[str, Any]
    taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where a job's calls of AWS are answered, if anywhere, in which Region, and variables by which it is somebody.

    A job without a network reaches the `socket` alone, and has an address of its own that leads there.
    """

    url: str = ""
    region: str = "local"
    socket: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


ReachGiver = Callable[[Calling], AbstractContextManager[Reach]]
"""Returns how a job calls AWS, which ends when the context does."""


RequestJudge = Callable[[str, Mapping[str, Any]], str]
"""Returns why the service would refuse to make the job of a step, by the step's type and its request; empty if not."""


LOG_PART = 65_536
"""Bytes of a log that are looked at together."""

Observer = Callable[[StepState], None]
"""Called on each change of a step, possibly from another thread; must be quick and not raise."""


class PipelineService(Protocol):
    """Pipelines and their executions. One that `can_skip_cache` takes nothing from the step cache where it is told so;
    another needs a definition whose cached steps carry a generation (see `caching`).
    """

    can_skip_cache: bool

    def describe_pipeline(self, name: str) -> DeployedPipeline | None: ...

    def put_pipeline(self, name: str, definition: bytes) -> DeployedPipeline:
        """Create the pipeline, or add a version. The same bytes as the newest version add nothing."""
        ...

    def fingerprint(self, definition: bytes, parameters: Mapping[str, str]) -> str:
        """Return a sha256 (hex) of all that decides the outcome: definition, parameters, data behind URIs, images."""
        ...

    def predict_cache(
        self, pipeline: str, definition: bytes, parameters: Mapping[str, str]
    ) -> tuple[CachePrediction, ...]: ...

    def list_executions(self, pipeline: str | None = None) -> tuple[Execution, ...]:
        """Newest first."""
        ...

    def describe_execution(self, arn_or_id: str) -> Execution | None: ...

    def find_caused(self, pipeline: str, cause: str) -> Execution | None:
        """Return the execution that was started with this `cause`; None where there is none, or a long time ago."""
        ...

    def start_execution(
        self,
        pipeline: str,
        version: int,
        parameters: Mapping[str, str],
        *,
        fingerprint: str,
        use_cache: bool = True,
        selection: Selection | None = None,
        cause: str = "",
    ) -> Execution:
        """Start a pipeline's version; without `use_cache` every step does its work again, and the execution carries a
        cache generation that no other has. With a `cause` the execution that it has started already is given instead
        of a second.
        """
        ...

    def follow_execution(self, arn: str, observe: Observer) -> Execution:
        """Return when the execution has ended. Locally this is what runs it, or goes on with an interrupted one.

        Succeeded steps of an interrupted execution stay as they are. KeyboardInterrupt stops all jobs and leaves the
        execution Stopped.
        """
        ...

    def stop_execution(self, arn: str) -> None:
        """Ask for an end of the execution and its jobs; one that has ended stays as it is."""
        ...

    def retry_execution(self, arn: str) -> Execution:
        """Make a failed or stopped execution go on where it was; `follow_execution` follows it."""
        ...

    def answer_step(self, token: str, *, outputs: Mapping[str, str] | None, reason: str = "") -> str:
        """Answer a step that waits, by its callback token: with its outputs, or where these are None with a failure.

        Returns the ARN of its execution.

        Raises:
            InputProblems: PB870 where no step waits with the token, PB871 for outputs that aren't the step's.
        """
        ...

    def list_waiting(self) -> tuple[WaitingStep, ...]:
        """Return the steps that wait for an answer, as far as the target can tell: SageMaker's are in their queues."""
        ...

    def list_steps(self, arn: str) -> tuple[StepState, ...]:
        """Every step of the execution's definition, in topological order, also those that have not started."""
        ...

    def definition_of(self, arn: str) -> bytes:
        """Return the bytes that this execution runs (DescribePipelineDefinitionForExecution)."""
        ...

    def read_log(self, arn: str, step: str, *, whole: bool = False) -> str:
        """Return the end of the log of a step's job, where people look first; empty where it has none.

        `whole` is as much of it as a person would read; what is left out before it is said in its first line.
        """
        ...

    def read_log_part(self, arn: str, step: str, *, mark: str = "", most: int = LOG_PART) -> LogPart:
        """Return the whole lines that a log has from a mark on, about `most` bytes; without a mark its end.

        What isn't a whole line yet comes once the step has ended, at the latest. What is no mark of this log is none.
        """
        ...

    def describe_job(self, arn: str, step: str) -> JobDescription | None:
        """Return what a step last asked for; of one that the cache answered what it asked for then."""
        ...

    def is_at_work(self, arn: str) -> bool:
        """Tell whether anybody runs an execution that goes on: the command that does so here may have been killed."""
        ...

    def why_ran(self, arn: str) -> Mapping[str, str]:
        """Return why the step cache didn't answer, for the steps of an execution that could have been cached."""
        ...


class Media(enum.Enum):
    """What an object is, for whoever opens it in a browser.

    Who puts it says so, and only of documents that this tool has written: code of repositories, and all else that comes
    from outside, are bytes, whatever their names: a page of theirs must not run where people are logged in.
    """

    BYTES = "application/octet-stream"
    HTML = "text/html; charset=utf-8"
    JSON = "application/json"
    YAML = "application/yaml"
    CSS = "text/css; charset=utf-8"
    SCRIPT = "text/javascript; charset=utf-8"
    SVG = "image/svg+xml"


class Readable(Protocol):
    """What can be read in parts."""

    def read(self, size: int, /) -> bytes: ...


class ObjectStore(Protocol):
    """Objects under `s3://bucket/key`."""

    def missing(self, uris: Iterable[str]) -> tuple[str, ...]:
        """Return those of the URIs that no object has, in order."""
        ...

    def put(self, uri: str, content: bytes | Path, media: Media = Media.BYTES) -> None:
        """Write atomically: a reader sees the old object, the whole new one, or none. A file may have any size."""
        ...

    def get(self, uri: str) -> bytes:
        """Return the content of a small object, a document; KeyError where there is none, PB529 where it is large."""
        ...

    def read(self, uri: str) -> tuple[bytes, str] | None:
        """Return the content of a small object, with its mark for `put_if`; None where there is none."""
        ...

    def put_if(self, uri: str, content: bytes, media: Media = Media.BYTES, *, mark: str) -> bool:
        """Write an object if the one that is there still has this mark, an empty one if none is there.

        Tell whether it was written: of two writers with one mark only one is told so.
        """
        ...

    def fetch(self, uri: str, path: Path) -> None:
        """Write the content of an object of any size to a file, whole or not at all; KeyError where there is none."""
        ...

    def reading(self, uri: str) -> AbstractContextManager[Readable]:
        """Open an object of any size to be read in parts; KeyError where there is none."""
        ...

    def copy(self, source: str, to: str) -> StoredObject:
        """Copy an object of any size to another address, whole or not at all, where it is bytes; return what is there.

        KeyError where there is none. The bytes don't pass through this process where the store can do it by itself.
        """
        ...

    def stamps(self, uris: Iterable[str]) -> dict[str, str]:
        """Return what changes with each of the objects that are there, without reading them."""
        ...

    def entries(self, prefix: str) -> dict[str, str]:
        """Return the address of each object that begins with a prefix, sorted, with what changes when it does."""
        ...

    def look(self, uri: str) -> StoredObject | None:
        """Return what tells the object from any other, read now; of an address with `/` at its end, all below it.

        None where nothing is there.
        """
        ...

    def data_fingerprint(self, uris: Iterable[str]) -> str:
        """Return a sha256 (hex) of what lies at these addresses and prefixes, by names and contents."""
        ...


GROUP_OWNER = "pipeline-builder:repository"
"""The tag by which a model package group says whose it is."""


class ModelRegistry(Protocol):
    """Model package groups and the packages in them."""

    def put_group(self, name: str, description: str, owner: str = "") -> None:
        """Create the group, with the tag of the repository that owns it; one that is there stays as it is."""
        ...

    def group_owner(self, name: str) -> str | None:
        """Return the repository that a group's tag names, empty where it has none; None where there is no group."""
        ...

    def tag_group(self, name: str, owner: str) -> None:
        """Write the tag of the repository that owns it on a group."""
        ...

    def list_packages(self, group: str) -> tuple[ModelPackage, ...]:
        """Newest version first."""
        ...

    def describe_package(self, arn: str) -> ModelPackage: ...

    def set_approval(
        self,
        arn: str,
        status: ApprovalStatus,
        *,
        description: str,
        metadata: Mapping[str, str],
        by: str,
        since: ModelPackage | None = None,
    ) -> ModelPackage:
        """Set the status; the same status and description again change nothing.

        `since` is the package that the decision was made on: PB481 where it has been decided about meanwhile.
        """
        ...

    def set_stage(self, arn: str, stage: str, status: str, *, description: str) -> None:
        """Set the stage of a package's life cycle, and its status there; the same again changes nothing."""
        ...

    def copy_package(self, arn: str, role: str) -> str:
        """Copy a package into the group of the same name in another account, as that account's role (its ARN); return
        the copy's ARN. Again, it finds the copy.
        """
        ...

    def list_approvals(self) -> tuple[ApprovalChange, ...]:
        """Newest first."""
        ...


def decided_meanwhile(package: ModelPackage) -> PlanRefused:
    """Return what is raised where somebody was faster; with what is there now."""
    words = package.approval_description or "without a word"
    name = f"{package.group} version {package.version}"
    message = f"{name} has been decided about meanwhile: it is {package.status.value}, {words}"
    return PlanRefused(Problem(id="PB481", message=message, hint="nothing of it was overwritten"))


def no_package(arn: str) -> InputProblems:
    """Return what is said of a model package that isn't in the registry."""
    hint = "one that somebody has deleted doesn't come back: 'run --rerun' makes and registers another"
    return InputProblems(Problem(id="PB531", message=f"there is no model package '{arn}'", hint=hint))


def _no_findings(definition: bytes, images: Iterable[str]) -> tuple[Problem, ...]:
    del definition, images
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One of the two places where a pipeline can live. `warnings` are said once, before anything starts.

    `preflight` looks whether the place has what a definition needs, and images beside it (those of model packages that
    it names), and returns every finding. `bucket` keeps what is ours, below `prefix`: definitions, code, evidence.
    `image_digest` returns the digest that an image's address stands for now, empty where it can't be told; None where
    no image is run. `settled` returns the stamp of each object, empty where there is none, if these tell it from any
    other that could lie there and it hasn't changed since a time (seconds since 1970); it is None where only reading
    tells.
    """

    name: str
    pipelines: PipelineService
    store: ObjectStore
    registry: ModelRegistry
    warnings: tuple[Problem, ...] = ()
    preflight: Callable[[bytes, Iterable[str]], tuple[Problem, ...]] = _no_findings
    bucket: str = "local"
    prefix: str = ""
    image_digest: Callable[[str], str] | None = None
    settled: Callable[[Iterable[str], float], dict[str, str] | None] | None = None

    def base(self, pipeline: str) -> str:
        """Return the address that everything of a pipeline lies below."""
        return f"s3://{self.bucket}/{self.prefix}{pipeline}"
