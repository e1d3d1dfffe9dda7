"""AWS's image for TensorFlow Serving: with the handlers of a program, or by itself.

A program never holds the model there: TensorFlow Serving does, and `input_handler` makes a request to it,
`output_handler` an answer of its response. Here the SavedModel is behind the same interface, on a port of this machine.
Sources: aws/sagemaker-tensorflow-serving-container (python_service.py, tfs_utils.py, serve.py, tensorflowServing.js).
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import io
import os
from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import Answered, AnswerError, Container
from pipeline_builder.engine.inside.serving import rest_rules, savedmodels

if TYPE_CHECKING:
    import types
    from collections.abc import Callable

    from pipeline_builder.engine.inside.answers import Asked

PROGRAM = "code/inference.py"
DEFAULT_TYPE = "application/json"
# Names and order are the image's own; programs take it apart both ways.
Context = namedtuple(  # noqa: PYI024 - its fields have no types there either
    "Context",
    "model_name, model_version, method, rest_uri, grpc_port, channel, custom_attributes, request_content_type, "
    "accept_header, content_length",
)


def has_handlers(module: types.ModuleType) -> bool:
    """Tell whether the program is one for TensorFlow Serving's image."""
    ours = any(hasattr(module, name) for name in ("model_fn", "transform_fn", "predict_fn"))
    return not ours and any(hasattr(module, name) for name in ("handler", "input_handler", "output_handler"))


def open_handlers(module: types.ModuleType, model_dir: Path) -> Container:
    """Load the model, start serving it, and return what answers a request with the program's handlers.

    Raises:
        ValueError: the image would not find the program, its handlers, or a SavedModel.
    """
    handle = _handler(module, model_dir)
    servables, default = _opened(model_dir)
    uri = f"http://localhost:{savedmodels.serve(servables)}/v1/models/{default}:predict"
    _without_proxy("localhost")

    def answer(asked: Asked) -> Answered:
        kinds = (asked.content_type or DEFAULT_TYPE, asked.accept or DEFAULT_TYPE)
        context = Context(None, None, None, uri, None, None, None, *kinds, len(asked.body))
        try:
            body, kind = handle(io.BytesIO(asked.body), context)
        except Exception as error:
            raise AnswerError(500, f"{type(error).__name__}: {error}") from error
        if not isinstance(body, (str, bytes)):
            raise AnswerError(500, f"the handler's answer must be text or bytes, not {type(body).__name__}")
        return Answered(body.encode("utf-8") if isinstance(body, str) else body, str(kind))

    return Container(answer)


def open_alone(model_dir: Path) -> Container:
    """Load the model and return what answers as the image does without a program: JSON, JSON lines and CSV."""
    servables, default = _opened(model_dir)

    def answer(asked: Asked) -> Answered:
        request = rest_rules.request_for(asked.body.decode("utf-8", "replace"), asked.content_type)
        if request is None:
            raise AnswerError(415, f"Unsupported Media Type: {asked.content_type or 'Unknown'}")
        status, said = servables.answer(default, None, request.encode("utf-8"))
        if status != 200:
            raise AnswerError(status, said)
        body, kind = rest_rules.answer_for(said, asked.accept)
        return Answered(body.encode("utf-8"), kind)

    return Container(answer)


def _opened(model_dir: Path) -> tuple[savedmodels.Servables, str]:
    """Return the archive's models, and the name of the one that answers."""
    models = savedmodels.find_models(model_dir)
    if not models:
        raise ValueError(f"there is no '<model>/<version>/saved_model.pb' in the model's archive, '{model_dir}'")
    asked = os.environ.get("SAGEMAKER_TFS_DEFAULT_MODEL_NAME", "None")
    default = next(iter(models)) if asked == "None" else asked
    servables = savedmodels.Servables(models)
    servables.load(default, None)
    return servables, default


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

    before, after = module.input_handler, module.output_handler  # the image takes them once too

    def handle(data: Any, context: Any) -> Any:
        request = before(data, context)
        return after(_requests().post(context.rest_uri, data=request), context)

    return handle


@functools.lru_cache
def _requests() -> Any:
    return importlib.import_module("requests")


def _without_proxy(host: str) -> None:
    """Keep requests to this machine away from a proxy that the environment names for all others."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), host)))
