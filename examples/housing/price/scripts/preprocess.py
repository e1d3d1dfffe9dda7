"""Turns districts into the components of the trained PCA model, and splits them."""

import argparse
import os
import tarfile
import tempfile
from pathlib import Path

import joblib
import pandas as pd

# Where /opt/ml is; the variable, of AWS's own toolkits, is set where a machine has no such folder to give.
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
FEATURES = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
LABEL = "MedHouseVal"


def main():
    """Read the table and the model, write one folder per output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    parser.add_argument("--test_every", type=int, default=5, help="the districts that the PCA model has not seen")
    arguments = parser.parse_args()
    table = pd.read_csv(one_file(arguments.input, "raw_data/*.csv"))
    pca = load_pca(one_file(arguments.input, "*/model.tar.gz"))
    components = pca.transform(table[FEATURES].to_numpy())
    names = [f"component{number}" for number in range(1, components.shape[1] + 1)]
    data = pd.DataFrame(components, columns=names).round(6)
    data[LABEL] = table[LABEL]
    unseen = data.index % arguments.test_every == 0
    # Every other unseen district is for stopping in time, the rest for the test alone.
    second = data.index % (2 * arguments.test_every) == 0
    test = data[unseen & ~second]
    output = Path(arguments.output)
    write(data[~unseen], output / "train" / "train.csv", header=True)
    write(data[unseen & second], output / "validation" / "validation.csv", header=True)
    write(test, output / "test" / "test.csv", header=True)
    # The batch transform gets what a caller would send: components only, no header.
    write(test[names], output / "batch" / "batch.csv", header=False)


def one_file(folder, pattern):
    """Return the one file that matches; the inputs' folders are named after the steps that they come from."""
    found = sorted(Path(folder).glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one file {folder}/{pattern}, found {[str(path) for path in found]}")
    return found[0]


def load_pca(archive):
    """Return the model out of a model archive."""
    with tarfile.open(str(archive)) as tar, tempfile.TemporaryDirectory() as folder:
        member = next(item for item in tar.getmembers() if item.name.lstrip("./") == "pca.joblib" and item.isfile())
        path = Path(folder, "pca.joblib")
        path.write_bytes(tar.extractfile(member).read())
        return joblib.load(str(path))


def write(table, path, header):
    """Write a CSV file without an index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(str(path), index=False, header=header)
    print(f"{path.parent.name}: {len(table)} districts")


if __name__ == "__main__":
    main()
