"""Jobs in their sandbox: what they see, how they end, and that nothing of them stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import textwrap
import threading
import time
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.forkserver import serving
from pipeline_builder.engine.jobs.isolation import find_isolation, private_mounts_available
from pipeline_builder.engine.jobs.job import Job, JobEnd, JobResult
from pipeline_builder.engine.jobs.sandbox import job_environment, relocate, run_job
from pipeline_builder.engine.jobs.stopping import AT_ONCE
from pipeline_builder.engine.jobs.view import INSIDE
from tests.places import ROOT

NAP = f"9{os.getpid()}"
"""Seconds that no test waits for: the name of our sleeping processes among all that run on the machine."""
PRIVATE = pytest.param(
    True, marks=pytest.mark.skipif(not private_mounts_available(), reason="no unprivileged namespaces"), id="private"
)
BOTH = pytest.mark.parametrize("private", [PRIVATE, pytest.param(False, id="plain")])


@pytest.fixture(autouse=True)
def _forked(tmp_path: Path) -> Iterator[None]:
    """Where jobs can be forked they are, as those of steps are."""
    with serving(tmp_path.parent):
        yield


def make_job(folder: Path, *command: str, timeout: float = 30, **environment: str) -> Job:
    return Job(
        name="job", folder=folder, command=command, environment=environment, python=Path(sys.executable),
        workdir="/opt/ml/code", timeout=timeout,
    )  # fmt: skip


def run(job: Job, *, private: bool, grace: float = 5.0) -> JobResult:
    return run_job(job, stop=threading.Event(), private=private, grace=grace)


def python(folder: Path, code: str, **environment: str) -> Job:
    return make_job(folder, "python", "-c", textwrap.dedent(code), timeout=30, **environment)


def processes_with(text: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in line:
                found.append(int(entry.name))
    return found


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def wait_until_gone(text: str, seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := processes_with(text)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@BOTH
def test_job_reads_and_writes_its_opt_ml(tmp_path: Path, private: bool) -> None:
    (tmp_path / "ml" / "input").mkdir(parents=True)
    (tmp_path / "ml" / "input" / "in.txt").write_text("hello")
    job = make_job(tmp_path, "sh", "-c", "cat /opt/ml/input/in.txt > $OUT; pwd", OUT="/opt/ml/out.txt")
    assert run(job, private=private) == JobResult(end=JobEnd.EXITED, exit_code=0)
    assert (tmp_path / "ml" / "out.txt").read_text() == "hello"
    assert job.log.read_text() == ("/opt/ml/code\n" if private else f"{tmp_path}/ml/code\n")
    assert not Path("/opt/ml/out.txt").exists()


@pytest.mark.parametrize("private", [PRIVATE])
def test_other_entries_of_opt_stay(tmp_path: Path, private: bool) -> None:
    job = python(tmp_path, "import os, json; print(json.dumps(sorted(os.listdir('/opt'))))")
    assert run(job, private=private).exit_code == 0
    assert {*json.loads(job.log.read_text())} >= {"ml", *(path.name for path in Path("/opt").iterdir())}


@pytest.mark.long
@pytest.mark.parametrize("private", [PRIVATE])
@pytest.mark.skipif(not os.access("/opt", os.W_OK), reason="/opt is not ours to write to")
def test_folder_interpreter_and_links_below_opt(tmp_path: Path, private: bool) -> None:
    below = Path("/opt") / f"pipeline-builder-test-{os.getpid()}"
    link, file = below.with_suffix(".link"), below.with_suffix(".txt")
    try:
        below.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", below / "env"], check=True)
        link.symlink_to(below.name)
        file.write_text("text")
        code = f"import os, sys; print(sys.prefix, open('{file}').read(), os.readlink('{link}'));"
        code += "open('/opt/ml/out', 'w').write('x')"
        job = Job(
            name="job", folder=link / "job", command=("python", "-c", code), environment={},
            python=below / "env" / "bin" / "python", workdir="/opt/ml", timeout=30,
        )  # fmt: skip
        assert run(job, private=private) == JobResult(end=JobEnd.EXITED, exit_code=0)
        assert job.log.read_text() == f"{below}/env text {below.name}\n"
        assert (below / "job" / "ml" / "out").read_text() == "x"
    finally:
        shutil.rmtree(below, ignore_errors=True)
        link.unlink(missing_ok=True)
        file.unlink(missing_ok=True)


@pytest.mark.long
@pytest.mark.parametrize("private", [PRIVATE])
def test_changes_to_the_python_environment_are_the_jobs_own(tmp_path: Path, private: bool) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    code = "import sysconfig as s; p = s.get_path('purelib') + '/new.py'; open(p, 'w').write('x = 1'); import new"
    for folder in ("a", "b"):
        job = Job(
            name="job", folder=tmp_path / folder, command=("python", "-c", code), environment={},
            python=tmp_path / "env" / "bin" / "python", workdir="/", timeout=30,
        )  # fmt: skip
        assert run(job, private=private).exit_code == 0, job.log.read_text()
        assert sorted(path.name for path in job.folder.iterdir()) == ["home", "log.txt", "ml", "tmp"]
    assert not list((tmp_path / "env").rglob("new.py"))


@BOTH
def test_environment_is_only_the_jobs(tmp_path: Path, private: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    canaries = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "PIP_PASSWORD", "PYTHONPATH", "UV_INDEX")
    for name in canaries:
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("https_proxy", "http://user:canary@proxy:3128")
    monkeypatch.setenv("PIP_INDEX_URL", "https://canary@index/simple")
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    job = python(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))", GIVEN="yes", LANG="de_DE.UTF-8")
    assert run(job, private=private).exit_code == 0
    text = job.log.read_text()
    environment = json.loads(text)
    assert "canary" not in text
    assert environment["http_proxy"] == "http://proxy:3128"
    assert environment["GIVEN"] == "yes"
    assert environment["LANG"] == "de_DE.UTF-8"
    assert environment["HOME"] == ("/home/job" if private else str(tmp_path / "home"))
    assert environment["PATH"].startswith(str(Path(sys.executable).parent) + ":")
    assert environment["PYTHONUNBUFFERED"] == "1"


def test_threads_that_wait_sleep_unless_the_request_says_otherwise(tmp_path: Path) -> None:
    job = python(tmp_path, "", OMP_WAIT_POLICY="ACTIVE")
    environment = job_environment(job, {}, private=False)
    assert (environment["OPENBLAS_THREAD_TIMEOUT"], environment["OMP_WAIT_POLICY"]) == ("4", "ACTIVE")
    assert job_environment(python(tmp_path, ""), {}, private=True)["OMP_WAIT_POLICY"] == "PASSIVE"


@BOTH
def test_certificates_of_the_engine_can_be_read(tmp_path: Path, private: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    job = make_job(tmp_path / "job", "sh", "-c", "cat $SSL_CERT_FILE")
    assert run(job, private=private).exit_code == 0
    assert job.log.read_text() == "certificate"


def test_library_folder_is_named_where_it_has_libraries(tmp_path: Path) -> None:
    python_file = tmp_path / "env" / "bin" / "python"
    job = Job(
        name="job", folder=tmp_path, command=("x",), environment={"LD_LIBRARY_PATH": "/own"}, python=python_file,
        workdir="/", timeout=1,
    )  # fmt: skip
    assert job_environment(job, {}, private=False)["LD_LIBRARY_PATH"] == "/own"
    (tmp_path / "env" / "lib").mkdir(parents=True)
    (tmp_path / "env" / "lib" / "libgomp.so.1").touch()
    assert job_environment(job, {}, private=False)["LD_LIBRARY_PATH"] == f"{tmp_path}/env/lib:/own"


@BOTH
def test_log_has_both_streams_in_order_and_is_appended(tmp_path: Path, private: bool) -> None:
    job = make_job(tmp_path, "sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    for _ in range(2):
        run(job, private=private)
    assert job.log.read_text() == "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n" * 2


@BOTH
def test_log_is_live(tmp_path: Path, private: bool) -> None:
    job = make_job(tmp_path, "sh", "-c", "echo first; while ! test -e /opt/ml/go; do sleep 0.05; done; echo last")
    thread = threading.Thread(target=run, args=(job,), kwargs={"private": private})
    thread.start()
    deadline = time.monotonic() + 10
    while not (job.log.exists() and job.log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert job.log.read_text() == "first\n"
    (tmp_path / "ml" / "go").touch()
    thread.join(10)
    assert job.log.read_text() == "first\nlast\n"


@BOTH
@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143), ("kill -11 $$", 139), ("exit 255", 255)],
)
def test_exit_code(tmp_path: Path, private: bool, command: str, code: int) -> None:
    assert run(make_job(tmp_path, "sh", "-c", command), private=private).exit_code == code


@BOTH
def test_missing_command_says_so(tmp_path: Path, private: bool) -> None:
    job = make_job(tmp_path, "no-such-program", "x")
    assert run(job, private=private) == JobResult(end=JobEnd.EXITED, exit_code=127)
    assert job.log.read_text().startswith("command not found: 'no-such-program', looked for on PATH=")


@BOTH
def test_broken_pipe_ends_a_program_as_usual(tmp_path: Path, private: bool) -> None:
    job = make_job(tmp_path, "sh", "-c", "yes | head -1; echo $?")
    assert run(job, private=private).exit_code == 0
    assert job.log.read_text() == "y\n0\n"


@BOTH
def test_standard_input_is_empty_and_no_descriptor_leaks(tmp_path: Path, private: bool) -> None:
    job = python(tmp_path, "import os, sys; print(repr(sys.stdin.read()), sorted(os.listdir('/proc/self/fd')))")
    assert run(job, private=private).exit_code == 0
    assert job.log.read_text() == "'' ['0', '1', '2', '3']\n"  # 3 is the listing's own


@BOTH
def test_timeout_ends_the_job(tmp_path: Path, private: bool) -> None:
    job = make_job(tmp_path, "sh", "-c", f"sleep {NAP}.1", timeout=0.3)
    started = time.monotonic()
    assert run(job, private=private) == JobResult(end=JobEnd.TIMED_OUT, exit_code=143)
    assert time.monotonic() - started < 20
    assert not wait_until_gone(f"{NAP}.1", 0)


@pytest.mark.long
@BOTH
def test_stop_lets_a_script_clean_up(tmp_path: Path, private: bool) -> None:
    code = """
        import pathlib, signal, sys, time
        def end(*_):
            time.sleep(0.3); print("cleaned up"); sys.exit(7)
        signal.signal(signal.SIGTERM, end)
        pathlib.Path("started").touch()
        time.sleep(NAP.2)
    """
    # The shell in between ends at once; the script still gets its time.
    job = make_job(tmp_path, "sh", "-c", 'python -c "$CODE"; true', CODE=textwrap.dedent(code).replace("NAP", NAP))
    stop = threading.Event()
    results: list[JobResult] = []
    thread = threading.Thread(target=lambda: results.append(run_job(job, stop=stop, private=private)))
    thread.start()
    deadline = time.monotonic() + 10
    while not (tmp_path / "ml" / "code" / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join(10)
    assert [result.end for result in results] == [JobEnd.STOPPED]
    assert "cleaned up\n" in job.log.read_text()
    assert not wait_until_gone(f"{NAP}.2", 0)


@pytest.mark.long
@BOTH
def test_a_job_deaf_to_sigterm_is_killed(tmp_path: Path, private: bool) -> None:
    for timeout in (0.2, 2, 10):  # so long it takes to become deaf, on whatever machine
        job = make_job(tmp_path, "sh", "-c", f"trap '' TERM; echo deaf; sleep {NAP}.3; sleep {NAP}.3", timeout=timeout)
        started = time.monotonic()
        result = run(job, private=private, grace=0.3)
        if job.log.read_text():
            break
    assert result == JobResult(end=JobEnd.TIMED_OUT, exit_code=137)
    assert time.monotonic() - started < timeout + AT_ONCE
    assert not wait_until_gone(f"{NAP}.3", 0)


@BOTH
def test_nothing_stays_of_a_job_that_ended(tmp_path: Path, private: bool) -> None:
    job = python(tmp_path, f"import subprocess as s; s.Popen(['setsid', 'setsid', 'sleep', '{NAP}.4'])")
    assert run(job, private=private).exit_code == 0
    assert not wait_until_gone(f"{NAP}.4", 0)


@pytest.mark.long
@BOTH
def test_nothing_stays_when_the_engine_is_killed(tmp_path: Path, private: bool) -> None:
    marker = f"{NAP}.5{int(private)}"
    code = f"""
        import subprocess, sys, threading, time
        from pathlib import Path
        from pipeline_builder.engine.jobs.forkserver import serving
        from pipeline_builder.engine.jobs.job import Job
        from pipeline_builder.engine.jobs.sandbox import run_job
        script = "import subprocess as s, time; "
        script += "s.Popen(['sleep', '{marker}'], start_new_session=True); time.sleep(1000)"
        job = Job(name="j", folder=Path({str(tmp_path)!r}), command=("python", "-c", script), environment={{}},
                  python=Path(sys.executable), workdir="/", timeout=1000)
        with serving(job.folder.parent):
            run_job(job, stop=threading.Event(), private={private})
    """
    engine = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 10
        # The script's own command line names the number too: wait for the sleep itself.
        while len(processes_with(f"sleep\0{marker}")) != 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(processes_with(f"sleep\0{marker}")) == 1
    finally:
        engine.kill()
        engine.wait()
    assert not wait_until_gone(marker, 2)


@BOTH
def test_nothing_stays_when_the_supervisor_is_killed(tmp_path: Path, private: bool) -> None:
    job = make_job(tmp_path, "sleep", f"{NAP}.6")
    results: list[JobResult] = []
    thread = threading.Thread(target=lambda: results.append(run(job, private=private)))
    thread.start()
    deadline = time.monotonic() + 10
    while not processes_with(f"{NAP}.6") and time.monotonic() < deadline:
        time.sleep(0.02)
    named = set(processes_with(f"{NAP}.6"))  # as process 1 of a namespace the supervisor is called like the job
    parents = {parent_of(process) for process in named}
    os.kill((parents & named or parents).pop(), signal.SIGKILL)
    thread.join(10)
    assert [result.exit_code for result in results] == [137]
    assert not wait_until_gone(f"{NAP}.6", 2)


@pytest.mark.long
@BOTH
def test_many_jobs_at_once(tmp_path: Path, private: bool) -> None:
    results: dict[int, int] = {}

    def one(number: int) -> None:
        job = make_job(tmp_path / str(number), "sh", "-c", f"echo {number} > /opt/ml/n; exit {number}")
        results[number] = run(job, private=private).exit_code

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {number: number for number in range(8)}
    assert all((tmp_path / str(n) / "ml" / "n").read_text() == f"{n}\n" for n in range(8))


@BOTH
def test_a_folder_with_special_characters(tmp_path: Path, private: bool) -> None:
    folder = tmp_path / "my \"pipes\" $HOME: ü, 'x'"
    job = make_job(folder, "sh", "-c", 'echo \'{"a": "/opt/ml/x y"}\' > /opt/ml/out.json; cat /opt/ml/out.json')
    assert run(job, private=private).exit_code == 0, job.log.read_text()
    assert json.loads((folder / "ml" / "out.json").read_text())["a"].endswith("/x y")


@BOTH
def test_a_large_environment(tmp_path: Path, private: bool) -> None:
    job = python(tmp_path, "import os; print(len(os.environ['BIG']))", BIG="x" * 120_000)
    run(job, private=private)
    assert job.log.read_text() == "120000\n"


def test_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = make_job(Path("job"), "sh", "-c", "echo hi > /opt/ml/out")
    assert run(job, private=private_mounts_available()).exit_code == 0
    assert (tmp_path / "job" / "ml" / "out").read_text() == "hi\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/opt/ml", "/J"),
        ("/opt/ml/model", "/J/model"),
        ("--dir=/opt/ml/x:/opt/ml/y", "--dir=/J/x:/J/y"),
        ("cd /opt/ml && cat '/opt/ml/a b' >/opt/ml/c;", "cd /J && cat '/J/a b' >/J/c;"),
        ('{"a":"/opt/ml/model","b":["/opt/ml"]}', '{"a":"/J/model","b":["/J"]}'),
        ("file:///opt/ml/x", "file:///J/x"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
        ("/opt/mlflow", "/opt/mlflow"),
        ("/opt/ml.bak /opt/ml-2", "/opt/ml.bak /opt/ml-2"),
        ("/srv/opt/ml ../opt/ml ${X}/opt/ml", "/srv/opt/ml ../opt/ml ${X}/opt/ml"),
    ],
)
def test_relocate(text: str, expected: str) -> None:
    assert relocate(text, "/J") == expected


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to become another")
@pytest.mark.parametrize("private", [PRIVATE])
def test_an_unprivileged_user(private: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    python_file = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python_file is None:
        pytest.skip("there is no Python that another user may run")
    code = f"""
        import sys, threading, tempfile, os
        sys.path.insert(0, {str(ROOT)!r})
        sys.path.append({sysconfig.get_path("purelib")!r})  # for bubblewrap's program only
        from pathlib import Path
        from pipeline_builder.engine.jobs.job import Job
        from pipeline_builder.engine.jobs.isolation import private_mounts_available
        from pipeline_builder.engine.jobs.sandbox import run_job
        assert private_mounts_available() is True
        with tempfile.TemporaryDirectory() as folder:
            job = Job(name="j", folder=Path(folder), environment={{}}, python=Path(sys.executable), workdir="/opt/ml",
                      command=("sh", "-c", "id -u; echo x > out; setsid sleep {NAP}.7 & ls -d /opt/ml"), timeout=30)
            result = run_job(job, stop=threading.Event(), private=True)
            print(result.exit_code, (job.ml / "out").read_text().strip(), (job.ml / "out").stat().st_uid)
            print(job.log.read_text())
    """
    result = subprocess.run(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", python_file, "-c", textwrap.dedent(code)],
        cwd="/", env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stdout.split() == ["0", "x", "65534", "65534", "/opt/ml"], result.stderr
    assert not wait_until_gone(f"{NAP}.7", 0)


def test_what_runs_inside_of_jobs_is_compiled(tmp_path: Path) -> None:
    find_isolation(tmp_path)
    sources = list(INSIDE.rglob("*.py"))
    assert {"launch.py", "transform.py", "toolkit.py"} <= {path.name for path in sources}
    assert [path for path in sources if not Path(cache_from_source(str(path))).is_file()] == []
