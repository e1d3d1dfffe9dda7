"""The set-up on machines where something is missing or doesn't work: it does without, or says in one line what to do.

Everything here is offline: the requirements are uv alone, in a wheel made of the one that these tests run with.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.installer import find_uv
from tests.places import ROOT

PYTHON = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
TOOLS = ("bash", "sh", "env", "dirname", "cat", "timeout", "sleep", "chmod")


@dataclass(frozen=True)
class Machine:
    """A checkout on a machine with little on it: `folder` has all; `environment` is all that a command finds."""

    folder: Path
    environment: dict[str, str]

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    def set(self, **more: str) -> Machine:
        return replace(self, environment={**self.environment, **more})

    def unset(self, name: str) -> Machine:
        return replace(self, environment={k: v for k, v in self.environment.items() if k != name})

    def program(self, name: str, text: str, folder: str = "first") -> Machine:
        """Put a program in front of PATH."""
        path = self.folder / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return self.set(PATH=f"{path.parent}:{self.environment['PATH']}")

    def set_up(self, *before: str) -> tuple[int, str]:
        """Set up as scripts/run does; return the exit code and what was said."""
        done = self.start(*before)
        said = done.communicate(timeout=120)[0]
        return done.returncode, said

    def start(self, *before: str) -> subprocess.Popen[str]:
        scripts = self.checkout / "scripts"
        line = 'set -e; python=$("$1"); exec "$python" -I "$2" run'
        return subprocess.Popen(
            [*before, "bash", "-c", line, "-", str(scripts / "python"), str(scripts / "bootstrap.py")],
            env=self.environment, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def works(self) -> bool:
        """Tell whether the command starts, in the environment of this checkout."""
        venv = self.checkout / ".venv"
        asked = subprocess.run([venv / "bin" / "pipeline-builder"], capture_output=True, text=True, check=False)
        return asked.stdout.strip() == str(venv) and (venv / "bin" / "uv").is_file()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    version = next(line for line in lines if line.startswith("uv==")).split()[0].partition("==")[2]
    info = f"uv-{version}.dist-info"
    content = {
        f"uv-{version}.data/scripts/uv": find_uv().read_bytes(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: uv\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"uv-{version}-py3-none-any.whl", "w") as archive:
        record = ""
        for name, data in content.items():
            archive.writestr(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(data)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return folder


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """Return a cache in which uv has the wheel unpacked, fifty megabytes: nothing here is about that."""
    folder = tmp_path_factory.mktemp("unpacked")
    (wheel,) = wheels.glob("*.whl")
    install: list[str | Path] = [
        find_uv(),
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--target",
        folder / "once",
        wheel,
    ]
    subprocess.run([*install, "--cache-dir", folder / "cache"], check=True)
    shutil.rmtree(folder / "once")
    return folder / "cache"


@pytest.fixture
def machine(tmp_path: Path, wheels: Path, unpacked: Path) -> Iterator[Machine]:
    (wheel,) = wheels.glob("*.whl")
    checkout = tmp_path / "checkout"
    for name in (
        "scripts/python",
        "scripts/bootstrap.py",
        "pipeline_builder/__init__.py",
        "pipeline_builder/machine/__init__.py",
        "pipeline_builder/machine/codeartifact.py",
        "pipeline_builder/machine/programs.py",
    ):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    (checkout / "pipeline_builder" / "__main__.py").write_text("import sys\nprint(sys.prefix)\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (checkout / "requirements.txt").write_text(f"uv=={wheel.name.split('-')[1]} \\\n    --hash=sha256:{digest}\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    yield Machine(
        folder=tmp_path,
        environment={
            "PATH": str(tools), "PYTHON": PYTHON, "HOME": str(tmp_path), "UV_CACHE_DIR": str(unpacked),
            "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "UV_OFFLINE": "1",
        },
    )  # fmt: skip
    shutil.rmtree(tmp_path)  # each has a uv of its own


@pytest.fixture
def with_uv(machine: Machine) -> Machine:
    """A machine that has a uv, as many have."""
    return machine.program("uv", f"#!/bin/sh\nexec '{find_uv()}' \"$@\"\n", "second")


BROKEN = {
    "a shim": ("#!/bin/sh\necho 'pyenv: uv: command not found' >&2\nexit 127\n", "exit code 127 and says: pyenv: uv:"),
    "another program": ("#!/bin/sh\necho uv 2.0, the ultraviolet viewer\n", "it says: uv 2.0, the ultraviolet viewer"),
    "half a file": ("\x7fELF", "it can't be started: Exec format error"),
    "too old": (
        "#!/bin/sh\n[ $1 = --version ] && echo uv 0.0.1 && exit\necho no such option >&2\nexit 2\n",
        "no such option",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", BROKEN)
def test_a_uv_that_does_not_work_is_left_out(with_uv: Machine, kind: str) -> None:
    text, why = BROKEN[kind]
    code, said = with_uv.program("uv", text).set_up()
    assert (code, with_uv.works()) == (0, True), said
    assert [why in line for line in said.splitlines() if "is left out" in line] == [True], said


@pytest.mark.long
def test_a_uv_that_hangs_is_left_out(with_uv: Machine) -> None:
    code, said = with_uv.program("uv", "#!/bin/sh\nsleep 1000\n").set_up()
    assert (code, with_uv.works(), "no answer within 10 s" in said) == (0, True, True), said


@pytest.mark.long
def test_what_is_no_program_is_none(with_uv: Machine) -> None:
    here = with_uv.program("uv", "").environment["PATH"]
    (with_uv.folder / "first" / "uv").chmod(0o644)
    (with_uv.folder / "third" / "uv").mkdir(parents=True)
    code, said = with_uv.set(PATH=f"{with_uv.folder / 'third'}:/nowhere::{here}").set_up()
    assert (code, with_uv.works(), "left out" in said) == (0, True, False), said


@pytest.mark.long
def test_without_uv_pip_brings_it_whatever_else_it_is_told(machine: Machine) -> None:
    told = machine.set(
        PIP_USER="1", PIP_TARGET=str(machine.folder / "t"), PIP_PREFIX="/p", PIP_CONSTRAINT="/nowhere",
        PIP_REQUIRE_VIRTUALENV="1", PIP_NO_BINARY=":all:", PIP_DRY_RUN="1", UV_CONSTRAINT="/nowhere", UV_PYTHON="2.7",
        UV_EXCLUDE_NEWER="2020-01-01", UV_WORKING_DIR="/nowhere", PYTHONPATH=str(machine.folder), PYTHONHOME="/nowhere",
        VIRTUAL_ENV="/nowhere", CONDA_PREFIX="/nowhere", PYTHONWARNINGS="error",
    ).unset("HOME")  # fmt: skip
    (machine.folder / "hashlib.py").write_text("raise SystemExit('not this one')\n")
    code, said = told.set_up()
    assert (code, machine.works()) == (0, True), said
    assert [line.split()[:2] for line in said.splitlines()] == [["setting", "up"], ["set", "up"]]
    assert not (machine.folder / "t").exists()
    assert told.set_up() == (0, "")


@pytest.mark.long
def test_a_folder_with_another_name_is_set_up_anew(with_uv: Machine) -> None:
    assert with_uv.set_up()[0] == 0
    outer = with_uv.folder / "a b'c\"ü"
    outer.mkdir()
    with_uv.checkout.rename(outer / "checkout")
    last = replace(with_uv, folder=outer).set(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    code, said = last.set_up()
    assert (code, last.works()) == (0, True), said
    assert str(with_uv.checkout) not in (outer / "checkout" / ".venv" / "bin" / "activate").read_text()


@pytest.mark.long
def test_half_an_environment_is_made_anew(with_uv: Machine) -> None:
    assert with_uv.set_up()[0] == 0
    venv, left = with_uv.checkout / ".venv", with_uv.checkout / ".pipeline_builder" / "setup-killed"
    left.mkdir()
    for broken in (venv / "bin" / "uv", venv / ".made"):
        broken.unlink()
        (venv / ".ready-run").unlink()
        code, said = with_uv.set_up()
        assert (code, with_uv.works()) == (0, True), said
    assert not left.exists()
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python")  # as after `pyenv uninstall`
    code, said = with_uv.set_up()
    assert (code, with_uv.works()) == (0, True), said


@pytest.mark.long
@pytest.mark.parametrize("written", [None, "", "home = ", "version_info = 3.11.7\n"])
@pytest.mark.parametrize("active", [False, True], ids=["", "active"])
def test_an_environment_that_was_killed_before_it_knew_what_made_it(
    with_uv: Machine, written: str | None, active: bool
) -> None:
    """uv makes the links first and then `pyvenv.cfg`: in between, the Python takes itself for the one that made it."""
    machine = with_uv.unset("PYTHON").program("python3", f"#!/bin/sh\nexec '{PYTHON}' \"$@\"\n")
    binaries = machine.checkout / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "python3"):
        (binaries / name).symlink_to(PYTHON)
    if written is not None:
        (binaries.parent / "pyvenv.cfg").write_text(written)
    if active:
        machine = machine.set(PATH=f"{binaries}:{machine.environment['PATH']}")
    code, said = machine.set_up()
    assert (code, machine.works()) == (0, True), said


@pytest.mark.long
def test_two_at_once(with_uv: Machine) -> None:
    both = [with_uv.start(), with_uv.start()]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert ([process.returncode for process in both], with_uv.works()) == ([0, 0], True), said
    assert "".join(said).count("setting up .venv") == 1


@pytest.mark.long
def test_an_index_that_cannot_be_reached(with_uv: Machine) -> None:
    away = "http://127.0.0.1:9/simple"
    cut = with_uv.unset("PIP_NO_INDEX").unset("PIP_FIND_LINKS").unset("UV_OFFLINE")
    cut = cut.set(
        UV_CACHE_DIR=str(cut.folder / "cache"),
        PIP_INDEX_URL=away,
        PIP_RETRIES="0",
        UV_HTTP_RETRIES="0",
        PIP_CONFIG_FILE=os.devnull,
    )
    code, said = cut.set_up()
    last = said.splitlines()[-1]
    assert (code, "pip can't fetch uv" in last, "the set-up can be repeated" in last) == (4, True, True), said
    assert f"Failed to fetch: {away}/uv/" in said.replace("`", "")
    assert "look at the network, the proxy variables, PIP_INDEX_URL and UV_DEFAULT_INDEX" in said
    assert with_uv.set_up()[0] == 0


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    checkout = tmp_path / os.fsdecode(b"q\xff")
    for name in ("scripts/bootstrap.py", "requirements.txt", "pipeline_builder/__init__.py"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    shutil.copytree(ROOT / "pipeline_builder/machine", checkout / "pipeline_builder/machine")
    command = [PYTHON, "-I", str(checkout / "scripts/bootstrap.py"), "run"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = (
        f"'{tmp_path}/q\\udcff': the path is not UTF-8 text, and pip and uv take no other; clone it to another folder"
    )
    assert (done.returncode, done.stderr) == (4, f"{said}; the set-up can be repeated\n")
    assert not (checkout / ".venv").exists()


def test_the_folders_that_cd_looks_through_have_no_say(tmp_path: Path) -> None:
    """CDPATH, exported: `cd scripts/..` would go to the one below that, and say where it is."""
    (tmp_path / "other" / "scripts").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    names = []
    for path in (*ROOT.glob("scripts/*"), ROOT / ".ci" / "run"):
        lines = path.read_text().splitlines() if path.is_file() and not path.suffix else []
        if found := [line for line in lines if line.startswith("root=")]:
            names.append(path.name)
            (tmp_path / "scripts" / path.name).write_text(f'{found[0]}\nprintf %s "$root"\n')
    assert {"run", "test", "python", "docs"} <= {*names}
    for name in names:
        for folders in (".", f"{tmp_path}/other"):
            done = subprocess.run(
                ["bash", f"scripts/{name}"], cwd=tmp_path, env={**os.environ, "CDPATH": folders},
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            assert done.stdout == str(tmp_path), name


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to become another")
def test_the_checkout_of_another_user(with_uv: Machine) -> None:
    for folder in (with_uv.folder, *with_uv.folder.parents[:-2]):
        folder.chmod(0o755)
    nobody = (str(shutil.which("setpriv")), "--reuid=65534", "--regid=65534", "--clear-groups")
    # Debian's Python can be started by everybody; the one of these tests may be in root's own folder.
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or pytest.skip("no Python for everybody")
    code, said = with_uv.set(PYTHON=python).set_up(*nobody)
    assert (code, said.splitlines()) == (
        4,
        [
            f"'{with_uv.checkout}/.pipeline_builder': Permission denied: the set-up writes into '{with_uv.checkout}', so"
            " that must be a folder of your own; clone it to one; the set-up can be repeated"
        ],
    )


@pytest.mark.long
def test_a_python_is_tried_as_well(with_uv: Machine) -> None:
    unset = with_uv.unset("PYTHON")
    old = unset.program("python3", "#!/bin/sh\necho it is 3.9\nexit 1\n")
    code, said = old.program("python", "#!/bin/sh\nexit 127\n").set_up()
    assert (code, said) == (
        4,
        "no Python from 3.10 on was found ('python3': it is 3.9; 'python': it does not work): install one, or set PYTHON"
        " to its path\n",
    )
    incomplete = old.program("python3.13", "#!/bin/sh\necho it is incomplete, No module named sqlite3\nexit 1\n")
    good = incomplete.program("python3.10", f"#!/bin/sh\nexec '{PYTHON}' \"$@\"\n")
    code, said = good.set(PYTHON="/nowhere/python").set_up()
    assert (code, with_uv.works()) == (0, True), said
    assert said.splitlines()[0] == "PYTHON is left out, '/nowhere/python': it does not work"
