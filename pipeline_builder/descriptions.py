"""What a target tells of pipelines, executions, steps, packages and decisions: the values of its answers.

Names and status words are SageMaker's. Times are timezone-aware UTC. URIs are `s3://bucket/key` on both targets.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

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


STUB = "Stub"
"""The kind of metadata that names a step's stub."""


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
    def stub(self) -> str:
        """The sha256 of the result that was given for the step, which then didn't run; empty where it did."""
        return self.metadata.get(STUB, "")

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """What a step asked a service for, and what that tells of it, as its Describe does.

    `kind` is that of the step's metadata ("ProcessingJob", "Model", …). In `request` every reference is resolved;
    `result` is what is known beyond it. `execution` is the ARN of the one that did the work: another than that which
    was asked for, where the cache answered. `missed` is why the cache didn't. `used` is what it took of this machine:
    seconds of `cpu`, and bytes of `memory` of its largest process; empty where nobody knows.
    """

    kind: str
    name: str
    arn: str
    execution: str
    status: str
    reason: str = ""
    request: Mapping[str, JSON] = field(default_factory=dict)
    result: Mapping[str, JSON] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None
    missed: str = ""
    used: Mapping[str, float] = field(default_factory=dict)


HEAD = "head"
"""The mark of a log's beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """A part of a job's log, without what a terminal would obey.

    `mark` is where the next part begins, a text in one line; `more` says that it is there already, `before` how many
    bytes are before this part, None where nobody has counted. `anew` says that it is another job's log than that which
    the mark was of: the step is tried again.
    """

    text: str
    mark: str
    more: bool = False
    before: int | None = None
    anew: bool = False


_FIRST_SAYS_IT = re.compile(r"(?:ClientError: )?(?:PB\d{3} |AlgorithmError: exit code )")


def reason_line(failure: str) -> str:
    """Return the line of a failure that says it: of a problem the first, which its hint follows, of a traceback the
    last; of a job that was killed the first says how, and the last only where it was.
    """
    lines = failure.strip().splitlines() or ["no reason given"]
    return lines[0] if _FIRST_SAYS_IT.match(lines[0]) else lines[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingStep:
    """A Callback step that waits, or has waited, for an answer; `status` is Waiting, Succeeded, Failed or Closed.

    `outputs` are those that it declares, with their types; `answer` has their values, or {"reason": …}.
    """

    token: str
    execution: str
    step: str
    queue: str
    outputs: Mapping[str, str]
    inputs: Mapping[str, JSON]
    status: str
    answer: Mapping[str, JSON]
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePrediction:
    """Whether a step would run, hit the cache or be skipped if the definition were started now, and why.

    `source` is the ARN of the execution whose result would be taken. `conditional` is a step of a branch whose
    condition can't be decided before the run, `stubbed` one whose result is given by a stub.
    """

    step: str
    hit: bool
    reason: str
    skipped: bool = False
    conditional: bool = False
    stubbed: bool = False
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
    its ModelMetrics by their names there, such as `ModelQuality.Statistics`; `baselines` those of its
    DriftCheckBaselines, such as `ModelDataQuality.Statistics`. `stage` and `stage_status` are those of its
    ModelLifeCycle, empty where it has none.
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
    baselines: Mapping[str, str] = field(default_factory=dict)
    stage: str = ""
    stage_status: str = ""


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
class OpenApproval:
    """A question that CodePipeline asks a person: of which pipeline's execution, stage and action, and since when.

    `token` is the one request's that can be answered. `run` is the ARN of SageMaker's execution that it is about, and
    `approval` the digest of what that run's models were judged by, both empty where the service hasn't said so.
    """

    pipeline: str
    execution: str
    stage: str
    action: str
    token: str = field(repr=False)
    since: datetime | None = None
    run: str = ""
    approval: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The steps that an execution is limited to; results of others are those of the execution `source` (its ARN)."""

    steps: tuple[str, ...]
    source: str
