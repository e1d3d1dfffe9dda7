"""Makes of a day's sessions what the model takes: numbers, without labels and without a header."""

import argparse
from pathlib import Path

import pandas as pd
from preprocess import LABEL, ML, encode, write


def main():
    """Read the day, write it as the batch transform gets it."""
    arguments = parse_arguments()
    files = sorted(Path(arguments.input).glob("*.csv"))
    if not files:
        raise SystemExit(f"there is no CSV file in {arguments.input}")
    sessions = pd.concat([pd.read_csv(file, dtype=str) for file in files], ignore_index=True)
    if sessions.empty:
        raise SystemExit("the day has no sessions")
    # A label that is there already is none of the model's business.
    encoded = encode(sessions.assign(**{LABEL: "FALSE"})).drop(columns=LABEL)
    write(encoded, Path(arguments.output) / "batch" / "batch.csv", header=False)
    print(f"{len(encoded)} sessions")


def parse_arguments():
    """Return the folders, by default SageMaker's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input/sessions")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    return parser.parse_args()


if __name__ == "__main__":
    main()
