"""A checkout that was killed or interrupted keeps no later one from its work, whatever it has left."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline_builder.checkout.git import MOST_FOLDERS, Git
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.machine.folders import remove_folder
from tests.checkout.interrupting import MANNERS
from tests.checkout.repositories import commit, git, make_repository
from tests.checkout.test_checkout import one, run
from tests.forking import Process, fork_call

DEEP = 5000
NAME = "long-name"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "remotes" / "a"
    folder.mkdir(parents=True)
    (folder / "name").write_text("first")
    make_repository(folder)
    return tmp_path


def change(root: Path, text: str) -> None:
    (root / "remotes" / "a" / "name").write_text(text)
    commit(root / "remotes" / "a", text)


def make_deep(folder: Path) -> None:
    """Make more folders in each other than Python calls itself or may open; no path leads to the last of them."""
    folder.mkdir(parents=True)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir(NAME, dir_fd=here)
        there = os.open(NAME, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


def commit_deep(repository: Path, path: str) -> None:
    text = f"commit refs/heads/deep\ncommitter A <a@example.com> 0 +0000\ndata 0\nM 100644 inline {path}\ndata 1\nx\n"
    git(repository, "fast-import", "--quiet", text=text)


# --- folders


def test_a_folder_of_any_depth_is_removed(tmp_path: Path) -> None:
    make_deep(tmp_path / "deep")
    (tmp_path / "deep" / "e" / "f").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("mine")
    (tmp_path / "deep" / "e" / "link").symlink_to(tmp_path / "outside")
    remove_folder(tmp_path / "deep")
    remove_folder(tmp_path / "deep")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (tmp_path / "outside" / "file").read_text() == "mine"


def test_a_file_or_a_link_in_its_place_is_removed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for name in ("file", "link", "nowhere"):
        remove_folder(tmp_path / name)
    assert [*tmp_path.iterdir()] == []


# --- what is left


@pytest.mark.parametrize(
    "left",
    [
        "a.index.lock", "a.new-index", "a.new-index.lock", "a.new", "a.git.new/HEAD",
        "a.git/HEAD.lock", "a.git/config.lock", "a.git/index.lock", "a.git/shallow.lock", "a.git/packed-refs.lock",
        "a.git/shallow_Xy12Z", "a.git/refs/heads/main.lock", "a.git/objects/info/commit-graph.lock",
        "a.git/objects/pack/tmp_pack_Xy12Z", "a.git/objects/pack/tmp_idx_Xy12Z", "a.git/objects/pack/pack-12.pack",
        "a.git/objects/pack/pack-12.rev", "a.git/objects/ab/tmp_obj_Xy12Z", "a.git/objects/tmp_objdir-incoming-1/x",
    ],
)  # fmt: skip
def test_what_a_killed_git_has_left_is_cleared(root: Path, left: str) -> None:
    run(root, one())
    path = root / ".cache" / left
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half of it")
    known = {pack.name for pack in (root / ".cache").glob("a.git/objects/pack/*.pack") if pack != path}
    change(root, "second")
    done = run(root, one())
    assert done.warnings == ()
    assert (root / "aws-train" / "a" / "name").read_text() == "second"
    assert not path.exists()
    # What was there has not been fetched anew.
    assert known < {pack.name for pack in (root / ".cache").glob("a.git/objects/pack/*.pack")}


def test_a_repository_with_a_damaged_configuration_is_read_or_made_anew(root: Path) -> None:
    run(root, one())
    (root / ".cache" / "a.git" / "config").write_text("garbage\n")
    (root / ".cache" / "a.json").unlink()
    assert len(run(root, one()).lock.repos[0].tree) == 40


@pytest.mark.parametrize("missing", ["HEAD", "config", "objects", "refs", "all but HEAD", "all"])
def test_a_half_made_repository_is_made_anew(root: Path, missing: str) -> None:
    run(root, one())
    bare = root / ".cache" / "a.git"
    for path in [*bare.iterdir()]:
        if missing in (path.name, "all") or (missing == "all but HEAD" and path.name != "HEAD"):
            remove_folder(path)
    change(root, "second")
    run(root, one())
    assert (root / "aws-train" / "a" / "name").read_text() == "second"


@pytest.mark.parametrize(
    ("name", "make"),
    [(".tmp-a", make_deep), (".tmp-old-a", Path.mkdir), (".tmp-gone", Path.mkdir), (".tmp-a", Path.touch)],
)
def test_a_half_exported_folder_is_cleared(root: Path, name: str, make: Callable[[Path], None]) -> None:
    (root / "aws-train").mkdir()
    make(root / "aws-train" / name)
    (root / ".cache" / "gone.git").mkdir(parents=True)  # of a repository that the manifest has no more
    run(root, one())
    assert [path.name for path in (root / "aws-train").iterdir()] == ["a"]


def test_what_only_looks_half_exported_is_somebodys(root: Path) -> None:
    mine = root / "aws-train" / ".tmp-mine" / "notes"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    run(root, one())
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("text", ["", "DIRC", "no index at all"])
def test_a_damaged_index_is_made_anew(root: Path, text: str) -> None:
    run(root, one())
    for name in ("a.index", "a.new-index"):
        (root / ".cache" / name).write_text(text)
    assert run(root, one()).warnings == ()
    assert not run(root, one()).repos[0].changed


@pytest.mark.long
def test_killed_between_a_folder_and_its_index_nothing_counts_as_edited(root: Path) -> None:
    run(root, one())
    shutil.copy(root / ".cache" / "a.index", root / "old")
    change(root, "second")
    run(root, one())
    (root / ".cache" / "a.index").rename(root / ".cache" / "a.new-index")
    (root / "old").rename(root / ".cache" / "a.index")
    (root / ".cache" / "a.json").unlink()
    change(root, "third")
    assert run(root, one()).warnings == ()
    assert (root / "aws-train" / "a" / "name").read_text() == "third"
    assert not (root / "aws-train" / ".edited").exists()


# --- trees that are too deep


@pytest.mark.long
@pytest.mark.parametrize(
    "path", ["d/" * DEEP + "f", "d/" * (MOST_FOLDERS + 1) + "f", "/".join(["n" * 200] * 6), "n" * 256, "é" * 128]
)
def test_a_path_that_is_too_long_is_a_problem_and_leaves_nothing(root: Path, path: str) -> None:
    run(root, one())
    commit_deep(root / "remotes" / "a", path)
    with pytest.raises(OutsideFailure) as caught:
        run(root, one(revision="deep"))
    (problem,) = caught.value.problems
    assert (problem.id, str(problem.place)) == ("PB166", "m.yaml:4:10")
    assert problem.hint == "at most 64 folders, 1000 bytes, 255 in a name; or name a folder with 'path: …'"
    assert [path.name for path in (root / "aws-train").iterdir()] == ["a"]
    assert (root / "aws-train" / "a" / "name").read_text() == "first"
    assert not run(root, one()).repos[0].changed


def test_the_longest_path_that_is_taken(root: Path) -> None:
    path = "/".join(["d"] * MOST_FOLDERS + ["n" * 255])
    commit_deep(root / "remotes" / "a", path)
    run(root, one(revision="deep"))
    assert (root / "aws-train" / "a" / path).read_text() == "x"


# --- how git is ended


BY_GIT = {"GIT_HTTP_USER_AGENT": "git/2.40"}
"""A variable that says how web servers are reached: then it is git that asks."""


def fake_git(folder: Path, script: str, version: str = "2.39.5") -> Git:
    """Return a git that is this script: what a git does that hangs can't be had from the real one at will."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "git"
    asked = f'[ "$1" != --version ] || exec echo "git version {version}"'
    program.write_text(f"#!/bin/sh\n{asked}\ncd {folder}\n{script}\n")
    program.chmod(0o755)
    return Git(environment={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}, timeout=0.5)


@pytest.mark.parametrize(
    ("version", "works"),
    [("2.25.1", False), ("2.31.8", False), ("1.8.3.1", False), ("2.32.0", True), ("2.39.5 (Apple Git-154)", True), ("2.100.1", True), ("3.0.0", True)],
)  # fmt: skip
def test_a_git_that_would_not_hear_what_it_may_do_is_not_used(tmp_path: Path, version: str, works: bool) -> None:
    tool = fake_git(tmp_path, "echo used >said", version)
    with pytest.raises(GitError) as caught:
        tool.resolve(Remote(url="https://example.com/a.git", local=False), "main")
    assert (caught.value.kind != "absent", (tmp_path / "said").exists()) == (works, works)
    if not works:
        program = tmp_path / "bin" / "git"
        assert str(caught.value) == f"the program '{program}' is git {version}, expected 2.32 or newer"


@pytest.mark.long
def test_git_is_ended_so_that_it_can_clear_its_own_files(tmp_path: Path) -> None:
    tool = fake_git(tmp_path, "trap 'echo cleared >said; exit 1' TERM\nwhile :; do sleep 0.05; done")
    with pytest.raises(GitError) as caught:
        tool.resolve(Remote(url="https://example.com/a.git", local=False), "main")
    assert caught.value.kind == "timeout"
    assert (tmp_path / "said").read_text() == "cleared\n"


@pytest.mark.long
def test_a_git_that_does_not_end_is_killed_with_its_helpers(tmp_path: Path) -> None:
    script = "trap '' TERM\nsh -c 'trap \"\" TERM; echo $$ >helper; while :; do sleep 0.05; done' &\n"
    tool = fake_git(tmp_path, f"{script}echo $$ >leader\nwhile :; do sleep 0.05; done")
    with pytest.raises(GitError):
        tool.resolve(Remote(url="https://example.com/a.git", local=False), "main")
    for name in ("leader", "helper"):
        assert ended(int((tmp_path / name).read_text()))


def ended(process: int) -> bool:
    """Wait for a process that is no child of ours to end; one that nobody has reaped yet has ended."""
    for _ in range(500):
        try:
            if "Z" in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]:
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def silent_server() -> Iterator[tuple[str, socket.socket]]:
    """Listen on 127.0.0.1 and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield f"https://127.0.0.1:{server.getsockname()[1]}/a.git", server


def start(root: Path, manifest: str, **environment: str) -> Process:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    return fork_call("tests.checkout.test_checkout:check_out", str(root), manifest, **environment)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes through /proc")
def test_a_git_whose_checkout_was_killed_alone_is_ended_by_the_next(root: Path) -> None:
    run(root, one())
    with silent_server() as (url, server):
        process = start(root, one(url=url, revision=f"'{'1' * 40}'"), **BY_GIT)
        with server.accept()[0] as asked:
            asked.recv(1)
            time.sleep(0.2)  # git waits for an answer now, and has no more to say, which would end it with its reader
            (orphan,) = gits_in(root / ".cache")
            process.kill()
            process.wait()
            assert gits_in(root / ".cache") == [orphan]
            change(root, "second")
            run(root, one())
            assert ended(orphan)
    assert (root / "aws-train" / "a" / "name").read_text() == "second"


def gits_in(cache: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"--git-dir={cache}/".encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes through /proc")
def test_a_process_that_is_about_to_become_git_is_ended_too(root: Path) -> None:
    """Killed as it starts git, a checkout leaves a process that is not git yet; a long PATH makes that moment long."""
    run(root, one())
    with silent_server() as (url, server):
        process = start(
            root, one(url=url, revision=f"'{'1' * 40}'"), **BY_GIT, PATH="/x:" * 40_000 + os.environ["PATH"]
        )
        begun: set[int] = set()
        while len(begun) < 3 and not select.select([server], [], [], 0)[0]:  # git is tried, asked, and fetches
            begun |= {child for child in children_of(process.pid) if is_python(child)}
        process.kill()
        process.wait()
        run(root, one())
        time.sleep(0.5)
        assert gits_in(root / ".cache") == []


def children_of(process: int) -> list[int]:
    """Return what a process has started, by whichever of its threads."""
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{process}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return []


def is_python(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/exe").samefile(sys.executable)
    return False


def test_another_users_git_in_the_cache_is_left_alone(root: Path) -> None:
    """Somebody who looks into the folder has git in the session of their shell."""
    run(root, one())
    command = ["git", f"--git-dir={root / '.cache' / 'a.git'}", "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as theirs:
        change(root, "second")
        run(root, one())
        assert theirs.poll() is None
        assert theirs.stdin
        theirs.stdin.close()
        assert theirs.wait() == 0


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize("reaped", [True, False], ids=["leader gone", "leader a zombie"])
def test_what_a_killed_git_has_started_is_ended_too(root: Path, reaped: bool) -> None:
    """Its leader has ended, and what is left has no mark in its command."""
    run(root, one())
    linger = ["-c", "alias.linger=!exec git cat-file --batch", "linger"]
    leader = subprocess.Popen(
        ["git", f"--git-dir={root / '.cache' / 'a.git'}", *linger], stdin=subprocess.PIPE, start_new_session=True
    )
    left: list[int] = []
    while not left:
        time.sleep(0.01)
        left = [process for process in session_of(leader.pid) if process != leader.pid]
    time.sleep(0.2)  # until it is git, and no shell that becomes it
    leader.kill()
    if reaped:
        leader.wait()
    run(root, one())
    assert [process for process in left if not ended(process)] == []
    leader.wait()
    assert leader.stdin
    leader.stdin.close()


def session_of(leader: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            found += [int(entry.name)] if os.getsid(int(entry.name)) == leader else []
    return found


# --- at any moment


def exists(pattern: str) -> Callable[[Path], bool]:
    return lambda root: any(True for _ in root.glob(pattern))


MOMENTS = {
    "making the repository": exists(".cache/a.git*/HEAD"),
    "fetching": exists(".cache/a.git/objects/pack/*"),
    "writing the index": exists(".cache/a.new-index*"),
    "writing files": exists("aws-train/.tmp-a/f200"),
    "putting the folder into its place": exists("aws-train/a/f1"),
}


@pytest.mark.long
@pytest.mark.parametrize("manner", MANNERS)
def test_interrupted_at_any_moment_and_repeated(root: Path, manner: str) -> None:
    remote = root / "remotes" / "a"
    for number in range(1200):
        (remote / f"f{number}").write_text(f"{number}\n" * 20)
    commit(remote, "many files")
    expected = {path.name: path.read_bytes() for path in remote.iterdir() if path.is_file()}
    for happens in MOMENTS.values():
        for name in (".cache", "aws-train"):
            remove_folder(root / name)
        process = start(root, one())
        while process.poll() is None and not happens(root):
            time.sleep(0.0005)
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            MANNERS[manner](process.pid)
        process.wait()
        assert run(root, one()).warnings == ()
        assert {path.name: path.read_bytes() for path in (root / "aws-train" / "a").iterdir()} == expected
        assert [path.name for path in (root / "aws-train").iterdir()] == ["a"]
        assert not [*(root / ".cache").rglob("*.lock"), *(root / ".cache").rglob("*.new*")]
    assert not run(root, one()).repos[0].changed


def test_an_interruption_ends_git_and_says_so(root: Path) -> None:
    with silent_server() as (url, server):
        process = start(root, one(url=url, revision=f"'{'1' * 40}'"), **BY_GIT)
        with server.accept()[0]:
            left = gits_in(root / ".cache") if Path("/proc/self/cmdline").exists() else []
            process.send_signal(signal.SIGINT)
            process.wait()
    assert all(ended(one) for one in left)
