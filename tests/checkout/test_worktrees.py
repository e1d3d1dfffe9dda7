"""Working trees: what is told of them, what isn't, and that nothing which they configure is run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.checkout.worktrees import WorkTree, commit_of_branch, look_at, look_at_plain
from pipeline_builder.errors import InputProblems, OutsideFailure
from pipeline_builder.service.rehearsal.sources import find_source
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository
from tests.checkout.test_checkout import one, run

NOBODY = 65534


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "r"
    (folder / "sub").mkdir(parents=True)
    (folder / "f").write_text("one")
    (folder / "sub" / "g").write_text("two")
    return make_repository(folder)


def look(folder: Path, **environment: str) -> WorkTree:
    return look_at(Git(environment={**ENVIRONMENT, **environment}), folder)


def head(tree: Path) -> str:
    return git(tree, "rev-parse", "HEAD")


# --- what is told


def test_a_clean_one_and_each_kind_of_change(tree: Path) -> None:
    assert look(tree) == WorkTree(top=tree.resolve(), commit=head(tree), changed=False)
    (tree / "new").write_text("")
    assert (look(tree).changed, look(tree / "sub").changed) == (True, False)
    git(tree, "add", "new")
    assert (look(tree).changed, look(tree / "sub").changed) == (True, False)
    commit(tree, "new")
    (tree / "sub" / "g").unlink()
    assert look(tree / "sub") == WorkTree(top=tree.resolve(), commit=head(tree), changed=True)


def test_no_repository_none_with_a_working_tree_and_none_with_a_commit(tmp_path: Path, tree: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    git(tmp_path, "init", "--quiet", "--bare", "r/bare-inside.git")
    git(tmp_path, "init", "--quiet", "--bare", "unset.git")
    git(tmp_path / "unset.git", "config", "--unset", "core.bare")
    git(tmp_path, "init", "--quiet", "unborn")
    for folder in ("", "bare.git", "unset.git", "r/.git", "r/bare-inside.git"):
        assert look(tmp_path / folder) == WorkTree(), folder
    assert look(tmp_path / "unborn") == WorkTree(top=(tmp_path / "unborn").resolve())


def test_other_working_trees(tmp_path: Path, tree: Path) -> None:
    git(tree, "worktree", "add", "--quiet", "--detach", str(tmp_path / "w"))
    assert look(tmp_path / "w") == WorkTree(top=(tmp_path / "w").resolve(), commit=head(tree))
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "s")
    assert look(tmp_path / "s").commit == ""
    long = commit(tmp_path / "s", "first")
    assert (len(long), look(tmp_path / "s").commit) == (64, long)
    inner = make_repository(tree / "inner")
    assert look(inner) == WorkTree(top=inner.resolve(), commit=head(inner))


def test_a_submodule_counts_by_its_commit_and_a_broken_one_not_at_all(tmp_path: Path, tree: Path) -> None:
    inner = make_repository(tmp_path / "inner")
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "m")
    commit(tree, "a submodule")
    assert look(tree).changed is False
    commit(tree / "m", "ahead")
    git(tree / "m", "config", "core.fsmonitor", f"touch {tmp_path}/pwned")
    assert look(tree).changed
    (tree / "m" / ".git").write_text("gitdir: /gone\n")
    assert look(tree).changed is False
    assert not (tmp_path / "pwned").exists()


# --- what isn't


def damage(path: str, text: str) -> Callable[[Path], object]:
    return lambda tree: (tree / path).write_text(text)


def lose_objects(tree: Path) -> None:
    shutil.rmtree(tree / ".git" / "objects")
    (tree / ".git" / "objects").mkdir()


UNTOLD: dict[str, tuple[Callable[[Path], object], bool, str]] = {
    "index": (damage(".git/index", "no index"), True, "index file corrupt|bad signature|smaller than expected"),
    "HEAD": (damage(".git/HEAD", "nothing"), False, "not a git repository"),
    "branch": (damage(".git/refs/heads/main", "nothing"), False, "appears to be broken|bad|No such ref"),
    "config": (damage(".git/config", "[[[ no"), False, "bad config line"),
    "version": (damage(".git/config", "[core]\nrepositoryformatversion = 99\n"), False, "repo(sitory)? version"),
    "objects": (lose_objects, True, "bad object|unable to read|could not|missing|Could not|invalid"),
}


@pytest.mark.parametrize("what", UNTOLD)
def test_what_is_damaged_is_untold_and_a_warning(tree: Path, what: str) -> None:
    break_it, known, words = UNTOLD[what]
    first = head(tree)
    (tree / "remotes").mkdir()
    (tree.parent / "a").mkdir()
    make_repository(tree.parent / "a")
    break_it(tree)
    found = look(tree)
    assert found.trouble
    assert (found.commit, found.changed) == (first if known else "", None)
    assert pytest.importorskip("re").search(words, str(found.trouble))
    done = run(tree, one(url="../a"))
    (warning,) = done.warnings
    assert (warning.id, warning.warning) == ("PB165", True)
    assert str(found.trouble) in warning.message
    assert (done.lock.manifest_commit, done.lock.manifest_dirty) == (found.commit, True)


@pytest.mark.parametrize("text", ["gitdir: /gone/nowhere\n", "no gitdir", ""])
def test_a_git_file_that_leads_nowhere(tree: Path, text: str) -> None:
    (tree / "sub" / ".git").write_text(text)
    found = look(tree / "sub")
    assert found.trouble
    assert "git" in str(found.trouble)
    assert found.commit == ""


def test_no_git_and_no_folder(tree: Path) -> None:
    for found, words in (
        (look(tree, PATH="/nonexistent"), "the program 'git' is not there"),
        (look(tree / "gone"), "can't be entered: No such file or directory"),
    ):
        assert found.trouble
        assert words in str(found.trouble)


def give_away(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("takes root, to give a repository to somebody else")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def test_a_repository_of_another_user(tmp_path: Path, tree: Path) -> None:
    give_away(tree)
    found = look(tree)
    assert found.trouble
    assert str(found.trouble) == f"detected dubious ownership in repository at '{tree}'"
    mend = f"it belongs to another user; if you trust it: git config --global --add safe.directory {tree}"
    assert found.trouble.hint == mend
    for name in ("home", "a"):
        (tmp_path / name).mkdir()
    make_repository(tmp_path / "a")
    (warning,) = run(tree, one(url="../a")).warnings
    assert (warning.id, warning.hint) == ("PB165", mend)
    assert warning.message.startswith("whether the manifest's folder is at a commit can't be told: detected")
    with pytest.raises(InputProblems) as caught:
        find_source(Git(environment=ENVIRONMENT), tree)
    assert [(p.id, p.hint) for p in caught.value.problems] == [("PB653", mend)]
    # Who trusts it is believed, wherever that is written.
    (tmp_path / "home" / ".gitconfig").write_text(f"[safe]\n directory = {tree}\n")
    at_home = {"HOME": str(tmp_path / "home"), "GIT_CONFIG_GLOBAL": str(tmp_path / "home" / ".gitconfig")}
    assert look(tree, **at_home).commit
    numbered = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    for count in ("1", "99999999999", "9" * 5000):
        assert look(tree, **{**numbered, "GIT_CONFIG_COUNT": count}).commit
    system = {"GIT_CONFIG_NOSYSTEM": "0", "GIT_CONFIG_SYSTEM": str(tmp_path / "home" / ".gitconfig")}
    assert look(tree, **system).commit


def test_a_local_repository_of_another_user_is_a_problem_with_what_to_do(tmp_path: Path, tree: Path) -> None:
    give_away(tree)
    with pytest.raises(OutsideFailure) as caught:
        run(tmp_path, one(url="r"))
    (problem,) = caught.value.problems
    assert problem.id == "PB157"
    assert problem.hint
    assert problem.hint.endswith(f"git config --global --add safe.directory {tree}/.git")
    (tmp_path / "conf").write_text("[safe]\n directory = *\n")
    assert run(tmp_path, one(url="r"), GIT_CONFIG_GLOBAL=str(tmp_path / "conf")).warnings == ()


def test_a_local_bare_repository_without_its_mark(tmp_path: Path, tree: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", "r", "bare.git")
    git(tmp_path / "bare.git", "config", "--unset", "core.bare")
    assert run(tmp_path, one(url="bare.git")).warnings == ()


def test_an_unreadable_local_index_is_a_warning_at_its_place(tmp_path: Path, tree: Path) -> None:
    (tree / ".git" / "index").write_text("no index")
    (warning,) = run(tmp_path, one(url="r")).warnings
    assert (warning.id, str(warning.place)) == ("PB165", "m.yaml:4:10")
    assert warning.message.startswith("whether 'r' has changes that are not committed can't be told: ")


# --- what runs


def hook(tmp_path: Path) -> str:
    program = tmp_path / "evil"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >>{tmp_path}/pwned\nexit 1\n')
    program.chmod(0o755)
    return str(program)


CONFIGURED = (
    "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.gitProxy", "core.alternateRefsCommand",
    "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.external", "diff.evil.textconv",
    "diff.evil.command", "gpg.program", "credential.helper", "uploadpack.packObjectsHook", "alias.status", "alias.log",
    "pager.status", "pager.log", "merge.evil.driver",
)  # fmt: skip


@pytest.mark.long
def test_nothing_that_a_repository_configures_is_run(tmp_path: Path, tree: Path) -> None:
    (tree / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    commit(tree, "attributes")
    for key in CONFIGURED:
        git(tree, "config", key, hook(tmp_path))
    for key, value in (
        ("filter.evil.required", "true"), ("log.showSignature", "true"), ("status.submoduleSummary", "true"),
        ("core.untrackedCache", "true"), ("core.hooksPath", str(tmp_path / "hooks")),
    ):  # fmt: skip
        git(tree, "config", key, value)
    (tmp_path / "hooks").mkdir()
    for name in ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(hook(tmp_path), tmp_path / "hooks" / name)
    os.utime(tree / "f", (1, 1))  # git has to look into it
    assert look(tree).changed is False
    (tree / "f").write_text("what the filter makes of it, or a change")
    found = look(tree)
    assert (found.changed, str(found.trouble)) == (
        None, "'f' goes through the filter 'evil' of the repository, which isn't run",
    )  # fmt: skip
    assert run(tmp_path, one(url="r")).warnings[0].id == "PB165"
    source = find_source(Git(environment=ENVIRONMENT), tree)
    assert (source.subject, source.changed) == ("attributes", True)
    (tree / "new").write_text("")
    assert look(tree).changed
    assert not (tmp_path / "pwned").exists()


def test_what_the_user_configures_tells_what_is_changed(tmp_path: Path, tree: Path) -> None:
    (tree / ".gitattributes").write_text("f filter=shout\n")
    commit(tree, "attributes")
    (tree / "f").write_text("ONE")
    (tree / "notes.swp").write_text("")
    (tmp_path / "ignored").write_text("*.swp\n")
    (tmp_path / "conf").write_text(
        f'[core]\n excludesFile = {tmp_path}/ignored\n[filter "shout"]\n clean = tr A-Z a-z\n'
    )
    assert look(tree).changed
    assert look(tree, GIT_CONFIG_GLOBAL=str(tmp_path / "conf")).changed is False


def test_a_partial_clone_asks_nobody_for_what_it_lacks(tmp_path: Path, tree: Path) -> None:
    git(tree, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=tree:0", f"file://{tree}", str(clone))
    git(clone, "config", "remote.origin.uploadpack", hook(tmp_path))
    found = look(clone)
    assert found.commit == head(tree)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"])
def test_variables_of_a_hook_name_no_repository_of_ours(tmp_path: Path, tree: Path, name: str) -> None:
    other = make_repository(tmp_path / "other")
    assert look(tree, **{name: str(other / ".git")}) == WorkTree(top=tree.resolve(), commit=head(tree))


# --- the commit of the branch that is checked out


def clean(_: Path) -> None: ...


def tagged(tree: Path) -> None:
    git(tree, "tag", "main")
    commit(tree, "second")


def packed(tree: Path) -> None:
    tagged(tree)
    git(tree, "pack-refs", "--all")


def below_the_name(tree: Path) -> None:
    git(tree, "tag", "main/one")


def detached(tree: Path) -> None:
    git(tree, "branch", "(detached)")
    git(tree, "checkout", "--quiet", "--detach")
    commit(tree, "second")


def on_another(tree: Path) -> None:
    git(tree, "checkout", "--quiet", "-b", "other")
    commit(tree, "second")


def pointed_to(tree: Path) -> None:
    on_another(tree)
    git(tree, "symbolic-ref", "refs/heads/main", "refs/heads/other")
    git(tree, "symbolic-ref", "HEAD", "refs/heads/main")


def hidden(tree: Path) -> None:
    git(tree, "config", "uploadpack.hideRefs", "refs/heads/main")


def unborn(tree: Path) -> None:
    git(tree, "checkout", "--quiet", "--orphan", "main2")


def named_as_a_ref(tree: Path) -> None:
    git(tree, "checkout", "--quiet", "-b", "refs/heads/main")
    commit(tree, "second")


def told_by_refs(tree: Path, revision: str) -> str:
    try:
        return Git(environment=ENVIRONMENT).resolve(Remote(url=str(tree), local=True), revision)
    except GitError as error:
        return error.kind


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (clean, {"main"}),
        (tagged, set()),
        (packed, set()),
        (below_the_name, set()),
        (detached, set()),
        (on_another, {"other"}),
        (pointed_to, {"other"}),
        (hidden, set()),
        (unborn, set()),
        (named_as_a_ref, set()),
    ],
)
def test_the_branch_that_is_checked_out_stands_where_the_refs_say(
    tree: Path, make: Callable[[Path], None], told: set[str]
) -> None:
    make(tree)
    found = look_at_plain(Git(environment=ENVIRONMENT), tree) or WorkTree()
    revisions = ("main", "other", "main2", "(detached)", "HEAD", "refs/heads/main", "none")
    said = {revision: commit for revision in revisions if (commit := commit_of_branch(found, revision))}
    assert said.keys() == told
    assert said == {revision: told_by_refs(tree, revision) for revision in told}


def test_refs_that_are_no_files_are_asked_for(tree: Path) -> None:
    found = look_at_plain(Git(environment=ENVIRONMENT), tree)
    assert found
    (tree / ".git" / "reftable").mkdir()
    assert commit_of_branch(found, "main") == ""
    (tree / ".git" / "reftable").rmdir()
    (tree / ".git" / "packed-refs").mkdir()
    assert commit_of_branch(found, "main") == ""


def counted(tmp_path: Path) -> tuple[str, Path]:
    """Return a PATH with a git that notes how it is called, and where."""
    log, shim = tmp_path / "log", tmp_path / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {shutil.which("git")} "$@"\n')
    shim.chmod(0o755)
    return f"{shim.parent}:{os.environ['PATH']}", log


@pytest.mark.long
def test_one_process_tells_where_a_folder_of_this_machine_stands_and_whether_it_has_changes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "remotes" / name).mkdir(parents=True)
        (tmp_path / "remotes" / name / "f").write_text(name)
        make_repository(tmp_path / "remotes" / name)
    manifest = "version: 1\nrepos:\n  - {name: a, url: remotes/a}\n  - {name: b, url: remotes/b}\n"
    path, log = counted(tmp_path)
    run(tmp_path, manifest)
    done = run(tmp_path, manifest, PATH=path)
    assert not any(repo.changed for repo in done.repos)
    assert sorted(line.partition(" ")[0] for line in log.read_text().splitlines()) == [
        "--version", "rev-parse", "status", "status",
    ]  # fmt: skip
    # Each that differs is seen: a commit, an edit, and a tag by which nobody knows what is meant.
    (tmp_path / "remotes" / "a" / "f").write_text("new")
    assert [found.id for found in run(tmp_path, manifest).warnings] == ["PB160"]
    commit(tmp_path / "remotes" / "a", "second")
    done = run(tmp_path, manifest)
    assert ([repo.changed for repo in done.repos], done.warnings) == ([True, False], ())
    git(tmp_path / "remotes" / "a", "tag", "main", "HEAD~1")
    with pytest.raises(OutsideFailure) as caught:
        run(tmp_path, manifest)
    assert [problem.id for problem in caught.value.problems] == ["PB156"]
