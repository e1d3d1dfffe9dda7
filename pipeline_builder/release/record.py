"""The record of a run, `build/run.json`: what one stage hands to the next, and all that the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_builder.machine.streams import write_file
from pipeline_builder.release.evidence import BoundEvidence


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class SubmoduleRecord(_Frozen):
    """A submodule at its commit, below the folder of its repository."""

    path: str
    url: str
    commit: str


class CommitRecord(_Frozen):
    """A commit, with who has written it, and `paths` that it changes, of many the first ones."""

    sha: str
    subject: str = ""
    author: str = ""
    when: datetime | None = None
    paths: tuple[str, ...] = ()


class RepoRecord(_Frozen):
    """A model repository at the commit that the run was made of. `url` never has credentials in it.

    `committed` is None where nobody knows it any more. `before` is the commit that the champion was made of, `since`
    what came after it, the newest first, `more` how many there are besides; `since_unknown` says in words why nobody
    can tell, or can't tell all. `head` is what is checked out by now, where that is another commit, `head_words` what
    is known of the difference. `kind` is what the git host is, where the manifest or its name tell.
    """

    name: str
    url: str
    revision: str
    commit: str
    tree: str
    committed: datetime | None
    subject: str = ""
    author: str = ""
    path: str = ""
    submodules: tuple[SubmoduleRecord, ...] = ()
    before: str = ""
    since: tuple[CommitRecord, ...] = ()
    more: int = 0
    since_unknown: str = ""
    head: str = ""
    head_words: str = ""
    kind: str = ""


class TrialRecord(_Frozen):
    """A training of a tuning: its objective, None where it has none, and the values that it was given.

    `begun` is in seconds since 1970.
    """

    name: str
    status: str
    metric: str = ""
    objective: float | None = None
    values: dict[str, str] = {}
    begun: float | None = None
    seconds: float | None = None


class StepRecord(_Frozen):
    """A step with what became of it. Times are UTC; `cache_hit` is the ARN of the execution it was taken from.

    `stub` is the sha256 of the result that was given for it instead of running it. `trials` are a tuning's, the best
    first. `machine` is the type of machine that its request asks for, `machines` how many. `missed` is why the step
    cache had nothing for it, where that is known.
    """

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
    stub: str = ""
    trials: tuple[TrialRecord, ...] = ()
    machine: str = ""
    machines: int = 0
    missed: str = ""


class VerdictRecord(_Frozen):
    """The gate's answer; `reasons` say what was looked at, also when it passed."""

    passed: bool
    reasons: tuple[str, ...] = ()


class PackageRecord(_Frozen):
    """A model package that the execution registered. `metrics` is the evaluation report's JSON, None without one.

    `verdict` is the gate's on this model alone; None in records of before models were judged one by one.
    `champion_note` says where the champion's metrics are from, if not from its evidence as it stands; `champion_lost`
    that this evidence can't be read. `bounds` are those of the gate.
    `metrics_fault` says why there is a report that can't be used, `metrics_absent` what was looked for where there is
    none, `artifact_gone` where an artifact was that is gone.
    """

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
    metrics_fault: str = ""
    metrics_absent: str = ""
    artifact_gone: str = ""
    champion_arn: str = ""
    champion_version: int = 0
    champion_metrics: Any = None
    champion_note: str = ""
    champion_lost: bool = False
    verdict: VerdictRecord | None = None
    bounds: tuple[BoundEvidence, ...] = ()

    def decided(self, status: str, description: str, metadata: Mapping[str, str]) -> PackageRecord:
        """Return the package as a decision has left it."""
        changes = {"status": status, "approval_description": description, "metadata": dict(metadata)}
        return self.model_copy(update=changes)


class BlockedRecord(_Frozen):
    """A model that a gate inside of the pipeline has kept from being registered, with what it was measured by.

    `step` is the gate's; `reason` is what the run says of it. `metrics_uri` is where its evaluation report is,
    `metrics` its JSON, None where it can't be read, and `metrics_fault` why. The champion is the one that was in use.
    """

    model: str
    group: str
    step: str
    reason: str = ""
    metrics_uri: str = ""
    metrics: Any = None
    metrics_fault: str = ""
    champion_arn: str = ""
    champion_version: int = 0
    champion_metrics: Any = None
    bounds: tuple[BoundEvidence, ...] = ()


class ObjectRecord(_Frozen):
    """An object that was published, with its size in bytes."""

    uri: str
    size: int = 0


ScoreStatus = Literal["scored", "published", "blocked", "failed"]


class ScoreRecord(_Frozen):
    """What an inference run made of one model's data for a logical date, and what became of it.

    `rows_in` and `rows_out` are None where nobody can count them; `monitor` is the JSON that its Monitor step wrote,
    None without one. `actions` are those that the gate asks for (`warn`, `block`, `retrain`), `reasons` why. `scored`
    is what is whole and not published (yet); `published_to`, `pointer` and `objects` are empty until it is. `kept` is
    the pointer of what was published for the date before, which readers go on to see.
    Of the package that was used `approved` is the registry's word about it, `since` when that was said (ISO 8601);
    `retraining` says in words what was asked for.
    """

    model: str
    date: str
    package_arn: str = ""
    package_version: int = 0
    group: str = ""
    rows_in: int | None = None
    rows_out: int | None = None
    monitor: Any = None
    monitor_uri: str = ""
    actions: tuple[str, ...] = ()
    published_to: str = ""
    pointer: str = ""
    status: ScoreStatus = "scored"
    reasons: tuple[str, ...] = ()
    approved: str = ""
    since: str = ""
    package_metadata: dict[str, str] = {}
    objects: tuple[ObjectRecord, ...] = ()
    retraining: str = ""
    kept: str = ""


class StageTime(_Frozen):
    """How long a stage of the command took, in seconds."""

    stage: str
    seconds: float


class RunRecord(_Frozen):
    """Everything about one run.

    `trigger` says in words what started it, where a service did; `evidence` is the sha256 of what it was judged by. The
    verdict here is for people: where it counts, it is judged again from the evidence. `blocked` are models that a gate
    inside of the pipeline has kept from the registry. An inference run (`kind`) has the logical date that it is about,
    and what it made of each model's data. `unknown` says in words what nobody can tell any more of a run that no record
    was kept of.
    """

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
    blocked: tuple[BlockedRecord, ...] = ()
    verdict: VerdictRecord | None = None
    evidence: str = ""
    stages: tuple[StageTime, ...] = ()
    kind: Literal["training", "inference"] = "training"
    date: str = ""
    scores: tuple[ScoreRecord, ...] = ()
    unknown: tuple[str, ...] = ()


def load_record(path: Path) -> RunRecord | None:
    """Return the record in the file; None where it is missing, damaged or another version's."""
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_record(path: Path, record: RunRecord) -> None:
    """Write the record, which the next stage reads."""
    write_file(path, record.model_dump_json(indent=2).encode() + b"\n")
