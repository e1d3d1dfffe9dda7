"""Arrays to bytes and back, by MIME type."""

from __future__ import annotations

import csv
import importlib
import io
import json
from typing import Any

from . import content_types
from .errors import UnsupportedFormatError


def array_to_npy(array_like: Any) -> bytes:
    """Return an array as NumPy saves it."""
    content = io.BytesIO()
    _numpy().save(content, array_like)
    return content.getvalue()


def npy_to_numpy(npy_array: bytes) -> Any:
    """Return an array that NumPy has saved; it holds no objects, which would run what they say."""
    return _numpy().load(io.BytesIO(npy_array), allow_pickle=False)


def array_to_json(array_like: Any) -> str:
    """Return an array, or lists of some, as JSON."""

    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        raise TypeError(f"{type(value).__name__} is no JSON")

    return json.dumps(array_like, default=plain)


def json_to_numpy(string_like: str | bytes, dtype: Any = None) -> Any:
    """Return the array that a JSON text has."""
    return _numpy().array(json.loads(string_like), dtype=dtype)


def array_to_csv(array_like: Any) -> str:
    """Return an array as lines with commas; of one dimension each value is a line."""
    array = _numpy().array(array_like)
    content = io.StringIO()
    rows = array.reshape(array.shape[0], 1) if len(array.shape) == 1 else array
    csv.writer(content, lineterminator="\n", strict=True).writerows(rows)
    return content.getvalue()


def csv_to_numpy(string_like: str | bytes, dtype: Any = None) -> Any:
    """Return the array that lines with commas have; a single line is one of one dimension."""
    text = string_like.decode() if isinstance(string_like, bytes) else string_like
    array = _numpy().array(list(csv.reader(io.StringIO(text), strict=True))).squeeze()
    try:
        return array.astype(dtype)
    except ValueError:
        if dtype is not None:
            raise
        return array  # of text


_ENCODERS = {
    content_types.NPY: array_to_npy,
    content_types.JSON: array_to_json,
    content_types.CSV: array_to_csv,
}
_DECODERS = {
    content_types.NPY: npy_to_numpy,
    content_types.JSON: json_to_numpy,
    content_types.CSV: csv_to_numpy,
}


def encode(array_like: Any, content_type: str) -> bytes | str:
    """Return an array in a MIME type."""
    if content_type not in _ENCODERS:
        raise UnsupportedFormatError(content_type)
    encoder: Any = _ENCODERS[content_type]
    found: bytes | str = encoder(array_like)
    return found


def decode(obj: Any, content_type: str) -> Any:
    """Return the array that is in a MIME type."""
    if content_type not in _DECODERS:
        raise UnsupportedFormatError(content_type)
    decoder: Any = _DECODERS[content_type]
    return decoder(obj)


def _numpy() -> Any:
    return importlib.import_module("numpy")
