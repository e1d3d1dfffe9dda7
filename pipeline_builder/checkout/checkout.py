"""Checkout: every model repository at its commit, as a plain folder below the training directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pipeline_builder.checkout.bare import is_whole
from pipeline_builder.checkout.contents import Contents, Elsewhere, check_locked, open_elsewhere
from pipeline_builder.checkout.earlier import fetch_earlier
from pipeline_builder.checkout.folders import find_place_aside, has_repository, same_files
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.keys import Keys, remote_of
from pipeline_builder.checkout.leftout import left_out
from pipeline_builder.checkout.leftovers import alone, clear_cache, clear_folder
from pipeline_builder.checkout.notes import content_of, read_note, stem_of, write_note
from pipeline_builder.checkout.remotes import failure_of, in_parallel
from pipeline_builder.checkout.retries import PAUSES
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.sources import Source, find_sources
from pipeline_builder.checkout.stamps import find_stamp, stamp_of
from pipeline_builder.checkout.submodules import MARK
from pipeline_builder.checkout.words import GitError
from pipeline_builder.checkout.worktrees import WorkTree, look_at
from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Place, Problem
from pipeline_builder.machine.folders import move_folder, remove_folder
from pipeline_builder.machine.refusals import full, is_full_at, is_of_this_machine, refusal
from pipeline_builder.manifest.history import Histories, Written
from pipeline_builder.manifest.lock import Lock, LockedRepo
from pipeline_builder.manifest.manifest import Manifest, Repo

_UNTOLD = "look at it with 'git status' there"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOut:
    """A repository's folder; `changed` says whether it had to be written.

    `fetched` are the bytes that came for it; of folders of one repository the first one has them.
    """

    name: str
    folder: Path
    changed: bool
    fetched: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkouts:
    """All repositories in the order of the manifest, and the lock that says what they are."""

    lock: Lock
    repos: tuple[CheckedOut, ...]
    warnings: tuple[Problem, ...] = ()
    histories: Histories = field(default_factory=dict)


def checkout(
    manifest: Manifest,
    *,
    root: Path,
    cache: Path,
    locked: Lock | None,
    environment: Mapping[str, str],
    keys: Keys | None = None,
    jobs: int = 8,
    histories: Histories | None = None,
    earlier: bool = False,
    pauses: Sequence[float] = PAUSES,
) -> Checkouts:
    """Bring every enabled repository to its commit.

    `root` is the manifest's folder, `cache` where bare repositories are kept between checkouts, `locked` the commits to
    take instead of resolving revisions, `keys` opens what is private; without it there are the environment's tokens.
    Where `histories` are given, those of the last checkout, who has written the newest commits is read as well.
    A commit that is fetched besides others brings earlier ones along, for people to look at; with `earlier` also the
    first one. `pauses` are between two tries. One failure doesn't hide the others, and leaves its previous checkout as
    it is.

    Raises:
        InputProblems: PB109 where `locked` lacks a repository, PB110 for a token that isn't set, PB161 for a folder
            that is somebody's own repository.
        OutsideFailure: PB127 to PB139, PB150 to PB157, PB166, one for every repository that failed.
    """
    git = Git(environment=environment, pauses=pauses)
    used = keys or Keys(root=root, environment=environment)
    cache = cache.resolve()
    sources = find_sources(git, cache, manifest.repos)
    elsewhere = open_elsewhere(git, cache, root, lambda repo: remote_of(repo, used))
    work = {
        repo.name: _Work(
            repo,
            source,
            elsewhere=elsewhere,
            root=root,
            training_dir=manifest.training_dir,
            locked=locked,
            histories=histories,
            earlier=earlier,
        )
        for source in sources
        for repo in source.repos
    }
    with alone(cache):
        clear_cache(cache, [*(source.bare for source in sources), *cache.glob(f"{MARK}*.git")])
        names = {*work, *(path.stem for path in cache.glob("*.git"))}
        clear_folder(root / manifest.training_dir, names)
        for left in {cache / f"{name}.git" for name in work} - {source.bare for source in sources}:
            remove_folder(left)  # of when each folder was fetched for itself
        every = in_parallel(git, [partial(_run_all, [work[r.name] for r in source.repos]) for source in sources], jobs)
        by_name: dict[str, _Outcome | PipelineBuilderError] = {}
        for source, found in zip(sources, every, strict=True):
            answers = [found] * len(source.repos) if isinstance(found, PipelineBuilderError) else found
            by_name |= zip((repo.name for repo in source.repos), answers, strict=True)
    outcomes = [by_name[repo.name] for repo in manifest.repos]
    failures = [error for error in outcomes if isinstance(error, PipelineBuilderError)]
    if failures:
        kind = next((type(f) for f in failures if isinstance(f, OutsideFailure)), type(failures[0]))
        raise kind(*(problem for failure in failures for problem in failure.problems))
    own = look_at(git, root)
    done = [outcome for outcome in outcomes if isinstance(outcome, _Outcome)]
    return Checkouts(
        lock=Lock(
            manifest_commit=own.commit,
            manifest_dirty=own.changed is not False,  # nobody has seen that it is clean
            repos=tuple(outcome.locked for outcome in done),
        ),
        repos=tuple(outcome.checked_out for outcome in done),
        histories={outcome.locked.name: outcome.history for outcome in done if outcome.history},
        warnings=(
            *(warning for outcome in done for warning in outcome.warnings),
            *_untold(own, "the manifest's folder", None),
        ),
    )


def _untold(found: WorkTree, what: str, place: Place | None) -> Iterator[Problem]:
    """Yield a warning where git didn't tell all of a working tree."""
    if found.trouble is not None:
        missing = "has changes that are not committed" if found.commit else "is at a commit"
        message = f"whether {what} {missing} can't be told: {found.trouble}"
        yield Problem(id="PB165", message=message, place=place, hint=found.trouble.hint or _UNTOLD, warning=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    locked: LockedRepo
    checked_out: CheckedOut
    warnings: tuple[Problem, ...]
    history: tuple[Written, ...] = ()


def _run_all(entries: Sequence[_Work]) -> list[_Outcome | PipelineBuilderError]:
    """Bring the folders of one repository to its commit; the failure of one is its own."""
    found: list[_Outcome | PipelineBuilderError] = []
    for entry in entries:
        try:
            found.append(entry.run())
        except PipelineBuilderError as error:  # noqa: PERF203 - as many as there are folders
            found.append(error)
        except OSError as error:
            if not is_of_this_machine(error):
                raise
            found.append(OutsideFailure(*(replace(said, place=entry.repo.place) for said in refusal(error).problems)))
    return found


class _Work:
    """One repository's way from its url to a folder."""

    def __init__(
        self,
        repo: Repo,
        source: Source,
        *,
        elsewhere: Elsewhere,
        root: Path,
        training_dir: str,
        locked: Lock | None,
        histories: Histories | None = None,
        earlier: bool = False,
    ) -> None:
        self.histories = histories
        self.earlier = earlier
        self.repo = repo
        self.root = root
        self.source = source
        self.git = source.git
        self.remote_of = elsewhere.remote_of
        self.contents = Contents(repo=repo, source=source, elsewhere=elsewhere)
        self.locked = locked
        self.folder = root / training_dir / repo.name
        self.bare = source.bare
        stem = stem_of(repo.name, root / training_dir, source.bare.parent)
        self.index, self.state, self.clock = (
            source.bare.with_name(f"{stem}.{end}") for end in ("index", "json", "new")
        )
        self.stamp = ""
        self.warnings: list[Problem] = []

    def run(self) -> _Outcome:
        self.refuse_foreign()
        remote = self.remote_of(self.repo)
        try:
            return self.work(remote)
        except GitError as error:
            if not error.of_damage or not self.bare.exists() or self.has_no_room():
                raise self.failure(error, remote) from error
        # What is kept between checkouts may be damaged, by a power cut or a full disk: it can be fetched anew.
        remove_folder(self.bare)
        self.contents.forget()  # the index stays: a damaged one is seen, and without it what is there counts as edited
        try:
            return self.work(remote)
        except GitError as error:
            raise self.failure(error, remote) from error

    def failure(self, error: GitError, remote: Remote) -> OutsideFailure:
        """Return what to say of it; git doesn't say of each file that it can't write why that is."""
        if error.of_damage and self.has_no_room():
            return OutsideFailure(replace(full(f"the repository '{self.repo.name}': {error}"), place=self.repo.place))
        return failure_of(self.repo, error, remote)

    def has_no_room(self) -> bool:
        """Tell whether the disk is full: then nothing is damaged, and what is there is needed to go on with."""
        return any(is_full_at(folder) for folder in (self.bare.parent, self.folder.parent) if folder.is_dir())

    def work(self, remote: Remote) -> _Outcome:
        begun, before, others = time.monotonic(), self.source.fetched, is_whole(self.bare)
        commit = self.commit(remote)
        known, self.stamp = read_note(self.state, self.repo)
        # What is there as it was left needs nothing of what was fetched.
        if known and self.is_of(known, commit) and self.stamp and stamp_of(self.folder, self.clock) == self.stamp:
            changed, facts = False, self.facts(remote, commit, known)
            self.remember(facts)
        else:
            self.fetch(remote, commit)
            if self.source.fetched > before and (others or self.earlier):
                fetch_earlier(self.git, self.bare, remote, commit, names=not self.source.whole)
            facts = self.facts(remote, commit, known)
            changed = self.export(facts, known, remote)
        self.warn_of_changes(remote)
        history = self.history(remote, commit)
        checked_out = CheckedOut(
            name=self.repo.name,
            folder=self.folder,
            changed=changed,
            fetched=self.source.fetched - before + self.contents.fetched,
            seconds=round(time.monotonic() - begun, 3),
        )
        return _Outcome(locked=facts, checked_out=checked_out, warnings=tuple(self.warnings), history=history)

    def fetch(self, remote: Remote, commit: str) -> None:
        try:
            self.source.fetch(remote, commit)
        except GitError as error:
            if error.kind == "missing" and self.locked is not None:
                text = f"the commit {commit[:12]} that is locked is not there any more ({error})"
                raise GitError("gone", text) from error
            raise

    def history(self, remote: Remote, commit: str) -> tuple[Written, ...]:
        if self.histories is None:
            return ()
        return self.source.history(remote, commit, tuple(self.histories.get(self.repo.name, ())))

    def refuse_foreign(self) -> None:
        """A checkout never has a `.git`: a folder that has one is somebody's own repository."""
        if (self.folder / ".git").exists():
            folder = os.path.relpath(self.folder, self.root)
            message = (
                f"'{folder}' is a git repository of its own, which the checkout of '{self.repo.name}' would replace"
            )
            hint = "move it away, or name another 'training_dir'"
            raise InputProblems(Problem(id="PB161", message=message, place=self.repo.place, hint=hint))

    def entry(self) -> LockedRepo | None:
        """Return what the lock has of the repository."""
        entries = self.locked.repos if self.locked else ()
        return next((one for one in entries if (one.name, one.url) == (self.repo.name, self.repo.url)), None)

    def commit(self, remote: Remote) -> str:
        if self.locked is not None:
            if entry := self.entry():
                return entry.commit
            message = f"the repository '{self.repo.name}' is not in the lock"
            hint = "run 'pipeline-builder checkout' without --locked"
            raise InputProblems(Problem(id="PB109", message=message, place=self.repo.place, hint=hint))
        return self.source.head(remote)

    def facts(self, remote: Remote, commit: str, known: LockedRepo | None) -> LockedRepo:
        """Return the lock's entry, of which the lock that was given has to have the same submodules."""
        found = self.described(remote, commit, known)
        if entry := self.entry():
            check_locked(self.repo, entry, found)
        return found

    def described(self, remote: Remote, commit: str, known: LockedRepo | None) -> LockedRepo:
        """Return the lock's entry; that of an unchanged commit is remembered."""
        if known and self.is_of(known, commit):
            return replace(known, revision=self.repo.revision)
        found, tree = self.git.describe(self.bare, commit, self.repo.path)
        if found.commit != commit == self.repo.revision:  # who looks at heads can't know that it is none
            raise GitError("no commit", f"{commit[:12]} is a tag, expected its commit {found.commit}")
        described = LockedRepo(
            name=self.repo.name,
            url=self.repo.url,
            revision=self.repo.revision,
            commit=found.commit,
            tree=tree,
            committed=found.committed,
            subject=found.subject,
            author=found.author,
            path=self.repo.path,
        )
        return self.contents.locked(remote, described)

    def is_of(self, known: LockedRepo, commit: str) -> bool:
        return (known.commit, known.path, known.url) == (commit, self.repo.path, self.repo.url)

    def export(self, facts: LockedRepo, known: LockedRepo | None, remote: Remote) -> bool:
        """Write the folder unless it is that tree already; tell whether it had to be written."""
        new_index = self.index.with_suffix(".new-index")
        there = os.path.lexists(self.folder)
        # Before the look: of what is edited after it, the stamp is another one.
        left, self.stamp = self.stamp, find_stamp(self.folder, self.clock) if there else ""
        as_left = there and self.stamp == left != ""  # also where ids are others now, of which the index knows nothing
        # The newer one is of a checkout that was killed when the folder was in its place, and its index was not.
        unchanged = as_left or (there and any(self.is_as_in(index) for index in (self.index, new_index)))
        if unchanged and known and content_of(known) == content_of(facts):
            self.remember(facts)
            return False
        self.source.complete(remote, facts.commit)
        measured = None if self.contents.asked else self.git.measure(self.bare, facts.tree)
        # The state goes first: killed in between, the next checkout takes the folder for unknown and writes it anew.
        self.state.unlink(missing_ok=True)
        temporary = self.folder.with_name(f".tmp-{self.repo.name}")
        temporary.mkdir(parents=True)
        try:
            if measured is None:
                measured = self.contents.export(remote, facts, temporary, new_index)
            else:
                self.git.export(self.bare, facts.tree, temporary, new_index)
            self.stamp = find_stamp(temporary, self.clock)
            kept = unchanged and not has_repository(self.folder)  # of which git lists nothing
            if there and not kept and not same_files(self.folder, temporary):
                self.keep_edited(known)
            self.put(temporary)
        finally:
            remove_folder(temporary)
        new_index.replace(self.index)
        self.warnings += left_out(self.repo, self.folder, measured)
        self.remember(facts, self.contents.kept)
        return True

    def is_as_in(self, index: Path) -> bool:
        """Tell whether the folder is what was exported with that index; with a damaged one nobody knows."""
        try:
            return self.git.is_unchanged(self.bare, self.folder, index)
        except GitError as error:
            if not error.of_damage:
                raise
            return False

    def put(self, temporary: Path) -> None:
        """Put the new folder into the place of the old one."""
        old = self.folder.with_name(f".tmp-old-{self.repo.name}")
        if os.path.lexists(self.folder):
            move_folder(self.folder, old)
        temporary.rename(self.folder)
        remove_folder(old)

    def remember(self, facts: LockedRepo, kept: Sequence[str] | None = None) -> None:
        write_note(self.state, self.repo, facts, folder=self.folder, kept=kept, stamp=self.stamp)

    def keep_edited(self, known: LockedRepo | None) -> None:
        """Nobody's work gets lost: a folder with something in it that isn't from a checkout is moved aside."""
        target = find_place_aside(self.folder)
        move_folder(self.folder, target)
        what = "was edited" if known else "was already there, and is another"
        message = f"the checkout of '{self.repo.name}' {what}; it is kept in '{os.path.relpath(target, self.root)}'"
        hint = "a checkout is made from a commit: commit the change in the repository"
        self.warnings.append(Problem(id="PB159", message=message, place=self.repo.place, hint=hint, warning=True))

    def warn_of_changes(self, remote: Remote) -> None:
        source = Path(remote.url.removeprefix("file://"), self.repo.path)
        if not remote.local or self.locked is not None or not source.is_dir():
            return
        found = (None if self.repo.path else self.source.tree) or look_at(self.git, source)
        self.warnings += _untold(found, f"'{os.path.relpath(source, self.root)}'", self.repo.place)
        if found.changed:
            message = (
                f"'{os.path.relpath(source, self.root)}' has changes that are not committed, so they are not built"
            )
            hint = "commit them to build them"
            self.warnings.append(Problem(id="PB160", message=message, place=self.repo.place, hint=hint, warning=True))
