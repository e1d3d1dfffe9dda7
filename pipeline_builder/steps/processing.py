"""Processing and Metrics steps: CreateProcessingJob."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from pipeline_builder.conf import EvaluateSection, JobSection, PreprocessSection
from pipeline_builder.graph import Step
from pipeline_builder.steps.context import (
    METRICS_FILE,
    METRICS_OUTPUT,
    Context,
    Mapped,
    cache_config,
    chained_outputs,
    channel_name,
    execution_uri,
    file_uri,
    output_channels,
    own_channel,
    tag_list,
    vpc_config,
    without_empty,
)
from pipeline_builder.target import JSON

_BASE = "/opt/ml/processing"
_CODE = f"{_BASE}/input/code"


def compose_processing(context: Context, step: Step) -> Mapped:
    """Return the step: inputs by file and by chained channel, one output per channel."""
    job = step.job
    assert isinstance(job, PreprocessSection)
    inputs = [*_files(job), *_chained(context, step, job)]
    outputs: list[JSON] = [
        _output(channel, execution_uri(context, step, channel), f"{_BASE}/output/{channel}", job.s3_upload_mode)
        for channel in output_channels(step)
    ]
    return {"Type": "Processing", "Arguments": _request(context, step, inputs, outputs), **cache_config(step)}


def compose_metrics(context: Context, step: Step) -> Mapped:
    """Return the step, with a property file over its report so that conditions and the registry can read it."""
    job = step.job
    assert isinstance(job, EvaluateSection)
    inputs = [*_files(job), *_chained(context, step, job)]
    outputs: list[JSON] = [
        _output(METRICS_OUTPUT, execution_uri(context, step, METRICS_OUTPUT), f"{_BASE}/output", "EndOfJob")
    ]
    report: JSON = {"PropertyFileName": METRICS_OUTPUT, "OutputName": METRICS_OUTPUT, "FilePath": METRICS_FILE}
    arguments = _request(context, step, inputs, outputs)
    return {"Type": "Processing", "Arguments": arguments, "PropertyFiles": [report], **cache_config(step)}


def _request(context: Context, step: Step, inputs: list[JSON], outputs: list[JSON]) -> Mapped:
    job, settings = step.job, context.settings
    assert job is not None
    network = vpc_config(settings)
    cluster: Mapped = {
        "InstanceCount": job.instance_count,
        "InstanceType": job.instance_type,
        "VolumeSizeInGB": job.volume_size,
        "VolumeKmsKeyId": settings.kms_key,
    }
    code = _input("code", context.code[step.name], _CODE, job)
    return without_empty(
        {
            "ProcessingJobName": job.base_job_name,
            "RoleArn": settings.role,
            "AppSpecification": {
                "ImageUri": job.image_uri,
                "ContainerEntrypoint": ["/bin/bash", "-c", command(context, step, job)],
            },
            "ProcessingInputs": [*inputs, code],
            "ProcessingOutputConfig": without_empty({"Outputs": outputs, "KmsKeyId": settings.kms_key}),
            "ProcessingResources": {"ClusterConfig": without_empty(cluster)},
            "StoppingCondition": {"MaxRuntimeInSeconds": job.max_runtime},
            "Environment": dict(job.env),
            "NetworkConfig": {"EnableInterContainerTrafficEncryption": True, "VpcConfig": network} if network else {},
            "Tags": tag_list(job.tags),
        }
    )


def command(context: Context, step: Step, job: JobSection) -> str:
    """Return what the container runs: unpack the code, install what it asks for, run the entry point as a module."""
    module = shlex.quote(".".join(PurePosixPath(job.entry_point).with_suffix("").parts))
    install = "python -m pip install -r requirements.txt && " if step.name in context.requirements else ""
    return f"cd {_CODE} && tar -xzf sourcedir.tar.gz && {install}exec python -m {module}"


def _files(job: PreprocessSection | EvaluateSection) -> list[JSON]:
    return [
        _input(file.source_name, file_uri(channel, file), f"{_BASE}/input/{file.source_name}", job)
        for channel in job.channels.values()
        for file in channel.data_files
    ]


def _chained(context: Context, step: Step, job: PreprocessSection | EvaluateSection) -> list[JSON]:
    """Processing labels chained inputs `<step>-input-<channel>`, Metrics `<step>-<channel>`: scripts read them."""
    metrics = step.step_class == "Metrics"
    found = chained_outputs(context, step, single=own_channel(job)) if metrics else chained_outputs(context, step)
    inputs: list[JSON] = []
    for output in found:
        label = output.label if metrics else f"input-{output.label}"
        name = channel_name(output.step, label)
        inputs.append(_input(name, output.uri, f"{_BASE}/input/{name}", job))
    return inputs


def _input(name: str, uri: JSON, path: str, job: JobSection) -> Mapped:
    return {"InputName": name, "AppManaged": False, "S3Input": _s3_input(uri, path, job, code=name == "code")}


def _s3_input(uri: JSON, path: str, job: JobSection, *, code: bool) -> Mapped:
    """Code is always fetched whole, by every instance, before the job starts."""
    own = job if isinstance(job, PreprocessSection | EvaluateSection) and not code else None
    return {
        "S3Uri": uri,
        "LocalPath": path,
        "S3DataType": own.s3_data_type if own else "S3Prefix",
        "S3InputMode": own.s3_input_mode if own else "File",
        "S3DataDistributionType": own.s3_data_distribution_type if own else "FullyReplicated",
        "S3CompressionType": "None",
    }


def _output(name: str, uri: JSON, path: str, mode: str) -> Mapped:
    destination: Mapped = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}
    return {"OutputName": name, "AppManaged": False, "S3Output": destination}
