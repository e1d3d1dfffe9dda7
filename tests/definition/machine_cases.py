"""Configurations of trainings on machines of other kinds, of several processes, and what they track and install from."""

from __future__ import annotations

from tests.tiny import variant

TRAIN = "        hyperparams: {scale: 2}\n"
SERVER = "arn:aws:sagemaker:us-east-1:000000000000:mlflow-tracking-server/runs"
REPOSITORY = "arn:aws:codeartifact:us-east-1:000000000000:repository/ml/pypi"

SPOT = variant(
    (
        TRAIN,
        TRAIN + "        spot: true\n        max_wait_seconds: 7200\n"
        "        checkpoints: {address: s3://local/points/, path: /opt/ml/points}\n"
        "        metrics: {loss: 'loss: ([0-9.]+)', rows: 'rows: ([0-9]+)'}\n"
        "        distributed: {by: mpi, processes_per_host: 2, mpi_options: '--NCCL_DEBUG WARN -x LEVEL'}\n",
    )
)
GROUPS = variant(
    (
        TRAIN,
        TRAIN + "        instance_groups:\n"
        "          fast: {instance_type: ml.g5.xlarge, instance_count: 2}\n"
        "          cheap: {instance_type: ml.c5.xlarge}\n"
        "        distributed: {by: mpi, instance_groups: fast}\n"
        "        channels:\n"
        "          own: {instance_groups: [cheap], dataFiles: [{sourceName: own, fileName: s3://local/own.csv}]}\n"
        "          churn-Preprocess-train: {instance_groups: [fast]}\n",
    )
)
POOL = variant(
    (
        TRAIN,
        TRAIN + "        instance_type: ml.p4d.24xlarge\n        instance_count: 2\n        keep_alive_seconds: 600\n"
        "        metric_definitions: [{Name: loss, Regex: 'loss: ([0-9.]+)'}]\n        distributed: torchrun\n",
    )
)
PARALLEL = variant(
    (
        TRAIN,
        TRAIN
        + "        instance_type: ml.p4d.24xlarge\n        instance_count: 2\n        distributed: data_parallel\n",
    )
)
TRACKED = variant(
    (
        TRAIN,
        TRAIN + f"        mlflow: {{server: '{SERVER}', experiment: churn, run: nightly}}\n"
        f"        codeartifact: {REPOSITORY}\n",
    ),
    (
        "        entry_point: preprocess.py\n",
        f"        entry_point: preprocess.py\n        codeartifact: {REPOSITORY}\n        mlflow: https://mlflow.example.com\n",
    ),
    (
        "        entry_point: evaluate.py\n",
        f"        entry_point: evaluate.py\n        codeartifact: {REPOSITORY}\n        mlflow: {{server: '{SERVER}'}}\n",
    ),
)
