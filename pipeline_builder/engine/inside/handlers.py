"""What answers the requests of a batch transform: the handlers of the user's program, called as AWS's toolkit does.

A program for TensorFlow Serving's image (`input_handler` and `output_handler`, or `handler`) is called by `serving`.
numpy is imported where a default decoder or encoder needs it, as in the toolkit.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import os
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside import serving
from pipeline_builder.engine.inside.answers import Answered, Asked, Container

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline_builder.engine.inside.answers import Answer

    Spec = Mapping[str, Any]

OPT_ML = "/opt/ml"
JSON_TYPE, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"


def open_container(spec: Spec) -> Container:
    """Import the program, load the model once and return what answers requests.

    `spec` has "model_dir", "code_dir" and "program".
    """
    module = _import_program(spec)
    model_dir = _here(spec["model_dir"])
    if serving.has_handlers(module):
        return Container(_answering(serving.open_handlers(module, model_dir)))
    return Container(_toolkit(module, str(model_dir)))


def _here(path: str) -> Path:
    """Return where a path of the container is: below SAGEMAKER_BASE_DIR where /opt/ml isn't private."""
    base = os.environ.get("SAGEMAKER_BASE_DIR")
    return Path(base + path[len(OPT_ML) :]) if base and (path + "/").startswith(OPT_ML + "/") else Path(path)


def _import_program(spec: Spec) -> types.ModuleType:
    folders = [str(_here(spec["code_dir"])), str(_here(spec["model_dir"]) / "code")]
    # In place of this program's own folder, so that none of the names beside it hides one of the user's.
    sys.path[0:1] = [folder for folder in folders if Path(folder).is_dir()]
    name = spec["program"]
    name = name.removesuffix(".py")
    return importlib.import_module(name.replace("/", "."))


def _toolkit(module: types.ModuleType, model_dir: str) -> Answer:
    """Return what answers with the handlers of AWS's inference toolkit."""
    parts = [name for name in ("input_fn", "predict_fn", "output_fn") if hasattr(module, name)]
    if hasattr(module, "transform_fn") and parts:
        raise ValueError(f"the program defines 'transform_fn' and also {', '.join(parts)}: one or the other")
    context = types.SimpleNamespace(system_properties={"model_dir": model_dir, "gpu_id": None})
    if hasattr(module, "pre_model_fn"):
        _bound(module.pre_model_fn, 1, context)(model_dir)
    model = _bound(getattr(module, "model_fn", default_model_fn), 1, context)(model_dir)
    if hasattr(module, "model_warmup_fn"):
        _bound(module.model_warmup_fn, 2, context)(model_dir, model)
    if hasattr(module, "transform_fn"):
        transform = _bound(module.transform_fn, 4, context)
        return _answering(lambda asked: transform(model, _text(asked), asked.content_type, _accept(asked)))
    decode = _bound(getattr(module, "input_fn", default_input_fn), 2, context)
    predict = _bound(getattr(module, "predict_fn", default_predict_fn), 2, context)
    encode = _bound(getattr(module, "output_fn", default_output_fn), 2, context)
    return _answering(
        lambda asked: encode(predict(decode(_text(asked), asked.content_type), model), _accept(asked)),
    )


def _bound(handler: Callable[..., Any], count: int, context: object) -> Callable[..., Any]:
    """Return the handler as it is called with `count` arguments: with the context where it takes one more."""
    if len(inspect.signature(handler).parameters) == count + 1:
        return lambda *arguments: handler(*arguments, context)
    return handler


def _text(asked: Asked) -> Any:
    return asked.body.decode("utf-8") if asked.content_type in (JSON_TYPE, CSV) else asked.body


def _accept(asked: Asked) -> str:
    if asked.accept and asked.accept != "*/*":
        return asked.accept
    return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON_TYPE)


def _answering(respond: Callable[[Asked], Any]) -> Answer:
    """Return an Answer of a function whose responses are a body, or a body and its content type."""

    def answer(asked: Asked) -> Answered:
        response = respond(asked)
        kind = response[1] if isinstance(response, tuple) and len(response) > 1 else _accept(asked)
        return Answered(_as_bytes(response), str(kind))

    return answer


def _as_bytes(response: Any) -> bytes:
    if isinstance(response, tuple):  # (body, content type)
        response = response[0]
    if isinstance(response, str):
        return response.encode("utf-8")
    if isinstance(response, (bytes, bytearray, memoryview)):
        return bytes(response)
    raise TypeError(f"a response must be text or bytes, this one is of type '{type(response).__name__}'")


def default_model_fn(_model_dir: str) -> Any:
    """Tell that the program must load its model itself."""
    raise NotImplementedError("the program has no 'model_fn', which is needed to load the model")


def default_predict_fn(data: Any, model: Any) -> Any:
    """Return the model's own prediction, which is what AWS's images for scikit-learn and XGBoost do."""
    if not hasattr(model, "predict"):
        raise NotImplementedError("the program has no 'predict_fn', and the model has no method 'predict'")
    return model.predict(data)


def default_input_fn(body: Any, content_type: str | None) -> Any:
    """Return the body as an array: text/csv, application/json, application/x-npy or application/x-npz."""
    import numpy as np  # type: ignore[import-not-found,unused-ignore] # only in the job's environment

    if content_type == JSON_TYPE:
        return np.array(json.loads(body))
    if content_type == CSV:
        return np.genfromtxt(io.StringIO(body), dtype=None, delimiter=",")
    if content_type == NPY:
        return np.load(io.BytesIO(body), allow_pickle=True)
    if content_type == NPZ:
        return importlib.import_module("scipy.sparse").load_npz(io.BytesIO(body))
    raise ValueError(f"content type '{content_type}' has no default decoder: define 'input_fn'")


def default_output_fn(prediction: Any, accept: str) -> tuple[Any, str]:
    """Return the prediction in the first of the accepted types that has an encoder, and that type."""
    for kind in accept.replace(" ", "").split(","):
        if kind == JSON_TYPE:
            return json.dumps(prediction, default=lambda value: value.tolist()), kind
        if kind in (CSV, NPY):
            import numpy as np

            text, data = io.StringIO(), io.BytesIO()
            if kind == CSV:
                np.savetxt(text, prediction, delimiter=",", fmt="%s")
            else:
                np.save(data, prediction)
            return (text.getvalue() if kind == CSV else data.getvalue()), kind
    raise ValueError(f"accept '{accept}' has no default encoder: define 'output_fn'")
