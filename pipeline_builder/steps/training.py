"""Training steps: CreateTrainingJob in script mode."""

from __future__ import annotations

import json

from pipeline_builder.conf import TrainSection
from pipeline_builder.graph import Step
from pipeline_builder.steps.context import (
    Context,
    Mapped,
    cache_config,
    chained_outputs,
    channel_name,
    execution_uri,
    file_uri,
    tag_list,
    vpc_config,
    without_empty,
)
from pipeline_builder.target import JSON


def compose_training(context: Context, step: Step) -> Mapped:
    """Return the step: channels of its own data, chained channels, hyperparameters in the toolkit's JSON encoding."""
    job, settings = step.job, context.settings
    assert isinstance(job, TrainSection)
    network = vpc_config(settings)
    resources: Mapped = {
        "InstanceCount": job.instance_count,
        "InstanceType": job.instance_type,
        "VolumeSizeInGB": job.volume_size,
        "VolumeKmsKeyId": settings.kms_key,
    }
    output: Mapped = {"S3OutputPath": job.output_path or execution_uri(context, step), "KmsKeyId": settings.kms_key}
    request: Mapped = {
        "TrainingJobName": job.base_job_name,
        "RoleArn": settings.role,
        "AlgorithmSpecification": {"TrainingImage": job.image_uri, "TrainingInputMode": job.input_mode},
        "HyperParameters": hyperparameters(context, step, job),
        "InputDataConfig": _channels(context, step, job),
        "OutputDataConfig": without_empty(output),
        "ResourceConfig": without_empty(resources),
        "StoppingCondition": {"MaxRuntimeInSeconds": job.max_runtime},
        "Environment": dict(job.env),
        "VpcConfig": network,
        "EnableInterContainerTrafficEncryption": True if network else None,
        "Tags": tag_list(job.tags),
    }
    return {"Type": "Training", "Arguments": without_empty(request), **cache_config(step)}


def hyperparameters(context: Context, step: Step, job: TrainSection) -> Mapped:
    """Return the script's arguments and what tells the toolkit which script to run, every value JSON encoded."""
    values: dict[str, JSON] = {
        "sagemaker_program": job.entry_point,
        "sagemaker_submit_directory": context.code[step.name],
        "sagemaker_container_log_level": 20,
        "sagemaker_region": context.settings.region,
        **job.hyperparameters,
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}


def _channels(context: Context, step: Step, job: TrainSection) -> list[JSON]:
    own = [
        _channel(name, file_uri(channel, file), job)
        for name, channel in job.channels.items()
        for file in channel.data_files
    ]
    chained = [_channel(channel_name(o.step, o.label), o.uri, job) for o in chained_outputs(context, step)]
    start = _channel("model", job.model_data_uri, job) if job.model_data_uri else None
    if start:
        start["ContentType"] = "application/x-sagemaker-model"
        start["InputMode"] = "File"
    return [*own, *chained, *([start] if start else [])]


def _channel(name: str, uri: JSON, job: TrainSection) -> Mapped:
    source: Mapped = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": job.distribution}
    return without_empty({"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": job.content_type})
