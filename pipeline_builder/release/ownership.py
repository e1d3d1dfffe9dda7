"""Whose the model package groups on the target are: one repository's each, by a tag, or as their packages say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline_builder.definition.composed import Composed
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.target import ModelRegistry

if TYPE_CHECKING:
    from pipeline_builder.definition.policy.groups import Claim

_AT_ONCE = 8
# Of a group without a tag that many packages are asked whose they are, newest first.
_MOST_ASKED = 5
_DENIED = "PB704"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The owner of each group that is to be made, and the groups of before that get their tag, with what is said."""

    owners: Mapping[str, str] = field(default_factory=dict)
    adopted: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A claim and what was found: the tag (None without a group, empty without a tag), and whose its packages are."""

    claim: Claim
    tag: str | None = None
    packages: frozenset[str] = frozenset()
    denied: Problem | None = None


def owns_all(composed: Composed, registry: ModelRegistry) -> bool:
    """Tell whether each group is there and has its owner's tag, of a definition that is known: there is no more to say.

    A target that has to be asked for each over a network is looked at once, by the claims.
    """
    if composed.known is None:
        return False
    return all(registry.group_owner(group) == owner for group, owner in composed.known.owned.items())


def look_at_groups(claims: Iterable[Claim], registry: ModelRegistry) -> Ownership:
    """Return whose the groups are or will be; nothing is written yet.

    Raises:
        InputProblems: PB247 for each group that is there and isn't the repository's.
    """
    asked = [claim for claim in claims if not claim.listed]
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="groups") as pool:
        looks = list(pool.map(lambda claim: _look(claim, registry), asked))
    if refused := [problem for look in looks if (problem := _refuse(look))]:
        raise InputProblems(*refused)
    adopted = {look.claim.group: look.claim.owner for look in looks if look.tag == "" and not look.denied}
    return Ownership(
        owners={claim.group: claim.owner for claim in asked},
        adopted=adopted,
        said=tuple(_said(look) for look in looks if look.claim.group in adopted),
        warnings=tuple(dict.fromkeys(_unseen(look) for look in looks if look.denied)),
    )


def foresee_refusals(composed: Composed, registry: ModelRegistry) -> tuple[Problem, ...]:
    """Return as warnings for which groups `apply` would refuse a definition; what can't be looked at it says itself."""
    if owns_all(composed, registry):
        return ()
    try:
        look_at_groups(composed.policed.claims, registry)
    except InputProblems as error:
        return tuple(replace(problem, warning=True) for problem in error.problems)
    return ()


def _look(claim: Claim, registry: ModelRegistry) -> _Look:
    try:
        tag = registry.group_owner(claim.group)
        packages = _repositories(claim.group, registry) if tag == "" else frozenset()
    except OutsideFailure as error:
        denied = next((problem for problem in error.problems if problem.id == _DENIED), None)
        if denied is None:
            raise
        return _Look(claim=claim, denied=denied)
    return _Look(claim=claim, tag=tag, packages=packages)


def _repositories(group: str, registry: ModelRegistry) -> frozenset[str]:
    """Return what the newest packages say whose they are, empty for one that doesn't."""
    newest = registry.list_packages(group)[:_MOST_ASKED]
    return frozenset(registry.describe_package(package.arn).metadata.get("Repository", "") for package in newest)


def _refuse(look: _Look) -> Problem | None:
    if look.denied or look.tag in (None, look.claim.owner):
        return None
    if look.tag:
        return look.claim.refuse(f"has the tag of '{look.tag}'")
    others = sorted(name for name in look.packages if not look.claim.is_owner(name))
    if not others:
        return None
    whose = ", ".join(f"'{name}'" if name else "nobody's that say so" for name in others)
    return look.claim.refuse(f"has no tag, and its newest packages are of {whose}")


def _said(look: _Look) -> str:
    why = "its packages say so" if look.packages else "it is empty"
    return f"group '{look.claim.group}' of before is '{look.claim.repo}''s from now on: {why}"


def _unseen(look: _Look) -> Problem:
    assert look.denied is not None
    message = f"whose the model package groups are can't be looked at: {look.denied.message}"
    hint = "the service's roles of before can't: 'pipeline-builder deploy' brings those that can"
    return Problem(id="PB248", message=message, hint=hint, warning=True)
