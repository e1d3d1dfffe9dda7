"""Bodies as arrays and arrays as bodies, as AWS's two toolkits do it; numpy is imported where one is needed.

Sources: `sagemaker-inference` (decoder.py, encoder.py) and `sagemaker-containers` (_encoders.py), both on PyPI.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON_TYPE, CSV, NPY, NPZ, ANY = "application/json", "text/csv", "application/x-npy", "application/x-npz", "*/*"
TEXT_TYPES = (JSON_TYPE, CSV)


class UnsupportedFormatError(Exception):
    """A content type that nothing here reads or writes."""

    def __init__(self, kind: object, function: str = "") -> None:
        hint = f" by the image's default: define '{function}'" if function else ""
        super().__init__(f"content type '{kind}' is not supported{hint}")


def decode(body: Any, kind: str | None) -> Any:
    """Return a body as an array, as `sagemaker_inference.decoder` does."""
    return _chosen(_DECODERS, kind, "input_fn")(body)


def encode(value: Any, kind: str) -> Any:
    """Return a value as a body, as `sagemaker_inference.encoder` does: text, or bytes of application/x-npy."""
    return _chosen(_ENCODERS, kind, "output_fn")(value)


def worker_decode(body: Any, kind: str) -> Any:
    """Return a body as an array, as `sagemaker_containers` does: CSV as what is quoted in it says, one row flat."""
    return _from_csv_rows(body) if kind == CSV else _chosen(_WORKER_DECODERS, kind, "input_fn")(body)


def worker_encode(value: Any, kind: str) -> Any:
    """Return a value as a body, as `sagemaker_containers` does: of one dimension each number is a row."""
    return _to_csv_rows(value) if kind == CSV else _chosen(_ENCODERS, kind, "output_fn")(value)


def encodes(kind: str) -> bool:
    """Tell whether values are written in this type."""
    return kind in _ENCODERS


def as_json(value: Any) -> str:
    """Return the value as JSON, arrays and their numbers as lists."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _chosen(table: Mapping[str, Callable[[Any], Any]], kind: str | None, function: str) -> Callable[[Any], Any]:
    if kind is None or kind not in table:
        raise UnsupportedFormatError(kind, function)
    return table[kind]


def _numpy() -> Any:
    return importlib.import_module("numpy")


def _from_json(body: Any) -> Any:
    return _numpy().array(json.loads(body))


def _from_csv(body: Any) -> Any:
    return _numpy().genfromtxt(io.StringIO(body), dtype=None, delimiter=",")


def _from_npy(body: Any) -> Any:
    return _numpy().load(io.BytesIO(body), allow_pickle=True)


def _from_npz(body: Any) -> Any:
    return importlib.import_module("scipy.sparse").load_npz(io.BytesIO(body))


def _to_npy(value: Any) -> bytes:
    buffer = io.BytesIO()
    _numpy().save(buffer, value)
    return buffer.getvalue()


def _to_csv(value: Any) -> str:
    buffer = io.StringIO()
    _numpy().savetxt(buffer, value, delimiter=",", fmt="%s")
    return buffer.getvalue()


def _from_csv_rows(body: Any) -> Any:
    rows = list(csv.reader(io.StringIO(body), strict=True))
    array = _numpy().array(rows).squeeze()
    try:
        return array.astype(None)
    except ValueError:  # text: it stays
        return array


def _to_csv_rows(value: Any) -> str:
    array = _numpy().array(value)
    if len(array.shape) == 1:
        array = array.reshape(array.shape[0], 1)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", strict=True).writerows(array)
    return buffer.getvalue()


_DECODERS = {JSON_TYPE: _from_json, CSV: _from_csv, NPY: _from_npy, NPZ: _from_npz}
_WORKER_DECODERS = {JSON_TYPE: _from_json, NPY: _from_npy}
_ENCODERS = {JSON_TYPE: as_json, CSV: _to_csv, NPY: _to_npy}
