"""A tiny model repository whose scripts need nothing but Python: six steps, all six classes, done in a second or two."""

from __future__ import annotations

from pathlib import Path

CONF = """\
conf:
  models:
    churn:
      source_directory: scripts
      preprocess:
        image_uri: example.com/tiny:1
        entry_point: preprocess.py
        channels:
          train:
            dataFiles:
              - sourceName: raw_data
                fileName: s3://SMP_S3BUCKETNAME/churn/numbers.csv
          test:
      train:
        image_uri: example.com/tiny:1
        entry_point: train.py
        hyperparams: {scale: 2}
      transform:
        entry_point: inference.py
        channels: test
        split_type: Line
        assemble_with: Line
      evaluate:
        image_uri: example.com/tiny:1
        entry_point: evaluate.py
        channels: predictions
      registry:
        ModelRepack: "False"
        InferenceSpecification:
          image_uri: example.com/tiny:1
  sagemakerPipeline:
    pipelineName: tiny
    models:
      churn:
        steps:
          - step_name: churn-Preprocess
            step_class: Processing
            step_type: preprocess
            enable_cache: true
          - step_name: churn-Train
            step_class: Training
            enable_cache: true
            chain_input_source_step: [churn-Preprocess]
          - step_name: churn-CreateModel
            step_class: CreateModel
          - step_name: churn-Transform
            step_class: Transform
            enable_cache: true
            chain_input_source_step: [churn-Preprocess]
            chain_input_additional_prefix: test.csv
          - step_name: churn-Metrics
            step_class: Metrics
            enable_cache: true
            chain_input_source_step: [churn-Transform, churn-Preprocess]
          - step_name: churn-Register
            step_class: RegisterModel
"""

PREPROCESS = """\
from pathlib import Path

rows = Path("/opt/ml/processing/input/raw_data/numbers.csv").read_text().split()
for channel, part in (("train", rows[:3]), ("test", rows[3:])):
    folder = Path("/opt/ml/processing/output", channel)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{channel}.csv").write_text("".join(f"{row}\\n" for row in part))
print("rows:", len(rows))
"""

TRAIN = """\
import argparse
import os
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--scale", type=float)
scale = parser.parse_args().scale
folder = Path(os.environ["SM_CHANNEL_CHURN-PREPROCESS-TRAIN"])
values = [float(row) for row in (folder / "train.csv").read_text().split()]
mean = scale * sum(values) / len(values)
Path(os.environ["SM_MODEL_DIR"], "mean.txt").write_text(str(mean))
print("mean:", mean)
"""

INFERENCE = """\
from pathlib import Path


def model_fn(model_dir):
    return float(Path(model_dir, "mean.txt").read_text())


def input_fn(body, content_type):
    text = body.decode() if isinstance(body, bytes) else body
    return [float(row) for row in text.split()]


def predict_fn(data, model):
    return [value - model for value in data]


def output_fn(prediction, accept):
    return "\\n".join(str(value) for value in prediction)
"""

EVALUATE = """\
import json
from pathlib import Path

base = Path("/opt/ml/processing")
residuals = [float(row) for row in (base / "input/churn-Transform-predictions/test.csv.out").read_text().split()]
labels = (base / "input/churn-Preprocess-test/test.csv").read_text().split()
assert len(residuals) == len(labels)
report = {"regression_metrics": {"mae": {"value": sum(map(abs, residuals)) / len(residuals)}}}
(base / "output/model_evaluation_metrics.json").write_text(json.dumps(report))
"""

SCRIPTS = {"preprocess.py": PREPROCESS, "train.py": TRAIN, "inference.py": INFERENCE, "evaluate.py": EVALUATE}
DATA = "1\n2\n3\n4\n5\n6\n"


def write_model(folder: Path, conf: str = CONF) -> Path:
    """Write the model repository's files below the folder and return it."""
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "conf.yaml").write_text(conf)
    (folder / "scripts").mkdir()
    for name, text in SCRIPTS.items():
        (folder / "scripts" / name).write_text(text)
    return folder


def variant(*replacements: tuple[str, str]) -> str:
    """Return the conf with each old text replaced by the new one; an old text that isn't there is a mistake."""
    text = CONF
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
