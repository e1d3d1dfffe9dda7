"""Four eyes: who has written a commit since the champion can't be the one who approves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.history import MOST_COMMITS, Histories, authors_since
from pipeline_builder.release.record import PackageRecord, RunRecord
from pipeline_builder.target import ModelRegistry

_COMMIT = "commit-"
_WRITTEN = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]*)>\s*")
_SESSION = re.compile(r"(?P<session>.+) \((?P<role>[^()]+)\)")
# 123+ada@users.noreply.github.com, ada@users.noreply.github.com
_NUMBERED = re.compile(r"\d+\+(?P<login>.+)")


def against_approver(
    record: RunRecord, package: PackageRecord, approver: Sequence[str], histories: Histories, registry: ModelRegistry
) -> tuple[Problem, ...]:
    """Return what is against this approver: PB484 for each author that may be the same person, PB485 where the authors
    aren't known.

    Compared are names and addresses without regard to case, and what is before an address's `@` with logins. Whoever
    writes commits under somebody else's name isn't found by that.
    """
    # Where the lock of the run is known, its commits count: what is on a package may come from a conf.
    commits = _commits(package.metadata)
    commits |= {repo.name: repo.commit for repo in record.repos if repo.name in commits or not commits}
    before = _commits(metadata_of_champion(package, registry))
    problems: list[Problem] = []
    if not commits:
        problems.append(_unknown(package, "its commits are not on the package"))
    for repo, commit in commits.items():
        found = authors_since(histories.get(repo, ()), commit, before.get(repo, ""))
        if found is None:
            problems.append(_unknown(package, f"the commit {commit[:12]} of '{repo}' is none of those checked out"))
            continue
        problems += [
            _same(package, author, tuple(dict.fromkeys((approver[0], name))), repo)
            for author in found
            if (name := next((name for name in approver if keys_of(name) & keys_of(author)), ""))
        ]
    return tuple(problems)


def metadata_of_champion(package: PackageRecord, registry: ModelRegistry) -> Mapping[str, str]:
    """Return the properties of the newest approved version that is older than the package; nothing without one."""
    listed: Iterable[ModelPackage] = registry.list_packages(package.group)
    older = (p for p in listed if p.status is ApprovalStatus.APPROVED and p.version < package.version)
    champion = next(older, None)
    return registry.describe_package(champion.arn).metadata if champion else {}


def _commits(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(_COMMIT): value for key, value in metadata.items() if key.startswith(_COMMIT)}


def keys_of(person: str) -> frozenset[str]:
    """Return what a person is recognised by: addresses, their parts before the `@`, logins and names."""
    return frozenset(key for key in _keys(person.casefold().strip()) if key)


def _keys(person: str) -> Iterator[str]:
    if written := _WRITTEN.fullmatch(person):
        yield " ".join(written["name"].split())
        yield from _address(written["address"].strip())
        return
    if session := _SESSION.fullmatch(person):  # as 'aws/codepipeline.py' says who assumed a role
        yield from _keys(session["session"])
        return
    yield from _address(person) if "@" in person else (" ".join(person.split()),)


def _address(address: str) -> Iterator[str]:
    yield address
    login = address.partition("@")[0]
    numbered = _NUMBERED.fullmatch(login)
    yield numbered["login"] if numbered else login


def _same(package: PackageRecord, author: str, approver: tuple[str, ...], repo: str) -> Problem:
    who = ", known as ".join(f"'{name}'" for name in approver)
    message = (
        f"{package.model} version {package.version}: {who} can't approve it, as '{author}' has written a commit of "
        f"'{repo}' since the champion"
    )
    hint = "'four_eyes' of the manifest's 'approval' wants somebody else: names, addresses and logins were compared"
    return Problem(id="PB484", message=message, hint=hint)


def _unknown(package: PackageRecord, why: str) -> Problem:
    message = f"{package.model} version {package.version}: who has written what is in it can't be told: {why}"
    hint = f"'pipeline-builder checkout' reads the newest {MOST_COMMITS} commits of each repository; then decide again"
    return Problem(id="PB485", message=message, hint=hint)
