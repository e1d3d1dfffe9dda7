"""The first command on machines of many kinds, with the real package index: what passes, and what the others are told.

Without arguments: what this machine can stand for. `--suite trixie` (as root, with debootstrap): a bare Debian, too.
`--job` runs the example's whole job where a case only sets up otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROKEN_UV = {
    "a shim": "#!/bin/sh\necho 'pyenv: uv: command not found' >&2\nexit 127\n",
    "hangs": "#!/bin/sh\nsleep 1000\n",
    "another program": "#!/bin/sh\necho blah\n",
    "half a file": "\x7fELF",
}
OLD_UV = ("0.1.0", "0.2.37", "0.4.30")
OLD_PIP = ("20.3.4", "22.0.2")
MIRROR = "http://deb.debian.org/debian"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Case:
    """A machine: `environment` is put over this one's, None takes away; `before` becomes another user, or a root."""

    name: str
    environment: dict[str, str | None] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    clone: str = ""
    passes: bool = True
    job: bool = False


def main() -> int:
    """Run the cases and print a line for each; the exit code is how many ended otherwise than they should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="append", default=[], help="a release of Debian to try bare")
    parser.add_argument("--job", action="store_true", help="run the example's job in each case")
    parser.add_argument("--only", default="", help="only cases with this in their names")
    parser.add_argument("--folder", help="where everything is made (default: the folder for temporary files)")
    asked = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="soak-setup-") as folder:
        Path(folder).chmod(0o755)
        # One after the other: a suite's folder is there only while its cases run.
        for case in chain(here(Path(folder)), *(bare(Path(folder), suite) for suite in asked.suite)):
            if asked.only in case.name:
                wrong += not attempt(case, Path(folder), job=asked.job or case.job)
    return wrong


def attempt(case: Case, folder: Path, *, job: bool) -> bool:
    """Clone, run the first command, print how it ended; tell whether that is as it should be."""
    clone = folder / "clone"
    outside = Path(case.clone) if case.clone else clone
    shutil.rmtree(outside, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(outside)], check=True)
    if "setpriv" in case.before:
        subprocess.run(["chown", "-R", "12345:12345", str(outside)], check=True)
    inside = "/clone" if "chroot" in " ".join(case.before) else str(outside)
    command = [*case.before, f"{inside}/scripts/run", *(["--approve"] if job else ["--help"])]
    environment = {**os.environ, **case.environment}
    began = time.monotonic()
    done = subprocess.run(
        command, env={name: value for name, value in environment.items() if value is not None},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    seconds = time.monotonic() - began
    shutil.rmtree(outside, ignore_errors=True)
    said = (done.stderr or done.stdout).strip().splitlines()
    good = done.returncode == (0 if case.passes else 4)
    end = "" if done.returncode == 0 else f": {said[-1][:300] if said else ''}"
    mark = "ok   " if good else "WRONG"
    print(f"{mark} {case.name:44} exit code {done.returncode:3} {seconds:6.1f} s{end}", flush=True)
    for line in said if not good else ():
        print(f"        {line[:300]}")
    return good


def here(folder: Path) -> Iterator[Case]:
    """Yield what this machine can stand for."""
    path = os.environ["PATH"]
    yield Case("as it is")
    for number, (name, text) in enumerate(BROKEN_UV.items()):
        file = folder / f"uv{number}" / "uv"
        file.parent.mkdir()
        file.write_text(text)
        file.chmod(0o755)
        yield Case(f"a uv that is {name}", {"PATH": f"{file.parent}:{path}"})
    for version in OLD_UV:
        target = folder / f"uv-{version}"
        pip(f"uv=={version}", target)
        yield Case(f"uv {version}", {"PATH": f"{target}/bin:{path}"})
    for version in OLD_PIP:
        yield Case(f"pip {version}", {"PYTHONUSERBASE": user_base(folder, version)})
    yield Case("no HOME", {"HOME": None})
    yield Case("HOME is a file", {"HOME": "/etc/passwd"})
    yield Case("no index", {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, passes=False)
    yield Case("a path with blanks, quotes, letters", clone=f"{folder}/a b'c\"ü")
    for python in pythons():
        yield Case(f"Python {python[0]}", {"PYTHON": python[1]}, job=True)
    if os.geteuid() == 0 and shutil.which("setpriv"):
        user = ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups")
        yield Case("a user without a name or HOME", {"HOME": None, "PYTHON": "/usr/bin/python3"}, before=user)
    if os.geteuid() == 0 and shutil.which("unshare"):
        small = folder / "small"
        small.mkdir()
        copy = (
            f'mount -t tmpfs -o size=60m none {small} && cp -r "${{0%/scripts/run}}" {small}/c && {small}/c/scripts/run'
        )
        yield Case("a full disk", before=("unshare", "--mount", "bash", "-c", copy), passes=False)


def bare(folder: Path, suite: str) -> Iterator[Case]:
    """Yield a bare Debian without pip, and with it."""
    root = folder / suite
    packages = "--include=python3,git,ca-certificates"
    subprocess.run(
        ["debootstrap", "--variant=minbase", packages, suite, str(root), MIRROR], check=True, stdout=subprocess.DEVNULL
    )
    for file in ("/etc/resolv.conf", "/etc/hosts", CERTIFICATES):
        shutil.copy(file, f"{root}{file}")
    mounted = 'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; r=$1; shift; exec chroot "$r" "$@"'
    clean = ("/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", f"PIP_CERT={CERTIFICATES}")
    enter = ("unshare", "--mount", "--pid", "--fork", "bash", "-c", mounted, "-", str(root), *clean)
    clone = f"{root}/clone"
    yield Case(f"{suite}, bare", before=enter, clone=clone, passes=False)
    install = "apt-get install -y -qq --no-install-recommends python3-pip"
    update = "apt-get -o Acquire::Check-Valid-Until=false update -qq"
    subprocess.run([*enter, "sh", "-c", f"{update}; {install}"], check=True, capture_output=True)
    yield Case(f"{suite} with python3-pip", before=enter, clone=clone, job=True)
    shutil.rmtree(root)


def pythons() -> Iterator[tuple[str, str]]:
    """Yield version and path of each Python from 3.10 on that this machine has."""
    installed = Path(os.environ.get("PYENV_ROOT") or Path("~/.pyenv").expanduser(), "versions")
    for python in (*sorted(installed.glob("3.1?.*/bin/python3")), Path("/usr/bin/python3")):
        ask = [str(python), "-c", "import platform; print(platform.python_version())"]
        asked = subprocess.run(ask, capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            yield f"{asked.stdout.strip()} ({python})"[:40], str(python)


def user_base(folder: Path, version: str) -> str:
    """Return a folder of the user's own packages that has an old pip; it goes before the Python's own."""
    target = folder / f"pip-{version}"
    place = target / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    pip(f"pip=={version}", place)
    return str(target)


def pip(requirement: str, target: Path) -> None:
    """Install one package into a folder with the pip of this machine's Python."""
    python = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), requirement]
    subprocess.run(install, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
