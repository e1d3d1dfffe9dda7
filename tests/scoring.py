"""A model that is trained, scores days of data and is watched, by scripts that need nothing but Python.

The data is a number a row; the model is the mean of those it was trained with. A day's scores are the distances from
it, and what has drifted is how far the day's mean is from the model's, in a monitor.json as a Monitor step writes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.checkout.repositories import commit, make_repository
from tests.engine.environments import share_environment
from tests.workspaces import Workspace

MANIFEST = """\
version: 1
pipelines:
  - {name: training}
  - {name: scoring, kind: inference}
repos:
  - url: remotes/churn
local:
  s3: {local/churn: data/churn, local/landing: data/landing}
"""
TRAINING = """\
conf:
  models:
    churn:
      source_directory: scripts
      train:
        image_uri: example.com/tiny:1
        entry_point: train.py
        channels:
          train:
            dataFiles:
              - {sourceName: numbers, fileName: s3://SMP_S3BUCKETNAME/churn/train.csv}
      transform:
        entry_point: inference.py
      registry:
        ModelPackageGroupName: churn
        InferenceSpecification:
          image_uri: example.com/tiny:1
  sagemakerPipeline:
    pipelineName: churn-training
    models:
      churn:
        steps:
          - {step_name: churn-Train, step_class: Training, enable_cache: true}
          - {step_name: churn-Register, step_class: RegisterModel}
"""
INFERENCE = """\
conf:
  models:
    churn:
      source_directory: scripts
      model: {group: churn}
      transform:
        split_type: Line
        assemble_with: Line
        channels:
          day:
            dataFiles:
              - {sourceName: day, fileName: "s3://SMP_S3BUCKETNAME/landing/dt=${date}/"}
      postprocess:
        image_uri: example.com/tiny:1
        entry_point: watch.py
        channels:
          predictions:
          monitor:
      publish:
        to: s3://SMP_S3BUCKETNAME/scores/
      gate:
        - {metric: drift.max_psi, max: 1, then: retrain}
        - {metric: drift.max_psi, max: 5}
  sagemakerPipeline:
    pipelineName: churn-scoring
    models:
      churn:
        steps:
          - {step_name: churn-CreateModel, step_class: CreateModel}
          - {step_name: churn-Score, step_class: Transform, enable_cache: true}
          - step_name: churn-Watch
            step_class: Processing
            step_type: postprocess
            enable_cache: true
            chain_input_source_step: [churn-Score]
"""
TRAIN = """\
import os
from pathlib import Path

rows = Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv").read_text().split()
Path(os.environ["SM_MODEL_DIR"], "mean.txt").write_text(str(sum(map(float, rows)) / len(rows)))
"""
SERVE = """\
from pathlib import Path


def model_fn(model_dir):
    return float(Path(model_dir, "mean.txt").read_text())


def input_fn(body, content_type):
    return [float(row) for row in (body.decode() if isinstance(body, bytes) else body).split()]


def predict_fn(data, model):
    return [value - model for value in data]


def output_fn(prediction, accept):
    return "\\n".join(map(str, prediction))
"""
WATCH = """\
import json
from pathlib import Path

base = Path("/opt/ml/processing")
files = sorted(path for path in (base / "input").rglob("*.out"))
scores = [float(row) for path in files for row in path.read_text().split()]
far = abs(sum(scores) / len(scores)) if scores else 0.0
out = base / "output"
for name in ("predictions", "monitor"):
    (out / name).mkdir(parents=True, exist_ok=True)
(out / "predictions" / "scores.csv").write_text("".join(f"{score}\\n" for score in scores))
violation = {"kind": "drift", "column": "number", "statistic": "distance", "value": far, "bound": 1.0, "message": ""}
column = {"type": "numerical", "missing": 0.0, "psi": far}
report = {
    "format": 1, "rows": {"input": len(scores), "predictions": len(scores)}, "violations": [violation] if far > 1 else [],
    "columns": {"number": column}, "predictions": column, "quality": None,
    "drift": {"columns": int(far > 1), "share": float(far > 1), "max_psi": far}, "library": "none",
}
(out / "monitor" / "monitor.json").write_text(json.dumps(report))
"""
SCRIPTS = {"train.py": TRAIN, "inference.py": SERVE, "watch.py": WATCH}
LIKE, SHIFTED, FAR = (1, 2, 3), (3, 4, 5), (11, 12, 13)
"""Days of data: as the model's own, one that a retraining is for, and one whose scores the gate blocks, too."""


@dataclass(frozen=True)
class Scoring(Workspace):
    """A workspace with the two pipelines."""

    def land(self, day: str, numbers: tuple[float, ...] = LIKE, name: str = "rows.csv") -> Path:
        """Let a day's data come."""
        path = self.root / "data" / "landing" / f"dt={day}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{number}\n" for number in numbers))
        return path

    def data(self, *numbers: float) -> None:
        """Let the training data be other data."""
        (self.root / "data" / "churn" / "train.csv").write_text("".join(f"{number}\n" for number in numbers))

    def change(self, *replacements: tuple[str, str], conf: str = "inference") -> str:
        """Commit another conf; return the commit's id."""
        path = self.root / "remotes" / "churn" / "conf" / f"{conf}.yaml"
        text = path.read_text()
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new, 1)
        path.write_text(text)
        return commit(self.root / "remotes" / "churn", "another conf")

    def record(self, pipeline: str = "scoring") -> Any:
        """Return the newest record of a pipeline."""
        folder = self.root / "build"
        path = folder / "run.json" if pipeline == "training" else folder / "pipelines" / pipeline / "run.json"
        return json.loads(path.read_text())

    def object(self, key: str, bucket: str = "local") -> Path:
        """Return the file of an object of the local store."""
        return self.root / ".pipeline_builder" / "store" / bucket / key


def make_scoring(root: Path, *, manifest: str = MANIFEST, inference: str = INFERENCE) -> Scoring:
    """Make the workspace, with nothing run yet."""
    remote = root / "remotes" / "churn"
    for folder in ("conf", "scripts"):
        (remote / folder).mkdir(parents=True)
    (remote / "conf" / "conf.yaml").write_text(TRAINING)
    (remote / "conf" / "inference.yaml").write_text(inference)
    for name, text in SCRIPTS.items():
        (remote / "scripts" / name).write_text(text)
    make_repository(remote)
    (root / "data" / "churn").mkdir(parents=True)
    (root / "data" / "landing").mkdir()
    (root / "model_repos.yaml").write_text(manifest)
    share_environment(root / ".pipeline_builder")
    made = Scoring(root)
    made.data(*LIKE)
    return made
