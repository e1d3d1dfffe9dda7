"""Splits the sessions into train, validation and test sets, and turns categories into numbers."""

import argparse
import json
import os
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

# Where /opt/ml is; the variable, of AWS's own toolkits, is set where a machine has no such folder to give.
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
LABEL = "Revenue"
# A fixed list for each category, so that a number means the same in every split, every month and every version.
CATEGORIES = {
    "Month": ["Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "VisitorType": ["New_Visitor", "Returning_Visitor", "Other"],
    "Weekend": ["FALSE", "TRUE"],
}


def main():
    """Read the table, write one folder per output."""
    arguments = parse_arguments()
    files = sorted(Path(arguments.input).glob("*.csv"))
    if not files:
        raise SystemExit(f"there is no CSV file in {arguments.input}")
    table = encode(pd.concat([pd.read_csv(file, dtype=str) for file in files], ignore_index=True))
    train, rest = train_test_split(
        table, test_size=0.4, random_state=arguments.seed, stratify=table[LABEL], shuffle=True
    )
    validation, test = train_test_split(rest, test_size=0.5, random_state=arguments.seed, stratify=rest[LABEL])
    output = Path(arguments.output)
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        write(part, output / name / f"{name}.csv", header=True)
    # The batch transform gets what a caller would send: features only, no header.
    write(test.drop(columns=LABEL), output / "batch" / "batch.csv", header=False)
    (output / "train" / "categories.json").write_text(json.dumps(CATEGORIES, indent=1))
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        print(f"{name}: {len(part)} sessions, {part[LABEL].mean():.1%} with a purchase")


def parse_arguments():
    """Return the folders, by default SageMaker's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input/raw_data")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


def encode(table):
    """Return the table as numbers, the label last; a category that isn't known becomes -1."""
    encoded = pd.DataFrame(index=table.index)
    for column in table.columns.drop(LABEL):
        if column in CATEGORIES:
            known = {name: number for number, name in enumerate(CATEGORIES[column])}
            encoded[column] = table[column].str.strip().map(known).fillna(-1).astype(int)
        else:
            encoded[column] = pd.to_numeric(table[column])
    encoded[LABEL] = (table[LABEL].str.strip().str.upper() == "TRUE").astype(int)
    return encoded


def write(table, path, header):
    """Write a CSV file without an index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, header=header)


if __name__ == "__main__":
    main()
