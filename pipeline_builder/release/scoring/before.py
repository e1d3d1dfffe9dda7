"""What the ledger knows of a date that is to be scored: whether the same has been done, whatever was cleared since.

A run compares fingerprints of executions first; their files may be gone long before what they have published is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.canonical import canonical
from pipeline_builder.dag.caching import PARAMETER
from pipeline_builder.dag.outline import decisive_parameters
from pipeline_builder.dag.requests import values_of
from pipeline_builder.definition.steps.freshness import data_parameters
from pipeline_builder.release.record import ObjectRecord
from pipeline_builder.release.scoring.ledger import LedgerDay, PackageUsed, Publication, read_day
from pipeline_builder.release.scoring.publishing import POINTER, day_folder, read_pointer

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.descriptions import DeployedPipeline
    from pipeline_builder.release.record import RunRecord, ScoreRecord
    from pipeline_builder.release.resolving import Used
    from pipeline_builder.release.starting import Starting
    from pipeline_builder.target import Target


_WELL = ("published", "scored")


def input_digest(composed: Composed, model: str, parameters: Mapping[str, str]) -> str:
    """Return what changes with the data that a model scores, as the parameters of a run have it."""
    graph = composed.graph
    given = [
        parameters.get(name, "")
        for step, name in data_parameters(graph).items()
        if graph.by_name[step].unit.name == model and graph.by_name[step].kind != "Monitor"
    ]
    return hashlib.sha256("\0".join(given).encode()).hexdigest()


def decisive_digest(definition: bytes, models: Iterable[str], parameters: Mapping[str, str]) -> str:
    """Return what changes with the values that decide about what a run comes to: of its data and labels, its date, the
    packages (`models` are their parameters), and those that were given.
    """
    values = values_of(json.loads(definition), parameters)
    names = ({*decisive_parameters(definition)} | {*models}) - {PARAMETER}
    return hashlib.sha256(canonical({name: values.get(name) for name in sorted(names)})).hexdigest()


def find_scored(starting: Starting, pipeline: DeployedPipeline) -> tuple[LedgerDay, ...]:
    """Return what is noted of a date, where all its models have been scored with the same data, package and definition,
    and readers have it; empty where something is left to do.
    """
    target, date = starting.target, starting.logical_date
    found = tuple(read_day(target, pipeline.name, model, date) for model in starting.composed.graph.by_unit)
    days = tuple(
        day
        for day in found
        if day
        and day.status in _WELL
        and is_same(day, starting, pipeline)
        and is_delivered(day, starting.composed, target)
    )
    return days if len(days) == len(found) else ()


def is_same(day: LedgerDay, starting: Starting, pipeline: DeployedPipeline) -> bool:
    """Tell whether a date was scored with the data, packages, values and definition that a run of these has."""
    definition = pipeline.definition
    if day.definition_sha256 != hashlib.sha256(definition).hexdigest():
        return False
    values = decisive_digest(definition, starting.composed.definition.models, starting.parameters)
    return day.parameters == values and is_package(day.package, starting.models.values())


def is_package(noted: PackageUsed, used: Iterable[Used]) -> bool:
    """Tell whether a package that was noted is still what has its name: where a registry was lost, or its state is an
    older one again, versions are counted anew, and others have the same ARNs.
    """
    return not noted.evidence or all(one.evidence == noted.evidence for one in used if one.arn == noted.arn)


def is_delivered(day: LedgerDay, composed: Composed, target: Target) -> bool:
    """Tell whether readers find all that a date has published, where the conf has them look by now."""
    unit = composed.graph.units.get(day.model)
    section = getattr(unit.section, "publish", None) if unit else None
    if section and day.status == "scored":
        return False
    if section and day.status == "published" and day.publication:
        pointer = f"{day_folder(section.to, day.date)}{POINTER}"
        return day.publication.pointer == pointer and has_readers(day, target)
    return has_readers(day, target)


def has_readers(day: LedgerDay, target: Target) -> bool:
    """Tell whether readers find all that a date has published; of a conf that publishes nothing there are none."""
    if day.status != "published":
        return True
    there = read_pointer(target, day.publication.pointer) if day.publication else None
    if day.publication is None or there is None or there.execution != day.execution:
        return False
    # Somebody may have deleted what the pointer leads to.
    left = target.store.entries(day.publication.run).keys()
    named = {day.publication.manifest, *(item.uri for item in day.publication.objects)}
    return named <= left and len(left) > day.publication.count


def delivered_before(record: RunRecord, composed: Composed, target: Target) -> RunRecord | None:
    """Return the record of a run all of whose scores have been delivered as they are; None where something is left."""
    scores = [_as_delivered(record, score, composed, target) for score in record.scores]
    known = tuple(score for score in scores if score)
    return record.model_copy(update={"scores": known}) if known and len(known) == len(scores) else None


def _as_delivered(record: RunRecord, score: ScoreRecord, composed: Composed, target: Target) -> ScoreRecord | None:
    unit = composed.graph.units.get(score.model)
    day = read_day(target, record.pipeline, score.model, score.date) if unit else None
    section = getattr(unit.section, "publish", None) if unit else None
    if day is None or day.execution != record.execution or not is_delivered(day, composed, target):
        return None
    if day.status == "published" and score.status in ("scored", "published") and section and day.publication:
        return as_published(score, day.publication)
    same = day.status == score.status and (score.status == "blocked" or not section)
    return with_kept(score, day) if same else None


def as_published(score: ScoreRecord, publication: Publication) -> ScoreRecord:
    """Return the score with where it is published."""
    objects = tuple(ObjectRecord(uri=item.uri, size=item.size) for item in publication.objects)
    changes = {
        "status": "published", "published_to": publication.run, "pointer": publication.pointer, "objects": objects,
    }  # fmt: skip
    return score.model_copy(update=changes)


def with_kept(score: ScoreRecord, day: LedgerDay) -> ScoreRecord:
    """Return the score with what was published before, where that stays in place."""
    kept = day.publication.pointer if day.publication and score.status in ("blocked", "failed") else ""
    return score.model_copy(update={"kept": kept})
