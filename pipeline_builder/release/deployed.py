"""What is deployed, and what a run starts of it: the version that this build applied, or else the newest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_builder.definition.composed import Definition
from pipeline_builder.descriptions import DeployedPipeline
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import write_file
from pipeline_builder.target import Target


class AppliedVersion(BaseModel):
    """The version of a pipeline that a build applied, which is what its run starts, whatever was applied since."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The pipeline to run; `words` say which version that is, and `warning` that it isn't what is checked out now."""

    pipeline: DeployedPipeline
    words: str = ""
    warning: Problem | None = None


def find_deployed(definition: Definition, target: Target, applied: Path) -> Current:
    """Return what is deployed under the pipeline's name; `applied` is where a build notes what it has applied.

    Raises:
        InputProblems: PB422 where nothing is.
    """
    found = target.pipelines.describe_pipeline(definition.pipeline)
    if found is None:
        message = f"the pipeline '{definition.pipeline}' is not deployed"
        raise InputProblems(Problem(id="PB422", message=message, hint="run 'pipeline-builder apply'"))
    if found.definition == definition.content:
        return Current(pipeline=found)
    own = load_applied(applied)
    if own and own.is_of(found, definition.content, target=target.name):
        words = f"version {found.version} was applied since; this build's version {own.version} runs"
        return Current(pipeline=replace(found, definition=definition.content, version=own.version), words=words)
    message = f"version {found.version} of '{definition.pipeline}' runs, which is not what is checked out now"
    hint = "run 'pipeline-builder apply' first to run that"
    return Current(pipeline=found, warning=Problem(id="PB423", message=message, hint=hint, warning=True))


def note_applied(path: Path, pipeline: DeployedPipeline, *, target: str) -> None:
    """Write down what was just applied."""
    note = AppliedVersion.of(pipeline, target=target)
    write_file(path, note.model_dump_json(indent=2).encode() + b"\n")


def load_applied(path: Path) -> AppliedVersion | None:
    """Return the note in the file; None where there is none, or it is damaged."""
    try:
        return AppliedVersion.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
