"""Modules for the multi-model server: `handle(data, context)`, as a function or of a class, called as that server does.

Source: awslabs/multi-model-server, mms/{model_loader,service}.py and mms/protocol/otf_message_handler.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from pipeline_builder.engine.inside.answers import Answered, AnswerError, Container
from pipeline_builder.engine.inside.serving.contexts import Context

if TYPE_CHECKING:
    import types
    from collections.abc import Callable

    from pipeline_builder.engine.inside.answers import Asked

    Handle = Callable[[Any, Any], Any]

FAILED = 503
_OCTETS = "application/octet-stream"


def open_service(module: types.ModuleType, model_dir: str, function: str = "handle") -> Container:
    """Load the module's service and return what answers with it."""
    context = Context(model_dir)
    handle = _handle_of(module, function, context)

    def answer(asked: Asked) -> Answered:
        context.begin(asked)
        body = body_of(_called(handle, asked, context))
        status, phrase = context.get_response_status(0)
        if status >= 400:
            raise AnswerError(status, f"{phrase}\n{body.decode('utf-8', 'replace')}".strip())
        return Answered(body, context.get_response_content_type(0) or asked.accept or _OCTETS)

    return Container(answer)


def _handle_of(module: types.ModuleType, function: str, context: Context) -> Handle:
    """Return the module's function, told that it is loaded, or the method of its only class after `initialize`."""
    if hasattr(module, function):
        handle: Handle = getattr(module, function)
        handle(None, context)
        return handle
    items = (getattr(module, name, None) for name in dir(module))
    classes = [item for item in items if isinstance(item, type) and item.__module__ == module.__name__]
    if len(classes) != 1:
        names = ", ".join(item.__name__ for item in classes) or "no class"
        raise ValueError(
            f"the multi-model server needs a function '{function}' or one class in the module, found {names}"
        )
    service: Any = classes[0]()
    if getattr(service, "initialize", None) is not None:
        try:
            service.initialize(context)
        except Exception:  # noqa: BLE001 - the server only logs it; the next request may find it initialized
            import traceback

            traceback.print_exc()
    return cast("Handle", service.handle)


def _called(handle: Handle, asked: Asked, context: Context) -> Any:
    """Return what the service answers to one request; AnswerError with the server's status where it can't."""
    try:
        answers = handle([{"body": bytearray(asked.body)}], context)
    except MemoryError as error:
        raise AnswerError(507, "Out of resources") from error
    except Exception as error:
        code = getattr(error, "error_code", None)  # mms.service.PredictionException
        if isinstance(code, int):
            raise AnswerError(code, str(error)) from error
        raise AnswerError(FAILED, f"Prediction failed: {type(error).__name__}: {error}") from error
    if not isinstance(answers, list):
        raise AnswerError(FAILED, f"Invalid model predict output: a list with one answer, not {type(answers).__name__}")
    if len(answers) != 1:
        raise AnswerError(FAILED, f"number of batch response mismatched, expect: 1, got: {len(answers)}")
    return answers[0]


def body_of(value: Any) -> bytes:
    """Return an answer as the model server writes it: bytes and text as they are, all other values as JSON."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8")
    try:
        return json.dumps(value, indent=2).encode("utf-8")
    except TypeError as error:
        raise AnswerError(FAILED, f"Unsupported model output data type: {error}") from error


class PredictionException(Exception):
    """What services raise to answer with a status."""

    def __init__(self, message: str, error_code: int = 500) -> None:
        super().__init__(message)
        self.message, self.error_code = message, error_code

    def __str__(self) -> str:
        return f"{self.message} : {self.error_code}"
