"""Answers requests: districts in, their components out. The handlers are SageMaker's."""

import io
import json
from pathlib import Path

import joblib
import numpy as np


def model_fn(model_dir):
    """Return the fitted pipeline."""
    return joblib.load(str(Path(model_dir, "pca.joblib")))


def input_fn(body, content_type):
    """Return the rows of a request: CSV without a header, or JSON with a list of rows."""
    text = body.decode("utf-8") if isinstance(body, (bytes, bytearray)) else body
    if content_type.startswith("text/csv"):
        return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    if content_type.startswith("application/json"):
        return np.array(json.loads(text), dtype=float)
    raise ValueError(f"the content type '{content_type}' is not supported, expected text/csv or application/json")


def predict_fn(rows, model):
    """Return the components of each row."""
    return model.transform(rows)


def output_fn(prediction, accept):
    """Return a row a line, or as JSON."""
    rows = [[round(float(value), 6) for value in row] for row in prediction]
    if accept.startswith("application/json"):
        return json.dumps(rows)
    return "\n".join(",".join(str(value) for value in row) for row in rows)
