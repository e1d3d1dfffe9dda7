"""SavedModels behind TensorFlow Serving's REST interface: `:predict` with "instances" (rows) or "inputs" (columns).

Only the standard library is used besides `tensorflow`. There is no gRPC, no `:classify` and no `:regress`.
Sources: TensorFlow Serving's api_rest.md and util/json_tensor.cc.
"""

from __future__ import annotations

import base64
import functools
import importlib
import json
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipeline_builder.engine.inside.serving.rapidjson import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.server import BaseHTTPRequestHandler as _Base
else:
    _Base = object

DEFAULT_TYPE = "application/json"
SIGNATURE = "serving_default"
_PATH = re.compile(r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+))?:predict")


class RequestError(Exception):
    """A request that TensorFlow Serving would refuse; `status` is the HTTP status of its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def find_models(model_dir: Path) -> dict[str, Path]:
    """Return the folder of each model in the archive by its name: what has `<version>/saved_model.pb` in it."""
    found = sorted(path.parent for path in model_dir.rglob("saved_model.pb") if path.parent.name.isdigit())
    return {folder.parent.name: folder.parent for folder in found}


class Servables:
    """The models by name and version, each loaded when it is first asked for."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def load(self, model: str, version: str | None) -> Any:
        """Return a SavedModel, by default of the newest version; RequestError 404 where there is none."""
        folder = self._folders.get(model)
        there = {int(path.name): path for path in folder.iterdir() if path.name.isdigit()} if folder else {}
        number = int(version) if version else max(there, default=-1)
        if number not in there:
            name = f"{model} version {version}" if version else model
            raise RequestError(404, f"Servable not found for request: {name}")
        return _load(there[number])

    def answer(self, model: str, version: str | None, body: bytes) -> tuple[int, str]:
        """Return the status and the JSON that TensorFlow Serving answers a body with."""
        try:
            return 200, self.predict(model, version, _parsed(body))
        except RequestError as error:
            status, message = error.status, str(error)
        except Exception as error:  # noqa: BLE001 - the model is the user's and may raise anything
            status, message = 400, f"{type(error).__name__}: {error}"
        return status, json.dumps({"error": message})

    def predict(self, model: str, version: str | None, request: Any) -> str:
        """Return the answer to a request, as JSON.

        Raises:
            RequestError: 400 for a request that doesn't fit the model.
        """
        if not isinstance(request, dict) or ("instances" in request) == ("inputs" in request):
            raise RequestError(400, "the request must be a mapping with either 'instances' or 'inputs'")
        signatures = self.load(model, version).signatures
        name = request.get("signature_name") or SIGNATURE
        if name not in signatures:
            raise RequestError(400, f"the model has no signature '{name}', it has: {', '.join(signatures)}")
        signature = signatures[name]
        specs = signature.structured_input_signature[1]
        rows = "instances" in request
        given = _columns(request["instances"], specs) if rows else _by_name(request["inputs"], specs)
        outputs = signature(**_tensors(given, specs))
        values = {key: (tensor.numpy().tolist(), _kind_of(tensor, key)) for key, tensor in outputs.items()}
        return _as_rows(values) if rows else _as_columns(values)


@functools.lru_cache
def _load(folder: Path) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its greeting would be half of the log
    return importlib.import_module("tensorflow").saved_model.load(str(folder))


def _columns(instances: Any, specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return rows as one list for each input: rows are mappings by input, or values of the only one."""
    if not isinstance(instances, list) or not instances:
        raise RequestError(400, "'instances' must be a list with at least one row")
    named = [isinstance(row, dict) and set(row) != {"b64"} for row in instances]
    if not any(named):
        return _by_name(instances, specs)
    if not all(named) or any(set(row) != set(specs) for row in instances):
        raise RequestError(400, f"each row must have the model's inputs: {', '.join(specs)}")
    return {name: [row[name] for row in instances] for name in specs}


def _by_name(value: Any, specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given for each input; a value alone is the only input's."""
    if isinstance(value, dict) and set(value) == set(specs):
        return value
    if len(specs) != 1 or (isinstance(value, dict) and set(value) != {"b64"}):
        raise RequestError(400, f"the inputs must be given by name: {', '.join(specs)}")
    return {next(iter(specs)): value}


def _tensors(given: Mapping[str, Any], specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return tensors of the types and shapes that the signature has."""
    tensorflow = importlib.import_module("tensorflow")
    tensors = {}
    for name, spec in specs.items():
        try:
            tensor = tensorflow.constant(_decoded(given[name]), dtype=spec.dtype)
        except (TypeError, ValueError) as error:
            raise RequestError(400, f"the input '{name}' can't be read as {spec.dtype.name}: {error}") from error
        if not spec.shape.is_compatible_with(tensor.shape):
            raise RequestError(400, f"the input '{name}' has the shape {tensor.shape}, expected {spec.shape}")
        tensors[name] = tensor
    return tensors


def _decoded(value: Any) -> Any:
    """Return the value with each {"b64": …} in it as bytes."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    return value


def _kind_of(tensor: Any, name: str) -> str:
    """Return how the values of an output are written: as floats of a size, or text as base64, which its name says."""
    kind = str(getattr(getattr(tensor, "dtype", None), "name", ""))
    return "bytes" if name.endswith("_bytes") else kind


def _as_rows(values: Mapping[str, tuple[Any, str]]) -> str:
    """Return the outputs row by row; of a single output its values alone."""
    sizes = {len(value) if isinstance(value, list) else 0 for value, _ in values.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise RequestError(400, "the outputs have no common first dimension: ask with 'inputs'")
    writer = Writer()
    writer.open("{")
    writer.key("predictions")
    writer.open("[")
    for number in range(sizes.pop()):
        _write(writer, {name: (value[number], kind) for name, (value, kind) in values.items()}, one_line=True)
    writer.close("]")
    writer.close("}")
    return writer.text()


def _as_columns(values: Mapping[str, tuple[Any, str]]) -> str:
    writer = Writer()
    writer.open("{")
    writer.key("outputs")
    _write(writer, values, one_line=False)
    writer.close("}")
    return writer.text()


def _write(writer: Writer, values: Mapping[str, tuple[Any, str]], *, one_line: bool) -> None:
    """Write outputs by their name, a single one alone."""
    named = len(values) > 1
    if named:
        writer.open("{")
    writer.one_line = one_line
    for name, (value, kind) in values.items():
        if named:
            writer.key(name)
        writer.value(value, kind)
    writer.one_line = False
    if named:
        writer.close("}")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise RequestError(400, f"the request is not JSON: {error}") from error


def serve(servables: Servables) -> int:
    """Answer on a free port of this machine until the process ends; return the port."""
    from http.server import BaseHTTPRequestHandler, HTTPServer  # heavy, and most containers serve nothing

    requests = cast("type[_Requests]", type("Requests", (_Requests, BaseHTTPRequestHandler), {}))
    server = HTTPServer(("127.0.0.1", 0), functools.partial(requests, servables))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class _Requests(_Base):
    """One request to the REST interface."""

    def __init__(self, servables: Servables, *arguments: Any) -> None:
        self._servables = servables
        super().__init__(*arguments)

    def do_POST(self) -> None:  # noqa: N802 - its name there
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = _PATH.fullmatch(self.path)
        if found:
            status, answer = self._servables.answer(found["model"], found["version"], body)
        else:
            status, answer = (
                404,
                json.dumps({"error": f"'{self.path}' is not known here: only ':predict' of a model is"}),
            )
        content = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", DEFAULT_TYPE)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the log is the program's."""
