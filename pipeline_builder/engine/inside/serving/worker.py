"""The handlers of a program as `sagemaker_containers` calls them: AWS's images for scikit-learn and XGBoost.

Sources: aws/sagemaker-scikit-learn-container and aws/sagemaker-xgboost-container (serving.py), `sagemaker-containers`
on PyPI (_transformer.py, _worker.py).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import Answered, AnswerError, Container
from pipeline_builder.engine.inside.serving import codecs, matrices
from pipeline_builder.engine.inside.serving.responses import body_of_response, flask_answer
from pipeline_builder.engine.inside.serving.toolkit import PARTS, accept_by_default

if TYPE_CHECKING:
    import types
    from collections.abc import Callable

    from pipeline_builder.engine.inside.answers import Asked


class SklearnDefaults:
    """What scikit-learn's image does where the program doesn't."""

    def input_fn(self, body: Any, content_type: str) -> Any:
        """Return the body as an array; of text as 32 bit numbers."""
        array = codecs.worker_decode(body, content_type)
        return array.astype(importlib.import_module("numpy").float32) if content_type in codecs.TEXT_TYPES else array

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Return the model's own prediction."""
        return model.predict(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """Return the prediction in the accepted type."""
        return codecs.worker_encode(prediction, accept), accept


class XgboostDefaults(SklearnDefaults):
    """What XGBoost's image does where the program doesn't."""

    def input_fn(self, body: Any, content_type: str) -> Any:
        """Return the body as a DMatrix."""
        return matrices.decode(body, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Return the booster's prediction; the names of features aren't compared."""
        return model.predict(data, validate_features=False)


def open_worker(module: types.ModuleType, model_dir: str, defaults: SklearnDefaults) -> Container:
    """Load the model and return what answers with the program's functions, and `defaults` for those it leaves out."""
    transform = _transform_of(module, defaults)
    accepted = accept_by_default()
    if not hasattr(module, "model_fn"):
        raise NotImplementedError("the program has no 'model_fn', which is needed to load the model")
    model = module.model_fn(model_dir)

    def answer(asked: Asked) -> Answered:
        kind = asked.content_type or codecs.JSON_TYPE
        body = asked.body.decode("utf-8", "replace") if kind in codecs.TEXT_TYPES else asked.body
        accept = asked.accept if asked.accept and asked.accept != codecs.ANY else accepted
        try:
            return _answered(transform(model, body, kind, accept))
        except AnswerError:
            raise
        except Exception as error:
            raise AnswerError(500, f"{type(error).__name__}: {error}") from error

    return Container(answer)


def _transform_of(module: types.ModuleType, defaults: SklearnDefaults) -> Callable[..., Any]:
    given = [name for name in PARTS if getattr(module, name, None)]
    whole: Callable[..., Any] | None = getattr(module, "transform_fn", None)
    if whole and given:
        raise ValueError(f"the program defines 'transform_fn' and also {', '.join(given)}: one or the other")
    if whole:
        return whole
    decode, predict, encode = (getattr(module, name, None) or getattr(defaults, name) for name in PARTS)

    def transform(model: Any, body: Any, content_type: str, accept: str) -> Any:
        return encode(predict(decode(body, content_type), model), accept)

    return transform


def _answered(result: Any) -> Answered:
    if isinstance(result, tuple):
        return Answered(body_of_response(result[0]), str(result[1]))
    return flask_answer(result)
