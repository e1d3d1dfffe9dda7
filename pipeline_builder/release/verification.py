"""Verification: whether a model package's bytes, its evidence and its approval agree, for whoever is to use it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline_builder.dag.packages import COPIED_FROM
from pipeline_builder.descriptions import JSON, ApprovalStatus, ModelPackage
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.evidence import PIPELINE, PROPERTY, Evidence, PackageEvidence
from pipeline_builder.release.judging import judge_alone
from pipeline_builder.release.proof import check_package
from pipeline_builder.target import Target

_HINT = "don't use it; 'pipeline-builder history --audit' has what was decided about it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A package all of which agrees: it is approved, by this evidence, and its bytes are those that were judged."""

    package: ModelPackage
    evidence: Evidence
    own: PackageEvidence

    @property
    def lines(self) -> tuple[str, ...]:
        """What was looked at, for people."""
        package = self.package
        artifacts = [container.artifact for container in self.own.containers if container.artifact]
        return (
            f"{package.group} version {package.version} is what was approved",
            f"  approval  {package.approval_description or f'that of {package.metadata[COPIED_FROM]}'}",
            f"  evidence  {self.evidence.sha256}",
            *(f"  artifact  {a.uri}  {_told_by(a.sha256, a.version, a.etag)}" for a in artifacts),
            *(f"  image     {c.image}  {c.digest}".rstrip() for c in self.own.containers),
        )

    @property
    def json(self) -> JSON:
        """The same for machines."""
        return {
            "package": self.package.arn,
            "group": self.package.group,
            "version": self.package.version,
            "agrees": True,
            "approval": self.package.approval_description,
            "evidence": self.evidence.sha256,
            "containers": [c.model_dump(mode="json", exclude_defaults=True) for c in self.own.containers],
        }


def _told_by(sha256: str, version: str, etag: str) -> str:
    return f"sha256 {sha256}" if sha256 else f"version {version}" if version else f"ETag {etag}"


_NAMED = re.compile(r"(?:arn:[^/]*:model-package/)?(?P<group>[^/]+)/(?P<version>[1-9][0-9]{0,8})")


def read_name(name: str) -> tuple[str, int | None]:
    """Return group and version of a package's ARN, or of `GROUP/VERSION`; the version is None in any other name."""
    found = _NAMED.fullmatch(name)
    return (found["group"], int(found["version"])) if found else (name, None)


def verify(group: str, version: int | None, target: Target, *, named: str = "") -> Verified:
    """Return what agrees about a version of a group, by default its champion; `named` is what was asked for.

    Raises:
        InputProblems: PB468 where there is no such version, or it is another package than the ARN that was `named`.
        PlanRefused: PB461, PB462, PB467: each thing that doesn't agree.
    """
    package = target.registry.describe_package(_find(group, version, target).arn)
    if named.startswith("arn:") and named != package.arn:
        message = f"'{named}' is not of this target, where that version is '{package.arn}'"
        raise InputProblems(Problem(id="PB468", message=message, hint="ask where it is: its account and its Region"))
    name = f"{package.group} version {package.version}"
    digest = package.metadata.get(PROPERTY, "")
    if not digest:
        raise PlanRefused(Problem(id="PB467", message=f"{name} {_unproven(package)}", hint=_HINT))
    problems, _ = check_package(package.arn, target)
    evidence = load_evidence(target, package.metadata.get(PIPELINE, ""), digest)
    own = find_own(evidence, package)
    against = [*_approval(package, digest), *(f"the gate blocks it: {why}" for why in _blocked(evidence, own))]
    if problems or against:
        more = (Problem(id="PB467", message=f"{name}: {words}", hint=_HINT) for words in against)
        raise PlanRefused(*problems, *more)
    return Verified(package=package, evidence=evidence, own=own)


def _unproven(package: ModelPackage) -> str:
    if package.status is ApprovalStatus.APPROVED:
        return "has no evidence: it was approved before there was any, or elsewhere"
    return f"is {package.status.value}: {package.approval_description or 'nobody has decided about it'}"


def find_own(evidence: Evidence, package: ModelPackage) -> PackageEvidence:
    """Return the part of the evidence that is about a package, or about the one that it was copied from.

    Raises:
        PlanRefused: PB462 where there is none.
    """
    own = evidence.package(package.arn) or evidence.package(package.metadata.get(COPIED_FROM, ""))
    if own is None:
        message = f"{package.group} version {package.version}: its evidence is about other packages"
        raise PlanRefused(Problem(id="PB462", message=message, hint=_HINT))
    return own


def _find(group: str, version: int | None, target: Target) -> ModelPackage:
    packages = target.registry.list_packages(group)
    wanted = (p for p in packages if (p.version == version if version else p.status is ApprovalStatus.APPROVED))
    found = next(wanted, None)
    if found is None:
        what = f"no version {version}" if version else "no approved version"
        known = ", ".join(str(package.version) for package in packages[:10])
        hint = f"it has the versions {known}" if known else "nothing has been registered in it"
        raise InputProblems(Problem(id="PB468", message=f"'{group}' has {what}", hint=hint))
    return found


def _approval(package: ModelPackage, digest: str) -> list[str]:
    if package.status is not ApprovalStatus.APPROVED:
        return [f"it is {package.status.value}: {package.approval_description or 'nobody has said why'}"]
    if package.metadata.get(COPIED_FROM) and not package.approval_description:
        return []  # a copy brings its properties along, and no words
    if f"evidence {digest[:12]}" not in package.approval_description:
        return [
            f"its approval is not by the evidence {digest[:12]}: {package.approval_description or 'it says nothing'}"
        ]
    return []


def _blocked(evidence: Evidence, own: PackageEvidence) -> tuple[str, ...]:
    verdict = judge_alone(evidence, own)
    return () if verdict.passed else verdict.reasons
