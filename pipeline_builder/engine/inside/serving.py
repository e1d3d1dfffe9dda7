"""The handlers of AWS's TensorFlow Serving image in a job's environment, and the REST interface that they talk to.

In that image a program never holds the model: TensorFlow Serving does, and `input_handler` makes a request to it,
`output_handler` an answer of its response. Here the SavedModel is behind the same interface, on a port of this machine:
`POST /v1/models/<model>[/versions/<version>]:predict` with "instances" (rows) or "inputs" (columns). There is no gRPC.
Only the standard library is used besides `tensorflow` and `requests`, which comes with it.
Sources: aws/sagemaker-tensorflow-serving-container (python_service.py, tfs_utils.py), TensorFlow Serving's api_rest.md.
"""

from __future__ import annotations

import base64
import functools
import importlib
import io
import json
import os
import re
import threading
import types
from collections import namedtuple
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline_builder.engine.inside.answers import Asked

PROGRAM = "code/inference.py"
DEFAULT_TYPE = "application/json"
SIGNATURE = "serving_default"
_PATH = re.compile(r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+))?:predict")
# Names and order are the image's own; programs take it apart both ways.
Context = namedtuple(  # noqa: PYI024 - its fields have no types there either
    "Context",
    "model_name, model_version, method, rest_uri, grpc_port, channel, custom_attributes, request_content_type, "
    "accept_header, content_length",
)


class RequestError(Exception):
    """A request that TensorFlow Serving would refuse; `status` is the HTTP status of its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def has_handlers(module: types.ModuleType) -> bool:
    """Tell whether the program is one for TensorFlow Serving's image."""
    ours = any(hasattr(module, name) for name in ("model_fn", "transform_fn", "predict_fn"))
    return not ours and any(hasattr(module, name) for name in ("handler", "input_handler", "output_handler"))


def open_handlers(module: types.ModuleType, model_dir: Path) -> Callable[[Asked], Any]:
    """Load the model, start serving it, and return what answers a request with the program's handlers.

    Raises:
        ValueError: the image would not find the program, its handlers, or a SavedModel.
    """
    handle = _handler(module, model_dir)
    models = find_models(model_dir)
    if not models:
        raise ValueError(f"there is no '<model>/<version>/saved_model.pb' in the model's archive, '{model_dir}'")
    asked = os.environ.get("TFS_DEFAULT_MODEL_NAME", "None")
    default = next(iter(models)) if asked == "None" else asked
    servables = Servables(models)
    servables.load(default, None)
    uri = f"http://localhost:{_serve(servables)}/v1/models/{default}:predict"
    _without_proxy("localhost")

    def respond(asked: Asked) -> Any:
        kinds = (asked.content_type or DEFAULT_TYPE, asked.accept or DEFAULT_TYPE)
        context = Context(None, None, None, uri, None, None, None, *kinds, len(asked.body))
        return handle(io.BytesIO(asked.body), context)

    return respond


def _handler(module: types.ModuleType, model_dir: Path) -> Callable[[Any, Any], Any]:
    """Return the program's `handler`, or one of its two halves, as the image does."""
    if Path(str(module.__file__)).resolve() != (model_dir / PROGRAM).resolve():
        raise ValueError(
            f"TensorFlow Serving's image takes handlers from '{PROGRAM}' in the model's archive only: set "
            f"'ModelRepack: \"True\"' and name the entry point 'inference.py' (this is '{module.__file__}')"
        )
    if hasattr(module, "handler"):
        return module.handler  # type: ignore[no-any-return] # the user's own function
    if not (hasattr(module, "input_handler") and hasattr(module, "output_handler")):
        raise ValueError("the program needs both 'input_handler' and 'output_handler', or 'handler'")

    def handle(data: Any, context: Any) -> Any:
        request = module.input_handler(data, context)
        response = importlib.import_module("requests").post(context.rest_uri, data=request)
        return module.output_handler(response, context)

    return handle


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

    def predict(self, model: str, version: str | None, request: Any) -> dict[str, Any]:
        """Answer a request as TensorFlow Serving's REST interface does.

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
        values = {key: _plain(tensor.numpy().tolist(), key) for key, tensor in outputs.items()}
        return {"predictions": _rows(values)} if rows else {"outputs": _alone(values)}


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


def _plain(value: Any, name: str) -> Any:
    """Return the value as JSON can have it: bytes as text, or as base64 where the output's name ends in `_bytes`."""
    if isinstance(value, list):
        return [_plain(item, name) for item in value]
    if isinstance(value, bytes):
        encoded = {"b64": base64.b64encode(value).decode()}
        return encoded if name.endswith("_bytes") else value.decode("utf-8", "replace")
    return value


def _rows(values: Mapping[str, Any]) -> list[Any]:
    """Return the outputs row by row; of a single output its values alone."""
    sizes = {len(value) if isinstance(value, list) else 0 for value in values.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise RequestError(400, "the outputs have no common first dimension: ask with 'inputs'")
    return [_alone(dict(zip(values, row, strict=True))) for row in zip(*values.values(), strict=True)]


def _alone(values: dict[str, Any]) -> Any:
    return next(iter(values.values())) if len(values) == 1 else values


def _serve(servables: Servables) -> int:
    """Answer on a free port of this machine until the process ends; return the port."""
    server = HTTPServer(("127.0.0.1", 0), functools.partial(_Requests, servables))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class _Requests(BaseHTTPRequestHandler):
    """One request to the REST interface."""

    def __init__(self, servables: Servables, *arguments: Any) -> None:
        self._servables = servables
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, answer = 200, self._answer(body)
        except RequestError as error:
            status, answer = error.status, {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the model is the user's and may raise anything
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", DEFAULT_TYPE)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: bytes) -> dict[str, Any]:
        found = _PATH.fullmatch(self.path)
        if not found:
            raise RequestError(404, f"'{self.path}' is not known here: only ':predict' of a model is")
        try:
            request = json.loads(body)
        except ValueError as error:
            raise RequestError(400, f"the request is not JSON: {error}") from error
        return self._servables.predict(found["model"], found["version"], request)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the log is the program's."""


def _without_proxy(host: str) -> None:
    """Keep requests to this machine away from a proxy that the environment names for all others."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), host)))
