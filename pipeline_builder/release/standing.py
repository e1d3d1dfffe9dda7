"""Where a model package stands: it waits, it is decided, it is rolled back; and by whose word."""

from __future__ import annotations

import enum
from typing import Protocol

from pipeline_builder.descriptions import ApprovalStatus, ModelPackage

ROLLED_BACK = "rolled back by"
AT, BY = "decided-at", "decided-by"
"""Custom properties of a decision. A conf can set those as well: they say more of a decision, and make none."""


class Standing(enum.Enum):
    """The states of a package: it waits, then it is approved or rejected; what was approved can be rolled back.

    UNSIGNED is one that is Approved in the registry without a word to it: registered so, or approved elsewhere. The
    word is the registry's ApprovalDescription, which no registration can bring along.
    """

    WAITING = "waits for a decision"
    APPROVED = "is approved"
    UNSIGNED = "is approved by nobody's word"
    REJECTED = "is rejected"
    ROLLED_BACK = "is rolled back"


class _Stated(Protocol):
    @property
    def status(self) -> str: ...
    @property
    def approval_description(self) -> str: ...


def standing(package: _Stated) -> Standing:
    """Return where a package stands, as the registry has it or a record."""
    word = package.approval_description.strip()
    match ApprovalStatus(package.status):
        case ApprovalStatus.PENDING:
            return Standing.WAITING
        case ApprovalStatus.APPROVED:
            return Standing.APPROVED if word else Standing.UNSIGNED
        case ApprovalStatus.REJECTED:
            return Standing.ROLLED_BACK if word.startswith(ROLLED_BACK) else Standing.REJECTED


def answers(status: ApprovalStatus, found: Standing) -> bool:
    """Tell whether this answer has been given already."""
    if status is ApprovalStatus.APPROVED:
        return found is Standing.APPROVED
    return found in (Standing.REJECTED, Standing.ROLLED_BACK)


def describe_word(package: ModelPackage) -> str:
    """Say in words who has decided what about a package, and when."""
    found, name = standing(package), f"{package.group} version {package.version}"
    if found is Standing.WAITING:
        return f"{name} {found.value}"
    when = package.metadata.get(AT) or (f"{package.modified:%Y-%m-%d %H:%M} UTC" if package.modified else "")
    word = package.approval_description.strip() or "nobody's name is on it"
    return f"{name} {found.value}{f' since {when}' if when else ''}: {word}"
