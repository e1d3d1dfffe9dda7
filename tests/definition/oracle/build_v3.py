"""The tiny pipeline built with the classes of version 3 of the SageMaker SDK: `python -m tests.definition.oracle.build_v3 FOLDER CASE`.

Runs inside the environment of that version; FOLDER/CASE is the source directory. Writes FOLDER/definitions.json.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.definition.oracle.aws import BUCKET, ROLE, boto_session, cut_the_network

cut_the_network()

from sagemaker.core.metadata_properties import MetadataProperties  # noqa: E402
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics  # noqa: E402 - the network is cut before
from sagemaker.core.processing import FrameworkProcessor  # noqa: E402
from sagemaker.core.shapes import (  # noqa: E402
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    StoppingCondition,
)
from sagemaker.core.telemetry import telemetry_logging  # noqa: E402
from sagemaker.core.training.configs import Compute, InputData, SourceCode  # noqa: E402
from sagemaker.core.transformer import Transformer  # noqa: E402
from sagemaker.core.workflow.execution_variables import ExecutionVariables  # noqa: E402
from sagemaker.core.workflow.functions import Join  # noqa: E402
from sagemaker.core.workflow.parameters import ParameterString  # noqa: E402
from sagemaker.core.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.core.workflow.properties import PropertyFile  # noqa: E402
from sagemaker.mlops.workflow.model_step import ModelStep  # noqa: E402
from sagemaker.mlops.workflow.pipeline import Pipeline  # noqa: E402
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep  # noqa: E402
from sagemaker.serve.model_builder import ModelBuilder  # noqa: E402
from sagemaker.train.model_trainer import ModelTrainer  # noqa: E402

sys.excepthook = sys.__excepthook__
logging.disable(logging.WARNING)
telemetry_logging._send_telemetry_request = lambda *_, **__: None
SESSION = PipelineSession(boto_session=boto_session(), default_bucket=BUCKET)
CACHED = CacheConfig(enable_caching=True, expire_after="P30D")
IMAGE = "example.com/tiny:1"
INSTANCE = "ml.m5.2xlarge"
BASE = "/opt/ml/processing"
MANIFEST = ParameterString(name="ManifestCommit", default_value="unknown")
COMMIT = ParameterString(name="Commit-churn", default_value="unknown")
METRICS = "model_evaluation_metrics"


def own(*parts: str) -> Any:
    """Return an address of each execution's own."""
    return Join(
        on="/", values=[f"s3://{BUCKET}/tiny/churn/executions", ExecutionVariables.PIPELINE_EXECUTION_ID, *parts]
    )


def process(
    name: str, script: str, source: str, inputs: Mapping[str, Any], outputs: Mapping[str, tuple[str, Any]], **more: Any
) -> Any:
    """Return a Processing step; the outputs are a path and an address each."""
    processor = FrameworkProcessor(
        image_uri=IMAGE,
        role=ROLE,
        instance_count=1,
        instance_type=INSTANCE,
        sagemaker_session=SESSION,
        **more,
    )
    arguments = processor.run(
        code=script,
        source_dir=source,
        inputs=[
            ProcessingInput(
                input_name=key,
                s3_input=ProcessingS3Input(
                    s3_uri=uri, local_path=f"{BASE}/input/{key}", s3_data_type="S3Prefix", s3_input_mode="File"
                ),
            )
            for key, uri in inputs.items()
        ],
        outputs=[
            ProcessingOutput(
                output_name=key,
                s3_output=ProcessingS3Output(s3_uri=uri, local_path=path, s3_upload_mode="EndOfJob"),
            )
            for key, (path, uri) in outputs.items()
        ],
    )
    reports = [PropertyFile(name=METRICS, output_name=METRICS, path=f"{METRICS}.json")] if METRICS in outputs else None
    return ProcessingStep(name=name, step_args=arguments, cache_config=CACHED, property_files=reports)


def train(source: str, channels: Mapping[str, Any]) -> Any:
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        source_code=SourceCode(source_dir=source, entry_script="train.py"),
        compute=Compute(instance_type=INSTANCE, instance_count=1, volume_size_in_gb=32),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=3000),
        output_data_config=OutputDataConfig(s3_output_path=own("churn-Train")),
        hyperparameters={"scale": 2},
        sagemaker_session=SESSION,
    )
    inputs = [InputData(channel_name=key, data_source=uri) for key, uri in channels.items()]
    return TrainingStep(name="churn-Train", step_args=trainer.train(input_data_config=inputs), cache_config=CACHED)


def transform(model_name: Any, data: Any) -> Any:
    transformer = Transformer(
        model_name=model_name,
        instance_count=1,
        instance_type=INSTANCE,
        output_path=own("churn-Transform"),
        accept="text/csv",
        assemble_with="Line",
        sagemaker_session=SESSION,
    )
    arguments = transformer.transform(data=data, content_type="text/csv", split_type="Line", compression_type="None")
    return TransformStep(name="churn-Transform", step_args=arguments, cache_config=CACHED)


def closed(uri: Any) -> Any:
    """Return the address as that of a folder: without the `/` it takes what begins like it, too."""
    return Join(on="", values=[uri, "/"])


def tiny(source: str) -> Any:
    """Return the definition."""
    outputs = {name: (f"{BASE}/output/{name}", own("churn-Preprocess", name)) for name in ("train", "test")}
    data = {"raw_data": f"s3://{BUCKET}/churn/numbers.csv"}
    prepare = process(
        "churn-Preprocess", "preprocess.py", source, data, outputs, volume_size_in_gb=32, max_runtime_in_seconds=3000
    )
    made = prepare.properties.ProcessingOutputConfig.Outputs
    chained = {f"churn-Preprocess-{name}": closed(made[name].S3Output.S3Uri) for name in outputs}
    fit = train(source, chained)
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=fit.properties.ModelArtifacts.S3ModelArtifacts,
        role_arn=ROLE,
        source_code=SourceCode(source_dir=source, entry_script="inference.py"),
        sagemaker_session=SESSION,
    )
    model = ModelStep(name="churn-CreateModel", step_args=builder.build())
    where = Join(on="/", values=[made["test"].S3Output.S3Uri, "test.csv"])
    predict = transform(model.properties.ModelName, where)
    measured = {"churn-Transform-predictions": closed(predict.properties.TransformOutput.S3OutputPath), **chained}
    report = {METRICS: (f"{BASE}/output", own("churn-Metrics", METRICS))}
    measure = process(
        "churn-Metrics", "evaluate.py", source, measured, report, volume_size_in_gb=50, max_runtime_in_seconds=3600
    )
    uri = measure.properties.ProcessingOutputConfig.Outputs[METRICS].S3Output.S3Uri
    statistics = MetricsSource(content_type="application/json", s3_uri=Join(on="/", values=[uri, f"{METRICS}.json"]))
    registered = builder.register(
        content_types=["application/json"],
        response_types=["application/json"],
        inference_instances=[INSTANCE],
        transform_instances=[INSTANCE],
        model_package_group_name="tiny-churn",
        approval_status="PendingManualApproval",
        model_metrics=ModelMetrics(model_statistics=statistics),
        metadata_properties=MetadataProperties(commit_id=COMMIT, repository="churn", generated_by="pipeline_builder"),
        customer_metadata_properties={"manifest-commit": MANIFEST, "commit-churn": COMMIT},
    )
    register = ModelStep(name="churn-Register", step_args=registered)
    steps = [prepare, fit, model, predict, measure, register]
    pipeline = Pipeline(name="tiny", steps=steps, parameters=[MANIFEST, COMMIT], sagemaker_session=SESSION)
    return json.loads(pipeline.definition())


if __name__ == "__main__":
    folder, name = Path(sys.argv[1]), sys.argv[2]
    (folder / "definitions.json").write_text(json.dumps({name: tiny(str(folder / name))}))
