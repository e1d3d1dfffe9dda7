"""Takes the training districts' features out of the table; the districts that test the price model are left out."""

import argparse
import os
from pathlib import Path

import pandas as pd

# Where /opt/ml is; the variable, of AWS's own toolkits, is set where a machine has no such folder to give.
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
FEATURES = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]


def main():
    """Read the table, write the output `train`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input/raw_data")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    parser.add_argument("--test_every", type=int, default=5, help="each fifth district is for validation or test")
    arguments = parser.parse_args()
    files = sorted(Path(arguments.input).glob("*.csv"))
    if not files:
        raise SystemExit(f"there is no CSV file in {arguments.input}")
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    missing = sorted(set(FEATURES) - set(table.columns))
    if missing:
        raise SystemExit(f"the table lacks the columns {', '.join(missing)}")
    train = table.loc[table.index % arguments.test_every != 0, FEATURES]
    folder = Path(arguments.output, "train")
    folder.mkdir(parents=True, exist_ok=True)
    train.to_csv(folder / "train.csv", index=False)
    print(f"train: {len(train)} of {len(table)} districts")


if __name__ == "__main__":
    main()
