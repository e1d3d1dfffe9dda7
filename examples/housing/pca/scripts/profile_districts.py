"""Writes mean, spread and quartiles of each column of the districts, for people to look at."""

import os
from pathlib import Path

import pandas as pd

ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")


def main():
    """Read the output of the preprocessing, write profile.json."""
    files = sorted(Path(ML, "processing", "input", "train").glob("*.csv"))
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    output = Path(ML, "processing", "output", "profile")
    output.mkdir(parents=True, exist_ok=True)
    (output / "profile.json").write_text(table.describe().to_json(indent=1))


if __name__ == "__main__":
    main()
