"""What waits for a person's word: of each model the version that `promote` and `reject` would mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline_builder.descriptions import ModelPackage
from pipeline_builder.release.past.index import RunIndex
from pipeline_builder.release.past.summary import ModelSummary, RunSummary
from pipeline_builder.release.promote import waiting
from pipeline_builder.release.record import RunRecord
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A version of a model that waits, `since` it was registered, by which run of which pipeline."""

    model: str
    group: str
    version: int
    arn: str
    pipeline: str
    execution: str
    since: datetime | None

    @property
    def answers(self) -> tuple[str, str]:
        """The commands that answer it."""
        return f"pipeline-builder promote {self.model}", f"pipeline-builder reject {self.model} --comment WHY"


def find_waiting(target: Target, index: RunIndex, saved: RunRecord | None = None) -> tuple[Waiting, ...]:
    """Return what waits, sorted by model; the registry has the last word about each.

    A version waits that the gate lets through, and of whose group no newer one is decided. `saved` is the record of
    the last run, which may be of before records were kept for each.
    """
    found = {
        group: _of_group(target.registry.list_packages(group), index.of_model(group))
        for group in index.groups()
        if any(model.waits for _, model in index.of_model(group))
    }
    found |= {one.group: one for one in _of_record(target, saved) if one.group not in index.groups()}
    return tuple(sorted((one for one in found.values() if one), key=lambda one: (one.model, one.group)))


def _of_group(packages: tuple[ModelPackage, ...], known: tuple[tuple[RunSummary, ModelSummary], ...]) -> Waiting | None:
    by_arn = {model.arn: (run, model) for run, model in known}
    for package in packages:  # the newest first
        if standing(package) is not Standing.WAITING:
            return None
        run, model = by_arn.get(package.arn, (None, None))
        if run and model and model.waits:
            return _waiting(package, model.model, run.pipeline, run.id)
    return None


def _waiting(package: ModelPackage, model: str, pipeline: str, execution: str) -> Waiting:
    return Waiting(
        model=model,
        group=package.group,
        version=package.version,
        arn=package.arn,
        pipeline=pipeline,
        execution=execution,
        since=package.created,
    )


def _of_record(target: Target, saved: RunRecord | None) -> Iterator[Waiting]:
    for one in waiting(saved) if saved else ():
        newest: Mapping[str, ModelPackage] = {
            package.arn: package for package in target.registry.list_packages(one.group)
        }
        package = newest.get(one.arn)
        if package and standing(package) is Standing.WAITING:
            assert saved is not None
            yield _waiting(package, one.model, saved.pipeline, saved.execution.rsplit("/", 1)[-1])
