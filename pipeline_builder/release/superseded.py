"""Superseded: whether what has come after a run stands in the way of taking that run as the one that was asked for.

Who goes back to what was before (a commit is reverted, data is restored) asks for a model that has been made already,
by a run whose version isn't in use any more. That run is no answer: what is in use would stay what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline_builder.dag.caching import PARAMETER
from pipeline_builder.dag.outline import decisive_parameters
from pipeline_builder.definition.parameters import UNKNOWN_COMMIT
from pipeline_builder.descriptions import JSON, ApprovalStatus, Execution, ModelPackage
from pipeline_builder.errors import InputProblems
from pipeline_builder.target import PipelineService, Target

Superseded = Callable[[Execution, Sequence[Execution]], bool]
"""Tells whether a run that has succeeded is no answer any more, of those that were started after it, newest first: they
have other fingerprints.
"""


def never(found: Execution, later: Sequence[Execution]) -> bool:
    """Tell it of pipelines that register nothing."""
    del found, later
    return False


def is_superseded(target: Target, found: Execution, later: Sequence[Execution]) -> bool:
    """Tell whether a later run of other work has registered a version that is in use instead of this run's, or that
    would come before it: one that waits, where this run's isn't in use either.

    What was rejected or rolled back is in nobody's way, but of a version that still waits: nobody is asked about that
    any more. A run that was given other values for the confs' parameters is a trial beside this one, and comes in the
    place of none.
    """
    if not later:
        return False
    ahead = {arn for package in _registered(target, found) for arn in _ahead(target, package)}
    if not ahead:
        return False
    work = _Work.of(target.pipelines, found)
    for one in later:
        made = ahead & _arns(target.pipelines, one)
        if made and work.is_other(target.pipelines, one):
            return True
        ahead -= made
        if not ahead:
            break
    return False


def status_of(target: Target, arn: str) -> ApprovalStatus:
    """Return the status of a version; one that somebody has deleted is in nobody's way, as a rejected one."""
    found = _described(target, arn)
    return found.status if found else ApprovalStatus.REJECTED


def _ahead(target: Target, own: ModelPackage) -> frozenset[str]:
    """Return the newer versions of a group that stand in the way of this one; none where it is the champion."""
    packages = target.registry.list_packages(own.group)
    champion = next((package for package in packages if package.status is ApprovalStatus.APPROVED), None)
    if champion and champion.version == own.version:
        return frozenset()
    newer = (package for package in packages if package.version > own.version)
    waits = own.status is ApprovalStatus.PENDING
    return frozenset(package.arn for package in newer if waits or package.status is not ApprovalStatus.REJECTED)


def _registered(target: Target, execution: Execution) -> tuple[ModelPackage, ...]:
    found = (_described(target, arn) for arn in sorted(_arns(target.pipelines, execution)))
    return tuple(package for package in found if package)


def _described(target: Target, arn: str) -> ModelPackage | None:
    try:
        return target.registry.describe_package(arn)
    except InputProblems:  # PB531: somebody has deleted it
        return None


def _arns(service: PipelineService, execution: Execution) -> frozenset[str]:
    """Return the packages that an execution has registered itself."""
    states = (state for state in service.list_steps(execution.arn) if not state.taken_from)
    return frozenset(arn for state in states if (arn := state.metadata.get("RegisterModel")))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What an execution has done: by its definition, and what was given to it."""

    execution: Execution
    definition: bytes

    @classmethod
    def of(cls, service: PipelineService, listed: Execution) -> _Work:
        return cls(execution=_whole(service, listed), definition=service.definition_of(listed.arn))

    def is_other(self, service: PipelineService, listed: Execution) -> bool:
        """Tell whether a later run, of another fingerprint, has done other work: of another definition, other data or
        other images; not only of other steps.
        """
        mine, theirs = self.execution, _whole(service, listed)
        data, asked = _parameters(self.definition)
        if _values(mine, asked) != _values(theirs, asked):
            return False
        if not (mine.selected or theirs.selected) or _values(mine, data) != _values(theirs, data):
            return True
        return self.definition != service.definition_of(theirs.arn)


def _whole(service: PipelineService, listed: Execution) -> Execution:
    return service.describe_execution(listed.arn) or listed  # a listing tells less


def _parameters(definition: bytes) -> tuple[frozenset[str], frozenset[str]]:
    """Return the parameters with fingerprints of data, and those that the confs ask for."""
    declared: JSON = json.loads(definition).get("Parameters")
    listed = [one for one in declared if isinstance(one, dict)] if isinstance(declared, list) else []
    own = {str(one.get("Name")) for one in listed if one.get("DefaultValue") == UNKNOWN_COMMIT}
    decisive = decisive_parameters(definition) - {PARAMETER}
    return decisive & own, decisive - own


def _values(execution: Execution, names: frozenset[str]) -> Mapping[str, str | None]:
    return {name: execution.parameters.get(name) for name in names}
