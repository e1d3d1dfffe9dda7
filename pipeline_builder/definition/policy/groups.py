"""Model package groups: each belongs to one repository, and others register into it only where the policy says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.definition.names import shorten
from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.member import Member
from pipeline_builder.definition.policy.requests import UNKNOWABLE
from pipeline_builder.documents.members import member_at
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Place
from pipeline_builder.manifest.patterns import fits_any
from pipeline_builder.manifest.refusal import Refused

# What the value of a tag takes.
_TAG_VALUE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """A group that a repository's step registers into: its name, or its ARN where that is another account's."""

    group: str
    asking: Asking
    member: Member

    @property
    def repo(self) -> str:
        return self.asking.rules.repo

    @property
    def place(self) -> Place:
        return self.asking.place(self.member.path)

    @property
    def listed(self) -> bool:
        """Whether the policy names the group for the repository."""
        return fits_any(self.asking.rules.groups, self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A repository's claim to a group: `owner` is what the group's tag would be, `listed` whether the policy has it."""

    group: str
    repo: str
    owner: str
    listed: bool
    registering: Registering

    def is_owner(self, url: str) -> bool:
        """Tell whether a repository's url, as packages have it, is that of the claim."""
        return identity(url) == self.owner

    def refuse(self, found: str) -> Refused:
        """Return the problem with a group that is there and is another's."""
        one = self.registering
        message = f"the model package group {describe(self.group)} is there already and {found}, not of '{self.owner}'"
        return one.asking.refuse("PB247", "groups", self.group, message, one.member.path)


def identity(url: str) -> str:
    """Return what a repository's url names, whatever the way to it: `host/team/name`; as a tag's value takes it."""
    plain = re.sub(r"^[a-z+]+://", "", url.strip()).removesuffix("/").removesuffix(".git")
    plain = re.sub(r"^[^@/]*@", "", plain)
    plain = re.sub(r"^([^/:]+):(?!\d+/)", r"\1/", plain)
    return shorten(re.sub(r"[^\w .:/=+@-]", "_", plain), _TAG_VALUE)


def claims_of(found: Iterable[Registering], urls: Mapping[str, str]) -> tuple[Claim, ...]:
    """Return each repository's claim to each group once; `urls` are the repositories'."""
    claims: dict[tuple[str, str], Claim] = {}
    for one in found:
        if one.group.startswith("arn:"):
            continue  # another account's, which the policy has listed
        owner = identity(urls.get(one.repo, one.repo))
        claim = Claim(group=one.group, repo=one.repo, owner=owner, listed=one.listed, registering=one)
        claims.setdefault((one.group, one.repo), claim)
    return tuple(claims.values())


def groups_of(asking: Asking, members: Iterable[Member], account: str) -> Iterator[Registering | Refused]:
    """Yield the groups that a request names; one that only a run knows is refused."""
    for member in members:
        meaning = asking.known.meaning(member.value)
        if meaning.text is not None:
            yield Registering(group=plain_group(meaning.text, account), asking=asking, member=member)
        elif not meaning.waits:
            yield asking.forbid("PB237", "the group is known only when the pipeline runs", member.path, UNKNOWABLE)


def check_package(asking: Asking, urls: Mapping[str, str]) -> Iterator[Refused]:
    """Yield what would take a package out of all groups, or let it say that it is another repository's."""
    if asking.type != "RegisterModel":
        return
    if not member_at(asking.request, ("ModelPackageGroupName",)):
        message = "a package without a group would have neither versions nor an approval"
        yield asking.forbid("PB237", message, ("ModelPackageName",), "leave 'ModelPackageGroupName' as it is")
    path = ("MetadataProperties", "Repository")
    said, repo = member_at(asking.request, path), asking.rules.repo
    if said != urls.get(repo, repo):
        message = f"the package would say that it is of {describe(said)}, and it is of '{urls.get(repo, repo)}'"
        yield asking.forbid("PB237", message, path, "leave 'MetadataProperties' out of 'arguments'")


def check_groups(found: Iterable[Registering], defaults: Mapping[str, str]) -> Iterator[Refused]:
    """Yield every step that registers into another repository's group.

    `defaults` has the repository of each group that is a model's by its name. Of several repositories that register
    into one of no model the first in order of the names owns it, so that the others are to be listed.
    """
    by_group: dict[str, list[Registering]] = {}
    for one in found:
        by_group.setdefault(one.group, []).append(one)
    for group, all_of in sorted(by_group.items()):
        unlisted = sorted((one for one in all_of if not one.listed), key=lambda one: (one.repo, one.asking.name))
        owner = defaults.get(group) or (unlisted[0].repo if unlisted else "")
        for one in unlisted:
            if one.repo != owner or group.startswith("arn:"):
                yield _refused(one, owner, next((o.place for o in all_of if o.repo == owner != one.repo), None))


def _refused(one: Registering, owner: str, place: Place | None) -> Refused:
    whose = f"'{owner}'" if owner != one.repo else "another account"
    message = (
        f"the model package group {describe(one.group)} belongs to {whose}, and '{one.repo}' would register into it"
    )
    found = one.asking.refuse("PB237", "groups", one.group, message, one.member.path)
    related = (*found.related, *((place,) if place else ()))
    return Refused(
        id=found.id, message=found.message, place=found.place, hint=found.hint, related=related, grant=found.grant
    )


def plain_group(group: str, account: str) -> str:
    """A group of this account is meant by its ARN as by its name."""
    parts = group.split(":", 5)
    if len(parts) == 6 and parts[4] == account:
        return parts[5].removeprefix("model-package-group/")
    return group
