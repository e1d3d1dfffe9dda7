"""Programs of this machine: one that is found is tried before it is trusted.

A name on PATH says little: it may be a shim of another Python's program, one that is too old, a folder, half a file, or
something else of the same name. The standard library is enough here: `scripts/bootstrap.py` imports this as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

TRIAL = 10.0
"""Seconds that a program may take to say its version."""
UV = r"uv \d+\.\d+\.\d+"
"""What uv answers to `--version`."""


def find_programs(name: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield each program of the name on PATH, the first one first; what isn't an executable file is none."""
    for folder in dict.fromkeys(os.get_exec_path(environment)):
        path = Path(folder, name).absolute()
        if os.access(path, os.X_OK) and path.is_file():
            yield str(path)


def below_environments(python: str) -> str:
    """Return the Python that one calls its base: up to 3.10 a virtual environment's own does itself, a link to it."""
    is_linked = Path(python).parent.parent.joinpath("pyvenv.cfg").is_file()
    return os.path.realpath(python) if is_linked else python


def fault_of(
    command: Sequence[str], answer: str, *, environment: Mapping[str, str] | None = None, seconds: float = TRIAL
) -> str:
    """Return what is wrong with a program, empty where it works: it ends well, in time, with a line like `answer`."""
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return f"it can't be started: {error.strerror}"
    try:
        output = process.communicate(timeout=seconds)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return f"it gives no answer within {seconds:g} s"
    finally:
        _end(process)
    said = next((line.strip() for line in output.splitlines() if line.strip()), "nothing")[:100]
    if process.returncode:
        return f"it ends with exit code {process.returncode} and says: {said}"
    return "" if re.search(rf"^{answer}", output, re.MULTILINE) else f"it is another program: it says: {said}"


def find_working(
    name: str, arguments: Sequence[str], answer: str, *, environment: Mapping[str, str], observe: Callable[[str], None]
) -> str | None:
    """Return the first program of the name on PATH that works; `observe` gets a line for each that doesn't."""
    for path in find_programs(name, environment):
        fault = fault_of([path, *arguments], answer, environment=environment)
        if not fault:
            return path
        observe(f"'{path}' is left out: {fault}")
    return None


def uv_settings(environment: Mapping[str, str], cache: Path) -> dict[str, str]:
    """Return what uv's environment needs beside the user's own UV_ variables, which always win.

    pip's package index, because that is what companies set; `cache` where the user has no folder for caches, as service
    accounts are; the machine's certificates where it has any, as pip uses them.
    """
    settings = {ours: environment[theirs] for theirs, ours in _FROM_PIP.items() if environment.get(theirs)}
    if index := _index_of_pip(environment):
        settings.setdefault("UV_DEFAULT_INDEX", index)
    if not has_cache_folder(environment):
        settings["UV_CACHE_DIR"] = str(cache.absolute())
    if any(os.access(file, os.R_OK) for file in _CERTIFICATES):
        settings["UV_SYSTEM_CERTS"] = "1"
        if environment.get("UV_SYSTEM_CERTS", "1") not in ("0", "false"):
            settings["UV_NATIVE_TLS"] = "1"  # its name in older versions of uv
    older = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
    given = {name for name in settings if name in environment or older.get(name, name) in environment}
    return {name: value for name, value in settings.items() if name not in given}


def has_cache_folder(environment: Mapping[str, str]) -> bool:
    """Tell whether uv's part of the user's folder for caches can be written to, or made."""
    folder = Path(environment.get("XDG_CACHE_HOME") or f"{_home(environment)}/.cache", "uv")
    # os.access, unlike Path.exists, takes a folder that can't be looked into for one that has nothing.
    there = next((parent for parent in (folder, *folder.parents) if os.access(parent, os.F_OK)), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


_FROM_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_FIND_LINKS": "UV_FIND_LINKS",
}  # fmt: skip
# Where systems keep the certificates that they trust.
_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def _home(environment: Mapping[str, str]) -> str:
    if home := environment.get("HOME"):
        return home
    try:
        return str(Path("~").expanduser())
    except RuntimeError:  # a container's user may be a number without a name
        return os.devnull


def _index_of_pip(environment: Mapping[str, str]) -> str:
    """Return the index that pip's configuration names, empty where it names none or uv has a configuration itself."""
    config = environment.get("XDG_CONFIG_HOME") or f"{_home(environment)}/.config"
    of_uv = (environment.get("UV_CONFIG_FILE"), f"{config}/uv/uv.toml", "/etc/uv/uv.toml")
    if any(file and os.access(file, os.F_OK) for file in of_uv):
        return ""
    mac = f"{_home(environment)}/Library/Application Support/pip/pip.conf"
    of_user = (f"{_home(environment)}/.pip/pip.conf", f"{config}/pip/pip.conf", mac)
    files = ("/etc/xdg/pip/pip.conf", "/etc/pip.conf", *of_user, environment.get("PIP_CONFIG_FILE"))
    found = ""
    for file in files:
        found = _index_in(file) or found if file else found
    return found


def _index_in(file: str) -> str:
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return ""  # pip itself says what is wrong with it
    sections = [name for name in ("install", "global") if parser.has_option(name, "index-url")]
    return parser.get(sections[0], "index-url").strip() if sections else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what was tried with all that it has started: a shim's child would keep the pipe open."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()
