"""Agreement: whether a lock is what the manifest asks for and the remotes have now, and what is otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from pipeline_builder.checkout.commits import is_commit
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.heads import Head
from pipeline_builder.checkout.pins import Pins, look_at_pins
from pipeline_builder.checkout.remotes import failure_of, fetch_heads, in_parallel, question_of
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.manifest.lock import Lock, LockedRepo
from pipeline_builder.manifest.manifest import Manifest, Repo

_ANEW = "'pipeline-builder checkout' writes the lock anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A repository as the lock has it and as it is `now`; both are commits, empty where there is none.

    `failures` say what couldn't be told.
    """

    name: str
    revision: str
    locked: str
    now: str
    problems: tuple[Problem, ...]
    failures: tuple[PipelineBuilderError, ...] = ()

    @property
    def agrees(self) -> bool:
        return not self.problems and not self.failures


def compare_lock(
    manifest: Manifest, lock: Lock, git: Git, remote: Callable[[Repo], Remote], *, jobs: int = 8
) -> tuple[Compared, ...]:
    """Compare every repository of the manifest and of the lock, in this order; nothing is checked out.

    A locked commit that no revision names now is looked for in the history of the remote's branches and tags: without
    their files, where the server can leave them out.
    """
    heads = fetch_heads(manifest.repos, git, remote, jobs=jobs)
    locked = {entry.name: entry for entry in lock.repos}
    lost = _find_lost(_doubtful(manifest.repos, locked, heads), git, remote, jobs)
    pins = look_at_pins(manifest.repos, locked, git, remote, jobs=jobs)
    compared = [
        _with_pins(_compare(repo, locked.get(repo.name), heads[repo.name], lost.get(repo.name)), pins)
        for repo in manifest.repos
    ]
    return (*compared, *_left(manifest, lock))


def _with_pins(compared: Compared, pins: Pins) -> Compared:
    """Return it with what is said of its submodules."""
    problems, failures = pins.problems.get(compared.name, ()), pins.failures.get(compared.name, ())
    return replace(compared, problems=(*compared.problems, *problems), failures=(*compared.failures, *failures))


def _compare(
    repo: Repo,
    entry: LockedRepo | None,
    head: Head | PipelineBuilderError,
    lost: bool | PipelineBuilderError | None,
) -> Compared:
    failures = [answer for answer in (head, lost) if isinstance(answer, PipelineBuilderError)]
    now = head.commit if isinstance(head, Head) else ""
    problems = [*_differences(repo, entry, now)]
    if entry and lost is True:
        message = f"the locked commit {entry.commit[:12]} of '{repo.name}' is on no branch and no tag of its repository"
        hint = "it was taken back by a forced push, or is somebody else's: take one that is on a branch"
        problems.append(Problem(id="PB144", message=message, place=repo.revision_place, hint=hint))
    return Compared(
        name=repo.name,
        revision=repo.revision,
        locked=entry.commit if entry else "",
        now=now,
        problems=tuple(problems),
        failures=tuple(dict.fromkeys(failures)),
    )


def _differences(repo: Repo, entry: LockedRepo | None, now: str) -> Iterator[Problem]:
    if entry is None:
        message = f"the repository '{repo.name}' is not in the lock"
        yield Problem(id="PB109", message=message, place=repo.place, hint=_ANEW)
        return
    asked = {"url": repo.url, "revision": repo.revision, "path": repo.path}
    had = {"url": entry.url, "revision": entry.revision, "path": entry.path}
    for key in (key for key in asked if asked[key] != had[key]):
        message = f"the {key} of '{repo.name}' is '{asked[key]}', and '{had[key]}' in the lock"
        place = repo.revision_place if key == "revision" else repo.place
        yield Problem(id="PB143", message=message, place=place, hint=_ANEW)
    for key, wanted, has in (
        ("submodules", repo.submodules, entry.submodules is not None),
        ("lfs", repo.lfs, entry.lfs),
    ):
        if wanted != has:
            message = f"'{key}' of '{repo.name}' is {_word(wanted)}, and {_word(has)} in the lock"
            yield Problem(id="PB143", message=message, place=repo.place, hint=_ANEW)
    if now and asked == had and now != entry.commit:
        message = f"'{repo.revision}' of the repository '{repo.name}' has moved from {entry.commit[:12]} to {now[:12]}"
        yield Problem(id="PB141", message=message, place=repo.revision_place, hint=_ANEW)


def _word(value: bool) -> str:
    return "true" if value else "false"


def _left(manifest: Manifest, lock: Lock) -> Iterator[Compared]:
    """Yield what only the lock has."""
    names = {repo.name for repo in manifest.repos}
    for entry in lock.repos:
        if entry.name not in names:
            message = f"the lock has the repository '{entry.name}', which is not in the manifest, or not enabled there"
            problem = Problem(id="PB142", message=message, hint=_ANEW)
            yield Compared(name=entry.name, revision=entry.revision, locked=entry.commit, now="", problems=(problem,))


def _doubtful(
    repos: Sequence[Repo], locked: Mapping[str, LockedRepo], heads: Mapping[str, Head | PipelineBuilderError]
) -> dict[str, tuple[Repo, LockedRepo]]:
    """Return the locked commits that may be lost, by repository: those that no asked revision is seen to stand at."""
    found = {}
    for repo in repos:
        entry, head = locked.get(repo.name), heads[repo.name]
        if entry is None or entry.url != repo.url or isinstance(head, PipelineBuilderError):
            continue
        if is_commit(repo.revision) or head.commit != entry.commit:
            found[repo.name] = repo, entry
    return found


def _find_lost(
    doubtful: Mapping[str, tuple[Repo, LockedRepo]], git: Git, remote: Callable[[Repo], Remote], jobs: int
) -> dict[str, bool | PipelineBuilderError]:
    """Return of each whether it is lost; folders of one repository are asked for once."""
    questions = {name: (question_of(repo), entry.commit) for name, (repo, entry) in doubtful.items()}
    once = {questions[name]: partial(_is_lost, *asked, git, remote) for name, asked in doubtful.items()}
    answers = dict(zip(once, in_parallel(git, list(once.values()), jobs), strict=True))
    return {name: answers[question] for name, question in questions.items()}


def _day_before(committed: str) -> str:
    """Return the day before a commit as git takes it, empty where the lock has no time of it."""
    try:
        return (datetime.strptime(committed, "%Y-%m-%dT%H:%M:%S%z") - timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return ""


def _is_lost(repo: Repo, entry: LockedRepo, git: Git, remote: Callable[[Repo], Remote]) -> bool:
    found = remote(repo)
    try:
        with temporary_folder() as folder:
            since = _day_before(entry.committed)
            return not git.leads_to(found, entry.commit, folder / "history.git", since=since)
    except GitError as error:
        raise failure_of(repo, error, found) from error
