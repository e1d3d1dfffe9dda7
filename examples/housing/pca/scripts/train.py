"""Fits scaling and a principal component analysis: eight columns become a few that don't repeat each other."""

import argparse
import json
import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HELD_OUT = 5


def main():
    """Read the channel, fit, write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--components", type=int, default=6)
    parser.add_argument("--solver", choices=("full", "randomized"), default="full")
    arguments = parser.parse_args()
    table = read_channel("train")
    if not 1 <= arguments.components <= table.shape[1]:
        raise SystemExit(f"--components is {arguments.components}, expected 1 to {table.shape[1]}")
    rows = table.to_numpy()
    # How likely are districts that it hasn't seen? That is what a tuning compares.
    held_out = rows[::HELD_OUT]
    seen = np.delete(rows, np.s_[::HELD_OUT], axis=0)
    print(f"likelihood={build(arguments).fit(seen).score(held_out):.6f}")
    model = build(arguments).fit(rows)
    explained = model[-1].explained_variance_ratio_
    for number, share in enumerate(explained, start=1):
        print(f"component {number}: {share:.1%} of the variance")
    print(f"{arguments.components} components explain {explained.sum():.1%}")
    folder = Path(os.environ["SM_MODEL_DIR"])
    joblib.dump(model, str(folder / "pca.joblib"))
    facts = {"features": list(table.columns), "explained_variance_ratio": [float(share) for share in explained]}
    (folder / "facts.json").write_text(json.dumps(facts, indent=1))


def build(arguments):
    """Return the model, not fitted."""
    pca = PCA(n_components=arguments.components, svd_solver=arguments.solver, random_state=17)
    return make_pipeline(StandardScaler(), pca)


def read_channel(name):
    """Return the table of the one channel that is called `name`, or whose name ends with `-<name>`."""
    channels = json.loads(os.environ["SM_CHANNELS"])
    found = [channel for channel in channels if channel == name or channel.endswith(f"-{name}")]
    if len(found) != 1:
        raise SystemExit(f"expected one channel '{name}', found {found or 'none'} among {channels}")
    files = sorted(Path(os.environ[f"SM_CHANNEL_{found[0].upper()}"]).glob("*.csv"))
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)


if __name__ == "__main__":
    main()
