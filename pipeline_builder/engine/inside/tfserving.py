"""TensorFlow Serving's part in batch inference: answers predict requests of a SavedModel, and calls the two handlers.

AWS's TensorFlow images run TensorFlow Serving beside a small server, which hands each request to the program's
`input_handler(data, context)`, posts what that returns to Serving's REST interface, and gives the response to
`output_handler(response, context)`. Here TensorFlow itself answers in place of Serving, in the form of the predict call
of that interface: rows (`instances` to `predictions`) or columns (`inputs` to `outputs`).
"""

from __future__ import annotations

import importlib
import io
import json
import os
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_BAD_REQUEST, _FINE = 400, 200


class Response:
    """An answer of Serving, in the words of the library that the handlers of AWS's images get it from."""

    def __init__(self, status_code: int, content: dict[str, Any]) -> None:
        self.status_code = status_code
        self.content = json.dumps(content, indent=1).encode()
        self.headers = {"Content-Type": "application/json"}

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        """Return the content as values."""
        return json.loads(self.content)


def wants_serving(module: types.ModuleType) -> bool:
    """Tell whether the program has TensorFlow Serving's handlers, or one for both ways."""
    names = ("input_handler", "output_handler")
    return not hasattr(module, "model_fn") and (hasattr(module, "handler") or all(hasattr(module, n) for n in names))


def make_responder(module: types.ModuleType, model_dir: str, spec: Mapping[str, Any]) -> Callable[[bytes], Any]:
    """Load the model once; return what answers a request's body."""
    folder = find_model(Path(model_dir))
    predict = load_model(folder)

    def respond(body: bytes) -> Any:
        context = types.SimpleNamespace(
            model_name=folder.parent.name or "model",
            model_version=folder.name,
            method="predict",
            rest_uri="",
            grpc_port="",
            channel=None,
            custom_attributes=os.environ.get("SAGEMAKER_TFS_CUSTOM_ATTRIBUTES", ""),
            request_content_type=spec["content_type"],
            accept_header=spec["accept"] or "application/json",
            content_length=len(body),
        )
        if hasattr(module, "handler"):
            return module.handler(io.BytesIO(body), context)
        asked = module.input_handler(io.BytesIO(body), context)
        return module.output_handler(answer(predict, asked), context)

    return respond


def find_model(model_dir: Path) -> Path:
    """Return the folder of the newest version: one with a number for a name that holds a SavedModel."""
    found = [path.parent for path in model_dir.rglob("saved_model.pb") if path.parent.name.isdigit()]
    if not found:
        message = f"there is no SavedModel in '{model_dir}': TensorFlow Serving looks for <version>/saved_model.pb"
        raise FileNotFoundError(message)
    return max(found, key=lambda path: int(path.name))


def load_model(folder: Path) -> Callable[[str, Any], dict[str, Any]]:
    """Return what calls a signature of the model with columns of values, and gives columns of values."""
    tf = importlib.import_module("tensorflow")  # it is in the job's environment only
    model = tf.saved_model.load(str(folder))

    def predict(signature: str, columns: Any) -> dict[str, Any]:
        if signature not in model.signatures:
            known = ", ".join(sorted(model.signatures))
            raise ValueError(f"the model has no signature '{signature}', it has {known}")
        call = model.signatures[signature]
        wanted = call.structured_input_signature[1]
        given = columns if isinstance(columns, Mapping) else {next(iter(wanted)): columns}
        if given.keys() != wanted.keys():
            raise ValueError(f"the inputs are {', '.join(sorted(given))}, expected {', '.join(sorted(wanted))}")
        tensors = {name: tf.constant(given[name], dtype=spec.dtype) for name, spec in wanted.items()}
        return {name: tensor.numpy().tolist() for name, tensor in call(**tensors).items()}

    return predict


def answer(predict: Callable[[str, Any], dict[str, Any]], body: Any) -> Response:
    """Answer a predict call's body (text, bytes or a file); what is wrong with it comes back as Serving says it."""
    try:
        text = body.read() if hasattr(body, "read") else body
        asked = json.loads(text)
        signature = asked.get("signature_name", "serving_default")
        if "instances" in asked:
            return Response(_FINE, {"predictions": _rows(predict(signature, _columns(asked["instances"])))})
        outputs = predict(signature, asked["inputs"])
        return Response(_FINE, {"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return Response(_BAD_REQUEST, {"error": f"{type(error).__name__}: {error}"})


def _columns(instances: list[Any]) -> Any:
    """Return rows as columns; rows that are no mappings are the one input's."""
    if instances and isinstance(instances[0], dict):
        return {name: [row[name] for row in instances] for name in instances[0]}
    return instances


def _rows(outputs: Mapping[str, list[Any]]) -> list[Any]:
    """Return columns as rows; of a single output its values alone."""
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    return [dict(zip(outputs, values)) for values in zip(*outputs.values())]  # noqa: B905 - Python 3.8 may run this
