"""A model's history: its versions with their metrics, and what was decided when, as points and turns of a plot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from pipeline_builder.descriptions import ApprovalChange, ApprovalStatus, ModelPackage
from pipeline_builder.release.standing import AT, BY, Standing, standing

_WORDS: Mapping[Standing, str] = {
    Standing.WAITING: "waits",
    Standing.APPROVED: "approved",
    Standing.UNSIGNED: "approved by nobody",
    Standing.REJECTED: "rejected",
    Standing.ROLLED_BACK: "rolled back",
}
TONES: Mapping[Standing, str] = {
    Standing.WAITING: "wait",
    Standing.APPROVED: "good",
    Standing.UNSIGNED: "bad",
    Standing.REJECTED: "bad",
    Standing.ROLLED_BACK: "bad",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a run has left of a version in the index of kept runs."""

    pipeline: str
    run: str
    execution: str
    started: datetime
    status: str = ""
    commits: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    passed: bool | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model as its page lists it: the registry's package, and what its run has left."""

    package: ModelPackage
    ran: Ran | None
    champion: bool

    @property
    def number(self) -> int:
        return self.package.version

    @property
    def standing(self) -> Standing:
        return standing(self.package)

    @property
    def blocked(self) -> bool:
        """Nobody can approve it: the gate has blocked it, whatever the registry still waits for."""
        return self.standing is Standing.WAITING and self.ran is not None and self.ran.passed is False

    @property
    def word(self) -> str:
        """Where it stands, in a word."""
        if self.blocked:
            return "blocked"
        return "champion" if self.champion else _WORDS[self.standing]

    @property
    def tone(self) -> str:
        """The tone of its badge; an older approved one is used by nobody, unless it is asked for."""
        if self.blocked:
            return "bad"
        return "idle" if self.standing is Standing.APPROVED and not self.champion else TONES[self.standing]

    @property
    def by(self) -> str:
        """Who has decided, where the package says it."""
        return "" if self.standing is Standing.WAITING else self.package.metadata.get(BY, "")

    @property
    def at(self) -> str:
        """When that was, in words."""
        if self.standing is Standing.WAITING:
            return ""
        changed = self.package.modified
        return self.package.metadata.get(AT, "") or (f"{changed:%Y-%m-%d %H:%M} UTC" if changed else "")

    @property
    def when(self) -> datetime | None:
        """When it was made."""
        return self.package.created or (self.ran.started if self.ran else None)

    @property
    def commit(self) -> str:
        """The commit of its repository; empty where nobody knows it."""
        found = {name: value for name, value in self.package.metadata.items() if name.startswith("commit-")}
        return (self.package.metadata.get("CommitId") or next(iter(found.values()), "")) or _only(self.ran)


def _only(ran: Ran | None) -> str:
    commits = list(ran.commits.values()) if ran else []
    return commits[0] if len(commits) == 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What was decided about a version; `what` is promoted, rejected, rolled back or put back, `why` who said what."""

    when: datetime
    version: int
    what: str
    tone: str
    by: str
    why: str


def versions_of(packages: Sequence[ModelPackage], ran: Mapping[int, Ran], champion: int) -> tuple[Version, ...]:
    """Return packages as versions of their model; `champion` is the number of the one that is in use."""
    return tuple(
        Version(package=package, ran=ran.get(package.version), champion=package.version == champion)
        for package in packages
    )


def turns_of(changes: Sequence[ApprovalChange], group: str) -> tuple[Turn, ...]:
    """Return what was decided about a group's versions, oldest first."""
    return tuple(_turn(change) for change in reversed(changes) if change.group == group)


def _turn(change: ApprovalChange) -> Turn:
    what, tone = _said(change)
    return Turn(when=change.when, version=change.version, what=what, tone=tone, by=change.by, why=change.description)


def _said(change: ApprovalChange) -> tuple[str, str]:
    match change.after:
        case ApprovalStatus.APPROVED:
            return "promoted", "good"
        case ApprovalStatus.PENDING:
            return "put back to be decided", "wait"
        case ApprovalStatus.REJECTED:
            back = change.before is ApprovalStatus.APPROVED
            return ("rolled back" if back else "rejected"), "bad"


def turns_told(versions: Sequence[Version]) -> tuple[Turn, ...]:
    """Return the last word about each version, oldest first, where a target keeps no more than that."""
    found = []
    for version in versions:
        when, package = _moment(version), version.package
        if when is None or version.standing in (Standing.WAITING, Standing.UNSIGNED):
            continue
        approved = version.standing is Standing.APPROVED
        what = "promoted" if approved else _WORDS[version.standing]
        found.append(
            Turn(when=when, version=version.number, what=what, tone="good" if approved else "bad", by=version.by,
                 why=package.approval_description)
        )  # fmt: skip
    return tuple(sorted(found, key=lambda turn: turn.when))


def _moment(version: Version) -> datetime | None:
    try:
        return datetime.strptime(version.package.metadata.get(AT, ""), "%Y-%m-%d %H:%M UTC").replace(
            tzinfo=timezone.utc
        )
    except ValueError:
        return version.package.modified


def metric_names(runs: Iterable[Ran], gated: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics that runs have: those that the gate bounds first, then as the first of the runs has them."""
    known = dict.fromkeys(name for run in runs for name in run.metrics)
    return (*(name for name in gated if name in known), *(name for name in known if name not in gated))
