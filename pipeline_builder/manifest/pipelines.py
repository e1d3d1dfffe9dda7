"""The manifest's `pipelines`: which there are, of which kind, from which conf files, and what starts them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, describe, did_you_mean
from pipeline_builder.documents.source import Document
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.manifest.paths import Globs
from pipeline_builder.manifest.texts import as_tuple, inert, matching, number, once

Kind = Literal["training", "inference"]
TRAINING, INFERENCE = "training", "inference"
DEFAULT_NAME = "training"
_DEFAULT_CONFIG = {INFERENCE: "*/conf/inference.yaml"}
_DATA = re.compile(r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^*?\s]*)?$", re.ASCII)
_LONGEST_BATCH = 24 * 60

# It goes into names of CodePipelines, roles and folders.
PipelineName = Annotated[
    str, matching(r"^[a-z][a-z0-9-]{0,23}$", "lower-case letters, digits and '-', at most 24, the first a letter")
]
Data = Annotated[
    str,
    Field(max_length=1024),
    AfterValidator(inert),
    matching(_DATA, "s3://bucket/prefix/, without patterns"),
]
Landing = Annotated[
    tuple[Data, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...]), AfterValidator(once)
]


def _not_empty(value: JSON) -> JSON:
    if value == []:
        raise ValueError("'pipelines' is empty, expected at least one; without the section there is one, for training")
    return value


def _by_pipeline(value: JSON) -> JSON:
    """What is for no named pipeline is for the main one."""
    return value if isinstance(value, dict) else {"": as_tuple(value)}


class PipelineTrigger(Section):
    """What else starts a pipeline, besides pushes and schedules."""

    data: Landing = Field((), description="s3:// prefix(es): objects that come there start the pipeline")
    batch_minutes: Annotated[int, BeforeValidator(number)] = Field(
        5, ge=1, le=_LONGEST_BATCH, description="objects that come within this time start it once"
    )
    approval: bool = Field(
        False, description="whether the approval of a model that it uses starts it; for the kind inference"
    )


class PipelineSection(Section):
    """One entry of `pipelines` as it is written."""

    name: PipelineName = Field(
        description="the handle that --pipeline, schedules and the service name it by; SageMaker's name stays "
        "'pipelineName' of its confs"
    )
    kind: Kind = Field("training", description="training makes models, inference uses approved ones")
    config: Globs = Field(
        (),
        description="glob(s) of its configuration files under training_dir; default: the manifest's 'config', for "
        "inference */conf/inference.yaml",
    )
    trigger: PipelineTrigger = Field(
        PipelineTrigger.model_construct(), description="what else starts it, besides pushes and schedules"
    )


Pipelines = Annotated[tuple[PipelineSection, ...], BeforeValidator(_not_empty)]
OwnConfig = Annotated[
    dict[str, Globs],
    BeforeValidator(_by_pipeline, json_schema_input_type=str | tuple[str, ...] | dict[str, str | tuple[str, ...]]),
]


class PipelineEntry(Section):
    """A pipeline of the manifest: `config` are its globs below `training_dir`.

    `places` are those of its keys; without the section `pipelines` there is one entry, which has no place.
    """

    name: str
    kind: Kind = "training"
    config: tuple[str, ...]
    trigger: PipelineTrigger = PipelineTrigger.model_construct()
    place: Place | None = None
    places: Mapping[str, Place] = {}

    @property
    def is_inference(self) -> bool:
        return self.kind == INFERENCE

    @property
    def landing(self) -> Mapping[str, Place | None]:
        """The buckets whose new data starts it, and where that is said."""
        return dict.fromkeys((address.split("/")[2] for address in self.trigger.data), self.at("trigger"))

    def at(self, key: str) -> Place | None:
        """Return where a key of it stands, or would."""
        return self.places.get(key, self.place)


def read_pipelines(sections: tuple[PipelineSection, ...], config: str, document: Document) -> tuple[PipelineEntry, ...]:
    """Return the pipelines of a manifest whose own glob is `config`, those of the kind training first."""
    if not sections:
        return (PipelineEntry(name=DEFAULT_NAME, config=(config,)),)
    entries = [
        PipelineEntry(
            name=section.name,
            kind=section.kind,
            config=section.config or (_DEFAULT_CONFIG.get(section.kind, config),),
            trigger=section.trigger,
            place=document.place(("pipelines", index)),
            places={key: document.place(("pipelines", index, key)) for key in section.model_fields_set},
        )
        for index, section in enumerate(sections)
    ]
    return tuple(sorted(entries, key=lambda entry: entry.is_inference))


def pipeline_problems(entries: tuple[PipelineEntry, ...]) -> Iterator[Problem]:
    """Yield what is wrong with the pipelines, each by itself and beside the others."""
    first: dict[str, PipelineEntry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.place.line, entry.place.column) if entry.place else (0, 0)):
        if other := first.get(entry.name):
            yield Problem(
                id="PB952",
                message=f"two pipelines have the name '{entry.name}'",
                place=entry.at("name"),
                related=tuple(filter(None, (other.at("name"),))),
                hint="give one of them another 'name'",
            )
        first.setdefault(entry.name, entry)
        if entry.trigger.approval and not entry.is_inference:
            yield Problem(
                id="PB953",
                message=f"the pipeline '{entry.name}' makes models, so that none's approval can start it",
                place=entry.at("trigger"),
                hint="leave out 'approval', or add 'kind: inference' where it uses them",
            )


def unknown_pipeline(name: str, entries: Iterable[PipelineEntry], place: Place | None, who: str) -> Problem:
    """Return the problem that `who` names a pipeline that isn't there."""
    message = f"{who} the pipeline {describe(name)}, which the manifest doesn't have"
    return Problem(id="PB954", message=message, place=place, hint=did_you_mean(name, {entry.name for entry in entries}))


def find_entry(name: str, entries: tuple[PipelineEntry, ...]) -> PipelineEntry:
    """Return the pipeline of that name, the main one where it is empty: the first that trains, or else the first.

    Raises:
        InputProblems: PB954.
    """
    for entry in entries:
        if entry.name == name or not name:
            return entry
    raise InputProblems(unknown_pipeline(name, entries, None, "--pipeline names"))
