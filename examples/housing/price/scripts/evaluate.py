"""Compares the predictions for the test set with the true values, and writes SageMaker's model-quality report."""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

# Where /opt/ml is; the variable, of AWS's own toolkits, is set where a machine has no such folder to give.
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
LABEL = "MedHouseVal"
POINTS = 300
"""Districts of the report's drawing: a sample says as much as all of them."""
COLUMNS = 30
SHARES = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]


def main():
    """Read predictions and values, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    arguments = parser.parse_args()
    truth = pd.read_csv(one_file(arguments.input, "*-test/*.csv"))[LABEL].to_numpy()
    predicted = pd.read_csv(one_file(arguments.input, "*/*.out"), header=None)[0].to_numpy()
    if len(truth) != len(predicted):
        raise SystemExit(f"there are {len(predicted)} predictions and {len(truth)} values; they have to match by row")
    report = evaluate(truth, predicted)
    path = Path(arguments.output, "model_evaluation_metrics.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"regression_metrics": report}, indent=1))
    for name, entry in report.items():
        if "value" in entry:
            print(f"{name}: {entry['value']:.4f}")


def one_file(folder, pattern):
    """Return the one file that matches; the inputs' folders are named after the steps that they come from."""
    found = sorted(Path(folder).glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one file {folder}/{pattern}, found {[str(path) for path in found]}")
    return found[0]


def evaluate(truth, predicted):
    """Return the report's numbers, and what is drawn of them; errors are in 100,000 USD."""
    errors = truth - predicted
    squared = float(np.mean(errors**2))
    return {
        "rmse": number(squared**0.5),
        "mae": number(np.mean(np.abs(errors))),
        "mse": number(squared),
        "r2": number(1 - squared / np.var(truth)),
        **drawn(truth, predicted),
    }


def drawn(truth, predicted):
    """Return a sample of the districts, how many are off by how much, and which share by no more than how much."""
    errors = truth - predicted
    places = np.unique(np.linspace(0, len(truth) - 1, POINTS).astype(int))
    counts, edges = np.histogram(errors, bins=COLUMNS)
    return {
        "predicted_and_actual": {"actuals": rounded(truth[places]), "predictions": rounded(predicted[places])},
        "residual_histogram": {"edges": rounded(edges), "counts": [int(count) for count in counts]},
        "absolute_error_quantiles": {"quantiles": SHARES, "errors": rounded(np.quantile(np.abs(errors), SHARES))},
    }


def rounded(values):
    """Return numbers with as many digits as anybody sees."""
    return [round(float(value), 4) for value in values]


def number(value):
    """Return a number as the report has it."""
    return {"value": round(float(value), 6), "standard_deviation": "NaN"}


if __name__ == "__main__":
    main()
