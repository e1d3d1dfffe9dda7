"""Trains a multilayer perceptron on the components, stopping when the validation set gets no better."""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

LABEL = "MedHouseVal"


def main():
    """Read the channels, train, write the model as TensorFlow Serving takes it, and how the training went."""
    arguments = parse_arguments()
    tf.keras.utils.set_random_seed(arguments.seed)
    features, values = read_channel("train")
    validation = read_channel("validation")
    model = build_model(features, arguments)
    history = model.fit(
        features,
        values,
        validation_data=validation,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        callbacks=[tf.keras.callbacks.EarlyStopping(patience=arguments.patience, restore_best_weights=True)],
        verbose=2,
    ).history
    best = min(history["val_loss"])
    print(f"best of {len(history['loss'])} epochs: validation rmse {best**0.5:.4f}")
    # TensorFlow Serving looks for numbered folders, one for each version of a model.
    model.export(str(Path(os.environ["SM_MODEL_DIR"], "1")))
    curves = {name: [round(float(value), 6) for value in values] for name, values in history.items()}
    Path(os.environ["SM_OUTPUT_DATA_DIR"], "training.json").write_text(json.dumps(curves, indent=1))


def parse_arguments():
    """Return the hyperparameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--learning_rate", type=float, default=0.003)
    parser.add_argument("--patience", type=int, default=6)
    parser.add_argument("--seed", type=int, default=17)
    # The image's own launcher adds it: where a job may put its model besides.
    parser.add_argument("--model_dir", default="")
    return parser.parse_args()


def build_model(features, arguments):
    """Return the network; it brings the scale of its inputs along."""
    scale = tf.keras.layers.Normalization()
    scale.adapt(features)
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(features.shape[1],)),
            scale,
            tf.keras.layers.Dense(arguments.units, activation="relu"),
            tf.keras.layers.Dense(arguments.units, activation="relu"),
            tf.keras.layers.Dense(1),
        ]
    )
    # Many steps for each call: in so small a network a call takes longer than a step. What comes of them is the same.
    optimizer = tf.keras.optimizers.Adam(arguments.learning_rate)
    model.compile(optimizer=optimizer, loss="mse", steps_per_execution=32)
    return model


def read_channel(name):
    """Return features and values of the one channel that is called `name`, or whose name ends with `-<name>`."""
    channels = json.loads(os.environ["SM_CHANNELS"])
    found = [channel for channel in channels if channel == name or channel.endswith(f"-{name}")]
    if len(found) != 1:
        raise SystemExit(f"expected one channel '{name}', found {found or 'none'} among {channels}")
    files = sorted(Path(os.environ[f"SM_CHANNEL_{found[0].upper()}"]).glob("*.csv"))
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    print(f"{name}: {len(table)} districts from channel {found[0]}")
    return table.drop(columns=LABEL).to_numpy(dtype=np.float32), table[LABEL].to_numpy(dtype=np.float32)


if __name__ == "__main__":
    main()
