"""Resolving: which model package an inference run uses, and what of the day it is about, as its parameters say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline_builder.dag.packages import STATISTICS
from pipeline_builder.definition.policy.groups import identity
from pipeline_builder.definition.uses import ModelUse
from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.documents.dates import date_values
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.evidence import PROPERTY
from pipeline_builder.release.proof import refuse_moved
from pipeline_builder.release.stages import is_ready

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Definition
    from pipeline_builder.target import Target

NOT_READY = frozenset(("PB963", "PB964", "PB966"))
"""What is said of a model that may only have to be trained, or approved, first."""
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a parameter of an inference definition is in a run: a model package, or the address of what comes with it.

    `evidence` is the sha256 of what the package was approved by, empty where there is none; `notes` are lines for
    people about it. One that is `held` stands for the champion, as the date was scored with it.
    """

    use: ModelUse
    arn: str
    group: str
    version: int
    artifact: str
    evidence: str
    value: str
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    held: bool = False

    @property
    def words(self) -> str:
        """Which version it is, in words: `'churn' version 3, the champion`."""
        if self.held:
            return f"'{self.group}' version {self.version}, which has scored this date"
        why = f"in stage '{self.use.stage}'" if self.use.stage else "the champion" if self.use.version is None else ""
        return f"'{self.group}' version {self.version}{f', {why}' if why else ''}"


def resolve_models(definition: Definition, target: Target, held: Mapping[str, int] | None = None) -> Mapping[str, Used]:
    """Return what each parameter of a model package is, as the registry has it now.

    `held` are the versions of groups that stand for champions and stages, as long as they are approved.

    Raises:
        InputProblems: PB963 for a group that isn't there, PB964 for one without an approved version, PB965 for a
            version that isn't there or isn't approved, PB966 for a stage that no approved version is in, PB941 where
            the package has no one artifact, PB942 where it has no baseline, PB943 where the group is another's; all.
        PlanRefused: PB461, PB462 where the bytes of a package aren't those that were approved.
    """
    chosen: dict[tuple[str, int | None, str], ModelPackage | Problem] = {}
    kept: set[tuple[str, int | None, str]] = set()
    found: dict[str, Used] = {}
    problems: list[Problem] = []
    for name, use in definition.models.items():
        key = (use.group, use.version, use.stage)
        if key not in chosen:
            stands = _held(use, target, (held or {}).get(use.group, 0))
            kept |= {key} if stands else set()
            chosen[key] = stands or _choose(use, target)
        package = chosen[key]
        used = _used(use, package) if isinstance(package, ModelPackage) else package
        if isinstance(used, Used):
            found[name] = replace(used, held=key in kept)
        elif used not in problems:
            problems.append(used)
    if problems:
        raise InputProblems(*problems)
    notes = tuple(_prove(found.values(), target))
    return {name: replace(used, notes=notes) for name, used in found.items()}


def _prove(used: Iterable[Used], target: Target) -> Iterator[str]:
    """Yield lines about what can't be told of packages; evidence of another account's lies in a bucket of that.

    Raises:
        PlanRefused: PB461, PB462.
    """
    arns = {one.arn: one for one in used}
    yield from refuse_moved([arn for arn, one in arns.items() if not one.use.is_foreign], target)
    for one in arns.values():
        if one.use.is_foreign:
            yield f"{one.group} version {one.version} is another account's, whose evidence isn't here to compare with"


def check_started(definition: Definition, parameters: Mapping[str, str], target: Target) -> None:
    """Refuse to go on with what was started with model packages that mustn't be used by now.

    Raises:
        InputProblems: PB965 for each that isn't approved any more.
        PlanRefused: PB461, PB462 where the bytes of one aren't those that were approved.
    """
    uses = {
        parameters[name]: use for name, use in definition.models.items() if use.what == "package" and name in parameters
    }
    described = {arn: target.registry.describe_package(arn) for arn in uses}
    refused = [
        _unapproved(uses[arn], package)
        for arn, package in described.items()
        if package.status is not ApprovalStatus.APPROVED
    ]
    if refused:
        raise InputProblems(*refused)
    refuse_moved([arn for arn, use in uses.items() if not use.is_foreign], target)


def date_parameters(definition: Definition, date: str) -> Mapping[str, str]:
    """Return what each parameter of the logical date is, `2026-11-29` or `2026-11-29T13`."""
    values = date_values(date) if definition.dates else {}
    return {parameter: values[name] for parameter, name in definition.dates.items()}


def describe_used(used: Iterable[Used]) -> Iterator[str]:
    """Yield a line for each model: which version is used, and what can't be told of it."""
    found = tuple(used)
    yield from dict.fromkeys(
        (*(f"{one.use.unit}: {one.words}" for one in found), *(n for one in found for n in one.notes))
    )


def _held(use: ModelUse, target: Target, version: int) -> ModelPackage | None:
    """Return the version that stands for the champion; None where there is none, or it isn't approved any more."""
    if not version or use.version is not None:
        return None
    found = _choose(replace(use, version=version, stage=""), target)
    return found if isinstance(found, ModelPackage) else None


def _choose(use: ModelUse, target: Target) -> ModelPackage | Problem:
    """Return the package that is asked for, described as a whole, or the problem with what there is."""
    listed = target.registry.list_packages(use.group)
    if not listed and not use.is_foreign and target.registry.group_owner(use.group) is None:
        hint = "a training pipeline makes it when it is applied; 'pipeline-builder apply' of that comes first"
        return Problem(id="PB963", message=f"there is no model package group '{use.group}'", place=use.place, hint=hint)
    if whose := _foreign(use, listed, target):
        message = f"the model package group '{use.group}' {whose}, not of '{use.owner}'"
        return Problem(id="PB943", message=message, place=use.place, hint=use.allow or None)
    approved = [package for package in listed if package.status is ApprovalStatus.APPROVED]
    if use.version is not None:
        return _described(_numbered(use, listed), target)
    if use.stage:
        return _described(_staged(use, listed, approved), target)
    return _described(approved[0] if approved else _none_approved(use, listed), target)


def _foreign(use: ModelUse, listed: tuple[ModelPackage, ...], target: Target) -> str:
    """Return whose a group is that is neither the repository's nor allowed; empty where there is nothing to say."""
    if use.listed or not use.owner:
        return ""
    tag = target.registry.group_owner(use.group)
    if tag:
        return "" if tag == use.owner else f"has the tag of '{tag}'"
    said = {target.registry.describe_package(package.arn).metadata.get("Repository", "") for package in listed[:1]}
    if all(repo and identity(repo) == use.owner for repo in said):
        return ""
    whose = ", ".join(f"'{repo}'" if repo else "nobody's that say so" for repo in sorted(said))
    return f"has no tag, and its newest package is of {whose}"


def _described(found: ModelPackage | Problem, target: Target) -> ModelPackage | Problem:
    return target.registry.describe_package(found.arn) if isinstance(found, ModelPackage) else found


def _none_approved(use: ModelUse, listed: tuple[ModelPackage, ...]) -> Problem:
    waiting = [str(package.version) for package in listed if package.status is ApprovalStatus.PENDING]
    if not listed:
        words, hint = "has no version yet", "run the training pipeline, and approve what comes of it"
    else:
        words, hint = "has no approved version", "approve one: 'pipeline-builder promote'"
        words += f"; waiting for approval: {', '.join(waiting[:_MOST_SHOWN])}" if waiting else ""
    return Problem(id="PB964", message=f"the model package group '{use.group}' {words}", place=use.place, hint=hint)


def _numbered(use: ModelUse, listed: tuple[ModelPackage, ...]) -> ModelPackage | Problem:
    found = next((package for package in listed if package.version == use.version), None)
    if found is not None and found.status is ApprovalStatus.APPROVED:
        return found
    if found is None:
        known = ", ".join(str(package.version) for package in listed[:_MOST_SHOWN])
        message = f"the model package group '{use.group}' has no version {use.version}"
        hint = f"its newest are: {known}" if known else "it has none yet: run the training pipeline"
        return Problem(id="PB965", message=message, place=use.place, hint=hint)
    return _unapproved(use, found)


def _unapproved(use: ModelUse, package: ModelPackage) -> Problem:
    message = f"version {package.version} of '{use.group}' is {package.status.value}, and only approved ones are used"
    return Problem(id="PB965", message=message, place=use.place, hint="approve it first, or name another version")


def _staged(use: ModelUse, listed: tuple[ModelPackage, ...], approved: list[ModelPackage]) -> ModelPackage | Problem:
    """A stage is a person's word about a version, and its status there too: both have to say that it may be used."""
    for package in approved:
        if is_ready(package.stage, package.stage_status, use.stage):
            return package
    there = [package for package in listed if package.stage.casefold() == use.stage.casefold()]
    if there:
        shown = ", ".join(
            f"version {p.version} ({p.status.value}, there {p.stage_status})" for p in there[:_MOST_SHOWN]
        )
        message = f"no approved version of '{use.group}' has the status Approved in the stage '{use.stage}': {shown}"
    else:
        message = f"no version of '{use.group}' is in the stage '{use.stage}'"
    known = sorted({package.stage for package in listed if package.stage})
    hint = f"put one there: 'pipeline-builder promote {use.group}/VERSION --stage {use.stage}'"
    if known and not there:
        hint = f"its versions are in: {', '.join(known)}"
    return Problem(id="PB966", message=message, place=use.place, hint=hint)


def _used(use: ModelUse, package: ModelPackage) -> Used | Problem:
    artifacts = tuple(dict.fromkeys(one.model_data_url for one in package.containers if one.model_data_url))
    value = package.arn
    if use.what == "artifact":
        if len(artifacts) != 1:
            return _unmountable(use, package, len(artifacts))
        value = artifacts[0]
    if use.what == "baseline":
        statistics = package.baselines.get(STATISTICS, "")
        if not statistics:
            return _without_baseline(use, package)
        value = f"{statistics.rpartition('/')[0]}/"
    return Used(
        use=use,
        arn=package.arn,
        group=package.group,
        version=package.version,
        artifact=artifacts[0] if artifacts else "",
        evidence=package.metadata.get(PROPERTY, ""),
        value=value,
        images=tuple(dict.fromkeys(one.image for one in package.containers if one.image)),
    )


def _unmountable(use: ModelUse, package: ModelPackage, count: int) -> Problem:
    has = f"{count} artifacts" if count else "no artifact"
    message = f"version {package.version} of '{package.group}' has {has}, and 'model_channel' mounts the one of a model"
    hint = "let a CreateModel and a Transform step score with it"
    return Problem(id="PB941", message=message, place=use.place, hint=hint)


def _without_baseline(use: ModelUse, package: ModelPackage) -> Problem:
    message = f"version {package.version} of '{package.group}' was registered without a baseline to compare with"
    hint = "add 'baseline:' and a Baseline step to its training conf, and train anew; or leave 'monitor:' out"
    return Problem(id="PB942", message=message, place=use.place, hint=hint)
