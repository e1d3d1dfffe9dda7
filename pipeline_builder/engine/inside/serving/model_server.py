"""A stand-in for the multi-model server, a Java program: it serves one module's `handle(data, context)` over HTTP.

Source: awslabs/multi-model-server (docs/inference_api.md, docs/configuration.md), `sagemaker-inference`'s
model_server.py, which starts it.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipeline_builder.engine.inside.answers import AnswerError, Asked, Container
from pipeline_builder.engine.inside.serving import services, toolkit

if TYPE_CHECKING:
    import types
    from http.server import BaseHTTPRequestHandler as _Base
else:
    _Base = object

DEFAULT_HANDLER = "sagemaker_inference.default_handler_service"
_PORT = 8080


def start_model_server(handler_service: str = DEFAULT_HANDLER, **_: Any) -> None:
    """Serve what `sagemaker_inference.model_server.start_model_server` would have served, until the process ends."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    play(handler_service, base / "model", int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or _PORT))


def main(arguments: list[str]) -> int:
    """Play the command `multi-model-server`: `--models name=folder`, `--mms-config file`."""
    given = dict(re.findall(r"--([\w-]+)[ =]+(?!--)(\S+)", " ".join(arguments)))
    settings = _settings(Path(given["mms-config"])) if "mms-config" in given else {}
    folder = Path(given.get("models", "model=/opt/ml/model").rpartition("=")[2])
    port = int(
        settings.get("inference_address", "").rpartition(":")[2] or os.environ.get("SAGEMAKER_BIND_TO_PORT") or _PORT
    )
    play(settings.get("default_service_handler", DEFAULT_HANDLER), folder, port)
    return 0


def _settings(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def play(handler: str, folder: Path, port: int) -> None:
    """Load the handler and answer on the port until the process ends."""
    container = _opened(handler, folder)
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # heavy, and most containers serve nothing

    requests = cast("type[_Requests]", type("Requests", (_Requests, BaseHTTPRequestHandler), {}))
    server = ThreadingHTTPServer(("127.0.0.1", port), functools.partial(requests, container, threading.Lock()))
    server.serve_forever()


def _opened(handler: str, folder: Path) -> Container:
    """Open the service that `module`, `module:function` or `/a/file.py:function` names."""
    name, _, function = handler.partition(":")
    code = folder / "code"
    sys.path[0:0] = [str(code), str(folder)]
    if name == DEFAULT_HANDLER:
        program = os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
        return toolkit.open_toolkit(_load(program, code), str(folder), toolkit.Defaults(), own=True)
    return services.open_service(_load(name, folder), str(folder), function or "handle")


def _load(name: str, folder: Path) -> types.ModuleType:
    """Import a module by its name; of a path by that of its file, from where it is or lies beside the model."""
    path = Path(name)
    if path.suffix == ".py":
        for place in (path, folder / path.name):
            if place.is_file():
                sys.path.insert(0, str(place.parent))
                break
        name = path.stem
    return importlib.import_module(name)


class _Requests(_Base):
    """One request to the server; the service answers one at a time, as a worker of the server does."""

    protocol_version = "HTTP/1.1"

    def __init__(self, container: Container, lock: threading.Lock, *arguments: Any) -> None:
        self._container, self._lock = container, lock
        super().__init__(*arguments)

    def do_GET(self) -> None:  # noqa: N802 - its name there
        is_ping = self.path == "/ping"
        content = json.dumps({"status": "Healthy!"} if is_ping else {"code": 404, "message": "Not found"}, indent=2)
        self._say(200 if is_ping else 404, content.encode(), "application/json")

    def do_POST(self) -> None:  # noqa: N802 - its name there
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not re.fullmatch(r"/invocations|/(?:predictions|models)/[^/]+(?:/invoke)?", self.path):
            self._say(404, b"", "application/json")
            return
        try:
            with self._lock:
                asked = Asked(body, self.headers.get("Content-Type"), self.headers.get("Accept"))
                answered = self._container.answer(asked)
        except AnswerError as error:
            content = json.dumps(
                {"code": error.status, "type": "InternalServerException", "message": str(error)}, indent=2
            )
            self._say(error.status, content.encode(), "application/json")
        else:
            self._say(200, answered.body, answered.content_type)

    def _say(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the log is the program's."""
