"""XGBoost's image: bodies as a DMatrix, and what it answers with where there is no program at all.

Source: aws/sagemaker-xgboost-container (encoder.py, algorithm_mode/serve.py and serve_utils.py).
"""

from __future__ import annotations

import csv
import importlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import Answered, AnswerError, Container
from pipeline_builder.engine.inside.serving import codecs, recordio

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_builder.engine.inside.answers import Asked

RECORDIO = "application/x-recordio-protobuf"
_LIBSVM = ("text/libsvm", "text/x-libsvm")
_LINES = "application/jsonlines"
_ACCEPTED = (codecs.JSON_TYPE, _LINES, RECORDIO, codecs.CSV)
_VOTED = ("multi:softmax", "binary:hinge")
_MANY_COLUMNS = 512
_NEWEST = (3, 2)


class _Image:
    """The image of this process's container."""

    reads_as_files = False


def read_as(uri: str) -> None:
    """Have LIBSVM read as the image of this address does: before 3.2 with XGBoost's own reader of files.

    That counts columns from 0, and leaves missing what isn't said, as in training; later ones fill with 0, and count
    from 1 where no column is 0 (sagemaker-xgboost-container, pull request 478).
    """
    version = re.search(r":(\d+)\.(\d+)", uri.rsplit("/", 1)[-1])
    _Image.reads_as_files = version is not None and (int(version[1]), int(version[2])) < _NEWEST


def decode(body: Any, content_type: str) -> Any:
    """Return a body of CSV, LIBSVM or RecordIO as a DMatrix."""
    kind = content_type.partition(";")[0].strip()
    if kind == codecs.CSV:
        return from_csv(body)
    if kind in _LIBSVM:
        return from_libsvm(body)
    if kind == RECORDIO:
        return from_recordio(body)
    raise codecs.UnsupportedFormatError(kind, "input_fn")


def _matrix(*arguments: Any, **named: Any) -> Any:
    return importlib.import_module("xgboost").DMatrix(*arguments, **named)


def _numpy() -> Any:
    return importlib.import_module("numpy")


def from_csv(body: Any) -> Any:
    """Return CSV as a DMatrix: the delimiter is guessed from the first line, nothing between two is a missing value."""
    text = body.decode() if isinstance(body, (bytes, bytearray)) else body
    lines = text.split("\n")
    guessed = csv.Sniffer().sniff(lines[0][:_MANY_COLUMNS]).delimiter
    delimiter = "," if guessed.isalnum() else guessed
    rows = [[item or "nan" for item in line.split(delimiter)] for line in lines]
    return _matrix(_numpy().array(rows).astype(float))


def from_libsvm(body: Any) -> Any:
    """Return LIBSVM as a DMatrix: dense, what isn't said is 0, and columns are counted from 1 where none is 0.

    Older images (`read_as`) take it as it is in files.
    """
    if _Image.reads_as_files:
        return from_sparse_libsvm(body, first=0)
    rows, width = _libsvm_rows(body)
    data = _numpy().zeros((len(rows), width))
    for number, row in enumerate(rows):
        for column, value in row.items():
            data[number, column] = value
    return _matrix(data)


def from_sparse_libsvm(body: Any, first: int | None = None) -> Any:
    """Return LIBSVM as a DMatrix in which what isn't said is missing, as the image's algorithm reads it."""
    rows, width = _libsvm_rows(body, first)
    values = [value for row in rows for value in row.values()]
    columns = [column for row in rows for column in row]
    lines = [number for number, row in enumerate(rows) for _ in row]
    sparse = importlib.import_module("scipy.sparse")
    return _matrix(sparse.csr_matrix((values, (lines, columns)), shape=(len(rows), width)))


def _libsvm_rows(body: Any, first: int | None = None) -> tuple[list[dict[int, float]], int]:
    """Return each line's values by column, and how many columns there are; `first` is the first, else it is guessed."""
    text = body.decode("utf-8") if isinstance(body, (bytes, bytearray)) else body
    lines = [[token.split(":", 1) for token in line.split() if ":" in token] for line in text.strip().split("\n")]
    rows = [{int(column): float(value) for column, value in line} for line in lines]
    columns = [column for row in rows for column in row]
    if not columns:
        return [], 0
    offset = (1 if min(columns) >= 1 else 0) if first is None else first
    return [{column - offset: value for column, value in row.items()} for row in rows], max(columns) - offset + 1


def from_recordio(body: Any) -> Any:
    """Return RecordIO-wrapped protobuf as a DMatrix, with its labels where it has some."""
    numpy = _numpy()
    records = list(recordio.read(bytes(body)))
    if not records:
        raise ValueError("No records found in RecordIO-Protobuf data")
    labels = [record.label for record in records if record.label]
    label = numpy.concatenate([numpy.array(one, dtype=numpy.float32) for one in labels]) if labels else None
    if not any(record.is_sparse for record in records):
        return _matrix(numpy.vstack([numpy.array(record.values) for record in records]), label=label)
    width = max(record.width for record in records)
    pointers = numpy.cumsum([0, *(len(record.values) for record in records)])
    columns = [column for record in records for column in (record.keys or range(len(record.values)))]
    values = [value for record in records for value in record.values]
    sparse = importlib.import_module("scipy.sparse")
    return _matrix(sparse.csr_matrix((values, columns, pointers), shape=(len(records), width)), label=label)


# --- the algorithm: no program ------------------------------------------------------------------------------------


def open_algorithm(model_dir: str) -> Container:
    """Load the boosters of a model that the image's own algorithm has trained, and return what answers with them."""
    boosters = _boosters(Path(model_dir))
    objective = json.loads(boosters[0].save_config())["learner"]["objective"]["name"]
    if os.environ.get("SAGEMAKER_INFERENCE_OUTPUT"):
        raise ValueError("SAGEMAKER_INFERENCE_OUTPUT (a choice of what XGBoost's image answers) is not supported here")

    def answer(asked: Asked) -> Answered:
        matrix = _refusing(415, lambda: _parsed(asked))
        found = _refusing(400, lambda: _predicted(boosters, matrix, objective))
        kind = _refusing(406, lambda: _accepted(asked.accept))
        if os.environ.get("SAGEMAKER_BATCH"):
            return Answered("".join(f"{value}\n" for value in found.tolist()).encode(), kind)
        return Answered(_encoded(found.tolist(), kind), kind)

    return Container(answer)


def _refusing(status: int, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:
        raise AnswerError(status, f"{type(error).__name__}: {error}") from error


def _boosters(folder: Path) -> list[Any]:
    """Return every model in the folder: pickled, or in XGBoost's own formats."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise ValueError(f"there is no model in the archive, '{folder}'")
    chosen = files if os.environ.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") == "true" else files[:1]
    return [_booster(path) for path in chosen]


def _booster(path: Path) -> Any:
    import pickle  # heavy, and only this image's own algorithm needs it

    try:
        with path.open("rb") as file:
            booster = pickle.load(file)  # noqa: S301 - the user's own model, in the user's own job
    except Exception:  # noqa: BLE001 - whatever pickle says of a file that isn't its own
        booster = importlib.import_module("xgboost").Booster()
        booster.load_model(str(path))
    booster.set_param("nthread", 1)
    return booster


def _parsed(asked: Asked) -> Any:
    kind = (asked.content_type or _LIBSVM[0]).lower().partition(";")[0].strip()
    if kind in (codecs.CSV, "csv"):
        return from_csv(asked.body.strip())
    if kind in (*_LIBSVM, "libsvm"):
        return from_sparse_libsvm(asked.body)
    return decode(asked.body, RECORDIO if kind == "recordio-protobuf" else kind)


def _predicted(boosters: list[Any], matrix: Any, objective: str) -> Any:
    found = [booster.predict(matrix, validate_features=False, **_range(booster)) for booster in boosters]
    if len(found) == 1:
        return found[0]
    numpy = _numpy()
    return _majority(numpy, found) if objective in _VOTED else numpy.mean(found, axis=0)


def _range(booster: Any) -> dict[str, Any]:
    """Return the trees up to the best iteration, which is not known of most models."""
    best = getattr(booster, "best_ntree_limit", 0)
    return {"iteration_range": (0, int(best))} if best else {}


def _majority(numpy: Any, found: list[Any]) -> Any:
    columns = [numpy.unique(column, return_counts=True) for column in numpy.array(found).T]
    return numpy.array([values[counts.argmax()] for values, counts in columns])


def _accepted(accept: str | None) -> str:
    kind = (accept or "").partition(";")[0].strip()
    if not kind or kind == codecs.ANY:
        return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", codecs.CSV)
    if kind.lower() not in _ACCEPTED:
        raise ValueError(f"accept type '{kind}' is not one of {', '.join(_ACCEPTED)}")
    return kind.lower()


def _encoded(values: list[Any], kind: str) -> bytes:
    if kind == codecs.JSON_TYPE:
        return json.dumps({"predictions": [{"score": value} for value in values]}).encode()
    content = codecs.worker_encode(values, kind)
    return content.encode() if isinstance(content, str) else bytes(content)
