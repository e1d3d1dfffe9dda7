"""What a job could gain by being forked in a view that others have as well, and what its data's store could lose."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.forkserver import Fork, NotForkedError, can_fork, forked, serving
from pipeline_builder.engine.jobs.isolation import Isolation, find_isolation
from pipeline_builder.engine.jobs.job import Job, JobResult
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.orphans import end_left
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.jobs.shims import shims_of
from pipeline_builder.machine.processes import list_processes
from tests.engine.definitions import definition, output_of, script, training
from tests.engine.definitions import run as run_definition
from tests.engine.definitions import target as open_target
from tests.places import ROOT

pytestmark = pytest.mark.skipif(not can_fork(), reason="no pidfd_open here")
CHANNEL = "/opt/ml/input/data/train"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """Give the folder of the jobs; nothing of their server is left at the end."""
    isolation = find_isolation(tmp_path)
    if not (isolation.private and isolation.own_proc and isolation.overlay):
        pytest.skip("this machine has no namespaces, or no overlays")
    with serving(tmp_path / "jobs"):
        yield tmp_path / "jobs"
    assert not processes_of(tmp_path / "jobs")


def processes_of(jobs: Path) -> list[int]:
    """Return those that are left of an execution's jobs after a moment."""
    deadline = time.monotonic() + 5
    while found := [number for number, command in list_processes() if os.fsencode(f"{jobs}/") in command]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return found


def server_of(jobs: Path) -> int:
    (found,) = [
        number
        for number, command in list_processes()
        if os.fsencode(f"{jobs}/") in command and b"import forkserver;" in command and b"bwrap" not in command
    ]
    return found


def make_job(folder: Path, *command: str, **more: Any) -> Job:
    given: dict[str, Any] = {"environment": {}, "python": Path(sys.executable), "workdir": "/opt/ml", "timeout": 60}
    return Job(name="job", folder=folder, command=command, **given | more)


def said(job: Job, *, alone: bool = False) -> str:
    """Run the job to its good end and return what it said."""
    result: JobResult = run_job(job, stop=threading.Event(), private=True, alone=alone)
    assert result.exit_code == 0, job.log.read_text()
    return job.log.read_text()


@contextlib.contextmanager
def going_on(job: Job) -> Iterator[None]:
    """Run the job, which is done when the file `go` is in its /opt/ml and says that by a word, meanwhile."""
    command = ("sh", "-c", f"{job.command[-1]}\ntouch begun; until test -e go; do sleep 0.02; done; echo done")
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(said(dataclasses.replace(job, command=command))))
    thread.start()
    deadline = time.monotonic() + 20
    while not (job.ml / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield
    finally:
        (job.ml / "go").touch()
        thread.join(20)
    assert results
    assert results[0].endswith("done\n")


# --- the view


def test_what_is_hidden_is_hidden_from_the_next_job_too_when_it_was_made_anew(folder: Path) -> None:
    """A mount goes with the folder that it is on: of one that is moved or removed nothing hides the next of its name.

    In a place of the common part, which /tmp is none of.
    """
    with tempfile.TemporaryDirectory(dir="/var/tmp") as shown:
        hidden = Path(shown, "state")
        for number in range(3):
            hidden.mkdir()
            (hidden / "secret").write_text("s3cret")
            command = f"! ls {hidden}/secret && ls {shown}"
            job = make_job(folder / str(number), "sh", "-c", command, reads=(Path(shown),), hidden=(hidden,))
            assert said(job).splitlines()[1:] == ["old"] * (number > 0) + ["state"]
            shutil.rmtree(hidden) if number else hidden.rename(Path(shown, "old"))
        assert server_of(folder)


def test_an_environment_in_shared_memory_is_found_and_nothing_is_made_for_it(folder: Path) -> None:
    """Such a state is in memory; what jobs have as /dev/shm is their own."""
    before = set(Path("/").iterdir())
    with tempfile.TemporaryDirectory(dir="/dev/shm") as there:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", there], check=True)
        job = make_job(folder / "a", "python", "-c", "import os, sys; print(sys.prefix, os.listdir('/dev/shm'))")
        job = dataclasses.replace(job, python=Path(there, "bin", "python"))
        assert said(job) == f"{there} ['{Path(there).name}']\n"
        assert server_of(folder)
    assert set(Path("/").iterdir()) == before


def test_an_environment_below_what_is_hidden_can_be_changed(folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", state / "env"], check=True)
    command = f"echo x > {state}/env/mark && ! echo x > {state}/mark"
    job = make_job(folder / "a", "sh", "-c", command, writes=(tmp_path,), hidden=(state,))
    said(dataclasses.replace(job, python=state / "env" / "bin" / "python"))
    assert server_of(folder)
    assert not (state / "env" / "mark").exists()


@pytest.mark.long
@pytest.mark.parametrize("alone", [False, True])
def test_an_environment_in_tmp_is_no_file_of_the_jobs_there(folder: Path, tmp_path: Path, alone: bool) -> None:
    """Neither is it counted, nor walked through each second."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    (tmp_path / "env" / "large").write_bytes(b"x" * 25_000_000)
    job = make_job(folder / "a", "sleep", "1.3", limits=JobLimits(disk=20_000_000))
    said(dataclasses.replace(job, python=tmp_path / "env" / "bin" / "python"), alone=alone)


@pytest.mark.long
def test_what_lies_where_data_were_mounted_is_counted(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    fill = "; ".join(f"head -c 8000000 /dev/zero > {CHANNEL}/{n}" for n in range(5))
    command = f"mv /opt/ml/input /opt/ml/moved && mkdir -p {CHANNEL} && {fill}; sleep 20"
    job = make_job(folder / "a", "sh", "-c", command, limits=JobLimits(disk=20_000_000))
    job = dataclasses.replace(job, overlaid=((tmp_path / "data", CHANNEL),))
    assert run_job(job, stop=threading.Event(), private=True).excess.startswith("the job reached its limit of disk")


MOUNTS = r"""
import os
seen = set()
for line in open("/proc/self/mountinfo"):
    fields = line.split()
    rest = fields[fields.index("-") + 1:]
    seen.add((fields[4], fields[2], fields[3], "ro" in fields[5].split(",")))
for place, device, root, fixed in sorted(seen):
    print(place, device, root, fixed)
"""


def test_nothing_that_can_be_written_to_is_mounted_in_two_jobs(folder: Path) -> None:
    """Of the common part all is read-only; what isn't lies below what each job has of its own there."""
    job = make_job(folder / "a", f"python - <<'END'\n{MOUNTS}\nEND")
    with going_on(job):
        lines = said(make_job(folder / "b", "python", "-c", MOUNTS)), job.log.read_text()
    found = [{tuple(line.split()) for line in text.splitlines() if line != "done"} for text in lines]
    both = {(place, root) for place, _, root, fixed in found[0] & found[1] if fixed == "False"}
    devices = {(place, root) for place, root in both if place.startswith("/dev/") and root != "/"}
    covered = {(place, "/") for place in ("/proc", "/dev/pts", "/dev/shm")}
    assert both - devices <= covered
    for place, _ in covered:  # each of these has another one upon it
        assert len([line for line in found[0] if line[0] == place]) == 2


# --- the processes


def test_a_job_reaches_neither_its_server_nor_another_job(folder: Path) -> None:
    code = """
        import os, signal
        pids = [n for n in os.listdir("/proc") if n.isdigit()]
        print(sorted(pids) == ["1", str(os.getpid())])
        for number in (*range(1, 32), 64):
            try: os.kill(1, number)
            except OSError: pass
        for path in ("environ", "mem", "maps", "root/", "cwd/", "exe", "ns/user", "fd/0", "fd/3", "task/1/fd/0"):
            try:
                os.close(os.open(f"/proc/1/{path}", os.O_RDONLY))
                print(path)
            except OSError: pass
        try: os.kill(-1, signal.SIGKILL)
        except ProcessLookupError: print("alone")
    """
    with going_on(make_job(folder / "a", "true", environment={"X": "s3cret"})):
        assert said(make_job(folder / "b", "python", "-c", textwrap.dedent(code))) == "True\nalone\n"


def test_the_server_has_nothing_of_a_job_or_of_the_engine_in_its_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TOKEN", "s3cret-of-the-engine")
    said(make_job(folder / "a", "sh", "-c", 'test "$TOKEN"', environment={"TOKEN": "s3cret-of-a-job"}))
    content = memory_of(server_of(folder))
    assert b"forkserver" in content
    assert b"s3cret-of-" not in content


def memory_of(process: int) -> bytes:
    parts = []
    with contextlib.ExitStack() as stack:
        try:
            memory = stack.enter_context(Path(f"/proc/{process}/mem").open("rb"))
        except PermissionError:
            pytest.skip("only root looks into another's memory here")
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if " r" in line and "[v" not in line:
                with contextlib.suppress(OSError):
                    memory.seek(begin)
                    parts.append(memory.read(end - begin))
    return b"".join(parts)


def test_what_leaves_its_session_ends_with_its_job(folder: Path) -> None:
    code = "import os, time\nfor _ in range(2):\n if os.fork(): os._exit(0)\n os.setsid()\ntime.sleep(300)"
    job = make_job(folder / "a", "sh", "-c", f'python -c "{code}" {folder}/; true')
    said(job)
    assert server_of(folder)  # and nothing else of that folder but its bubblewrap
    assert len(processes_of_now(folder)) == 2


def processes_of_now(jobs: Path) -> list[int]:
    return [number for number, command in list_processes() if os.fsencode(f"{jobs}/") in command]


@pytest.mark.long
def test_a_server_that_was_stopped_ends_with_its_execution(folder: Path) -> None:
    said(make_job(folder / "a", "true"))
    os.kill(server_of(folder), signal.SIGSTOP)


def test_a_server_that_an_engine_has_left_stopped_is_ended_by_the_next(folder: Path) -> None:
    said(make_job(folder / "a", "true"))
    os.kill(server_of(folder), signal.SIGSTOP)
    end_left(folder.parent, folder.name)
    assert not processes_of(folder)


def test_a_supervisor_that_waits_for_its_job_is_nobodys_orphan(folder: Path, tmp_path: Path) -> None:
    """Another engine of the same state begins just then."""
    job = make_job(folder / "a", "true")
    for part in ("ml", "tmp", "home"):
        (job.folder / part).mkdir(parents=True)
    fork = Fork(isolation=find_isolation(tmp_path), job=job, scratch=None, shims=shims_of(job))
    with (tmp_path / "log").open("wb") as log, contextlib.closing(forked(fork, log.fileno())) as supervisor:
        end_left(folder.parent, "another")
        time.sleep(0.1)
        state = Path(f"/proc/{supervisor.pid}/stat").read_text().rpartition(")")[2].split()[0]
    assert state == "S"


def test_a_machine_whose_bubblewrap_gives_no_rights_is_asked_once(folder: Path, tmp_path: Path) -> None:
    isolation = find_isolation(tmp_path)
    asked, program = tmp_path / "asked", tmp_path / "bwrap"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *--cap-add*) echo x >> {asked}; exit 1;; esac\nexec {isolation.program} "$@"\n'
    )
    program.chmod(0o755)
    own = Isolation(program=str(program), overlay=True, own_proc=True, network=True)
    with (tmp_path / "log").open("wb") as log:
        for name in "abc":
            job = make_job(folder / name, "true")
            fork = Fork(isolation=own, job=job, scratch=None, shims=tmp_path)
            with pytest.raises(NotForkedError):
                forked(fork, log.fileno())
    assert asked.read_text() == "x\n"


OLD_KERNEL = """
    import ctypes, struct, sys, threading
    library = ctypes.CDLL(None)
    number = {"x86_64": 442, "aarch64": 442}[__import__("platform").machine()]
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050026), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in lines))
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_void_p)]
    program = Program(len(lines), ctypes.addressof(code))
    assert library.prctl(38, 1, 0, 0, 0) == 0 and library.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
    from tests.security.test_forked_jobs import MOUNTS, Path, make_job, said, serving
    folder = Path(sys.argv[1])
    with serving(folder):
        for name in "ab":
            places = [line.split()[0] for line in said(make_job(folder / name, "python", "-c", MOUNTS)).splitlines()]
            assert places.count("/opt/ml") == places.count("/dev/shm") == 1  # a forked one has another below
"""


@pytest.mark.long
def test_a_kernel_without_the_newer_calls_has_jobs_as_ever(folder: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(OLD_KERNEL), str(folder / "jobs")]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- data that are shown


ATTACKS = r"""
import ctypes, fcntl, mmap, os
os.chdir("/opt/ml/input/data/train")
opened = os.open("a", os.O_RDONLY)
def change():
    file = os.open("b", os.O_RDWR)
    os.pwrite(file, b"9", 0)
    mmap.mmap(file, 1)[:] = b"8"
def again():
    os.pwrite(os.open(f"/proc/self/fd/{opened}", os.O_RDWR), b"7", 0)
def everything():
    for name in ("a", "b", "deep/c", "deep", "."):
        os.chmod(name, 0o777)
        os.utime(name, (1, 1))
        for attribute in ("x", "overlay.opaque", "overlay.redirect", "overlay.metacopy", "overlay.whiteout"):
            os.setxattr(name, f"user.{attribute}", b"y")
def redirected():
    os.mkdir("new")
    os.setxattr("new", "user.overlay.redirect", b"/../other")
    assert not os.listdir("new")
for attack in (
    change, again, everything, redirected,
    lambda: os.pwrite(opened, b"6", 0), lambda: os.fchmod(opened, 0o600), lambda: os.utime(opened, (2, 2)),
    lambda: os.setxattr(opened, "user.y", b"1"), lambda: os.link("b", "linked"),
    lambda: os.link(f"/proc/self/fd/{opened}", "named"), lambda: os.link("b", "/opt/ml/model/b"),
    lambda: os.rename("b", "moved"), lambda: os.rename("deep", "/opt/ml/model/deep"), lambda: os.unlink("deep/c"),
    lambda: os.setxattr("a", "trusted.overlay.opaque", b"y"), lambda: os.mknod("a.out", 0o20600, 0),
    lambda: os.rename("/opt/ml/input/data/train", "/opt/ml/x"), lambda: fcntl.ioctl(opened, 0x40086602, b"\x10" * 8),
    lambda: open("/run/changes/0/upper/a", "w"), lambda: open("/run/changes/0/upper/new/x", "w"),
):
    try:
        attack()
    except OSError:
        pass
print("tried")
"""


def facts(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        given = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        found[str(path)] = (status.st_mode, status.st_nlink, status.st_ino, status.st_ctime_ns, content, given)
    return found


def test_nothing_of_what_a_job_does_to_its_data_reaches_the_store(folder: Path, tmp_path: Path) -> None:
    """Shown below an overlay to a job that is forked: each of its ways to write is tried."""
    data = tmp_path / "store" / "data"
    (data / "deep").mkdir(parents=True)
    for name in ("a", "b", "deep/c"):
        (data / name).write_text("1")
    (tmp_path / "store" / "other").mkdir()
    (tmp_path / "store" / "other" / "secret").write_text("1")
    before = facts(tmp_path / "store")
    for name in ("1", "2"):
        job = make_job(folder / name, "python", "-c", ATTACKS, overlaid=((data, CHANNEL),))
        (job.ml / "model").mkdir(parents=True)
        assert said(job) == "tried\n"
        assert not list((job.ml / "model").iterdir())
    assert server_of(folder)
    assert facts(tmp_path / "store") == before


def test_an_output_that_an_overlay_would_take_for_something_else_is_read_as_it_is(tmp_path: Path) -> None:
    """A file moves into the store without what its user has written beside it."""
    mark = 'python -c "import os; os.setxattr(\\"a\\", \\"user.overlay.metacopy\\", b\\"\\")"'
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": output_of("w")}}
    channel = {"ChannelName": "train", "InputMode": "File", "DataSource": source}
    writing = script("w", f"cd /opt/ml/processing/output && echo 1 > a && {mark}")
    reading = training("r", f"cat {CHANNEL}/a", InputDataConfig=[channel]) | {"DependsOn": ["w"]}
    local = open_target(tmp_path)
    _, execution, steps = run_definition(local, definition(writing, reading))
    assert local.pipelines.read_log(execution.arn, "r") == "1\n", steps["r"].failure_reason
