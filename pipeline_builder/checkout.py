"""Checkout: every model repository at its commit, as a plain folder below the training directory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.git import MOST_BYTES, MOST_FILES, Git, GitError, Remote
from pipeline_builder.lock import Lock, LockedRepo
from pipeline_builder.manifest import Manifest, Repo
from pipeline_builder.schema import did_you_mean

_COMMIT = 40
_HINTS = {
    "authentication": "name a token with 'credentials: env:NAME', and check that it may read the repository",
    "unreachable": "check the url, and that this machine reaches it",
    "ambiguous": "write refs/heads/… or refs/tags/…",
    "large": f"at most {MOST_FILES} files, {MOST_BYTES // 1024**3} GiB are checked out; name a folder with 'path: …'",
    "absent": "install git",
}
_IDS = {
    "absent": "PB150",
    "unreachable": "PB151",
    "missing": "PB152",
    "large": "PB154",
    "authentication": "PB155",
    "ambiguous": "PB156",
    "timeout": "PB151",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOut:
    """A repository's folder; `changed` says whether it had to be written."""

    name: str
    folder: Path
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkouts:
    """All repositories in the order of the manifest, and the lock that says what they are."""

    lock: Lock
    repos: tuple[CheckedOut, ...]
    warnings: tuple[Problem, ...] = ()


def checkout(
    manifest: Manifest,
    *,
    root: Path,
    cache: Path,
    locked: Lock | None,
    environment: Mapping[str, str],
    jobs: int = 8,
) -> Checkouts:
    """Bring every enabled repository to its commit.

    `root` is the manifest's folder, `cache` where bare repositories are kept between checkouts, `locked` the commits to
    take instead of resolving revisions. One failure doesn't hide the others, and leaves its previous checkout as it is.

    Raises:
        InputProblems: PB109 where `locked` lacks a repository, PB110 for a token that isn't set.
        OutsideFailure: PB150 to PB157, one for every repository that failed.
    """
    git = Git(environment=environment)
    work = [
        _Work(repo, git, root=root, training_dir=manifest.training_dir, cache=cache, locked=locked)
        for repo in manifest.repos
    ]
    for old in (root / manifest.training_dir).glob(".tmp-*"):
        shutil.rmtree(old, ignore_errors=True)
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="git") as pool:
        outcomes = list(pool.map(_attempt, [item.run for item in work]))
    failures = [error for error in outcomes if isinstance(error, PipelineBuilderError)]
    if failures:
        kind = next((type(f) for f in failures if isinstance(f, OutsideFailure)), type(failures[0]))
        raise kind(*(problem for failure in failures for problem in failure.problems))
    commit, dirty = git.head_of(root)
    done = [outcome for outcome in outcomes if isinstance(outcome, _Outcome)]
    return Checkouts(
        lock=Lock(manifest_commit=commit, manifest_dirty=dirty, repos=tuple(outcome.locked for outcome in done)),
        repos=tuple(outcome.checked_out for outcome in done),
        warnings=tuple(warning for outcome in done for warning in outcome.warnings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    locked: LockedRepo
    checked_out: CheckedOut
    warnings: tuple[Problem, ...]


def _attempt(run: Callable[[], _Outcome]) -> _Outcome | PipelineBuilderError:
    try:
        return run()
    except PipelineBuilderError as error:
        return error


class _Work:
    """One repository's way from its url to a folder."""

    def __init__(
        self,
        repo: Repo,
        git: Git,
        *,
        root: Path,
        training_dir: str,
        cache: Path,
        locked: Lock | None,
    ) -> None:
        self.repo = repo
        self.root = root
        self.git = git
        self.locked = locked
        self.folder = root / training_dir / repo.name
        self.bare = cache / f"{repo.name}.git"
        self.index = cache / f"{repo.name}.index"
        self.state = cache / f"{repo.name}.json"
        self.warnings: list[Problem] = []

    def run(self) -> _Outcome:
        try:
            remote = self.remote()
            commit = self.commit(remote)
            if not self.git.has(self.bare, commit):
                self.git.fetch(self.bare, remote, commit)
            facts = self.facts(commit)
            changed = self.export(facts)
        except GitError as error:
            raise self.failure(error) from error
        self.warn_of_changes(remote)
        checked_out = CheckedOut(name=self.repo.name, folder=self.folder, changed=changed)
        return _Outcome(locked=facts, checked_out=checked_out, warnings=tuple(self.warnings))

    def remote(self) -> Remote:
        url = self.repo.url
        scp = ":" in url.split("/")[0] and "://" not in url
        local = url.startswith("file://") or ("://" not in url and not scp)
        if local and not url.startswith("file://"):
            url = str((self.root / url).resolve())
        return Remote(url=url, local=local, token=self.token())

    def token(self) -> str:
        if not self.repo.credentials:
            return ""
        name = self.repo.credentials.removeprefix("env:")
        if not self.git.environment.get(name):
            message = f"the repository '{self.repo.name}' takes its token from '{name}', which is not set"
            raise InputProblems(Problem(id="PB110", message=message, place=self.repo.place))
        return self.git.environment[name]

    def commit(self, remote: Remote) -> str:
        if self.locked is not None:
            for entry in self.locked.repos:
                if entry.name == self.repo.name and entry.url == self.repo.url:
                    return entry.commit
            message = f"the repository '{self.repo.name}' is not in the lock"
            hint = "run 'pipeline-builder checkout' without --locked"
            raise InputProblems(Problem(id="PB109", message=message, place=self.repo.place, hint=hint))
        revision = self.repo.revision
        if len(revision) == _COMMIT and all(char in "0123456789abcdef" for char in revision):
            return revision
        return self.git.resolve(remote, revision)

    def facts(self, commit: str) -> LockedRepo:
        """Return the lock's entry; that of an unchanged commit is remembered."""
        known = self.known()
        wanted = {"commit": commit, "path": self.repo.path, "url": self.repo.url}
        if known and all(known["locked"].get(key) == value for key, value in wanted.items()):
            return LockedRepo(**{**known["locked"], "revision": self.repo.revision})
        found = self.git.describe(self.bare, commit)
        return LockedRepo(
            name=self.repo.name,
            url=self.repo.url,
            revision=self.repo.revision,
            commit=found.commit,
            tree=self.git.tree_of(self.bare, commit, self.repo.path),
            committed=found.committed,
            subject=found.subject,
            author=found.author,
            path=self.repo.path,
        )

    def known(self) -> dict[str, Any] | None:
        try:
            data: dict[str, Any] = json.loads(self.state.read_text())
            return data if isinstance(data.get("locked"), dict) else None
        except (OSError, ValueError):
            return None

    def export(self, facts: LockedRepo) -> bool:
        """Write the folder unless it is that tree already; tell whether it had to be written."""
        known = self.known()
        if self.folder.exists():
            unchanged = self.git.is_unchanged(self.bare, self.folder, self.index)
            if unchanged and known and known["tree"] == facts.tree:
                self.remember(facts)
                return False
            if not unchanged and known:
                self.keep_edited()
        submodules = self.git.measure(self.bare, facts.tree)
        if submodules:
            message = (
                f"the repository '{self.repo.name}' has submodules, which are left out: {', '.join(submodules[:5])}"
            )
            self.warnings.append(Problem(id="PB158", message=message, place=self.repo.place, warning=True))
        # The state goes first: killed in between, the next checkout takes the folder for unknown and writes it anew.
        self.state.unlink(missing_ok=True)
        temporary = self.folder.with_name(f".tmp-{self.repo.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        self.git.export(self.bare, facts.tree, temporary, self.index)
        old = self.folder.with_name(f".tmp-old-{self.repo.name}")
        shutil.rmtree(old, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(old)
        temporary.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)
        self.remember(facts)
        return True

    def remember(self, facts: LockedRepo) -> None:
        text = json.dumps({"tree": facts.tree, "locked": asdict(facts)})
        if self.state.is_file() and self.state.read_text() == text:
            return
        temporary = self.state.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(self.state)

    def keep_edited(self) -> None:
        """Nobody's work gets lost: a checkout that was edited is moved aside."""
        aside = self.folder.parent / ".edited"
        aside.mkdir(exist_ok=True)
        number = 1 + max((int(p.name.rsplit("-", 1)[1]) for p in aside.glob(f"{self.repo.name}-[0-9]*")), default=0)
        target = aside / f"{self.repo.name}-{number}"
        self.folder.rename(target)
        message = f"the checkout of '{self.repo.name}' was edited; it is kept in '{os.path.relpath(target, self.root)}'"
        hint = "a checkout is made from a commit: commit the change in the repository"
        self.warnings.append(Problem(id="PB159", message=message, place=self.repo.place, hint=hint, warning=True))

    def warn_of_changes(self, remote: Remote) -> None:
        source = Path(remote.url.removeprefix("file://"), self.repo.path)
        if not remote.local or self.locked is not None or not source.is_dir():
            return
        _, changed = self.git.head_of(source)
        if changed:
            message = (
                f"'{os.path.relpath(source, self.root)}' has changes that are not committed, so they are not built"
            )
            hint = "commit them to build them"
            self.warnings.append(Problem(id="PB160", message=message, place=self.repo.place, hint=hint, warning=True))

    def failure(self, error: GitError) -> OutsideFailure:
        name, revision = self.repo.name, self.repo.revision
        missing_folder = error.kind == "missing" and "folder" in str(error)
        problem_id = "PB153" if missing_folder else _IDS.get(error.kind, "PB157")
        at_revision = error.kind in ("missing", "ambiguous")
        messages = {
            "missing": f"the repository '{name}' has no revision '{revision}'",
            "unreachable": f"the repository '{name}' cannot be reached: {error}",
            "authentication": f"the repository '{name}' refused the login: {error}",
        }
        message = str(messages.get(error.kind, f"the repository '{name}': {error}"))
        if missing_folder:
            message = f"the repository '{name}': {error}"
        place = self.repo.revision_place if at_revision and not missing_folder else self.repo.place
        hint = did_you_mean(revision, error.known) if error.known else _HINTS.get(error.kind)
        return OutsideFailure(Problem(id=problem_id, message=message, place=place, hint=hint))
