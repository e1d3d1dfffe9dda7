"""Leaving: kept runs that somebody wants to be rid of. By itself none ever goes: it is the history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.machine.holdings import Holding, weigh
from pipeline_builder.release.past.index import RunIndex
from pipeline_builder.release.past.keeping import run_folder
from pipeline_builder.release.past.query import RunQuery
from pipeline_builder.release.past.summary import RunSummary
from pipeline_builder.target import Target

KIND = "runs"


def find_old(index: RunIndex, target: Target, store: Path, before: datetime) -> list[Holding]:
    """Return the kept runs that started before a time, the oldest first, where nothing stands on them.

    The newest of each pipeline stays, what goes on, and whatever has registered a version that isn't rejected: a
    champion's record says what it was made of. `store` is where objects of the local target are.
    """
    used: dict[str, frozenset[str]] = {}
    everything, _ = index.runs(RunQuery(), limit=len(index))
    newest: set[str] = set()
    found = []
    for run in everything:
        is_newest = run.pipeline not in newest
        newest.add(run.pipeline)
        if run.kept and run.ended and not is_newest and run.started < before and not _is_used(run, target, used):
            found.append(_holding(run, store / run_folder(target, run.pipeline, run.id).removeprefix("s3://")))
    return found[::-1]


def _is_used(run: RunSummary, target: Target, used: dict[str, frozenset[str]]) -> bool:
    """Tell whether one of a run's versions is approved, or waits, by now; or was approved once, and is evidence.

    `used` are the versions of which that is so, by group: each group is listed once.
    """
    for model in run.models if run.kind == "training" else ():
        if model.group not in used:
            packages = target.registry.list_packages(model.group)
            used[model.group] = frozenset(package.arn for package in packages if _stands(package))
        if model.arn in used[model.group]:
            return True
    return False


def _stands(package: ModelPackage) -> bool:
    return package.status is not ApprovalStatus.REJECTED or "rolled back" in package.approval_description


def _holding(run: RunSummary, folder: Path) -> Holding:
    why = f"a run of {run.pipeline} that {run.status.lower()} on {run.started:%Y-%m-%d}, of which nothing is in use"
    return Holding(
        kind=KIND, name=run.id, paths=(folder,), size=weigh([folder]), used=run.ended or run.started, why=why
    )


def weigh_all(runs: Iterable[Holding]) -> int:
    """Return how much the records of all runs are of the pipelines that these are of, in bytes."""
    return weigh({path.parent for run in runs for path in run.paths})


def take(chosen: Iterable[Holding]) -> Iterator[Holding]:
    """Remove kept runs; yield them."""
    for item in chosen:
        for path in item.paths:
            remove_folder(path)
        yield item
