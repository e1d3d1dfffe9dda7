"""Trains a LightGBM classifier, stopping early on the validation set."""

import argparse
import json
import os
from pathlib import Path

import lightgbm as lgb
import pandas as pd
from sklearn.metrics import f1_score

LABEL = "Revenue"
CATEGORICAL = ["Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend"]


def main():
    """Read the channels, train, write the model and how the training went."""
    arguments = parse_arguments()
    train = read_channel("train")
    validation = read_channel("validation")
    features = [column for column in train.columns if column != LABEL]
    history = {}
    booster = lgb.train(
        parameters(arguments),
        lgb.Dataset(train[features], train[LABEL], categorical_feature=CATEGORICAL),
        num_boost_round=arguments.n_estimators,
        valid_sets=[
            lgb.Dataset(train[features], train[LABEL], categorical_feature=CATEGORICAL),
            lgb.Dataset(validation[features], validation[LABEL], categorical_feature=CATEGORICAL),
        ],
        valid_names=["train", "validation"],
        callbacks=[
            lgb.early_stopping(arguments.early_stopping_rounds, first_metric_only=True, verbose=False),
            lgb.record_evaluation(history),
            progress(every=25),
        ],
    )
    scores = booster.predict(validation[features])
    threshold = best_threshold(validation[LABEL], scores)
    print(f"best round {booster.best_iteration}, validation auc {best(booster):.4f}, threshold {threshold:.3f}")
    save(booster, features, threshold)
    save_history(booster, features, history)


def parse_arguments():
    """Return the hyperparameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learning_rate", type=float, default=0.05)
    parser.add_argument("--num_leaves", type=int, default=31)
    parser.add_argument("--min_data_in_leaf", type=int, default=40)
    parser.add_argument("--feature_fraction", type=float, default=0.8)
    parser.add_argument("--n_estimators", type=int, default=400)
    parser.add_argument("--early_stopping_rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


def parameters(arguments):
    """Return LightGBM's parameters; two trainings on the same data give the same model."""
    return {
        "objective": "binary",
        "metric": "auc",
        "learning_rate": arguments.learning_rate,
        "num_leaves": arguments.num_leaves,
        "min_data_in_leaf": arguments.min_data_in_leaf,
        "feature_fraction": arguments.feature_fraction,
        "seed": arguments.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": int(os.environ.get("SM_NUM_CPUS", "2")),
        "verbosity": -1,
    }


def read_channel(name):
    """Return the table of the one channel that is called `name`, or whose name ends with `-<name>`."""
    channels = json.loads(os.environ["SM_CHANNELS"])
    found = [channel for channel in channels if channel == name or channel.endswith(f"-{name}")]
    if len(found) != 1:
        raise SystemExit(f"expected one channel '{name}', found {found or 'none'} among {channels}")
    files = sorted(Path(os.environ[f"SM_CHANNEL_{found[0].upper()}"]).glob("*.csv"))
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    print(f"{name}: {len(table)} rows from channel {found[0]}")
    return table


def progress(every):
    """Return a callback that prints a line now and then."""

    def callback(environment):
        if (environment.iteration + 1) % every == 0:
            results = environment.evaluation_result_list
            scores = ", ".join(f"{name} {metric} {value:.4f}" for name, metric, value, *_ in results)
            print(f"[{environment.iteration + 1}] {scores}", flush=True)

    return callback


def best_threshold(labels, scores):
    """Return the threshold with the best F1 on the validation set; the test set has no say in it."""
    return max((step / 100 for step in range(5, 96)), key=lambda threshold: f1_score(labels, scores >= threshold))


def best(booster):
    """Return the AUC on the validation set."""
    return booster.best_score["validation"]["auc"]


def save(booster, features, threshold):
    """Write what inference needs into the model's folder."""
    folder = Path(os.environ["SM_MODEL_DIR"])
    booster.save_model(str(folder / "model.txt"), num_iteration=booster.best_iteration)
    (folder / "features.json").write_text(json.dumps({"features": features, "threshold": threshold}, indent=1))


def save_history(booster, features, history):
    """Write the learning curves and how much each feature counts."""
    folder = Path(os.environ["SM_OUTPUT_DATA_DIR"])
    gains = dict(zip(features, (float(gain) for gain in booster.feature_importance("gain"))))
    (folder / "training.json").write_text(json.dumps({"curves": history, "gain": gains}, indent=1))
    for name, gain in sorted(gains.items(), key=lambda item: -item[1])[:5]:
        print(f"{name}: gain {gain:.0f}")


if __name__ == "__main__":
    main()
