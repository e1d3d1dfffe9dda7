"""The tiny model that the service trains: one training, one registration, and two switches in its data.

Its script reads what is at `s3://<bucket>/tiny/`: `fail` lets it fail, `sleep` lets it sleep for so many seconds.
"""

from __future__ import annotations

from pathlib import Path

CONF = """\
conf:
  models:
    tiny:
      source_directory: scripts
      train:
        image_uri: {image}
        entry_point: train.py
        instance_type: ml.m5.large
        volume_size_in_gb: 5
        max_runtime_seconds: 1800
        hyperparams: {{round: {round}}}
        channels:
          train:
            dataFiles:
              - sourceName: data
                fileName: s3://SMP_S3BUCKETNAME/tiny/
      registry:
        ModelRepack: "False"
        ModelPackageGroupName: {group}
        InferenceSpecification:
          image_uri: {image}
  sagemakerPipeline:
    pipelineName: {pipeline}
    models:
      tiny:
        steps:
          - step_name: tiny-Train
            step_class: Training
          - step_name: tiny-Register
            step_class: RegisterModel
"""
TRAIN = """\
import os
import sys
import time
from pathlib import Path

base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
data = base / "input" / "data"
found = {path.name: path for path in data.rglob("*") if path.is_file()}
print("data:", sorted(found))
if "sleep" in found:
    time.sleep(float(found["sleep"].read_text()))
if "fail" in found:
    sys.exit("the acceptance asked for a failure")
Path(os.environ.get("SM_MODEL_DIR", base / "model"), "model.txt").write_text("tiny")
"""
DATA = "1\n2\n3\n"


def write_model(folder: Path, *, image: str, pipeline: str, group: str, round_: int) -> None:
    """Write the model repository's files; another round is another commit, and another model."""
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    (folder / "scripts").mkdir(exist_ok=True)
    text = CONF.format(image=image, pipeline=pipeline, group=group, round=round_)
    (folder / "conf" / "conf.yaml").write_text(text, "utf-8")
    (folder / "scripts" / "train.py").write_text(TRAIN, "utf-8")
