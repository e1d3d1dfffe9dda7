"""The protocols that both targets, the local engine and AWS, implement; every stage is handed one of these.

Names and status words are SageMaker's. Times are timezone-aware UTC. URIs are `s3://bucket/key` on both targets.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipeline_builder.errors import PlanRefused, Problem

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


class ExecutionStatus(str, enum.Enum):
    """PipelineExecutionStatus of the service; the last four are ends."""

    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"
    COMPLETED_WITH_FAILURES = "CompletedWithFailures"

    @property
    def ended(self) -> bool:
        return self not in (ExecutionStatus.EXECUTING, ExecutionStatus.STOPPING)


class StepStatus(str, enum.Enum):
    """StepStatus of the service, and two for steps that the service leaves out: WAITING for one that has not started,
    SKIPPED for one that won't run, because a condition went the other way.
    """

    WAITING = "Waiting"
    SKIPPED = "Skipped"
    STARTING = "Starting"
    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


class ApprovalStatus(str, enum.Enum):
    """ModelApprovalStatus of the service."""

    PENDING = "PendingManualApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting of a deployed pipeline, outside of its definition, that is otherwise than this tool would set it."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedPipeline:
    """What the target has under a pipeline's name: the definition's bytes and the version that wrote them.

    `drifted` says that what is deployed is not what this tool deployed last: somebody has changed it by other means;
    `applied` has the bytes that it deployed, where they are still known. `settings` are role, tags and the like that an
    apply would change.
    """

    name: str
    arn: str
    definition: bytes
    version: int
    drifted: bool = False
    applied: bytes = b""
    settings: tuple[SettingChange, ...] = ()

    @property
    def settled(self) -> bool:
        """Nothing about it is otherwise than this tool would have it, but perhaps its definition."""
        return not self.drifted and not self.settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution of a pipeline.

    `cause` is the execution of CodePipeline that started it, empty where another has. `selected` are the steps that it
    is limited to, empty for all; a listing on AWS doesn't tell, only a description does.
    """

    arn: str
    pipeline: str
    version: int
    status: ExecutionStatus
    definition_sha256: str
    parameters: Mapping[str, str]
    fingerprint: str
    started: datetime
    ended: datetime | None = None
    failure_reason: str = ""
    cause: str = ""
    selected: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The last part of the ARN, which is what people type."""
        return self.arn.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step of an execution, as ListPipelineExecutionSteps gives it.

    `type` is the definition's step type ("Processing", "Model", …). `cache_hit` is the ARN of the execution whose
    result was taken, or empty; `taken_from` that of a selection's source. `metadata` maps a kind
    ("ProcessingJob", "Model", "RegisterModel", …) to an ARN, and "Condition" to the outcome of a Condition step, "True"
    or "False". `log` tells a person where the log is: a path on the local target; `note` what a running step is busy
    with, for progress, `link` a page about its job.
    """

    name: str
    type: str
    status: StepStatus
    started: datetime | None = None
    ended: datetime | None = None
    cache_hit: str = ""
    taken_from: str = ""
    failure_reason: str = ""
    attempts: int = 1
    metadata: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    note: str = ""
    link: str = ""

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePrediction:
    """Whether a step would run, hit the cache or be skipped if the definition were started now, and why.

    `source` is the ARN of the execution whose result would be taken. `conditional` is a step of a branch whose
    condition can't be decided before the run.
    """

    step: str
    hit: bool
    reason: str
    skipped: bool = False
    conditional: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """What tells an object from any other that could lie at its address, as exactly as the store can say it.

    On this machine it is the `sha256` (hex) of its content. S3 says version, ETag, checksum and when it was written;
    `below` counts the objects where the address is a prefix, whose `sha256` is that of the listing.
    """

    size: int
    sha256: str = ""
    etag: str = ""
    version: str = ""
    checksum: str = ""
    modified: str = ""
    below: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What a model package serves with: an image, and the address of its artifact, a prefix where it ends with `/`."""

    image: str
    model_data_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPackage:
    """A version of a model package group.

    `metrics_uri` is ModelQuality's statistics; empty where there is none. `reports` are the addresses of all reports of
    its ModelMetrics by their names there, such as `ModelQuality.Statistics`.
    """

    arn: str
    group: str
    version: int
    status: ApprovalStatus
    approval_description: str = ""
    model_data_url: str = ""
    image: str = ""
    metrics_uri: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    modified: datetime | None = None
    execution: str = ""
    containers: tuple[Container, ...] = ()
    reports: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalChange:
    """One change of a model package's approval."""

    package: str
    group: str
    version: int
    before: ApprovalStatus
    after: ApprovalStatus
    by: str
    description: str
    when: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's answer to a question that another service has asked."""

    approved: bool
    by: str
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The steps that an execution is limited to; results of others are those of the execution `source` (its ARN)."""

    steps: tuple[str, ...]
    source: str


SecretReader = Callable[[str], str]
"""Returns the text of a secret by its name or ARN."""

SecretGiver = Callable[[str, str], str]
"""Returns the text of the secret that a job is given as the variable of that name, by what the definition calls it."""

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


class ObjectStore(Protocol):
    """Objects under `s3://bucket/key`."""

    def missing(self, uris: Iterable[str]) -> tuple[str, ...]:
        """Return those of the URIs that no object has, in order."""
        ...

    def put(self, uri: str, content: bytes | Path) -> None:
        """Write atomically: a reader sees the old object, the whole new one, or none. A file may have any size."""
        ...

    def get(self, uri: str) -> bytes:
        """Return the content of a small object, a document; KeyError where there is none, PB529 where it is large."""
        ...

    def fetch(self, uri: str, path: Path) -> None:
        """Write the content of an object of any size to a file, whole or not at all; KeyError where there is none."""
        ...

    def stamps(self, uris: Iterable[str]) -> dict[str, str]:
        """Return what changes with each of the objects that are there, without reading them."""
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


def _no_findings(definition: bytes) -> tuple[Problem, ...]:
    del definition
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One of the two places where a pipeline can live. `warnings` are said once, before anything starts.

    `preflight` looks whether the place has what a definition needs, and returns every finding. `bucket` keeps what is
    ours: definitions, code, evidence. `image_digest` returns the digest that an image's address stands for now, empty
    where it can't be told; None where no image is run.
    """

    name: str
    pipelines: PipelineService
    store: ObjectStore
    registry: ModelRegistry
    warnings: tuple[str, ...] = ()
    preflight: Callable[[bytes], tuple[Problem, ...]] = _no_findings
    bucket: str = "local"
    image_digest: Callable[[str], str] | None = None
