"""Answers requests: sessions in, the probability of a purchase out. The handlers are SageMaker's."""

import io
import json
from pathlib import Path

import lightgbm as lgb
import pandas as pd


def model_fn(model_dir):
    """Return the booster with the names of its features."""
    facts = json.loads(Path(model_dir, "features.json").read_text())
    return lgb.Booster(model_file=str(Path(model_dir, "model.txt"))), facts["features"]


def input_fn(body, content_type):
    """Return the rows of a request: CSV without a header, or JSON with a list of rows or of mappings."""
    text = body.decode("utf-8") if isinstance(body, (bytes, bytearray)) else body
    if content_type.startswith("text/csv"):
        return pd.read_csv(io.StringIO(text), header=None)
    if content_type.startswith("application/json"):
        content = json.loads(text)
        return pd.DataFrame(content["instances"] if isinstance(content, dict) else content)
    raise ValueError(f"the content type '{content_type}' is not supported, expected text/csv or application/json")


def predict_fn(rows, model):
    """Return one probability per row."""
    booster, features = model
    if set(features) <= set(rows.columns):
        rows = rows[features]
    elif rows.shape[1] != len(features):
        raise ValueError(f"a row has {rows.shape[1]} values, expected {len(features)}: {', '.join(features)}")
    return booster.predict(rows.to_numpy(dtype=float))


def output_fn(prediction, accept):
    """Return the probabilities, one a line, or as JSON."""
    values = [round(float(value), 6) for value in prediction]
    if accept.startswith("application/json"):
        return json.dumps({"predictions": values})
    return "\n".join(str(value) for value in values)
