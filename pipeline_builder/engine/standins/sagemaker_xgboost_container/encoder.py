"""Bodies of requests as matrices of XGBoost's: in a model's container, where handlers call it; elsewhere it imports."""

from __future__ import annotations

import importlib
import json
from typing import Any


def decode(obj: Any, content_type: str) -> Any:
    """Return a body of CSV, LIBSVM or RecordIO as a DMatrix; another type is refused as the image does, with 415."""
    return _matrices().decode(obj, content_type)


def csv_to_dmatrix(input: Any, dtype: Any = None) -> Any:  # noqa: A002 - the name of AWS's
    """Return CSV as a DMatrix."""
    del dtype
    return _matrices().from_csv(input)


def libsvm_to_dmatrix(string_like: Any) -> Any:
    """Return LIBSVM as a dense DMatrix."""
    return _matrices().from_libsvm(string_like)


def recordio_protobuf_to_dmatrix(string_like: Any) -> Any:
    """Return RecordIO-wrapped protobuf as a DMatrix."""
    return _matrices().from_recordio(string_like)


def json_to_jsonlines(json_data: Any) -> bytes:
    """Return the entries of the only list of a mapping, a line each."""
    given = json_data if isinstance(json_data, dict) else json.loads(json_data)
    if len(given) != 1:
        raise ValueError("JSON response is not compatible for conversion to jsonlines.")
    return "".join(json.dumps(entry) + "\n" for entries in given.values() for entry in entries).encode()


def _matrices() -> Any:
    try:
        return importlib.import_module("_pipeline_builder_matrices")  # `engine/inside/serving/packages` offers it
    except ImportError:
        message = "sagemaker_xgboost_container.encoder works in a model's container only: a stand-in for AWS's package"
        raise ImportError(message) from None
