"""The handlers of a program as `sagemaker_inference` calls them: AWS's images for PyTorch, MXNet and your own.

Source: `sagemaker-inference` on PyPI (transformer.py, default_inference_handler.py, utils.py); its model server writes
what they return (`services.body_of`).
"""

from __future__ import annotations

import os
import types
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import Answered, AnswerError, Container
from pipeline_builder.engine.inside.serving import codecs
from pipeline_builder.engine.inside.serving.contexts import Context
from pipeline_builder.engine.inside.serving.responses import read_response
from pipeline_builder.engine.inside.serving.services import body_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_builder.engine.inside.answers import Asked

    Function = Callable[..., Any]

PARTS = ("input_fn", "predict_fn", "output_fn")
_REST, _NAMED_REST = 0x04, 0x08  # CO_VARARGS and CO_VARKEYWORDS, of `inspect`


class Defaults:
    """What is called for the functions that a program leaves out; here those of `sagemaker_inference` itself."""

    def model_fn(self, _model_dir: str) -> Any:
        """Say that the program must load its model itself."""
        raise NotImplementedError("the program has no 'model_fn', which is needed to load the model")

    def input_fn(self, body: Any, content_type: str | None) -> Any:
        """Return the body as an array."""
        return codecs.decode(body, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Return the model's own prediction, as AWS's images for scikit-learn and XGBoost do."""
        if not hasattr(model, "predict"):
            raise NotImplementedError("the program has no 'predict_fn', and the model has no method 'predict'")
        return model.predict(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """Return the prediction in the first of the accepted types that can be written, and that type."""
        for kind in accept.replace(" ", "").split(","):
            if codecs.encodes(kind):
                return codecs.encode(prediction, kind), kind
        raise codecs.UnsupportedFormatError(accept, "output_fn")


def open_toolkit(module: types.ModuleType | None, model_dir: str, defaults: Defaults, *, own: bool) -> Container:
    """Load the model and return what answers with the program's functions, and `defaults` for those it leaves out.

    `own` is for an image that isn't AWS's, of which nobody knows what calls its handlers: a Response is taken too.
    """
    context = Context(model_dir)
    transform = transform_of(module, defaults, context)
    accepted = accept_by_default()
    if hasattr(module, "pre_model_fn"):
        bind(module.pre_model_fn, 1, context)(model_dir)  # type: ignore[union-attr] # None has no such function
    model = bind(getattr(module, "model_fn", defaults.model_fn), 1, context)(model_dir)
    if hasattr(module, "model_warmup_fn"):
        bind(module.model_warmup_fn, 2, context)(model_dir, model)  # type: ignore[union-attr]

    def answer(asked: Asked) -> Answered:
        context.begin(asked)
        kind = asked.accept if asked.accept and asked.accept != codecs.ANY else accepted
        try:
            result = transform(model, text_of(asked), asked.content_type, kind)
            if own and (response := read_response(result)):
                return response
        except AnswerError:
            raise
        except Exception as error:
            raise AnswerError(*status_of(error)) from error
        if isinstance(result, tuple):
            result, kind = result[0], str(result[1])
        return Answered(body_of(result), kind)

    return Container(answer)


def transform_of(module: types.ModuleType | None, defaults: Any, context: Context) -> Function:
    """Return what makes an answer of (model, body, content type, accept); `defaults` has the functions left out."""
    given = [name for name in PARTS if getattr(module, name, None)]
    whole = getattr(module, "transform_fn", None)
    if whole and given:
        raise ValueError(f"the program defines 'transform_fn' and also {', '.join(given)}: one or the other")
    if whole:
        return bind(whole, 4, context)
    handlers = (getattr(module, name, None) or getattr(defaults, name) for name in PARTS)
    decode, predict, encode = (bind(function, 2, context) for function in handlers)

    def transform(model: Any, body: Any, content_type: str | None, accept: str) -> Any:
        return encode(predict(decode(body, content_type), model), accept)

    return transform


def bind(function: Function, given: int, context: Context) -> Function:
    """Return what calls a handler with so many arguments, and with the context where it takes one more.

    How it is called is decided here, once, and not for each of the records; what is wrong with it is said by the call.
    """
    try:
        count = _count(function)
    except (TypeError, ValueError) as error:  # a function that doesn't say what it takes
        return _failing(error)
    if count == given:
        return function
    if count == given + 1:
        return lambda *arguments: function(*arguments, context)
    name = getattr(function, "__name__", "the handler")
    return _failing(TypeError(f"{name} takes {count} arguments but {given} were given"))


def _count(function: Function) -> int:
    """Return how many parameters a function has, as `inspect.signature` finds them; most without importing that."""
    plain = function.__func__ if isinstance(function, types.MethodType) else function
    is_bound = plain is not function
    # In its variables are `__wrapped__` and `__signature__`.
    if not isinstance(plain, types.FunctionType) or vars(plain) or (is_bound and not plain.__code__.co_argcount):
        import inspect  # heavy

        return len(inspect.signature(function).parameters)
    code = plain.__code__
    rest = bool(code.co_flags & _REST) + bool(code.co_flags & _NAMED_REST)
    return code.co_argcount - is_bound + code.co_kwonlyargcount + rest


def _failing(error: Exception) -> Function:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def status_of(error: Exception) -> tuple[int, str]:
    """Return the status that an error of a handler becomes, and its message."""
    status = getattr(error, "status_code", None)  # sagemaker_inference.errors.BaseInferenceToolkitError
    if isinstance(status, int) and hasattr(error, "phrase"):
        return status, str(getattr(error, "message", error))
    return 500, f"{type(error).__name__}: {error}"


def text_of(asked: Asked) -> Any:
    """Return the body as handlers get it: JSON and CSV as text, others as the model server's array of bytes."""
    return asked.body.decode("utf-8") if asked.content_type in codecs.TEXT_TYPES else bytearray(asked.body)


def accept_by_default() -> str:
    """Return the type that is asked for where a request asks for none; AWS's toolkits look once, before the model."""
    return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", codecs.JSON_TYPE)
