"""Unsigned: models that their own definition has registered as Approved. The gate's block holds for them too."""

from __future__ import annotations

import json

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.dag.packages import is_registered_approved
from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.errors import Problem
from pipeline_builder.release.record import PackageRecord, RunRecord
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.target import Target

_GATE = "the gate"


def settle_unsigned(record: RunRecord, target: Target) -> tuple[RunRecord, tuple[Problem, ...]]:
    """Reject what was registered as Approved and the gate blocks; return the record, and a warning for each package
    that nobody has decided about.

    Only what the definition that ran has registered so: what somebody has approved elsewhere without a word, as in
    Studio, is a person's.
    """
    found = [package for package in record.packages if standing(package) is Standing.UNSIGNED]
    if not found:
        return record, ()
    steps = flat_steps(json.loads(target.pipelines.definition_of(record.execution))["Steps"])
    own = {package.arn for package in found if is_registered_approved(steps.get(package.step))}
    settled = {p.arn: _reject(p, target) for p in found if p.arn in own and not _may(record, p)}
    packages = tuple(settled.get(package.arn, package) for package in record.packages)
    warnings = tuple(_warning(settled.get(package.arn, package)) for package in found if package.arn in own)
    return record.model_copy(update={"packages": packages}), warnings


def _may(record: RunRecord, package: PackageRecord) -> bool:
    from pipeline_builder.release.promote import is_decidable

    return is_decidable(record, package)


def _reject(package: PackageRecord, target: Target) -> PackageRecord:
    from pipeline_builder.release.promote import MOST_DESCRIPTION

    reasons = "; ".join(package.verdict.reasons) if package.verdict else "the run failed"
    why = f"blocked by {_GATE}: {reasons}"
    now = target.registry.set_approval(
        package.arn,
        ApprovalStatus.REJECTED,
        description=why if len(why) <= MOST_DESCRIPTION else f"{why[: MOST_DESCRIPTION - 1]}…",
        metadata={},
        by=_GATE,
        since=target.registry.describe_package(package.arn),
    )
    return package.decided(now.status.value, now.approval_description, now.metadata)


def _warning(package: PackageRecord) -> Problem:
    name = f"{package.model} version {package.version}"
    if package.status == ApprovalStatus.REJECTED.value:
        message = f"{name} was registered as Approved, and the gate blocks it: it is Rejected now"
    else:
        message = f"{name} was registered as Approved: nobody has decided about it"
    hint = "take 'ModelApprovalStatus' out of the conf, so that a person decides"
    return Problem(id="PB482", message=message, hint=hint, warning=True)
