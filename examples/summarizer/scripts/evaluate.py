"""Compares the summaries of the test set with those that people gave, and writes the evaluation report.

ROUGE (Lin 2004) as F-measures: unigrams, bigrams, and the longest common subsequence; words in lower case, no stemming.
"""

import argparse
import json
import os
import re
import statistics
import tarfile
from collections import Counter
from pathlib import Path

# Where /opt/ml is; the variable, of AWS's own toolkits, is set where a machine has no such folder to give.
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")


def main():
    """Read summaries, references and the training's own evaluation, write the report."""
    arguments = parse_arguments()
    references = [row["summary"] for row in read_lines(one_file(arguments.input, "*-test/*.jsonl"))]
    summaries = [row["summary"] for row in read_lines(one_file(arguments.input, "*/*.out"))]
    if len(references) != len(summaries):
        raise SystemExit(f"there are {len(summaries)} summaries and {len(references)} references; they have to match")
    training = read_training(one_file(arguments.input, "*/model.tar.gz"))
    report = {
        "loss": {"value": round(training["eval_loss"], 6)},
        "untuned_loss": {"value": round(training["untuned_eval_loss"], 6)},
        "perplexity": {"value": round(training["perplexity"], 6)},
        **evaluate(summaries, references),
    }
    path = Path(arguments.output, "model_evaluation_metrics.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1), encoding="utf-8")
    for name, number in report.items():
        print(f"{name}: {number['value']:.4f}")
    for summary, reference in list(zip(summaries, references))[:3]:
        print(f"summary:   {summary}\nreference: {reference}")


def parse_arguments():
    """Return the folders, by default SageMaker's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    return parser.parse_args()


def one_file(folder, pattern):
    """Return the one file that matches; the inputs' folders are named after the steps that they come from."""
    found = sorted(Path(folder).glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one file {folder}/{pattern}, found {[str(path) for path in found]}")
    return found[0]


def read_lines(path):
    """Return the JSON values of a file, one a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_training(archive):
    """Return what the training found out about its model."""
    with tarfile.open(archive) as files:
        name = next(name for name in files.getnames() if Path(name).as_posix() == "evaluation.json")
        return json.load(files.extractfile(name))


def evaluate(summaries, references):
    """Return mean and standard deviation of each kind of ROUGE."""
    kinds = {"rouge1": ngrams(1), "rouge2": ngrams(2), "rougeL": longest_common}
    report = {}
    for name, overlap in kinds.items():
        scores = [rouge(words(summary), words(reference), overlap) for summary, reference in zip(summaries, references)]
        report[name] = {
            "value": round(statistics.mean(scores), 6),
            "standard_deviation": round(statistics.pstdev(scores), 6),
        }
    return report


def words(text):
    """Return the words of a text in lower case."""
    return re.findall(r"[a-z0-9]+", text.lower())


def rouge(summary, reference, overlap):
    """Return the F-measure of what `overlap` counts: common to both, in the summary, in the reference."""
    common, in_summary, in_reference = overlap(summary, reference)
    return 2 * common / (in_summary + in_reference) if common else 0.0


def ngrams(size):
    """Return the function that counts sequences of so many words."""

    def overlap(summary, reference):
        one, other = (Counter(zip(*(text[start:] for start in range(size)))) for text in (summary, reference))
        return sum((one & other).values()), sum(one.values()), sum(other.values())

    return overlap


def longest_common(summary, reference):
    """Count the words of the longest common subsequence."""
    lengths = [0] * (len(reference) + 1)
    for word in summary:
        diagonal = 0
        for place, other in enumerate(reference, start=1):
            diagonal, lengths[place] = (
                lengths[place],
                diagonal + 1 if word == other else max(lengths[place], lengths[place - 1]),
            )
    return lengths[-1], len(summary), len(reference)


if __name__ == "__main__":
    main()
