"""Checkout, with real repositories: what it takes, what it leaves alone, what it refuses."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline_builder.checkout.access import by_login
from pipeline_builder.checkout.checkout import Checkouts, checkout
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.heads import Head, Inputs, lock_of
from pipeline_builder.checkout.remotes import fetch_heads
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.manifest.lock import Lock, load_lock, render_lock
from pipeline_builder.manifest.manifest import build_manifest
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository, serve
from tests.forking import fork_call


def run(root: Path, manifest: str, *, locked: Lock | None = None, **environment: str) -> Checkouts:
    parsed = build_manifest(parse_yaml(Source("m.yaml", manifest), "PB100"))
    return checkout(parsed, root=root, cache=root / ".cache", locked=locked, environment={**ENVIRONMENT, **environment})


def check_out(root: str, manifest: str, **environment: str) -> None:
    """Check out in a process of its own, see `fork_call`."""
    run(Path(root), manifest, locked=None, **environment)


def one(name: str = "a", **fields: str) -> str:
    lines = "".join(f"    {key}: {value}\n" for key, value in {"url": f"remotes/{name}", **fields}.items())
    return f"version: 1\nrepos:\n  - name: {name}\n{lines}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        folder = tmp_path / "remotes" / name
        (folder / "conf").mkdir(parents=True)
        (folder / "conf" / "conf.yaml").write_text(f"name: {name}\n")
        make_repository(folder)
    return tmp_path


def text(root: Path, name: str = "a") -> str:
    return (root / "aws-train" / name / "conf" / "conf.yaml").read_text()


def failures(root: Path, manifest: str) -> list[Problem]:
    with pytest.raises(OutsideFailure) as caught:
        run(root, manifest)
    return list(caught.value.problems)


def test_a_plain_folder_and_a_lock(root: Path) -> None:
    done = run(root, one())
    head = git(root / "remotes" / "a", "rev-parse", "HEAD")
    (locked,) = done.lock.repos
    assert (locked.commit, locked.subject, locked.author, locked.url) == (head, "first", "Ada", "remotes/a")
    assert locked.committed == "2026-01-02T03:04:05Z"
    assert text(root) == "name: a\n"
    assert not list((root / "aws-train").rglob(".git"))


def test_a_lock_reads_as_it_was_written(root: Path, tmp_path: Path) -> None:
    lock = run(root, one()).lock
    (tmp_path / "lock.yaml").write_text(render_lock(lock))
    assert load_lock(tmp_path / "lock.yaml") == lock
    (tmp_path / "lock.yaml").write_text("version: 1\nrepos: [{name: a}]\n")
    with pytest.raises(InputProblems, match="PB108 the key 'commit' is missing"):
        load_lock(tmp_path / "lock.yaml")


@pytest.mark.parametrize("content", [b"", b'repos:\n  - name: "chu', b"\xff\x00[", b"[1]\n"])
def test_a_lock_that_was_cut_off_says_what_writes_it_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model_repos.lock.yaml"
    path.write_bytes(content)
    with pytest.raises(InputProblems, match="PB108 ") as refused:
        load_lock(path)
    assert {problem.hint for problem in refused.value.problems} == {"'pipeline-builder checkout' writes it anew"}


@pytest.mark.long
def test_branches_tags_commits_and_head(root: Path) -> None:
    remote = root / "remotes" / "a"
    first = git(remote, "rev-parse", "HEAD")
    git(remote, "tag", "--annotate", "--message", "x", "v1")
    git(remote, "checkout", "--quiet", "-b", "dev")
    (remote / "conf" / "conf.yaml").write_text("name: dev\n")
    second = commit(remote, "second")
    for revision, expected in {
        "main": first, "v1": first, "dev": second, "HEAD": second, "refs/heads/dev": second, first: first,
    }.items():  # fmt: skip
        assert run(root, one(revision=f"'{revision}'")).lock.repos[0].commit == expected, revision
        assert text(root) == ("name: dev\n" if expected == second else "name: a\n")


@pytest.mark.long
def test_a_look_at_heads_and_a_checkout_agree(root: Path) -> None:
    remote = root / "remotes" / "a"
    git(remote, "tag", "--annotate", "--message", "x", "v1.9")
    git(remote, "tag", "--annotate", "--message", "of a tag", "nested", "v1.9")
    first = git(remote, "rev-parse", "HEAD")
    second = commit(remote, "second")
    git(remote, "tag", "--annotate", "--message", "x", "v1.10")
    git(remote, "tag", "light")
    commit(remote, "third")
    for asked, expected in {
        "revision: v1.9": first, "revision: refs/tags/v1.9": first, "revision: nested": first, "tag: nested": first,
        "tag: v1.10": second, "tag: 'v*'": second, "tag: '*.9'": first, "tag: light": second,
    }.items():  # fmt: skip
        text = f"version: 1\nrepos:\n  - {{name: a, url: remotes/a, {asked}}}\n"
        (repo,) = build_manifest(parse_yaml(Source("m.yaml", text), "PB100")).repos
        git_ = Git(environment=ENVIRONMENT)
        seen = fetch_heads([repo], git_, lambda _: Remote(url=str(remote), local=True))["a"]
        locked = run(root, text).lock.repos[0]
        assert isinstance(seen, Head)
        assert (seen, locked.commit) == (Head(url=repo.url, revision=repo.revision, commit=expected), expected), asked
        assert run(root, text, locked=lock_of(Inputs(files={}, heads={"a": seen}))).lock.repos == (locked,)


def test_the_id_of_a_tag_is_no_commit(root: Path) -> None:
    remote = root / "remotes" / "a"
    git(remote, "tag", "--annotate", "--message", "x", "v1")
    tag, head = git(remote, "rev-parse", "v1"), git(remote, "rev-parse", "HEAD")
    (problem,) = failures(root, one(revision=f"'{tag}'"))
    assert (problem.id, f"{tag[:12]} is a tag, expected its commit {head}" in problem.message) == ("PB152", True)


def test_a_pattern_that_no_tag_with_a_version_fits(root: Path) -> None:
    git(root / "remotes" / "a", "tag", "vnext")
    (problem,) = failures(root, one(tag="v*"))
    assert (problem.id, problem.message) == ("PB152", "the repository 'a': no tag with a version fits 'v*'")
    assert problem.place
    assert problem.place.line == 5


def test_no_change_writes_nothing(root: Path) -> None:
    assert run(root, one()).repos[0].changed
    before = (root / "aws-train" / "a").stat().st_ino
    assert not run(root, one()).repos[0].changed
    assert (root / "aws-train" / "a").stat().st_ino == before
    commit(root / "remotes" / "a", "nothing in it")
    again = run(root, one())
    assert (again.repos[0].changed, again.lock.repos[0].subject) == (False, "nothing in it")


def test_a_new_commit_is_taken_and_files_that_went_are_gone(root: Path) -> None:
    (root / "remotes" / "a" / "old.txt").write_text("")
    commit(root / "remotes" / "a", "more")
    run(root, one())
    (root / "remotes" / "a" / "old.txt").unlink()
    (root / "remotes" / "a" / "conf" / "conf.yaml").write_text("name: new\n")
    commit(root / "remotes" / "a", "less")
    assert run(root, one()).repos[0].changed
    assert (text(root), (root / "aws-train" / "a" / "old.txt").exists()) == ("name: new\n", False)


def test_only_a_folder(root: Path) -> None:
    done = run(root, one(path="conf"))
    assert [p.name for p in (root / "aws-train" / "a").iterdir()] == ["conf.yaml"]
    assert done.lock.repos[0].tree == git(root / "remotes" / "a", "rev-parse", "HEAD:conf")


def test_locked_takes_the_commits_of_the_lock(root: Path) -> None:
    lock = run(root, one()).lock
    (root / "remotes" / "a" / "conf" / "conf.yaml").write_text("name: new\n")
    commit(root / "remotes" / "a", "newer")
    assert run(root, one(), locked=lock).lock.repos[0].commit == lock.repos[0].commit
    assert text(root) == "name: a\n"
    with pytest.raises(InputProblems, match="PB109 the repository 'b' is not in the lock"):
        run(root, one("b"), locked=lock)


def test_an_edited_checkout_is_kept_aside(root: Path) -> None:
    run(root, one())
    (root / "aws-train" / "a" / "conf" / "conf.yaml").write_text("mine\n")
    done = run(root, one())
    assert [w.id for w in done.warnings] == ["PB159"]
    assert text(root) == "name: a\n"
    assert (root / "aws-train" / ".edited" / "a-1" / "conf" / "conf.yaml").read_text() == "mine\n"


@pytest.mark.long
def test_a_repository_that_somebody_has_made_below_is_kept_aside(root: Path) -> None:
    run(root, one())
    git(root / "aws-train" / "a" / "conf", "init", "--quiet")
    mine = commit(root / "aws-train" / "a" / "conf", "mine")
    assert run(root, one()).warnings == ()
    commit(root / "remotes" / "a", "nothing new")
    assert run(root, one()).warnings == ()
    (root / "remotes" / "a" / "new").write_text("")
    commit(root / "remotes" / "a", "second")
    assert [warning.id for warning in run(root, one()).warnings] == ["PB159"]
    assert git(root / "aws-train" / ".edited" / "a-1" / "conf", "rev-parse", "HEAD") == mine
    assert sorted(path.name for path in (root / "aws-train" / "a").iterdir()) == ["conf", "new"]


@pytest.mark.long
def test_a_commit_that_git_refuses_makes_nothing_count_as_edited(root: Path) -> None:
    run(root, one())
    remote = root / "remotes" / "a"
    facts = f"tree {git(remote, 'rev-parse', 'HEAD^{tree}')}\nauthor Ada\ncommitter Ada\n\nsecond\n"
    bad = git(remote, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", text=facts)
    git(remote, "update-ref", "refs/heads/bad", bad)
    (problem,) = failures(root, one(revision="bad"))
    assert (problem.id, "missingEmail" in problem.message) == ("PB157", True)
    (remote / "conf" / "conf.yaml").write_text("name: mended\n")
    commit(remote, "third")
    assert run(root, one()).warnings == ()
    assert text(root) == "name: mended\n"


@pytest.mark.long
def test_what_old_programs_have_left_in_commits_is_no_fault(root: Path) -> None:
    remote = root / "remotes" / "a"
    tree, conf = (git(remote, "rev-parse", f"HEAD{path}") for path in ("^{tree}", ":conf"))
    padded = root / "tree"
    padded.write_bytes(b"040000 conf\0" + bytes.fromhex(conf))  # of which git writes no zero
    padded_id = git(remote, "hash-object", "-t", "tree", "-w", "--literally", str(padded))
    for what, when in ((padded_id, "> 1000000000 +0000"), (tree, "> 1000000000 +51800"), (tree, ">1000000000 +0000")):
        facts = f"tree {what}\nauthor Ada <ada@example.com{when}\ncommitter Ada <ada@example.com{when}\n\nold\n"
        old = git(remote, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", text=facts)
        git(remote, "update-ref", "refs/heads/old", old)
        assert run(root, one(revision="old")).lock.repos[0].commit == old
        assert text(root) == "name: a\n"


def test_a_folder_that_no_checkout_made_is_kept_aside(root: Path) -> None:
    folder = root / "aws-train" / "a"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (root / "aws-train" / ".edited" / "a-old").mkdir(parents=True)
    (warning,) = run(root, one()).warnings
    assert (warning.id, warning.message) == (
        "PB159", "the checkout of 'a' was already there, and is another; it is kept in 'aws-train/.edited/a-1'",
    )  # fmt: skip
    assert text(root) == "name: a\n"
    assert (root / "aws-train" / ".edited" / "a-1" / "notes.txt").read_text() == "mine"


def test_without_its_cache_a_checkout_is_known_by_its_files(root: Path) -> None:
    run(root, one())
    shutil.rmtree(root / ".cache")
    assert run(root, one()).warnings == ()
    assert not (root / "aws-train" / ".edited").exists()


def test_somebodys_own_repository_is_not_replaced(root: Path) -> None:
    with pytest.raises(InputProblems) as caught:
        run(root, "version: 1\ntraining_dir: remotes\nrepos:\n  - url: remotes/a\n")
    (problem,) = caught.value.problems
    assert (problem.id, str(problem.place), problem.message) == (
        "PB161", "m.yaml:4:10", "'remotes/a' is a git repository of its own, which the checkout of 'a' would replace",
    )  # fmt: skip
    assert git(root / "remotes" / "a", "status", "--porcelain") == ""


def test_two_checkouts_at_once_follow_each_other(root: Path) -> None:
    for number in range(200):
        (root / "remotes" / "a" / f"f{number}").write_text("x" * 100)
    commit(root / "remotes" / "a", "many files")
    with ThreadPoolExecutor(max_workers=4) as pool:
        done = [pool.submit(run, root, one()) for _ in range(4)]
        changed = [future.result().repos[0].changed for future in done]
    assert sorted(changed) == [False, False, False, True]


@pytest.mark.parametrize("damage", ["shallow.lock", "HEAD", "config", "pack"])
def test_a_damaged_cache_is_made_again(root: Path, damage: str) -> None:
    run(root, one())
    bare = root / ".cache" / "a.git"
    for path in bare.glob("objects/pack/*.pack") if damage == "pack" else [bare / damage]:
        path.unlink(missing_ok=True)
        path.write_text("[[[ no such thing")
    (root / "remotes" / "a" / "conf" / "conf.yaml").write_text("name: new\n")
    commit(root / "remotes" / "a", "second")
    run(root, one())
    assert text(root) == "name: new\n"


@pytest.mark.parametrize("noted", ["[]", "nothing", '{"locked": {}}', '{"locked": {"name": "a"}, "tree": 3}', "null"])
def test_a_damaged_note_is_made_again(root: Path, noted: str) -> None:
    run(root, one())
    (root / ".cache" / "a.json").write_text(noted)
    assert run(root, one()).warnings == ()
    assert not run(root, one()).repos[0].changed


def test_what_is_no_commit(root: Path) -> None:
    remote = root / "remotes" / "a"
    tree, blob = git(remote, "rev-parse", "HEAD^{tree}"), git(remote, "rev-parse", "HEAD:conf/conf.yaml")
    git(remote, "tag", "a-tree", tree)
    for revision, kind in ((tree, "tree"), (blob, "blob"), ("a-tree", "tree")):
        (problem,) = failures(root, one(revision=revision))
        assert (problem.id, str(problem.place)) == ("PB152", "m.yaml:5:15")
        assert problem.message.endswith(f"is a {kind}, expected a commit")


def test_compiled_python_is_no_edit(root: Path) -> None:
    run(root, one())
    (root / "aws-train" / "a" / "__pycache__").mkdir()
    (root / "aws-train" / "a" / "__pycache__" / "x.pyc").write_text("")
    assert not run(root, one()).repos[0].changed


def test_uncommitted_changes_in_a_local_repository_are_said(root: Path) -> None:
    (root / "remotes" / "a" / "conf" / "conf.yaml").write_text("name: not yet\n")
    assert [(w.id, w.message) for w in run(root, one()).warnings] == [
        ("PB160", "'remotes/a' has changes that are not committed, so they are not built")
    ]


def test_every_failure_is_said_and_the_others_stay_as_they_are(root: Path) -> None:
    run(root, one())
    manifest = (
        "version: 1\nrepos:\n  - {name: a, url: remotes/nope}\n  - {name: b, url: remotes/b, revision: gone}\n"
        "  - {name: c, url: 'http://127.0.0.1:9/x.git'}\n  - {name: d, url: remotes/a, path: no/such}\n"
    ).replace("http:", "https:")
    assert [(p.id, str(p.place), p.message.split(":")[0]) for p in failures(root, manifest)] == [
        ("PB151", "m.yaml:3:20", "the repository 'a' cannot be reached"),
        ("PB152", "m.yaml:4:41", "the repository 'b' has no revision 'gone'"),
        ("PB151", "m.yaml:5:20", "the repository 'c' cannot be reached"),
        ("PB153", "m.yaml:6:20", "the repository 'd'"),
    ]
    assert text(root) == "name: a\n"
    assert not (root / "aws-train" / "b").exists()


@pytest.mark.parametrize(
    ("version", "words"),
    [("1", "unknown repository extension found: refstorage"), ("9", "Expected git repo version <= 1, found 9")],
)
def test_a_repository_of_a_newer_git(root: Path, version: str, words: str) -> None:
    config = root / "remotes" / "a" / ".git" / "config"
    settings = config.read_text().replace("repositoryformatversion = 0", f"repositoryformatversion = {version}")
    config.write_text(f"{settings}[extensions]\n\trefstorage = reftable\n")
    (problem,) = failures(root, one())
    assert problem.message == f"the repository 'a' cannot be reached: {words}"
    assert problem.hint == "a newer git has made it: install a newer one here"


def test_a_loop_of_links_is_no_repository(root: Path) -> None:
    (root / "remotes" / "loop").symlink_to("loop")
    (problem,) = failures(root, one("loop"))
    assert (problem.id, "does not appear to be a git repository" in problem.message) == ("PB151", True)


def test_a_branch_of_folders_that_is_missing_is_no_missing_folder(root: Path) -> None:
    (problem,) = failures(root, one(revision="folders"))
    assert (problem.id, problem.message) == ("PB152", "the repository 'a' has no revision 'folders'")


def test_what_has_been_renamed_may_be_meant(root: Path) -> None:
    """Folders are told as they lie beside the one that isn't there, tags as they are written in the manifest."""
    remote = root / "remotes" / "a"
    for name in ("models/pricing", "models/segments", "elsewhere"):
        (remote / name).mkdir(parents=True)
        (remote / name / "conf.yaml").write_text("x: 1\n")
    commit(remote, "folders")
    git(remote, "tag", "v1.2")
    told = {}
    for asked in (
        {"path": "models/price"},
        {"path": "model"},
        {"path": "a/b/c"},
        {"tag": "v1.3"},
        {"revision": "mian"},
    ):
        (problem,) = failures(root, one(**asked))
        told[next(iter(asked.values()))] = (problem.id, problem.message.partition(" in the commit")[0], problem.hint)
    assert told == {
        "models/price": (
            "PB153", "the repository 'a': there is no folder 'models/price'", "did you mean 'models/pricing'"
        ),
        "model": ("PB153", "the repository 'a': there is no folder 'model'", "did you mean 'models'"),
        "a/b/c": ("PB153", "the repository 'a': there is no folder 'a/b/c'", None),
        "v1.3": ("PB152", "the repository 'a' has no tag 'v1.3'", "did you mean 'v1.2'"),
        "mian": ("PB152", "the repository 'a' has no revision 'mian'", "did you mean 'main'"),
    }  # fmt: skip


def test_a_name_that_is_a_branch_and_a_tag(root: Path) -> None:
    remote = root / "remotes" / "a"
    git(remote, "tag", "both")
    commit(remote, "second")
    git(remote, "branch", "both")
    (problem,) = failures(root, one(revision="both"))
    assert (problem.id, problem.hint) == ("PB156", "write refs/heads/… or refs/tags/…")


def test_links_come_out_as_files(root: Path) -> None:
    remote = root / "remotes" / "a"
    (remote / "conf" / "conf.yaml").unlink()
    (remote / "conf" / "conf.yaml").symlink_to("/etc/passwd")
    commit(remote, "a link")
    (warning,) = run(root, one()).warnings
    path = root / "aws-train" / "a" / "conf" / "conf.yaml"
    assert (path.is_symlink(), path.read_text()) == (False, "/etc/passwd")
    assert (warning.id, warning.message) == (
        "PB162", "the repository 'a' has links, which become files with the target in them: conf/conf.yaml"
    )  # fmt: skip


def test_pointers_of_git_lfs_are_said(root: Path) -> None:
    remote = root / "remotes" / "a"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
    (remote / "weights.bin").write_text(pointer)
    (remote / "as-long.txt").write_text("x" * len(pointer))
    commit(remote, "weights")
    assert [(w.id, w.message) for w in run(root, one()).warnings] == [
        ("PB163", "the repository 'a' has files in Git LFS, of which there are only the pointers: weights.bin")
    ]


@pytest.mark.long
def test_a_tree_that_unfolds_is_refused_before_it_is_written(root: Path) -> None:
    remote = root / "remotes" / "a"
    entry = f"100644 blob {git(remote, 'hash-object', '-w', '--stdin', text='x')}\tf"
    for _ in range(6):
        names = "\n".join(entry.rsplit("\t", 1)[0] + f"\t{n}" for n in range(10))
        entry = f"040000 tree {git(remote, 'mktree', text=names + chr(10))}\td"
    bomb = git(remote, "commit-tree", entry.split()[2].split("\t")[0], "-m", "bomb")
    git(remote, "branch", "bomb", bomb)
    started = time.monotonic()
    (problem,) = failures(root, one(revision="bomb"))
    assert problem.id == "PB154"
    assert time.monotonic() - started < 20
    assert not (root / "aws-train" / "a").exists()


def test_nothing_of_a_repository_is_executed(root: Path) -> None:
    remote = root / "remotes" / "a"
    (remote / ".gitattributes").write_text("* filter=evil\n")
    (remote / ".gitmodules").write_text('[submodule "s"]\n path = s\n url = https://example.com/s\n')
    (remote / "HEAD").write_text("ref: refs/heads/main\n")
    (remote / "config").write_text(f'[core]\n fsmonitor = "touch {root}/pwned"\n bare = true\n')
    (remote / "objects").mkdir()
    (remote / "refs").mkdir()
    for name in ("objects", "refs"):
        (remote / name / "keep").write_text("")
    commit(remote, "an embedded bare repository")
    run(root, one())
    run(root, one())
    assert not (root / "pwned").exists()


def opened(url: str, login: str) -> Remote:
    return Remote(url=url, local=False, access=by_login(url, lambda: login))


@pytest.mark.long
def test_a_token_goes_to_its_server_only(root: Path) -> None:
    bare = root / "served" / "a.git"
    git(root, "clone", "--quiet", "--bare", "remotes/a", str(bare))
    with serve(root / "served", token="s3cret") as (url, _):
        remote = opened(f"{url}/a.git", "s3cret")
        found = Git(environment=ENVIRONMENT).resolve(remote, "main")
        assert found == git(bare, "rev-parse", "main")
        with pytest.raises(GitError) as caught:
            Git(environment=ENVIRONMENT).resolve(opened(f"{url}/a.git", "wr0ng"), "main")
        named = opened(f"{url}/a.git", "x-access-token:s3cret")
        assert Git(environment=ENVIRONMENT).resolve(named, "main") == found
    assert caught.value.kind == "authentication"
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize("token", ["", " \n"])
def test_a_missing_token_is_an_input_problem(root: Path, token: str) -> None:
    with pytest.raises(
        InputProblems, match="PB110 the repository 'a' takes its token from 'GIT_TOKEN', which is not set"
    ):
        run(root, one(credentials="env:GIT_TOKEN"), GIT_TOKEN=token)


@pytest.mark.long
def test_a_server_that_is_down(root: Path) -> None:
    with serve(root, status=503) as (url, _), pytest.raises(GitError) as caught:
        Git(environment=ENVIRONMENT, pauses=()).resolve(Remote(url=f"{url}/a.git", local=False), "main")
    assert (caught.value.kind, str(caught.value)) == ("unreachable", "HTTP 503")


def test_a_port_is_no_status() -> None:
    with pytest.raises(GitError) as caught:
        Git(environment=ENVIRONMENT).resolve(Remote(url="http://127.0.0.1:14031/a.git", local=False), "main")
    assert caught.value.kind == "unreachable"


@pytest.mark.long
def test_a_commit_that_is_there_is_not_fetched_again(root: Path) -> None:
    bare = root / "served" / "a.git"
    git(root, "clone", "--quiet", "--bare", "remotes/a", str(bare))
    with serve(root / "served") as (url, log):
        remote = Remote(url=f"{url}/a.git", local=False)
        tool = Git(environment=ENVIRONMENT)
        head = tool.resolve(remote, "main")
        tool.fetch(root / "x.git", remote, head)
        assert tool.has(root / "x.git", head)
        assert not tool.has(root / "x.git", "0" * 40)
        assert "POST git-upload-pack" in log


def test_this_repository_itself_shallow_and_detached(root: Path) -> None:
    commit(root / "remotes" / "a", "second")
    clone = root / "clone"
    git(root, "clone", "--quiet", "--depth=1", f"file://{root}/remotes/a", str(clone))
    git(clone, "checkout", "--quiet", "--detach")
    done = run(clone, one(url=".", path="conf", revision="HEAD"))
    assert done.lock.repos[0].commit == git(clone, "rev-parse", "HEAD")
    assert done.lock.manifest_commit == git(clone, "rev-parse", "HEAD")


@pytest.mark.parametrize("delay", [0.02, 0.08, 0.2])
def test_killed_and_repeated(root: Path, delay: float) -> None:
    for number in range(300):
        (root / "remotes" / "a" / f"f{number}").write_text("x" * 100)
    commit(root / "remotes" / "a", "many files")
    process = fork_call(f"{__name__}:check_out", str(root), one())
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):  # it was quicker
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run(root, one())
    assert len(list((root / "aws-train" / "a").glob("f*"))) == 300
    assert not list((root / "aws-train").glob(".tmp-*"))
    assert not run(root, one()).repos[0].changed
