"""Sets up `.venv` from the locked requirements: quick when nothing changed, safe to kill and to start twice at once.

Runs on any Python from 3.10 on with nothing but the standard library. Usage: bootstrap.py run|dev
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
COMMAND = VENV / "bin" / "pipeline-builder"
OWN_UV = VENV / "bin" / "uv"
REQUIREMENTS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}
FORMAT = "2"


def main(kind: str) -> None:
    """Bring `.venv` to what the lock file asks for; does nothing when it is there already."""
    stamp = VENV / f".ready-{kind}"
    wanted = digest(ROOT / REQUIREMENTS[kind])
    if read(stamp) == wanted and COMMAND.exists():
        return
    lock_folder = ROOT / ".pipeline_builder"
    lock_folder.mkdir(exist_ok=True)
    with (lock_folder / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if read(stamp) == wanted and COMMAND.exists():
            return
        started = time.monotonic()
        say(f"setting up .venv from {REQUIREMENTS[kind]} (Python {sys.version.split()[0]})")
        if not works(PYTHON) or not (shutil.which("uv") or has_own_uv()):
            make_venv()
        install(ROOT / REQUIREMENTS[kind])
        write(VENV / "lib" / version_folder() / "site-packages" / "pipeline_builder.pth", f"{ROOT}\n")
        write(COMMAND, command_script())
        COMMAND.chmod(0o755)
        write(stamp, wanted)
        say(f"set up in {time.monotonic() - started:.1f} s")


def digest(requirements: Path) -> str:
    """Everything that the environment is made from; another path or Python makes another one."""
    parts = (FORMAT, str(ROOT), sys.version, requirements.read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def make_venv() -> None:
    """Make an environment with uv in it.

    Debian's Python has no `ensurepip`, so the pip of this Python installs into the new environment; a pip too old for
    `--python`, or none, is no hindrance where `ensurepip` is there.
    """
    shutil.rmtree(VENV, ignore_errors=True)
    if uv := shutil.which("uv"):
        run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=ROOT / ".pipeline_builder") as pinned:
        pinned.write(pinned_uv())
        pinned.flush()
        install_uv = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", pinned.name]
        run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
        if subprocess.run([sys.executable, "-m", "pip", "--python", str(PYTHON), *install_uv], check=False).returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            run([sys.executable, "-m", "venv", str(VENV)])
            run([str(PYTHON), "-m", "pip", *install_uv])


def pinned_uv() -> str:
    """Return uv's own entry of the lock, hashes included."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("uv=="))
    end = next((i for i in range(start + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
    return "\n".join(lines[start:end]).replace("\\\n    #", "\n    #") + "\n"


def install(requirements: Path) -> None:
    """Install what is missing; uv takes packages from its cache where it can."""
    uv = str(OWN_UV) if has_own_uv() else shutil.which("uv") or "uv"
    command = [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes", "-r", str(requirements)]
    run(command)


def has_own_uv() -> bool:
    """Tell whether uv is there, whole: pip makes a program executable when it has written all of it."""
    return os.access(OWN_UV, os.X_OK)


def command_script() -> str:
    """The console command, through sh because a path in a first line may have no blank in it.

    The checkout itself is on Python's path, so a change in it needs no new installation.
    """
    return f'#!/bin/sh\nexec {shlex.quote(str(PYTHON))} -m pipeline_builder "$@"\n'


def works(python: Path) -> bool:
    """Tell whether the environment's Python starts and is the version that runs this."""
    if not (VENV / "pyvenv.cfg").exists() or not python.exists():
        return False
    ask = [str(python), "-c", "import sys; print(sys.version)"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == sys.version.strip()


def version_folder() -> str:
    """Return the name of the folder that has site-packages."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def run(command: list[str]) -> None:
    """Run a command; its own output says what failed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    if not has_cache_folder():
        caches = {"UV_CACHE_DIR": str(ROOT / ".pipeline_builder" / "cache"), "PIP_NO_CACHE_DIR": "1"}
        environment = {**caches, **environment}
    result = subprocess.run(command, check=False, env=environment)
    if result.returncode:
        say(f"'{command[0]} {command[1]} …' failed with exit code {result.returncode}; the set-up can be repeated")
        sys.exit(4)


def has_cache_folder() -> bool:
    """Tell whether the user has a folder for caches; service accounts often have none."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return os.access(there, os.W_OK)


def read(path: Path) -> str:
    """Return a file's text, empty where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.replace(path)


def say(message: str) -> None:
    """Progress goes to stderr; stdout is the command's."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
