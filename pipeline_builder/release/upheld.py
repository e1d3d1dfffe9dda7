"""Upheld: the verdict on an execution that has succeeded, as long as all that it was reached by is as it was.

Nothing is judged here: what has another stamp than when it was read, and what has changed in the registry or in what
the confs ask, is judged anew. And nothing is decided by it: what a person approves is read and judged again then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline_builder.descriptions import Execution, ExecutionStatus, ModelPackage
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.kept import Kept
from pipeline_builder.release.archive import evidence_uri, find_newest, newest_uri
from pipeline_builder.release.evidence import PIPELINE, PROPERTY, ChampionEvidence, Evidence
from pipeline_builder.release.outcome import find_champion
from pipeline_builder.release.record import RunRecord
from pipeline_builder.target import Target

_KIND = "verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upheld:
    """The verdict that is kept of an execution; `asked` says what it is judged for, and all that is shown besides."""

    kept: Kept
    target: Target
    execution: Execution
    asked: str

    def find(self) -> RunRecord | None:
        """Return the record with the verdict that stands; None where it is to be judged."""
        found = self.kept.get(_KIND, self._key) if self._may_stand else None
        if found is None:
            return None
        try:
            record = RunRecord.model_validate_json(found["record"])
            known: dict[str, str] = found["stamps"]
            registered = _registered(record, self.target)
        except (ValidationError, LookupError, TypeError, InputProblems):  # also of a package that is gone
            return None
        now = self.target.store.stamps(known)
        same = known == {uri: now.get(uri, "") for uri in known}
        return record if same and _digest(registered) == found.get("registered") else None

    def keep(self, record: RunRecord, evidence: Evidence, since: float) -> None:
        """Keep a verdict, unless something that it was reached by can't be told by a stamp.

        `since` is when its evidence began to be read, in seconds since 1970: what has changed later may be another.
        """
        if not self._may_stand or self.target.settled is None:
            return
        registered = _registered(record, self.target)
        if not _as_judged(record, evidence, registered):  # somebody has decided meanwhile
            return
        stamps = self.target.settled(_files(record, evidence, registered, self.target), since)
        if stamps is not None:
            found = {"record": record.model_dump_json(), "registered": _digest(registered), "stamps": stamps}
            self.kept.put(_KIND, self._key, found)

    @property
    def _may_stand(self) -> bool:
        return self.execution.status is ExecutionStatus.SUCCEEDED and self.target.settled is not None

    @property
    def _key(self) -> str:
        place = (self.target.name, self.target.base(self.execution.pipeline))
        return _digest((place, self.execution, self.asked))


Registered = list[tuple[ModelPackage, ModelPackage | None]]


def _registered(record: RunRecord, target: Target) -> Registered:
    """Return each package of a record as it is now, with what it is compared with."""
    among = [package.arn for package in record.packages]
    found = [target.registry.describe_package(arn) for arn in among]
    return [(package, find_champion(package, target, without=among)) for package in found]


def _as_judged(record: RunRecord, evidence: Evidence, registered: Registered) -> bool:
    """Tell whether the registry has what a record says, and what its evidence was read beside."""
    compared = {package.arn: package.champion for package in evidence.packages}
    return all(
        (known.status, known.approval_description, known.metadata)
        == (package.status.value, package.approval_description, dict(package.metadata))
        and _named_champion(compared.get(known.arn))
        == ((champion.arn, champion.metadata.get(PROPERTY, "")) if champion else None)
        for known, (package, champion) in zip(record.packages, registered, strict=True)
    )


def _named_champion(champion: ChampionEvidence | None) -> tuple[str, str] | None:
    return (champion.arn, champion.evidence) if champion else None


def _files(record: RunRecord, evidence: Evidence, registered: Registered, target: Target) -> Iterator[str]:
    """Yield the address of each object that a verdict is reached by, or that says what it was."""
    for execution in dict.fromkeys((record.execution, *(step.cache_hit for step in record.steps if step.cache_hit))):
        yield newest_uri(target, record.pipeline, execution)
        if newest := find_newest(target, record.pipeline, execution):
            yield evidence_uri(target, record.pipeline, newest)
    yield from (file.uri for file in evidence.code)
    for package, champion in registered:
        yield from _named(package)
        if champion:
            yield from _named(champion)
            if digest := champion.metadata.get(PROPERTY):
                yield evidence_uri(target, champion.metadata.get(PIPELINE, ""), digest)


def _named(package: ModelPackage) -> Iterable[str]:
    artifacts = (container.model_data_url for container in package.containers)
    return filter(
        None,
        (
            *artifacts,
            *package.reports.values(),
            *package.baselines.values(),
            package.metrics_uri,
            package.model_data_url,
        ),
    )


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogateescape")).hexdigest()
