"""Since: a run's record with the commits that it was made of, and with what came since the champion's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.checkout.ancestry import Noted, find_bare, read_noted
from pipeline_builder.checkout.runner import Runner
from pipeline_builder.checkout.words import GitError
from pipeline_builder.definition.parameters import UNKNOWN_COMMIT
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.past.changes import CommitsSince, Known, commit_record, commits_since
from pipeline_builder.release.past.keeping import read_kept, run_of
from pipeline_builder.release.past.remaking import commits_of
from pipeline_builder.release.record import BlockedRecord, PackageRecord, RepoRecord, RunRecord, SubmoduleRecord
from pipeline_builder.target import Target

_MOST_NAMES = 3
SAME_CODE = "only files that no step uses have changed since"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What is known here of the repositories: the parameter that carries the commit of each, the definition that is
    made of what is checked out, the cache of commits, and what kind each one's host is where the manifest tells.
    `noted` are commits of which another machine's cache has told.
    """

    parameters: Mapping[str, str]
    definition_sha256: str
    cache: Path
    environment: Mapping[str, str]
    kinds: Mapping[str, str]
    noted: Mapping[str, Known] = field(default_factory=dict)


def with_commits(record: RunRecord, target: Target, here: Checkout) -> RunRecord:
    """Return the record of a run with the commits that it was started with, and what came since the champion.

    What is checked out may have moved on since; a run that is looked at again keeps what was noted of it.
    """
    kept = read_kept(target, record.pipeline, record.execution) if record.reused else None
    known = {repo.name: repo for repo in kept.repos} if kept else {}
    repos = tuple(_as_started(repo, record, here, known.get(repo.name)) for repo in record.repos)
    befores = {} if all(map(_is_noted, repos)) else _champions(record, target)
    repos = tuple(repo if _is_noted(repo) else _since(repo, befores, here) for repo in repos)
    return record.model_copy(update={"repos": repos})


def _is_noted(repo: RepoRecord) -> bool:
    return bool(repo.before or repo.since_unknown)


def _as_started(repo: RepoRecord, record: RunRecord, here: Checkout, known: RepoRecord | None) -> RepoRecord:
    """Return a repository at the commit that the run was started with, and what is checked out beside it."""
    repo = repo.model_copy(update={"kind": here.kinds.get(repo.name) or repo.kind})
    started = record.parameters.get(here.parameters.get(repo.name, ""), "")
    commit = repo.commit if started in ("", UNKNOWN_COMMIT) else started
    head = {} if commit == repo.commit else {"head": repo.commit, "head_words": _words(record, here)}
    if known and known.commit == commit:
        return known.model_copy(update={"head": "", "head_words": "", **head})
    return _at(repo, commit, here).model_copy(update=head) if head else repo


def _words(record: RunRecord, here: Checkout) -> str:
    """Return what is known of the difference to the commit that is checked out: the same bytes are the same code."""
    return SAME_CODE if record.definition_sha256 == here.definition_sha256 else ""


def _at(repo: RepoRecord, commit: str, here: Checkout) -> RepoRecord:
    """Return a repository at another commit than the one that is checked out, as far as the cache tells of it."""
    found = _noted(repo.name, commit, here)
    facts = {"subject": found.subject, "author": found.author, "committed": found.when} if found else {}
    plain: dict[str, object] = {"subject": "", "author": "", "committed": None, "tree": "", "submodules": ()}
    return repo.model_copy(update={"commit": commit, **plain, **facts})


def _noted(name: str, commit: str, here: Checkout) -> Noted | None:
    if name in here.noted and commit in here.noted[name].commits:
        return here.noted[name].commits[commit]
    git = Runner(environment=here.environment, timeout=20.0)
    try:
        bare = find_bare(here.cache, name, commit, git)
        return read_noted(git, bare, [commit]).get(commit) if bare else None
    except (GitError, OSError):
        return None


def _commits(repo: RepoRecord, before: str, here: Checkout) -> CommitsSince:
    noted = here.noted.get(repo.name)
    return commits_since(repo, before, cache_folder=here.cache, environment=here.environment, noted=noted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """A commit that a champion was made of, empty where nobody knows; and its submodules, None where nobody does.

    `place` is where the repository was, url and folder, empty where no record says; `others` are the repositories that
    the champion was made of, where this one is none of them.
    """

    commit: str
    submodules: tuple[SubmoduleRecord, ...] | None = None
    place: tuple[str, str] | None = None
    others: tuple[str, ...] = ()


def _champions(record: RunRecord, target: Target) -> Mapping[str, tuple[_Before, ...]]:
    """Return the commits that the champions of a run were made of, by repository; also of a model that was blocked."""
    found: dict[str, dict[str, _Before]] = {}
    places = {repo.name: (repo.url, repo.path) for repo in record.repos}
    models: tuple[PackageRecord | BlockedRecord, ...] = (*record.packages, *record.blocked)
    for one in models:
        if not one.champion_arn:
            continue
        before = _made_of(one.champion_arn, target)
        own = commits_of(one.metadata) if isinstance(one, PackageRecord) else before
        for name in own or [repo.name for repo in record.repos]:
            made = before.get(name) or _renamed(places.get(name), before)
            found.setdefault(name, {}).setdefault(made.commit, made)
    return {name: tuple(ones.values()) for name, ones in found.items()}


def _renamed(place: tuple[str, str] | None, before: Mapping[str, _Before]) -> _Before:
    """Return what was made of a repository that has another name by now; of none where nothing says which that was."""
    found = next((one for one in before.values() if place and one.place == place), None)
    return found or _Before(commit="", others=tuple(before))


def _made_of(arn: str, target: Target) -> dict[str, _Before]:
    """Return what a champion was made of: its properties, with the submodules that the record of its run has."""
    try:
        champion = target.registry.describe_package(arn)
    except PipelineBuilderError:
        return {}
    ran = read_kept(target, *run_of(champion.execution)) if champion.execution else None
    noted = {repo.name: repo for repo in (ran.repos if ran else ())}
    commits = commits_of(champion.metadata) or {name: repo.commit for name, repo in noted.items()}
    return {
        name: _Before(
            commit=commit,
            submodules=noted[name].submodules if name in noted and noted[name].commit == commit else None,
            place=(noted[name].url, noted[name].path) if name in noted else None,
        )
        for name, commit in commits.items()
    }


def _since(repo: RepoRecord, befores: Mapping[str, tuple[_Before, ...]], here: Checkout) -> RepoRecord:
    """Return a repository with what came since its champion's commit: of several the one that the most came since."""
    found = [(one, _commits(repo, one.commit, here)) for one in befores.get(repo.name, ())]
    if not found:
        return repo
    before, since = max(found, key=lambda one: (len(one[1].commits) + one[1].more, bool(one[0].commit)))
    return repo.model_copy(
        update={
            "before": before.commit,
            "since": tuple(commit_record(commit) for commit in since.commits),
            "more": since.more,
            "since_unknown": _unknown(repo, before, since),
        }
    )


def _unknown(repo: RepoRecord, before: _Before, since: CommitsSince) -> str:
    if before.others:
        names = ", ".join(f"'{name}'" for name in before.others[:_MOST_NAMES])
        return f"the champion was made of {names}{', …' * (len(before.others) > _MOST_NAMES)}, not of this repository"
    if not before.commit:
        return "which commit the champion was made of is not known: neither its properties nor a record of its run say"
    return "; ".join(filter(None, (since.unknown, *_moved(repo, before))))


def _moved(repo: RepoRecord, before: _Before) -> list[str]:
    """Return in words which submodules are at other commits: theirs aren't among those of the repository."""
    then = {one.path: one.commit for one in before.submodules or ()}
    if before.submodules is None:
        return ["at which commits its submodules were is not known"] if repo.submodules else []
    moved = [(one, then.get(one.path, "")) for one in repo.submodules if then.get(one.path) != one.commit]
    return [
        f"the submodule '{one.path}' {f'was at {old[:12]} and ' if old else ''}is at {one.commit[:12]}"
        for one, old in moved
    ]
