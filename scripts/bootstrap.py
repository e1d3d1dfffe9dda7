"""Sets up `.venv` from the locked requirements: quick when nothing changed, safe to kill and to start twice at once.

Runs on any Python from 3.10 on with nothing but the standard library. What can't be done is one line that says what to
do, and exit code 4. Usage: bootstrap.py run|dev
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline_builder.machine import codeartifact, programs  # noqa: E402

STATE = ROOT / ".pipeline_builder"
VENV = ROOT / ".venv"
MADE = VENV / ".made"
PYTHON = VENV / "bin" / "python"
COMMAND = VENV / "bin" / "pipeline-builder"
OWN_UV = VENV / "bin" / "uv"
REQUIREMENTS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}
FORMAT = "3"
# Of pip's and uv's variables those that say how an index is reached and where things are kept. The others have no say:
# what is installed, and where, is settled here.
_OF_INSTALLERS = re.compile(r"(?:PIP|UV)_\w+")
_KEPT = re.compile(
    r"PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|CLIENT_CERT|PROXY|RETRIES|TIMEOUT"
    r"|DEFAULT_TIMEOUT|CACHE_DIR|NO_CACHE_DIR|CONFIG_FILE|KEYRING_PROVIDER|USE_FEATURE|DISABLE_PIP_VERSION_CHECK)"
    r"|UV_(?:DEFAULT_INDEX|INDEX\w*|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|OFFLINE|INSECURE_HOST|SYSTEM_CERTS|NATIVE_TLS"
    r"|KEYRING_PROVIDER|CREDENTIALS_DIR|HTTP_\w+|REQUEST_TIMEOUT|CONCURRENT_\w+|CACHE_DIR|NO_CACHE|LINK_MODE"
    r"|CONFIG_FILE|NO_CONFIG)"
)
# Another environment, and what changes how a Python starts; the folder of the user's own packages may have pip in it.
_DROPPED = re.compile(r"VIRTUAL_ENV|CONDA_PREFIX|PYTHON(?!USERBASE)\w*")
_OUTAGE = re.compile(r"dns error|Connect|timed? ?out|offline|network|Temporary failure|Max retries", re.IGNORECASE)


def main(kind: str) -> None:
    """Bring `.venv` to what the lock file asks for; does nothing when it is there already."""
    try:
        set_up(kind)
    except OSError as error:
        fail(explain(error))
    except KeyboardInterrupt:
        say("interrupted; the set-up can be repeated")
        sys.exit(130)


def set_up(kind: str) -> None:
    """Do the work that is missing, if any; one process at a time."""
    stamp = VENV / f".ready-{kind}"
    wanted = digest((ROOT / REQUIREMENTS[kind]).read_text(encoding="utf-8"))
    if is_ready(stamp, wanted):
        return
    if os.fsencode(ROOT).decode("utf-8", "replace") != str(ROOT):
        fail(f"'{ROOT}': the path is not UTF-8 text, and pip and uv take no other; clone it to another folder")
    STATE.mkdir(exist_ok=True)
    with locked(STATE / "bootstrap.lock"), own_temporaries():
        if is_ready(stamp, wanted):
            return
        started = time.monotonic()
        use_codeartifact()
        say(f"setting up .venv from {REQUIREMENTS[kind]} (Python {sys.version.split()[0]})")
        if not works():
            make_venv()
        install(ROOT / REQUIREMENTS[kind])
        # Relative, so that no encoding has a say in it.
        write(VENV / "lib" / version_folder() / "site-packages" / "pipeline_builder.pth", b"../../../..\n")
        write(COMMAND, command_script())
        COMMAND.chmod(0o755)
        write(stamp, wanted.encode())
        say(f"set up in {time.monotonic() - started:.1f} s")


def use_codeartifact() -> None:
    """Let pip and uv find the index in CodeArtifact, where the environment names one; its token stays in memory."""
    try:
        os.environ.update(codeartifact.index_of(os.environ))
    except codeartifact.NoIndexError as error:
        fail(str(error))


def is_ready(stamp: Path, wanted: str) -> bool:
    """Tell whether nothing is to be done; the interpreter is a link, which dangles once its Python has been removed."""
    return read(stamp) == wanted and COMMAND.exists() and PYTHON.exists()


def digest(requirements: str = "") -> str:
    """Everything that the environment is made from; another path or Python makes another one."""
    parts = (FORMAT.encode(), os.fsencode(ROOT), sys.version.encode(), requirements.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def works() -> bool:
    """Tell whether the environment is whole, made here by this Python, and starts, and so does the uv in it."""
    if read(MADE) != digest():
        return False
    ask = [str(PYTHON), "-I", "-c", "import sys; print(sys.version_info[:3])"]
    answer = re.escape(str(sys.version_info[:3]))
    return not programs.fault_of(ask, answer) and not programs.fault_of([str(OWN_UV), "--version"], programs.UV)


# --- the environment, with the pinned uv in it


def make_venv() -> None:
    """Make an environment with the pinned uv in it, in the first way that does it on this machine."""
    for left in STATE.glob("setup-*"):
        remove(left)  # by one that was killed
    with tempfile.TemporaryDirectory(prefix="setup-", dir=STATE) as name:
        folder = Path(name)
        pinned = folder / "uv.txt"
        pinned.write_text(pinned_uv(), encoding="utf-8")
        kept = folder / "uv"
        with contextlib.suppress(OSError):
            OWN_UV.rename(kept)
        for uv, what in ways(folder, kept, pinned):
            fault = make_with(uv, what)
            if not fault:
                write(MADE, digest().encode())
                return
            if not uv.startswith(name):
                say(f"'{uv}' is left out: {fault}")
        fail(f"no environment can be made: {fault}")


def make_with(uv: str, what: list[str]) -> str:
    """Make the environment with this uv; return what is wrong, empty where nothing is."""
    remove(VENV)
    return (
        run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
        or run_anyhow([uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps", *what])
        or programs.fault_of([str(OWN_UV), "--version"], programs.UV)
    )


def ways(folder: Path, kept: Path, pinned: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each uv that can be had, and what to install of the pinned one: a tool that is there is tried first.

    The last one is brought by pip. It is unpacked, not installed: so a pip of any age does, and no setting of the
    user's about what pip installs, and where, comes in the way.
    """
    wanted = ["--require-hashes", "-r", str(pinned)]
    there = [str(kept)] if kept.exists() else []
    for uv in (*there, *programs.find_programs("uv", os.environ)):
        if fault := programs.fault_of([uv, "--version"], programs.UV):
            if uv not in there:
                say(f"'{uv}' is left out: {fault}")
        else:
            yield uv, wanted
    wheel = fetch_wheel(folder, pinned)
    own = folder / "own" / "uv"
    own.parent.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        program = next(name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
        own.write_bytes(archive.read(program))
    own.chmod(0o755)
    yield str(own), [str(wheel)]


def fetch_wheel(folder: Path, pinned: Path) -> Path:
    """Return uv's wheel, fetched by this Python's pip, else by the one that `ensurepip` makes."""
    fault = programs.fault_of([sys.executable, "-m", "pip", "--version"], "pip ", environment=surroundings())
    if fault:
        made = folder / "pip"
        if run([sys.executable, "-m", "venv", str(made)]):
            fail(
                f"'{sys.executable}' has no pip that works, and no ensurepip, and there is no uv: install one of them"
                " (Debian and Ubuntu: apt-get install python3-pip)"
            )
    python = str(made / "bin" / "python") if fault else sys.executable
    wheels = folder / "wheels"
    fetch = ["download", "--quiet", "--no-deps", "--only-binary", "uv", "--require-hashes", "-r", str(pinned)]
    if fault := run([python, "-m", "pip", *fetch, "-d", str(wheels)]):
        fail(f"pip can't fetch uv: {fault}")
    return next(wheels.glob("uv-*.whl"))


def pinned_uv() -> str:
    """Return uv's own entry of the lock, hashes included."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("uv=="))
    end = next((i for i in range(start + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
    return "\n".join(lines[start:end]).replace("\\\n    #", "\n    #") + "\n"


def install(requirements: Path) -> None:
    """Install what is missing; uv takes packages from its cache where it can."""
    command = [str(OWN_UV), "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes"]
    if fault := run_anyhow([*command, "-r", str(requirements)]):
        fail(f"'{requirements.name}' can't be installed: {fault}")


def run_anyhow(command: list[str]) -> str:
    """Run uv, without the network where that can't be reached: everything is pinned, so its cache has the same."""
    fault = run(command)
    if fault and _OUTAGE.search(fault) and not run([*command, "--offline"]):
        say("the package index can't be reached; uv's cache has everything")
        return ""
    return fault


def command_script() -> bytes:
    """The console command, through sh because a path in a first line may have no blank in it.

    The checkout itself is on Python's path, so a change in it needs no new installation; -I keeps the modules of the
    current folder and of PYTHONPATH out of it.
    """
    return b"#!/bin/sh\nexec " + os.fsencode(shlex.quote(str(PYTHON))) + b' -I -m pipeline_builder "$@"\n'


def version_folder() -> str:
    """Return the name of the folder that has site-packages."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


# --- processes, files, words


def run(command: list[str]) -> str:
    """Run a command; return what is wrong in one line, empty where nothing is."""
    environment = surroundings()
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, env=environment, cwd=ROOT,
    )  # fmt: skip
    if not result.returncode:
        return ""
    lines = [line.strip() for line in result.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("WARNING:")] or lines
    said = re.sub(r"://[^/@\s]+@", "://***@", "; ".join(lines))[-1000:] or f"exit code {result.returncode}"
    where = " (look at the network, the proxy variables, PIP_INDEX_URL and UV_DEFAULT_INDEX)"
    return said + (where if _OUTAGE.search(said) else "")


def surroundings() -> dict[str, str]:
    """Return the environment of pip and uv: how they reach an index is the user's, what they do is not."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _DROPPED.fullmatch(name) and (not _OF_INSTALLERS.fullmatch(name) or _KEPT.fullmatch(name))
    }
    of_pip = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_RETRIES": "2", "PIP_NO_INPUT": "1", "PYTHONUTF8": "1"}
    if not programs.has_cache_folder(os.environ):
        of_pip["PIP_NO_CACHE_DIR"] = "1"
    # What isn't in an environment is refused, by a user's setting, also where nothing is installed.
    return {**of_pip, **programs.uv_settings(os.environ, STATE / "cache"), **kept, "PIP_REQUIRE_VIRTUALENV": "0"}


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock file; another set-up of this folder waits, and says so."""
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this folder")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def own_temporaries() -> Iterator[None]:
    """Let pip and uv have their temporary files here: what a killed one has left goes with the next set-up."""
    folder = STATE / "setting-up"
    remove(folder)
    folder.mkdir()
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove what is there, whatever it is; a link, not what it points to."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def read(path: Path) -> str:
    """Return a file's text, empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def write(path: Path, content: bytes) -> None:
    """Write the file whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(content)
    temporary.replace(path)


def explain(error: OSError) -> str:
    """Return what to do about a file that can't be written or read."""
    why = f"'{error.filename or ROOT}': {error.strerror or error}"
    if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
        return why
    return f"{why}: the set-up writes into '{ROOT}', so that must be a folder of your own; clone it to one"


def fail(message: str) -> NoReturn:
    """End with what is wrong; everything can be repeated."""
    say(f"{message}; the set-up can be repeated")
    sys.exit(4)


def say(message: str) -> None:
    """Progress goes to stderr; stdout is the command's."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
