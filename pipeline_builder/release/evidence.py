"""Evidence: all that a verdict was reached by, as one canonical JSON whose sha256 is what a person approves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline_builder.canonical import canonical

PROPERTY = "decided-evidence"
"""The custom property of a decided model package that has its evidence's sha256."""


PIPELINE = "decided-pipeline"
"""The one that has the pipeline's name, in whose folder that evidence is."""

NAMED_IN_WORDS = re.compile(r"evidence ([0-9a-f]{12})\)$")
"""How the words of a decision end that name its evidence."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class FileEvidence(_Frozen):
    """An object, and what told it from any other that could lie at its address (`StoredObject`), or that it is gone."""

    uri: str
    gone: bool = False
    size: int = 0
    sha256: str = ""
    etag: str = ""
    version: str = ""
    checksum: str = ""
    modified: str = ""
    below: int = 0


class CodeEvidence(FileEvidence):
    """A file that is named by the sha256 of its content, `named`; `steps` use it."""

    named: str
    steps: tuple[str, ...] = ()


class ReportEvidence(FileEvidence):
    """A report with its whole content: as JSON, or as text where canonical JSON has no way to write it."""

    content: Any = None
    text: str = ""


class ContainerEvidence(_Frozen):
    """What a package serves with; `digest` is the image's, empty where the registry could not tell."""

    image: str
    digest: str = ""
    artifact: FileEvidence | None = None


class ChampionEvidence(_Frozen):
    """The approved version that a package was compared with.

    `evidence` is the sha256 of the champion's own, which its report is taken from; one that has none was approved
    before there was any, or elsewhere, and its report was read when the candidate was judged. `moved` says in words
    what of its report is otherwise by now than in its evidence, `lost` why its evidence can't be read.
    """

    arn: str
    version: int
    evidence: str = ""
    report: ReportEvidence | None = None
    moved: str = ""
    lost: str = ""


class BoundEvidence(_Frozen):
    """A bound of the gate. One that is the value of a pipeline parameter was judged in the run: it is a text here."""

    metric: str
    min: float | str | None = None
    max: float | str | None = None
    max_regression: str | None = None
    higher_is_better: bool = True


class PackageEvidence(_Frozen):
    """A model package: what is in it, what it was measured by, and what it was compared with.

    `baselines` are what later data are held against; evidence of a version that looked at none has none.
    """

    arn: str
    group: str
    version: int
    model: str
    step: str
    containers: tuple[ContainerEvidence, ...] = ()
    reports: Mapping[str, ReportEvidence] = {}
    baselines: Mapping[str, FileEvidence] = {}
    code: tuple[str, ...] = ()
    champion: ChampionEvidence | None = None
    bounds: tuple[BoundEvidence, ...] = ()


class DataEvidence(_Frozen):
    """Data that the conf wants results to depend on: its fingerprint as the execution started with it."""

    parameter: str
    addresses: tuple[str, ...]
    fingerprint: str


class ScoreBoundEvidence(_Frozen):
    """A bound on what monitoring has found, and what is done past it."""

    metric: str
    min: float | None = None
    max: float | None = None
    then: tuple[str, ...] = ()


class ScoreEvidence(_Frozen):
    """What one model's data was scored with for a logical date, what came of it, and what that is judged by.

    `evidence` is the sha256 of the evidence that the package was approved with. `monitor` is the report of its Monitor
    step, None where it has none.
    """

    model: str
    date: str
    package: str
    group: str = ""
    version: int = 0
    evidence: str = ""
    containers: tuple[ContainerEvidence, ...] = ()
    rows_in: int | None = None
    rows_out: int | None = None
    least_share: float = 1.0
    predictions: FileEvidence | None = None
    monitor: ReportEvidence | None = None
    bounds: tuple[ScoreBoundEvidence, ...] = ()
    on_drift: tuple[str, ...] = ()
    on_violation: tuple[str, ...] = ()


class StepEvidence(_Frozen):
    """What became of a step. `stub` is the sha256 of the result that was given for it, where it didn't run."""

    name: str
    model: str
    step_class: str
    status: str
    stub: str = ""


class CommitEvidence(_Frozen):
    """A model repository's commit."""

    name: str
    url: str
    commit: str


class Evidence(_Frozen):
    """What an execution was judged by. No time of judging and no tool is in it: the same facts are the same bytes."""

    format: Literal[1] = 1
    pipeline: str
    execution: str
    status: str
    definition_sha256: str
    planned_sha256: str
    fingerprint: str
    manifest_commit: str = ""
    parameters_sha256: str = ""
    commits: tuple[CommitEvidence, ...] = ()
    data: tuple[DataEvidence, ...] = ()
    code: tuple[CodeEvidence, ...] = ()
    steps: tuple[StepEvidence, ...] = ()
    packages: tuple[PackageEvidence, ...] = ()
    scores: tuple[ScoreEvidence, ...] = ()

    @property
    def content(self) -> bytes:
        """The canonical JSON."""
        return canonical(self.model_dump(mode="json", exclude_defaults=True) | {"format": self.format})

    @property
    def sha256(self) -> str:
        """The digest (hex) that an approval is."""
        return hashlib.sha256(self.content).hexdigest()

    def package(self, arn: str) -> PackageEvidence | None:
        """Return the evidence of a package; None where it isn't of this execution."""
        return next((package for package in self.packages if package.arn == arn), None)


def files_of(evidence: Evidence) -> tuple[FileEvidence, ...]:
    """Return what the packages' jobs have made: artifacts, reports and baselines."""
    return tuple(
        file
        for package in evidence.packages
        for file in (
            *(c.artifact for c in package.containers if c.artifact),
            *package.reports.values(),
            *package.baselines.values(),
        )
    )
