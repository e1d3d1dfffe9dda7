"""Jobs whose supervisors are forked from one process: they find what others find, nothing of each other, and all end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.forkserver import can_fork, serving
from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.jobs.job import Job, JobResult
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.errors import OutsideFailure
from tests.engine.definitions import definition, script, target
from tests.engine.definitions import run as run_definition
from tests.engine.jobs.test_sandbox import NAP, make_job, parent_of, processes_with, wait_until_gone
from tests.places import ROOT

pytestmark = pytest.mark.skipif(not can_fork(), reason="no pidfd_open here")

EVERYTHING = r"""
import os, re, resource, socket, stat
def text(path):
    return open(path).read()
print("ids", os.getresuid(), os.getresgid(), os.getpid(), os.getppid(), os.getsid(0), os.getpgrp())
for process in ("self", "1"):
    keep = re.findall(r"^(?:Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp\w*|Sig\w+|Umask|NSpid):.*$",
                      text(f"/proc/{process}/status"), re.M)
    print("status", process, keep)
print("limits", text("/proc/self/limits"))
print("oom", text("/proc/self/oom_score_adj").strip())
print("environment", sorted(os.environ.items()))
print("place", os.getcwd(), socket.gethostname(), text("/proc/sys/kernel/pid_max"))
print("open", [(n, os.readlink(f"/proc/self/fd/{n}")) for n in range(100) if os.path.exists(f"/proc/self/fd/{n}")])
print("first", text("/proc/1/cmdline").split("\0")[0], text("/proc/1/comm"), os.listdir("/proc/1/task"))
print("users", text("/proc/self/uid_map"), text("/proc/self/gid_map"), text("/proc/self/setgroups"))
print("seen", {f: sorted(os.listdir(f)) for f in ("/", "/run", "/opt", "/opt/ml", "/home", "/tmp", "/dev", "/dev/pts",
               "/dev/shm", "/home/job", "/proc/sys", "/sys", "/sys/fs", "/root", "/var", "/mnt") if os.path.isdir(f)})
for f in ("/", "/tmp", "/opt/ml", "/home/job", "/dev/shm", "/dev/pts", "/run/job", "/dev", "/proc", "/sys"):
    if os.path.isdir(f):
        found, system = os.stat(f), os.statvfs(f)
        print("mode", f, stat.filemode(found.st_mode), found.st_uid, found.st_gid, system.f_flag)
mounts = {}
for line in text("/proc/self/mountinfo").splitlines():
    fields = line.split()
    kind = fields[fields.index("-") + 1]
    mounts[fields[4]] = (kind, fields[3] if kind not in ("proc",) else "", ",".join(sorted(fields[5].split(","))))
for place, what in sorted(mounts.items()):
    print("mount", place, *what)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """Give the folder of the jobs; their server ends with the test."""
    isolation = find_isolation(tmp_path)
    if not (isolation.private and isolation.own_proc):
        pytest.skip("this machine has no namespaces")
    jobs = tmp_path / "jobs"
    with serving(jobs):
        yield jobs
    assert not wait_until_gone(f"{jobs}/", 5)


def do(job: Job, *, alone: bool = False) -> JobResult:
    return run_job(job, stop=threading.Event(), private=True, alone=alone)


def server_of(folder: Path) -> int:
    """Return the process that forks the supervisors of the folder's jobs: the child of its bubblewrap."""
    found = set(processes_with(f"{folder}/"))
    (process,) = [it for it in found if parent_of(it) in found and b"import forkserver" in _words(it)]
    return process


def _words(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def wait_for(text: str) -> None:
    deadline = time.monotonic() + 10
    while not processes_with(text) and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.long
def test_a_job_finds_all_as_it_does_with_a_supervisor_of_its_own(folder: Path) -> None:
    said = []
    for name, alone in (("forked", False), ("alone", True)):
        job = make_job(folder / name, "python", "-c", EVERYTHING, X="1")
        assert do(job, alone=alone).exit_code == 0, job.log.read_text()
        # Mounts say where a folder is on its own file system, such as /dev/shm.
        said.append(re.sub(rf"[\w/.-]*/{folder.name}/{name}\b", "FOLDER", job.log.read_text()))
    assert server_of(folder)
    hold_together(*said)


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to become another")
def test_so_does_that_of_an_unprivileged_user() -> None:
    python_file = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python_file is None:
        pytest.skip("there is no Python that another user may run")
    code = f"""
        import sys, threading, tempfile, os, json
        sys.path.insert(0, {str(ROOT)!r})
        sys.path.append({sysconfig.get_path("purelib")!r})  # for bubblewrap's program only
        from pathlib import Path
        from pipeline_builder.engine.jobs.forkserver import serving
        from pipeline_builder.engine.jobs.job import Job
        from pipeline_builder.engine.jobs.sandbox import run_job
        said = []
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)):
            for name, alone in (("forked", False), ("alone", True)):
                job = Job(name="j", folder=Path(folder, name), environment={{}}, python=Path(sys.executable),
                          command=("python3", "-c", {EVERYTHING!r}), workdir="/opt/ml", timeout=30)
                run_job(job, stop=threading.Event(), private=True, alone=alone)
                said.append(job.log.read_text().replace(str(job.folder), "FOLDER"))
                commands = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if os.stat(p.parent).st_uid != 0]
                said.append(any(b"import forkserver" in it and os.fsencode(folder) in it for it in commands))
        print(json.dumps(said))
    """
    result = subprocess.run(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", python_file, "-c", textwrap.dedent(code)],
        cwd="/", env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    forked, was_forked, alone, _ = json.loads(result.stdout)
    assert was_forked, result.stderr
    hold_together(forked, alone)


def hold_together(forked: str, alone: str) -> None:
    assert "'CapEff:\\t0000000000000000', 'CapBnd:\\t0000000000000000'" in forked
    assert "'NoNewPrivs:\\t1', 'Seccomp:\\t2'" in forked
    for line, other in zip(forked.splitlines(), alone.splitlines(), strict=True):
        if other.startswith("mount "):  # it may have more of nosuid, nodev and noexec
            assert set(re.split("[ ,]", other)) <= set(re.split("[ ,]", line))
        elif other.startswith("oom "):  # who isn't root can't say it to a process that bubblewrap has started
            assert line == "oom 500"
        elif not other.startswith("Max file size"):  # which is made of the free disk of the moment
            assert other == line


def test_nothing_goes_from_one_job_to_the_next(folder: Path) -> None:
    marks = "for at in /tmp /home/job /dev/shm $VIRTUAL_ENV; do echo x > $at/mark; done; umask 077; ulimit -n 99"
    assert do(make_job(folder / "a", "sh", "-c", marks, SECRET="s3cret")).exit_code == 0
    look = "ls /tmp/mark /home/job/mark /dev/shm/mark $VIRTUAL_ENV/mark; umask; ulimit -n; env; strings -a /proc/1/mem"
    job = make_job(folder / "b", "sh", "-c", f"{look}; ls /proc/1/fd; true")
    assert do(job).exit_code == 0
    said = job.log.read_text()
    assert said.count("No such file") >= 4
    assert "0077" not in said
    assert "\n99\n" not in said
    assert "s3cret" not in said


@pytest.mark.long
def test_a_job_ends_with_its_server_and_the_next_has_another(folder: Path) -> None:
    results: list[JobResult] = []
    thread = threading.Thread(target=lambda: results.append(do(make_job(folder / "a", "sleep", f"{NAP}.8"))))
    thread.start()
    wait_for(f"{NAP}.8")
    os.kill(server := server_of(folder), signal.SIGKILL)
    thread.join(10)
    assert [result.exit_code for result in results] == [137]
    assert not wait_until_gone(f"{NAP}.8", 2)
    assert do(make_job(folder / "b", "true")).exit_code == 0
    assert server_of(folder) != server
    # Also where its bubblewrap hasn't seen yet that it is gone.
    bubblewrap = parent_of(server := server_of(folder))
    os.kill(bubblewrap, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)
    seeing = threading.Timer(0.1, os.kill, (bubblewrap, signal.SIGCONT))
    seeing.start()
    assert do(make_job(folder / "c", "true")).exit_code == 0
    seeing.join()
    assert server_of(folder) != server


@pytest.mark.parametrize("of", ["server", "bubblewrap"])
def test_a_server_that_is_killed_between_jobs_is_replaced(folder: Path, of: str) -> None:
    for name in ("a", "b"):
        job = make_job(folder / name, "sh", "-c", "echo here")
        assert do(job).exit_code == 0
        assert job.log.read_text() == "here\n"
        os.kill(server_of(folder) if of == "server" else parent_of(server_of(folder)), signal.SIGKILL)
        time.sleep(0.05)


@pytest.mark.long
def test_a_job_goes_on_while_its_server_is_given_up(folder: Path) -> None:
    results: list[JobResult] = []
    job = make_job(folder / "a", "sh", "-c", f"sleep {NAP}.9 & while [ ! -e /opt/ml/go ]; do sleep 0.02; done; exit 3")
    thread = threading.Thread(target=lambda: results.append(do(job)))
    thread.start()
    wait_for(f"{NAP}.9")
    with serving(folder):
        pass
    (job.ml / "go").touch()
    thread.join(10)
    assert [result.exit_code for result in results] == [3]
    assert not wait_until_gone(f"{NAP}.9", 2)


@pytest.mark.long
def test_a_link_that_a_job_has_left_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    """What the next try of the job mounts is below its /tmp, where this interpreter is in a test."""
    outside, job = tmp_path / "outside", make_job(folder / "a", "true")
    outside.mkdir()
    assert do(job).exit_code == 0
    for path in (job.folder / "tmp").iterdir():
        path.rename(path.with_name("moved"))
        path.symlink_to(outside)
    with contextlib.suppress(OutsideFailure):  # bubblewrap, which is asked then, doesn't follow it either
        do(job)
    assert not list(outside.rglob("*"))


@pytest.mark.long
def test_jobs_that_are_not_like_the_others_have_their_own(folder: Path) -> None:
    """Without a network, and with other folders."""
    shared = folder.parent / "shared"
    shared.mkdir()
    assert do(make_job(folder / "a", "sh", "-c", f"! test -d {shared}")).exit_code == 0
    writing = dataclasses.replace(make_job(folder / "b", "sh", "-c", f"echo b > {shared}/b"), writes=(shared,))
    assert do(writing).exit_code == 0
    cut = dataclasses.replace(
        make_job(folder / "c", "sh", "-c", "ls /sys/class/net || cat /proc/net/dev"), network=False
    )
    assert do(cut).exit_code == 0
    assert [path.name for path in shared.iterdir()] == ["b"]
    assert "eth0:" not in cut.log.read_text()


def test_a_job_that_nobody_ends_a_server_for_has_a_supervisor_of_its_own(folder: Path) -> None:
    """Such as one that is no step's, or builds a package: it would be left with this program, for one job."""
    job = make_job(folder.parent / "another" / "a", "true")
    assert do(job).exit_code == 0
    assert not processes_with(f"{folder.parent}/another/")
    deeper = make_job(folder / "step" / "turn", "true")
    assert do(deeper).exit_code == 0
    assert processes_with(f"{folder}/step/")  # which ends with the others


def test_no_server_outlives_its_execution(tmp_path: Path) -> None:
    local = target(tmp_path / "here")
    run_definition(local, definition(*(script(f"s{n}", "true") for n in range(3))))
    (state,) = tmp_path.glob("here/**/state.db")
    assert not processes_with(f"{state.parent / 'jobs'}/")
