"""Commits since another one, out of real caches: shallow, deepened, forced, merged, of a folder, and gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline_builder.checkout.checkout import checkout
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.engine.local import LocalPipelines, open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.release.outcome import repo_records
from pipeline_builder.release.past.changes import MOST_COMMITS, CommitsSince, commits_since
from pipeline_builder.release.past.keeping import keep_run
from pipeline_builder.release.past.noting import load_commits, note_commits
from pipeline_builder.release.past.since import Checkout, with_commits
from pipeline_builder.release.record import RepoRecord, SubmoduleRecord
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository
from tests.release.records import package, run_record


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "remotes" / "churn"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "conf.yaml").write_text("x: 1\n")
    return make_repository(folder)


def push(remote: Path, name: str, subject: str = "") -> str:
    path = remote / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{path.read_text() if path.exists() else ''}more\n")
    return commit(remote, subject or f"change {name}")


def fetch(root: Path, *, path: str = "", earlier: bool = False) -> RepoRecord:
    more = f", path: {path}" if path else ""
    text = f"version: 1\nrepos:\n  - {{url: remotes/churn{more}}}\n"
    manifest = build_manifest(parse_yaml(Source("model_repos.yaml", text), "PB100"))
    cache = root / "git"
    done = checkout(manifest, root=root, cache=cache, locked=None, environment=ENVIRONMENT, pauses=(), earlier=earlier)
    (repo,) = repo_records(done.lock)
    return repo


def since(root: Path, repo: RepoRecord, before: str) -> CommitsSince:
    return commits_since(repo, before, cache_folder=root / "git", environment=ENVIRONMENT)


def subjects(found: CommitsSince) -> list[str]:
    return [one.subject for one in found.commits]


@pytest.mark.long
def test_all_that_came_since(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path).commit
    names = [f"{number}.txt" for number in range(3)]
    for name in names:
        push(remote, name)
    repo = fetch(tmp_path)
    found = since(tmp_path, repo, first)
    assert (subjects(found), found.more, found.unknown) == ([f"change {name}" for name in reversed(names)], 0, "")
    assert found.commits[0].author == "Ada"
    assert found.commits[0].url == ""  # a folder of this machine is no host
    assert since(tmp_path, repo, repo.commit) == CommitsSince()


@pytest.mark.long
def test_what_was_fetched_one_by_one_needs_no_history(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path).commit
    for name in ("a", "b"):
        push(remote, name)
        repo = fetch(tmp_path)
    shutil.rmtree(tmp_path / "git" / "churn.git" / "earlier")
    found = since(tmp_path, repo, first)
    assert (subjects(found), found.unknown) == (["change b", "change a"], "")
    assert found.commits[0].paths == ("b",)


def test_what_was_not_fetched_is_said(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path).commit
    for name in ("a", "b"):
        push(remote, name)
    repo = fetch(tmp_path)
    shutil.rmtree(tmp_path / "git" / "churn.git" / "earlier")
    found = since(tmp_path, repo, first)
    assert subjects(found) == ["change b"]
    assert found.unknown == (
        f"the checkout has fetched these commits, and not all that lies between {first[:12]} and them"
    )


@pytest.mark.long
def test_very_many_are_counted(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path).commit
    git(remote, "fast-import", "--quiet", "--force", text=_many(first, 60))
    git(remote, "reset", "--quiet", "--hard", "main")
    found = since(tmp_path, fetch(tmp_path), first)
    assert (len(found.commits), found.more, found.unknown) == (MOST_COMMITS, 10, "")
    assert subjects(found)[0] == "commit 59"


def _many(parent: str, count: int) -> str:
    made = []
    for number in range(count):
        subject = f"commit {number}"
        made.append(
            f"commit refs/heads/main\nmark :{number + 1}\ncommitter Ada <a@b> {1_800_000_000 + number} +0000\n"
            f"data {len(subject)}\n{subject}\nfrom {parent if not number else f':{number}'}\n"
            f"M 644 inline x\ndata {len(str(number))}\n{number}\n\n"
        )
    return "".join(made)


@pytest.mark.long
def test_a_branch_that_was_set_anew(tmp_path: Path, remote: Path) -> None:
    push(remote, "a")
    lost = fetch(tmp_path).commit
    git(remote, "reset", "--quiet", "--hard", "HEAD~1")
    push(remote, "b")
    repo = fetch(tmp_path)
    found = since(tmp_path, repo, lost)
    assert subjects(found) == ["change b"]
    assert found.unknown == (
        f"{repo.commit[:12]} doesn't come after {lost[:12]}: the branch was set anew, or is another"
    )


def test_an_older_commit(tmp_path: Path, remote: Path) -> None:
    first = git(remote, "rev-parse", "HEAD")
    fetch(tmp_path)
    newer = push(remote, "a")
    repo = fetch(tmp_path)
    found = since(tmp_path, repo.model_copy(update={"commit": first}), newer)
    assert (found.commits, found.unknown) == (
        (), f"the commit {first[:12]} is older than {newer[:12]}, which it leads to",
    )  # fmt: skip


@pytest.mark.long
def test_merges_bring_both_sides(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path).commit
    git(remote, "checkout", "--quiet", "-b", "side")
    push(remote, "a")
    git(remote, "checkout", "--quiet", "main")
    push(remote, "b")
    git(remote, "merge", "--quiet", "--no-ff", "--message", "merged", "side")
    found = since(tmp_path, fetch(tmp_path), first)
    assert sorted(subjects(found)) == ["change a", "change b", "merged"]
    assert found.unknown == ""


@pytest.mark.long
def test_of_a_folder_those_that_change_it(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path, path="one").commit
    push(remote, "one/train.py", "ours")
    push(remote, "two/train.py", "theirs")
    push(remote, "ones/train.py", "theirs as well")
    push(remote, "one/conf.yaml", "ours again")
    found = since(tmp_path, fetch(tmp_path, path="one"), first)
    assert (subjects(found), found.unknown) == (["ours again", "ours"], "")
    assert found.commits[1].paths == ("one/train.py",)


@pytest.mark.long
def test_hostile_names_and_words_stay_in_their_line(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path).commit
    name = "0" * 40 + "\n\x1b[31m:100644"
    (remote / name).write_text("x")
    commit(remote, "red \x1b[31m\u202e<script>alert(1)</script>\nand a second line")
    found = since(tmp_path, fetch(tmp_path), first)
    (one,) = found.commits
    assert one.subject == "red  [31m <script>alert(1)</script> and a second line"
    assert one.paths == ("0" * 40 + "\\n\\x1b[31m:100644",)


def test_a_cache_that_is_gone_or_damaged_is_said(tmp_path: Path, remote: Path) -> None:
    first = fetch(tmp_path).commit
    push(remote, "a")
    repo = fetch(tmp_path)
    for path in (tmp_path / "git" / "churn.git" / "objects").rglob("*.pack"):
        path.chmod(0o644)
        path.write_bytes(b"torn")
    assert "not in the cache of the checkout" in since(tmp_path, repo, first).unknown
    remove_folder(tmp_path / "git")
    assert "not in the cache of the checkout" in since(tmp_path, repo, first).unknown
    assert since(tmp_path, repo, "").unknown == "which commit it was before is not known"


def test_a_builds_cache_hands_on_what_it_knows(tmp_path: Path, remote: Path) -> None:
    first = git(remote, "rev-parse", "HEAD")
    push(remote, "one/a", "ours")
    push(remote, "two/b", "theirs")
    repo = fetch(tmp_path, path="one", earlier=True)  # in a new machine's first checkout
    path = tmp_path / "commits.json"
    note_commits(path, (repo,), cache=tmp_path / "git", environment=ENVIRONMENT)
    remove_folder(tmp_path / "git")
    known = load_commits(path)["churn"]
    found = commits_since(repo, first, cache_folder=tmp_path / "git", environment=ENVIRONMENT, noted=known)
    assert (subjects(found), found.commits[0].paths, found.unknown) == (["ours"], ("one/a",), "")
    path.write_bytes(path.read_bytes()[:-20])
    assert load_commits(path) == {}


def test_a_submodule_that_has_moved_is_said(tmp_path: Path) -> None:
    """Its own commits aren't among those of the repository."""
    target = open_local_target(tmp_path, LocalSettings())
    target.registry.put_group("churn", "", "churn")
    before = "arn:aws:sagemaker:localhost:000000000000:pipeline/churn/execution/before"
    request = {"ModelPackageGroupName": "churn", "CustomerMetadataProperties": {"commit-churn": "1" * 40}}
    assert isinstance(target.pipelines, LocalPipelines)
    champion = target.pipelines.engine.registry.register(request, execution=before, step="Register")
    here = Checkout(parameters={}, definition_sha256="", cache=tmp_path / "git", environment={}, kinds={})
    now = run_record(
        "churn", pipeline="churn", packages=(package("churn", champion_arn=champion.arn),), repos=(_at("2", "b"),)
    )
    (unknown,) = with_commits(now, target, here).repos
    assert unknown.since_unknown.endswith("; at which commits its submodules were is not known")
    keep_run(run_record("churn", pipeline="churn", execution=before, repos=(_at("1", "a"),)), target)
    (moved,) = with_commits(now, target, here).repos
    assert (moved.before, moved.since_unknown.split("; ")[1:]) == (
        "1" * 40, ["the submodule 'lib' was at aaaaaaaaaaaa and is at bbbbbbbbbbbb"],
    )  # fmt: skip
    now = now.model_copy(update={"repos": (_at("2", "a"),)})
    (same,) = with_commits(now, target, here).repos
    assert "submodule" not in same.since_unknown


def _at(commit: str, library: str) -> RepoRecord:
    lib = SubmoduleRecord(path="lib", url="https://git.example.com/lib.git", commit=library * 40)
    return RepoRecord(name="churn", url="https://git.example.com/churn.git", revision="main", commit=commit * 40,
                      tree="", committed=None, submodules=(lib,))  # fmt: skip
