"""Images with a server of their own: it is started as `docker run <image> serve` would, and asked as SageMaker asks it.

`GET /ping` until it answers with 200, `GET /execution-parameters` once, then `POST /invocations`.
Source: SageMaker's developer guide, "Use your own inference code with batch transform" and "… with hosting services".
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import Answered, Asked, Container, ServerError
from pipeline_builder.engine.inside.exits import render_exit
from pipeline_builder.engine.inside.patience import timed_out
from pipeline_builder.engine.inside.serving import programs

if TYPE_CHECKING:
    from http.client import HTTPResponse

STANDINS = Path(__file__).resolve().parent.parent / "standins"
_STARTUP, _PING, _GRACE = 600.0, 2.0, 5.0
_BLOCK = 1 << 20
_PAUSE = 0.05
_ASYNC = ("FastAPI", "Starlette", "Quart")
_SAID = 2000
# What runs a program that doesn't say it in its first line.
_LANGUAGES = {
    ".r": ("Rscript",), ".js": ("node",), ".mjs": ("node",), ".jar": ("java", "-jar"),
    ".rb": ("ruby",), ".pl": ("perl",),
}  # fmt: skip


def open_server(program: Path, kind: str, *, port: int | None, seconds: float) -> Container:
    """Start the server and return what asks it, once it answers.

    `port` is the one that the job has of its own; without, a free one of this machine is offered to the program, and
    8080 is looked at too where nobody else listens there. An answer may take so many seconds.
    """
    ports = [port] if port else [_free_port(), *([programs.PORT] if _is_free(programs.PORT) else [])]
    process = _started(program, kind, ports[0])
    atexit.register(_end, process)
    found = _answering(process, program, ports)
    return Container(_Asking(found, process, seconds), concurrent=True, parameters=_parameters(found))


class _Asking:
    """What has one request after the other answered by the server on a port."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._port, self._process, self._seconds = port, process, seconds

    def __call__(self, asked: Asked) -> Answered:
        headers = {"Content-Type": asked.content_type, "Accept": asked.accept}
        given = {name: value for name, value in headers.items() if value}
        try:
            status, body, kind = _ask(self._port, "POST", "/invocations", asked.body, given, self._seconds)
        except (TimeoutError, socket.timeout) as error:  # noqa: UP041 - two before Python 3.10
            raise timed_out(self._seconds, ServerError) from error
        except OSError as error:
            code = self._process.poll()
            ended = f"; it has ended with {render_exit(code)}" if code is not None else ""
            raise ServerError(500, f"the server did not answer: {error}{ended}") from error
        if status >= 300:
            said = body.decode("utf-8", "replace")[:_SAID]
            raise ServerError(status, f"the server answered with status {status}: {said}")
        return Answered(body, kind or asked.accept or "application/octet-stream")


def _started(program: Path, kind: str, port: int) -> subprocess.Popen[bytes]:
    folder = Path(programs.PLACE) if Path(programs.PLACE, program.name).is_file() else program.parent
    given = os.environ
    path = [str(_commands()), str(folder), given.get("PATH", "")]
    modules = [str(STANDINS), str(folder), given.get("PYTHONPATH", "")]
    environment = {
        **given, "PATH": ":".join(filter(None, path)), "PYTHONPATH": ":".join(filter(None, modules)),
        "SAGEMAKER_BIND_TO_PORT": str(port),
    }  # fmt: skip
    command = _command(folder / program.name, kind, port)
    try:
        return subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        message = f"the server program '{program.name}' cannot be started as '{shlex.join(command)}': {error.strerror}"
        raise RuntimeError(f"{message}; what runs it is not on this machine, or not in its first line (#!)") from error


def _command(path: Path, kind: str, port: int) -> list[str]:
    """Return the command of the image: its program with the argument `serve`, or `serve` itself."""
    if kind == programs.APPLICATION:
        return _application(path, port)
    arguments = [] if path.name == "serve" else ["serve"]
    with path.open("rb") as file:
        first = file.readline(200).decode("utf-8", "replace").strip()
    if path.suffix == ".py" or (first.startswith("#!") and "python" in first):
        return [sys.executable, str(path), *arguments]
    interpreter = first[2:].split() if first.startswith("#!") else []
    if path.suffix == ".sh" or (interpreter and not Path(interpreter[0]).exists()):
        return ["bash", str(path), *arguments]
    if interpreter:
        return [*interpreter, str(path), *arguments]
    if language := _LANGUAGES.get(path.suffix.lower()):
        return [*language, str(path), *arguments]
    with contextlib.suppress(OSError):
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return [str(path), *arguments]


def _application(path: Path, port: int) -> list[str]:
    """Return what serves a web application that its module only defines, as the image's CMD would."""
    name, framework = programs.application_of(path)
    target, address = f"{path.stem}:{name}", f"0.0.0.0:{port}"
    if framework in _ASYNC:
        return [sys.executable, "-m", "uvicorn", target, "--host", "0.0.0.0", "--port", str(port)]  # noqa: S104 - as there
    if importlib.util.find_spec("gunicorn"):
        return [sys.executable, "-m", "gunicorn", "-b", address, target]
    start = f"import {path.stem}; {path.stem}.{name}.run(host='0.0.0.0', port={port})"
    return [sys.executable, "-c", start]


def _commands() -> Path:
    """Return a folder with the programs that AWS's images have and most machines lack."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="commands-"))
    for name, script in (("nginx", "nginx.py"), ("multi-model-server", "multi_model_server.py")):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDINS / script}" "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    return folder


def _answering(process: subprocess.Popen[bytes], program: Path, ports: list[int]) -> int:
    """Wait until the server answers a ping on one of the ports, and return that."""
    deadline = time.monotonic() + _STARTUP
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            raise ServerError(
                500,
                f"the server program '{program.name}' has ended with {render_exit(code)} before it answered GET /ping: "
                "it defines no handlers, so it is started with the argument 'serve' and must listen on port 8080 "
                "(SAGEMAKER_BIND_TO_PORT)",
            )
        for port in ports:
            with contextlib.suppress(OSError):
                if _ask(port, "GET", "/ping", None, {}, _PING)[0] == 200:
                    return port
        time.sleep(_PAUSE)
    raise ServerError(504, f"the server program '{program.name}' has not answered GET /ping within {_STARTUP:.0f} s")


def _parameters(port: int) -> dict[str, Any] | None:
    """Return what `GET /execution-parameters` says, None where the server hasn't got it."""
    with contextlib.suppress(OSError, ValueError):
        status, body, _ = _ask(port, "GET", "/execution-parameters", None, {}, _PING)
        said = json.loads(body) if status == 200 else None
        return said if isinstance(said, dict) else None
    return None


def _ask(  # noqa: PLR0917 - a request has these parts
    port: int, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float
) -> tuple[int, bytes, str | None]:
    """Ask the server; an answer that is none is an OSError as well."""
    from http.client import HTTPConnection, HTTPException  # heavy, and most containers are no server

    deadline = time.monotonic() + timeout
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, _read(response, deadline), response.getheader("Content-Type")
    except HTTPException as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """Return the body; TimeoutError where it isn't there in time, though a little of it may come now and then."""
    blocks, left = [], response.length  # which Python 3.8 doesn't count down
    while block := response.read1(_BLOCK if left is None else min(left, _BLOCK)):
        blocks.append(block)
        left = None if left is None else left - len(block)
        if time.monotonic() > deadline:
            raise TimeoutError
    if left:
        raise ConnectionError(f"its answer ends {left:,} bytes before its end")
    return b"".join(blocks)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
            return
