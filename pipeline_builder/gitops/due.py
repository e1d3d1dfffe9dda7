"""What a watch starts a pipeline for besides pushes, and what it has to know of the pipelines for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.manifest.pipelines import PipelineEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A pipeline of the manifest, as its confs have it.

    `name` is SageMaker's; `uses` are the groups whose versions an inference uses, with the stage that is asked for,
    empty where it is the champion. `inputs` are the addresses of what it reads, `labels` of what comes later, with the
    date's placeholders in them. One that is `hourly` is about hours.
    One that is `broken` can't be composed: nothing is known of it but its name, and what comes for it waits.
    """

    entry: PipelineEntry
    name: str
    uses: tuple[tuple[str, str], ...] = ()
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    hourly: bool = False
    broken: bool = False

    @property
    def handle(self) -> str:
        return self.entry.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A pipeline that is to be run, why in words, and for which logical dates; without any it is today's.

    Of the `labels` nothing but the labels has come: these days are watched again by what they were scored with.
    """

    pipeline: str
    cause: str
    dates: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of a look: a pipeline that is due, or a line for people, or neither."""

    due: Due | None = None
    words: str = ""


Pipelines = Mapping[str, Known]
