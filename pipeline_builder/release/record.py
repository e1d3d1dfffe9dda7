"""The record of a run, `build/run.json`: what one stage hands to the next, and all that the report shows."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_builder.target import DeployedPipeline


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RepoRecord(_Frozen):
    """A model repository at the commit that was checked out. `url` never has credentials in it."""

    name: str
    url: str
    revision: str
    commit: str
    tree: str
    committed: datetime
    subject: str = ""
    author: str = ""
    path: str = ""


class StepRecord(_Frozen):
    """A step with what became of it. Times are UTC; `cache_hit` is the ARN of the execution it was taken from."""

    name: str
    type: str
    step_class: str
    model: str
    depends_on: tuple[str, ...] = ()
    status: str = "Waiting"
    started: datetime | None = None
    ended: datetime | None = None
    cache_hit: str = ""
    failure_reason: str = ""
    log: str = ""
    log_tail: tuple[str, ...] = ()
    link: str = ""


class PackageRecord(_Frozen):
    """A model package that the execution registered. `metrics` is the evaluation report's JSON, None without one."""

    arn: str
    group: str
    version: int
    model: str
    step: str
    status: str
    approval_description: str = ""
    model_data_url: str = ""
    image: str = ""
    metadata: dict[str, str] = {}
    metrics: Any = None
    champion_arn: str = ""
    champion_version: int = 0
    champion_metrics: Any = None


class VerdictRecord(_Frozen):
    """The gate's answer; `reasons` say what was looked at, also when it passed."""

    passed: bool
    reasons: tuple[str, ...] = ()


class StageTime(_Frozen):
    """How long a stage of the command took, in seconds."""

    stage: str
    seconds: float


class RunRecord(_Frozen):
    """Everything about one run. `trigger` says in words what started it, where a service did."""

    format: Literal[1] = 1
    tool_version: str
    target: str
    pipeline: str
    pipeline_version: int
    execution: str
    status: str
    started: datetime
    ended: datetime | None = None
    failure_reason: str = ""
    reused: bool = False
    definition_sha256: str
    fingerprint: str
    trigger: str = ""
    parameters: dict[str, str] = {}
    repos: tuple[RepoRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    packages: tuple[PackageRecord, ...] = ()
    verdict: VerdictRecord | None = None
    stages: tuple[StageTime, ...] = ()


class AppliedVersion(_Frozen):
    """The version of a pipeline that a build applied, which is what its run starts, whatever was applied since."""

    target: str
    pipeline: str
    arn: str
    version: int
    definition_sha256: str

    @classmethod
    def of(cls, pipeline: DeployedPipeline, *, target: str) -> AppliedVersion:
        """Return the note about a pipeline that was just applied."""
        return cls(
            target=target,
            pipeline=pipeline.name,
            arn=pipeline.arn,
            version=pipeline.version,
            definition_sha256=hashlib.sha256(pipeline.definition).hexdigest(),
        )

    def is_of(self, pipeline: DeployedPipeline, definition: bytes, *, target: str) -> bool:
        """Tell whether that pipeline's version with this definition was applied."""
        same = (self.target, self.arn) == (target, pipeline.arn)
        return same and self.definition_sha256 == hashlib.sha256(definition).hexdigest()


def load_applied(path: Path) -> AppliedVersion | None:
    """Return the note in the file; None where there is none, or it is damaged."""
    try:
        return AppliedVersion.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def load_record(path: Path) -> RunRecord | None:
    """Return the record in the file; None where it is missing, damaged or another version's."""
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
