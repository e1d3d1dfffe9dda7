"""Inference confs and what they compose to, as the stages do it, without git and without a target."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline_builder.conf.conf import load_conf
from pipeline_builder.conf.graph import Graph, build_graph
from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings

TRANSFORMED = """\
conf:
  models:
    churn:
      source_directory: scripts
      name: scorer
      model: {group: churn, env: {LEVEL: "2"}, retry: 2}
      transform:
        instance_count: 2
        split_type: Line
        assemble_with: Line
        strategy: MultiRecord
        max_payload: 6
        join_source: Input
        channels:
          day:
            dataFiles: [{sourceName: day, fileName: "s3://SMP_S3BUCKETNAME/landing/dt=${date}/"}]
      quality_check:
        image_uri: example.com/monitor:1
        check: model_quality
        problem_type: Regression
        inference_attribute: _c0
        ground_truth_attribute: _c1
        output_path: "s3://SMP_S3BUCKETNAME/watched/${year}/${month}"
        ModelPackageGroupName: churn
  sagemakerPipeline:
    pipelineName: churn-scoring
    models:
      churn:
        steps:
          - {step_name: churn-CreateModel, step_class: CreateModel}
          - {step_name: churn-Score, step_class: Transform}
          - {step_name: churn-Watch, step_class: QualityCheck, chain_input_source_step: churn-Score}
"""
MOUNTED = """\
conf:
  models:
    churn:
      source_directory: scripts
      model: {group: churn, stage: production}
      preprocess:
        image_uri: example.com/tiny:1
        entry_point: score.py
        model_channel: model
        args: {day: "${date}T${hour}", text: "$${date}"}
        channels:
          scores:
            s3BucketName: SMP_S3BUCKETNAME
            s3InputPrefix: landing/${year}/${month}/${day}
            dataFiles: [{sourceName: day, fileName: rows.csv}, {sourceName: names, fileName: s3://b/names.csv}]
      postprocess: {image_uri: example.com/tiny:1, entry_point: score.py, channels: late}
  sagemakerPipeline:
    pipelineName: churn-scoring
    models:
      churn:
        steps:
          - {step_name: churn-Score, step_class: Processing, step_type: preprocess, enable_cache: true}
          - step_name: churn-Late
            step_class: Processing
            step_type: postprocess
            chain_input_source_step: churn-Score
"""


def load_scoring(training_dir: Path, conf: str = TRANSFORMED, **values: str) -> Graph:
    """Write the inference conf of the repository `churn` below the training directory, and return its graph."""
    folder = training_dir / "churn"
    for name in ("conf", "scripts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "scripts" / "score.py").write_text("print(1)\n")
    path = folder / "conf" / "inference.yaml"
    path.write_text(conf)
    read = load_conf(
        path, label="churn@1f3c9ab:conf/inference.yaml", repo="churn", folder=folder,
        values={**LOCAL_DEFAULTS, **values}, kind="inference",
    )  # fmt: skip
    return build_graph([read], training_dir=training_dir)


def compose_scoring(training_dir: Path, conf: str = TRANSFORMED, **values: str) -> Definition:
    """Return the definition, which every offline check has accepted."""
    graph = load_scoring(training_dir, conf, **values)
    definition = build_definition(graph, build_settings({**LOCAL_DEFAULTS, **values}), {"churn": "churn"})
    assert check_definition(json.loads(definition.content)) == ()
    return definition
