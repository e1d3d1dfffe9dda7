"""Heads: the commit that each repository's revision names, which of them moved, and how that is noted between looks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from pipeline_builder.manifest.lock import Lock, LockedRepo

Kind = Literal["new", "revision", "moved", "back"]
_MOST_EARLIER = 20
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The commit that a repository's revision named when it was looked at; `url`, `revision` as in the manifest."""

    url: str
    revision: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a run is made of: the files beside the manifest by their sha256, and the heads by repository."""

    files: Mapping[str, str]
    heads: Mapping[str, Head]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What the last run was made of, and its exit code. `number` counts the runs.

    `earlier` has the commits that a repository stood at before, newest first: that's how a move back is told.
    """

    inputs: Inputs
    code: int = 0
    number: int = 0
    earlier: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A head that isn't what the last run was made of; `back` is one to a commit that there was a run for."""

    name: str
    kind: Kind
    before: str
    after: Head


def lock_of(inputs: Inputs) -> Lock:
    """Return what checkout takes as the commits to check out; it looks up the rest itself."""
    repos = (
        LockedRepo(name=name, url=head.url, revision=head.revision, commit=head.commit, tree="", committed="")
        for name, head in inputs.heads.items()
    )
    return Lock(manifest_commit="", repos=tuple(repos))


def find_moves(handled: Handled | None, heads: Mapping[str, Head]) -> tuple[Move, ...]:
    """Return what differs, in the order of `heads`; any difference is a move, however it came about."""
    moves = []
    for name, head in heads.items():
        before = handled.inputs.heads.get(name) if handled else None
        if before == head:
            continue
        kind: Kind = "moved"
        if before is None:
            kind = "new"
        elif (before.url, before.revision) != (head.url, head.revision):
            kind = "revision"
        elif handled and head.commit in handled.earlier.get(name, ()):
            kind = "back"
        moves.append(Move(name=name, kind=kind, before=before.commit if before else "", after=head))
    return tuple(moves)


def note(handled: Handled | None, inputs: Inputs, code: int) -> Handled:
    """Return what is to be remembered after a run."""
    before = handled or Handled(inputs=Inputs(files={}, heads={}))
    earlier = {}
    for name, head in inputs.heads.items():
        old = before.inputs.heads.get(name)
        known = before.earlier.get(name, ())
        if old and old.commit != head.commit:
            known = tuple(dict.fromkeys((old.commit, *known)))[:_MOST_EARLIER]
        earlier[name] = tuple(commit for commit in known if commit != head.commit)
    return replace(before, inputs=inputs, code=code, number=before.number + 1, earlier=earlier)


def render_move(move: Move) -> str:
    """Return a move in words; commits as the first seven digits, which is how people know them."""
    revision, after, before = move.after.revision, move.after.commit[:7], move.before[:7]
    match move.kind:
        case "new":
            return f"{move.name}: {revision} is at {after}"
        case "revision":
            return f"{move.name}: is now {revision}, at {after}"
        case "back":
            return f"{move.name}: {revision} moved back from {before} to {after}"
        case _:
            return f"{move.name}: {revision} moved from {before} to {after}"


def render_handled(handled: Handled) -> bytes:
    """Return it as JSON, the same for the same."""
    return json.dumps({"version": _VERSION, **asdict(handled)}, indent=2, sort_keys=True).encode() + b"\n"


def parse_handled(content: bytes) -> Handled | None:
    """Read it; None for what is damaged, or another version's: then the next look is as the first."""
    try:
        data = json.loads(content)
        if data["version"] != _VERSION:
            return None
        heads = {str(name): Head(**head) for name, head in data["inputs"]["heads"].items()}
        return Handled(
            inputs=Inputs(files=dict(data["inputs"]["files"]), heads=heads),
            code=int(data["code"]),
            number=int(data["number"]),
            earlier={str(name): tuple(commits) for name, commits in data["earlier"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
