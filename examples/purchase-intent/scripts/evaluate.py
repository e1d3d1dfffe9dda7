"""Compares the predictions for the test set with what really happened, and writes SageMaker's model-quality report."""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics

# Where /opt/ml is; the variable, of AWS's own toolkits, is set where a machine has no such folder to give.
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
LABEL = "Revenue"
# Of a curve's points as many are kept as a reader can see.
POINTS = 100


def main():
    """Read predictions and labels, write the report."""
    arguments = parse_arguments()
    labels = pd.read_csv(one_file(arguments.input, "*-test/*.csv"))[LABEL].to_numpy()
    scores = pd.read_csv(one_file(arguments.input, "*/*.out"), header=None)[0].to_numpy()
    if len(labels) != len(scores):
        raise SystemExit(f"there are {len(scores)} predictions and {len(labels)} labels; they have to match row by row")
    report = evaluate(labels, scores, arguments.threshold)
    path = Path(arguments.output, "model_evaluation_metrics.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"binary_classification_metrics": report}, indent=1))
    for name in ("auc", "f1", "precision", "recall", "accuracy"):
        print(f"{name}: {report[name]['value']:.4f}")
    print("confusion:", report["confusion_matrix"])


def parse_arguments():
    """Return the folders, by default SageMaker's, and the probability from which on a session counts as a purchase."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    parser.add_argument("--threshold", type=float, default=0.3)
    return parser.parse_args()


def one_file(folder, pattern):
    """Return the one file that matches; the inputs' folders are named after the steps that they come from."""
    found = sorted(Path(folder).glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one file {folder}/{pattern}, found {[str(path) for path in found]}")
    return found[0]


def evaluate(labels, scores, threshold):
    """Return the report's numbers, curves and confusion matrix."""
    taken = (scores >= threshold).astype(int)
    (true_negative, false_positive), (false_negative, true_positive) = metrics.confusion_matrix(labels, taken)
    false_rates, true_rates, _ = metrics.roc_curve(labels, scores)
    precisions, recalls, _ = metrics.precision_recall_curve(labels, scores)
    return {
        "confusion_matrix": {
            "0": {"0": int(true_negative), "1": int(false_positive)},
            "1": {"0": int(false_negative), "1": int(true_positive)},
        },
        "auc": number(metrics.roc_auc_score(labels, scores)),
        "f1": number(metrics.f1_score(labels, taken)),
        "precision": number(metrics.precision_score(labels, taken, zero_division=0)),
        "recall": number(metrics.recall_score(labels, taken, zero_division=0)),
        "accuracy": number(metrics.accuracy_score(labels, taken)),
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": thinned(false_rates),
            "true_positive_rates": thinned(true_rates),
        },
        "precision_recall_curve": {"precisions": thinned(precisions), "recalls": thinned(recalls)},
    }


def number(value):
    """Return a number as the report has it."""
    return {"value": round(float(value), 6), "standard_deviation": "NaN"}


def thinned(values):
    """Return at most POINTS of the values, first and last among them."""
    places = np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))
    return [round(float(values[place]), 6) for place in places]


if __name__ == "__main__":
    main()
