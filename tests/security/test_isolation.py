"""What a job can't reach: one job tries all of `intruder.py`, others their limits; each in a real sandbox."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.forkserver import serving
from pipeline_builder.engine.jobs.isolation import find_isolation, private_mounts_available
from pipeline_builder.engine.jobs.job import Job, JobEnd, JobResult
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.sandbox import run_job
from tests.places import ROOT
from tests.security import intruder

pytestmark = pytest.mark.skipif(not private_mounts_available(), reason="no unprivileged namespaces")
NAP = f"8{os.getpid()}"
SECRET = "canary-of-the-engine"
MEGABYTE = 1000**2


def make_job(folder: Path, *command: str, **more: Any) -> Job:
    return Job(
        name="job", folder=folder, command=command, environment=more.pop("environment", {}),
        python=Path(sys.executable), workdir="/opt/ml", timeout=more.pop("timeout", 60), **more,
    )  # fmt: skip


def run(job: Job) -> JobResult:
    with serving(job.folder.parent):
        return run_job(job, stop=threading.Event(), private=True)


def lay_out(root: Path) -> dict[str, Any]:
    """Make what a user of this tool has: a home, a manifest's folder with checkouts, and the state in it."""
    home, state = root / "home", root / "repo" / ".pipeline_builder"
    files = {
        "credentials": home / ".aws" / "credentials",
        "ssh_key": home / ".ssh" / "id_ed25519",
        "manifest": root / "repo" / "model_repos.yaml",
        "env_file": root / "repo" / ".env",
        "checkout": root / "repo" / "aws-train" / "other" / "scripts" / "train.py",
        "object": state / "store" / "bucket" / "other" / "model.tar.gz",
        "other_job": state / "jobs" / "other" / "step" / "ml" / "model" / "weights",
        "other_env": state / "envs" / "0123" / "lib" / "module.py",
        "mounted": root / "data" / "train.csv",
    }
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("secret")
    with closing(sqlite3.connect(state / "state.db")) as db, db:
        db.execute("CREATE TABLE decisions (by TEXT)")
    return {**{name: str(file) for name, file in files.items()}, "state": str(state / "state.db"), "home": str(home)}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("machine")
    facts = lay_out(root)
    folder = root / "repo" / ".pipeline_builder" / "jobs" / "execution" / "step"
    (folder / "ml" / "model").mkdir(parents=True)
    (folder / "ml" / "intruder.py").write_bytes(Path(intruder.__file__).read_bytes())
    library = ctypes.CDLL(None, use_errno=True)
    key = 0x5EC0000 + os.getpid() % 60000
    shared = library.shmget(key, 4096, 0o1600)
    with (
        tempfile.NamedTemporaryFile(dir="/tmp") as host_tmp,
        tempfile.NamedTemporaryFile(dir="/dev/shm") as host_shm,
        socket.socket(socket.AF_UNIX) as listening,
        subprocess.Popen(["sleep", "300"], env={"GIT_TOKEN": SECRET}) as other,
    ):
        for file in (host_tmp, host_shm):
            file.write(b"secret")
            file.flush()
        address = tempfile.mktemp(dir=facts["home"]) if len(facts["home"]) < 80 else f"/tmp/attacked-{os.getpid()}"
        listening.bind(address)
        listening.listen()
        facts |= {
            "host_tmp": host_tmp.name, "host_shm": host_shm.name, "socket": address, "engine": os.getpid(),
            "marker": "pytest", "shm_key": key,
        }  # fmt: skip
        hidden = (root / "home", root / "repo")
        environment = {"FACTS": json.dumps(facts)}
        job = make_job(folder, "python", "/opt/ml/intruder.py", hidden=hidden, environment=environment)
        try:
            result = run(job)
        finally:
            other.kill()
            library.shmctl(shared, 0, None)
            Path(address).unlink()
    assert result == JobResult(end=JobEnd.EXITED, exit_code=0), job.log.read_text()
    return json.loads((job.ml / "output" / "answers.json").read_text())


@pytest.mark.parametrize("name", sorted(intruder.ATTACKS))
def test_attack(answers: dict[str, str], name: str) -> None:
    assert not answers[name]


@pytest.mark.long
def test_the_environment_of_jobs_is_not_poisoned_for_the_next(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    poison = (
        "import sysconfig as s; open(s.get_path('purelib') + '/sitecustomize.py', 'w').write('raise SystemExit(9)')"
    )
    for folder, code in (("a", poison), ("b", "pass")):
        job = Job(
            name="job", folder=tmp_path / folder, command=("python", "-c", code), environment={}, python=python,
            workdir="/", timeout=30,
        )  # fmt: skip
        assert run(job).exit_code == 0, job.log.read_text()
    assert not list((tmp_path / "env").rglob("sitecustomize.py"))


@pytest.mark.long
def test_no_daemon_stays(tmp_path: Path) -> None:
    code = f"""
import os, subprocess, signal
for number in range(20):
    if os.fork() == 0:
        os.setsid()
        [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
        os.execvp("sleep", ["sleep", "{NAP}"])
"""
    assert run(make_job(tmp_path, "python", "-c", code)).exit_code == 0
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if NAP.encode() in _read(p)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


# --- limits


def bound(folder: Path, code: str, **limits: Any) -> tuple[JobResult, str]:
    job = make_job(folder, "python", "-c", code, limits=JobLimits(**limits), timeout=40)
    result = run(job)
    return result, job.log.read_text(errors="replace")


@pytest.mark.long
def test_a_fork_bomb_ends_at_its_limit(tmp_path: Path) -> None:
    result, log = bound(tmp_path, BOMB, processes=100)
    assert result.end is JobEnd.EXITED
    assert result.exit_code == 128 + signal.SIGKILL
    assert result.excess == (
        "the job reached its limit of processes and threads: it may have 100 at once ('local.limits.processes' in the "
        "manifest)"
    )
    assert log.endswith(f"{result.excess}\n")


@pytest.mark.long
def test_memory_ends_at_its_limit(tmp_path: Path) -> None:
    result, _ = bound(tmp_path, HOG, memory=150 * MEGABYTE)
    assert (result.exit_code, result.excess.partition(" (")[0]) == (
        137,
        "the job reached its limit of memory: it may have 150 MB",
    )


@pytest.mark.long
def test_shared_memory_counts(tmp_path: Path) -> None:
    code = "import time\nwith open('/dev/shm/x', 'wb') as f:\n while True: f.write(bytes(5_000_000)); time.sleep(0.01)"
    result, _ = bound(tmp_path, code, memory=150 * MEGABYTE)
    assert result.excess.startswith("the job reached its limit of memory")


def test_address_space_is_no_memory(tmp_path: Path) -> None:
    code = "import mmap; m = mmap.mmap(-1, 10**10); m[:10] = bytes(10)"
    assert bound(tmp_path, code, memory=150 * MEGABYTE)[0] == JobResult(end=JobEnd.EXITED, exit_code=0)


@pytest.mark.long
def test_many_files_end_at_the_limit_of_the_disk(tmp_path: Path) -> None:
    code = """
import time, tempfile
n = 0
while True:
    n += 1
    open(f"{['/opt/ml', '/tmp', '/home/job'][n % 3]}/{n}", "wb").write(bytes(2_000_000)); time.sleep(0.02)
"""
    result, _ = bound(tmp_path, code, disk=30 * MEGABYTE)
    assert result.excess.startswith("the job reached its limit of disk: its files may have 30 MB together")
    assert sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()) < 400 * MEGABYTE


FILLING = "with open('/opt/ml/y', 'wb') as f:\n while True: f.write(bytes(10**6))"


@pytest.mark.parametrize("before", ["", "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"])
def test_one_file_ends_at_its_limit(tmp_path: Path, before: str) -> None:
    result, log = bound(tmp_path, before + FILLING, file_size=20 * MEGABYTE)
    assert result.excess.startswith("the job reached its limit of file size: one file may have 20 MB")
    assert (tmp_path / "ml" / "y").stat().st_size == 20 * MEGABYTE
    assert before or "File too large" in log


def test_an_endless_log_ends_at_its_limit(tmp_path: Path) -> None:
    job = make_job(tmp_path, "yes", "all work and no play", limits=JobLimits(log=5 * MEGABYTE))
    result = run(job)
    assert result.excess.startswith("the job reached its limit of log: it may have 5 MB")
    assert job.log.stat().st_size < 5.1 * MEGABYTE


def test_no_limit_is_named_where_none_was_reached(tmp_path: Path) -> None:
    assert bound(tmp_path, "raise SystemExit(3)")[0] == JobResult(end=JobEnd.EXITED, exit_code=3)


# --- the network


@pytest.mark.long
def test_network_isolation_cuts_the_network_off(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0attacked-{os.getpid()}")
        abstract.listen()
        code = f"""
import json, os, socket
def tried(family, address):
    try:
        with socket.socket(family) as s:
            s.settimeout(2); s.connect(address)
        return True
    except OSError:
        return False
found = {{
    "tcp": tried(socket.AF_INET, ("127.0.0.1", {tcp.getsockname()[1]})),
    "abstract": tried(socket.AF_UNIX, "\\0attacked-{os.getpid()}"),
    "interfaces": sorted(name for _, name in socket.if_nameindex()),
    "packet": tried(17, ("lo", 0)),
}}
own = socket.create_server(("127.0.0.1", 0))
found["own"] = tried(socket.AF_INET, own.getsockname())
print(json.dumps(found))
"""
        seen = {}
        for network in (True, False):
            job = make_job(tmp_path / str(network), "python", "-c", code, network=network)
            assert run(job).exit_code == 0, job.log.read_text()
            seen[network] = json.loads(job.log.read_text())
    assert (seen[True]["tcp"], seen[True]["abstract"], seen[True]["own"]) == (True, True, True)
    cut = {"tcp": False, "abstract": False, "interfaces": ["lo"], "packet": False, "own": True}
    assert seen[False] == cut


# --- where this machine can do less


PROBE = """
import json, os, sys, threading
from pathlib import Path
from pipeline_builder.engine.jobs.forkserver import serving
from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.sandbox import run_job
folder = Path(sys.argv[1])
isolation = find_isolation(folder)
ended = []
for number, (code, bounds) in enumerate(json.loads(sys.argv[2])):
    job = Job(name="j", folder=folder / str(number), command=("python", "-c", code), environment={}, timeout=30,
              python=Path(sys.executable), workdir="/opt/ml", limits=JobLimits(**bounds))
    with serving(folder):
        result = run_job(job, stop=threading.Event(), private=isolation.private)
    ended.append([result.exit_code, result.excess.partition(":")[0], job.log.read_text(errors="replace")])
print(json.dumps([isolation.missing, ended]))
"""
WRITE = "import os; open(os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml') + '/x', 'w').write('x'); print('done')"
HOG = "import time; kept = []\nwhile True: kept.append(bytearray(5_000_000)); time.sleep(0.01)"
BOMB = "import os, time\nwhile True:\n try: os.fork()\n except OSError: time.sleep(0.1)"
HUNDRED_AND_FIFTY = {"memory": 150 * MEGABYTE}


def within(folder: Path, *outer: str, jobs: list[tuple[str, dict[str, int]]]) -> Any:
    """Return what isn't isolated, and how jobs end, for an engine that is in a container itself."""
    program = find_isolation(folder).program
    command = [program, *outer, "--", sys.executable, "-c", PROBE, str(folder), json.dumps(jobs)]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_is_missing_here(tmp_path: Path) -> None:
    assert find_isolation(tmp_path).missing == ()


@pytest.mark.long
def test_in_a_container_that_forbids_namespaces(tmp_path: Path) -> None:
    outer = ("--unshare-user", "--disable-userns", "--dev-bind", "/", "/")
    missing, ended = within(tmp_path, *outer, jobs=[(WRITE, {}), (HOG, HUNDRED_AND_FIFTY)])
    assert [text.partition(" (")[0] for text in missing] == ["jobs are not isolated on this machine"]
    assert ended[0] == [0, "", "done\n"]
    assert ended[1][:2] == [137, "the job reached its limit of memory"]


@pytest.mark.long
def test_in_a_container_without_control_groups(tmp_path: Path) -> None:
    outer = ("--unshare-user", "--dev-bind", "/", "/", "--tmpfs", "/sys/fs/cgroup", "--remount-ro", "/sys/fs/cgroup")
    jobs = [(WRITE, {}), (HOG, HUNDRED_AND_FIFTY), (BOMB, {"processes": 60})]
    missing, ended = within(tmp_path, *outer, jobs=jobs)
    assert missing == []
    assert ended[0] == [0, "", "done\n"]
    assert ended[1][:2] == [137, "the job reached its limit of memory"]
    assert ended[2][:2] == [137, "the job reached its limit of processes and threads"]


@pytest.mark.long
def test_in_a_container_that_masks_proc(tmp_path: Path) -> None:
    outer = ("--unshare-user", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc")
    missing, ended = within(tmp_path, *outer, jobs=[(WRITE, {"processes": 8})])
    assert missing == ["jobs see this machine's processes, and the variables of yours: /proc can't be mounted here"]
    assert ended == [[0, "", "done\n"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another")
def test_groups_of_killed_engines_are_swept(tmp_path: Path) -> None:
    from pipeline_builder.engine.jobs.cgroups import job_group

    own = tmp_path / "pids" / "user"
    gone = subprocess.Popen(["true"])
    gone.wait()
    (own / f"pipeline-builder-{gone.pid}-0").mkdir(parents=True)
    (own / f"pipeline-builder-{os.getpid()}-999999").mkdir()
    with job_group({"processes": 7, "memory": 8}, root=tmp_path, own="3:pids:/user\n") as group:
        assert [folder.parent for folder in group.folders] == [own]
        assert (group.folders[0] / "pids.max").read_text() == "8"  # and the supervisor
        (group.folders[0] / "pids.max").unlink()
    assert [folder.name for folder in own.iterdir()] == [f"pipeline-builder-{os.getpid()}-999999"]
