"""AWS's images for Hugging Face: a pipeline of `transformers` by default, and handlers called their way.

Source: aws/sagemaker-huggingface-inference-toolkit (handler_service.py, decoder_encoder.py, transformers_utils.py).
"""

from __future__ import annotations

import base64
import csv
import importlib
import io
import json
import os
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import Answered, AnswerError, Container
from pipeline_builder.engine.inside.serving import codecs
from pipeline_builder.engine.inside.serving.contexts import Context
from pipeline_builder.engine.inside.serving.services import body_of
from pipeline_builder.engine.inside.serving.toolkit import bind, text_of, transform_of

if TYPE_CHECKING:
    from pipeline_builder.engine.inside.answers import Asked

REFUSED = 400
# The end of an architecture's name says the task; later ones win.
_TASKS = {
    "TapasForQuestionAnswering": "table-question-answering", "ForQuestionAnswering": "question-answering",
    "ForTokenClassification": "token-classification", "ForSequenceClassification": "text-classification",
    "ForMultipleChoice": "multiple-choice", "ForMaskedLM": "fill-mask", "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation", "MTModel": "text2text-generation",
    "EncoderDecoderModel": "text2text-generation", "GPT2LMHeadModel": "text-generation",
    "T5WithLMHeadModel": "text2text-generation",
}  # fmt: skip
_WITH_FEATURES = frozenset(
    ["automatic-speech-recognition", "image-segmentation", "image-classification", "audio-classification",
     "object-detection", "zero-shot-image-classification"]
)  # fmt: skip
_WITHOUT_CSV = ("zero-shot-classification", "table-question-answering")
_HEADINGS = ("question", "context", "inputs")


def open_huggingface(module: types.ModuleType | None, model_dir: str) -> Container:
    """Load the model and return what answers with the program's functions, a pipeline for those that it leaves out.

    As in the image every failure of a request is answered with 400.
    """
    context = Context(model_dir)
    defaults = types.SimpleNamespace(input_fn=decode, predict_fn=predict, output_fn=encode)
    transform = transform_of(module, defaults, context)
    model = bind(getattr(module, "model_fn", None) or load_pipeline, 1, context)(model_dir)

    def answer(asked: Asked) -> Answered:
        context.begin(asked)
        accept = asked.accept if asked.accept and asked.accept != codecs.ANY else codecs.JSON_TYPE
        try:
            result = transform(model, text_of(asked), asked.content_type, accept)
        except Exception as error:
            raise AnswerError(REFUSED, f"{type(error).__name__}: {error}") from error
        return Answered(body_of(result), accept)

    return Container(answer)


def load_pipeline(model_dir: str) -> Any:
    """Return the pipeline of the task that HF_TASK says, or that the model's configuration tells.

    HF_MODEL_ID names a model of the hub in place of the archive's.
    """
    model_dir = os.environ.get("HF_MODEL_ID") or model_dir
    task = os.environ.get("HF_TASK") or _task_of(Path(model_dir))
    os.environ["HF_TASK"] = task
    kind = "feature_extractor" if task in _WITH_FEATURES else "tokenizer"
    transformers = importlib.import_module("transformers")
    return transformers.pipeline(task=task, model=model_dir, device=-1, **{kind: model_dir})


def _task_of(folder: Path) -> str:
    file = folder / "config.json"
    if not file.is_file():
        raise ValueError("there is no 'config.json' in the model's archive that tells its task: set 'HF_TASK'")
    architecture = str((json.loads(file.read_text(encoding="utf-8")).get("architectures") or [None])[0])
    found = [task for end, task in _TASKS.items() if architecture.endswith(end)]
    if not found:
        raise ValueError(f"the task of the architecture '{architecture}' is not known: set 'HF_TASK'")
    return found[-1]


def decode(body: Any, content_type: str | None) -> Any:
    """Return what the pipeline takes: of JSON its mapping, of CSV its column `inputs`, of pictures and sounds those."""
    if content_type == codecs.JSON_TYPE:
        return json.loads(body)
    if content_type == codecs.CSV:
        return _from_csv(body)
    if content_type == codecs.NPY:
        return codecs.decode(body, content_type)
    kind = (content_type or "").partition("/")[0]
    if kind == "image":
        return {"inputs": importlib.import_module("PIL.Image").open(io.BytesIO(body)).convert("RGB")}
    if kind == "audio":
        return {"inputs": bytes(body)}
    raise codecs.UnsupportedFormatError(content_type, "input_fn")


def _from_csv(body: str) -> dict[str, Any]:
    if os.environ.get("HF_TASK") in _WITHOUT_CSV:
        raise ValueError(f"content type {codecs.CSV} not supported with {os.environ['HF_TASK']}")
    if not any(name in body.splitlines()[0].lower() for name in _HEADINGS):
        raise ValueError("the CSV needs a first line with the names of its columns, such as 'inputs'")
    rows = list(csv.DictReader(io.StringIO(body)))
    return {"inputs": [row["inputs"] for row in rows] if "inputs" in rows[0] else rows}


def predict(data: Any, model: Any) -> Any:
    """Return what the pipeline makes of `inputs`, with `parameters` where there are some."""
    inputs = data.pop("inputs", data)
    return model(inputs, **(data.pop("parameters", None) or {}))


def encode(prediction: Any, accept: str) -> Any:
    """Return the prediction in the accepted type."""
    if accept == codecs.JSON_TYPE:
        return json.dumps(prediction, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    if accept == codecs.CSV:
        rows = prediction if isinstance(prediction, list) else list(prediction)
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue()
    if accept == codecs.NPY:
        return codecs.encode(prediction, accept)
    if accept.startswith("image/"):
        return _picture(prediction, "PNG" if accept == "image/x-image" else accept.partition("/")[2].upper())
    raise codecs.UnsupportedFormatError(accept, "output_fn")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return str(value)
    if hasattr(value, "save"):  # a picture
        return base64.b64encode(_picture(value, "PNG")).decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _picture(image: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind)
    return buffer.getvalue()
