"""What stands for this machine's Pythons in a job: it sees neither them nor their packages, however it looks."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.forkserver import serving
from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.jobs.shims import package_folders
from tests.engine.environments import share_environment

pytestmark = pytest.mark.skipif(not private_mounts_available(), reason="jobs are not isolated here")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("state")
    share_environment(state)
    return Environments(state / "envs").get((), observe=lambda _: None)


def said(folder: Path, python: Path, command: str, *reads: Path, **environment: str) -> list[str]:
    job = Job(
        name="job", folder=folder, command=("bash", "-c", command), environment=environment, python=python,
        workdir="/opt/ml", timeout=60, reads=reads,
    )  # fmt: skip
    with serving(folder.parent):
        result = run_job(job, stop=threading.Event(), private=True)
    assert result.exit_code == 0, job.log.read_text()
    return job.log.read_text().splitlines()


@pytest.mark.long
def test_every_python_and_pip_is_the_environments(tmp_path: Path, python: Path) -> None:
    looks = """
        IFS=:; for folder in $PATH:/usr/bin:/bin:/usr/local/bin; do
            for name in python python3 python3.11 pip pip3; do
                if [ -x "$folder/$name" ] && [ ! -L "$folder/$name" ]; then "$folder/$name" --version; fi
            done
        done
    """
    found = set(said(tmp_path, python, looks, PATH="/usr/bin:/bin"))
    assert found
    assert all(str(python.parent.parent) in line for line in found if line.startswith("pip")), found
    assert len({line for line in found if line.startswith("Python")}) <= 1, found


def test_the_jobs_host_has_its_name(tmp_path: Path, python: Path) -> None:
    """By which a program listens and calls itself: torch.distributed, Ray and Dask take it from SM_CURRENT_HOST."""
    asked = 'python -c \'import socket; print(*map(socket.gethostbyname, ("algo-1", "localhost")))\''
    found = said(tmp_path, python, f"{asked}; cat /etc/hosts; echo x 2>/dev/null > /etc/hosts || echo read-only")
    assert (found[0], found[-1]) == ("127.0.0.1 127.0.0.1", "read-only")
    assert found[1:-1] == [*Path("/etc/hosts").read_text().rstrip("\n").split("\n"), "127.0.0.1 algo-1"]


@pytest.mark.parametrize(
    "command", ["bash -lc 'echo $PATH'", "sh -lc 'echo $PATH'", "env -i bash -lc 'echo $PATH'", "bash -ic 'echo $PATH'"]
)
def test_profiles_put_the_environment_first(tmp_path: Path, python: Path, command: str) -> None:
    assert said(tmp_path, python, command)[-1].split(":")[0] == str(python.parent)


def test_the_machines_packages_are_not_seen(tmp_path: Path, python: Path) -> None:
    folders = package_folders(())
    lists = "; ".join(f"ls -A {folder}" for folder in folders) or "true"
    assert said(tmp_path, python, lists) == []


def test_what_a_job_is_given_of_them_is_seen(tmp_path: Path, python: Path) -> None:
    """Such as certificates that a variable names."""
    files = (path for folder in package_folders(()) for path in Path(folder).rglob("*") if path.is_file())
    found = next(itertools.islice(files, 1), None)
    if found is None:
        pytest.skip("this machine's Python has no packages")
    assert said(tmp_path, python, f"test -f '{found}' && echo there", found) == ["there"]
