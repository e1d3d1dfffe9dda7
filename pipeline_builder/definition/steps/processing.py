"""Processing and Metrics steps: CreateProcessingJob."""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline_builder.conf.belonging import channel_of
from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import EvaluateSection, JobSection, PreprocessSection
from pipeline_builder.definition.handing import job_variables, secret_variables
from pipeline_builder.definition.steps.commands import BASE, CODE, application, program
from pipeline_builder.definition.steps.context import (
    Context,
    Mapped,
    cache_config,
    chained_outputs,
    channel_name,
    execution_uri,
    output_channels,
    own_channel,
    tag_list,
    vpc_config,
    without_empty,
)
from pipeline_builder.definition.steps.data import DataInput, Placed, processing_inputs
from pipeline_builder.definition.uses import package_reference
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import get, s3_uri

_FILES = f"{BASE}/files"


def compose_processing(context: Context, step: Step) -> Mapped:
    """Return the step: inputs by file and by chained channel, one output per channel."""
    job = step.job
    assert isinstance(job, PreprocessSection)
    outputs: list[JSON] = [
        job_output(channel, execution_uri(context, step, channel), _output_path(job, channel), job.s3_upload_mode)
        for channel in output_channels(step)
    ]
    return {"Type": "Processing", "Arguments": _request(context, step, outputs), **cache_config(step)}


def _output_path(job: PreprocessSection, channel: str) -> str:
    """Return the channel's folder below the section's own location; a location that ends in it is that folder."""
    base = job.location.output_path.rstrip("/")
    return base if PurePosixPath(base).name == channel else f"{base}/{channel}"


def compose_metrics(context: Context, step: Step) -> Mapped:
    """Return the step, with a property file over its report so that conditions and the registry can read it."""
    job = step.job
    assert isinstance(job, EvaluateSection)
    name = job.output_name
    outputs: list[JSON] = [job_output(name, _metrics_uri(context, step, job), job.output_path, "EndOfJob")]
    report: JSON = {"PropertyFileName": name, "OutputName": name, "FilePath": job.file}
    arguments = _request(context, step, outputs)
    return {"Type": "Processing", "Arguments": arguments, "PropertyFiles": [report], **cache_config(step)}


def _metrics_uri(context: Context, step: Step, job: EvaluateSection) -> JSON:
    """The report is the execution's own also below a prefix that the conf gives: no run overwrites another's."""
    for channel in job.channels.values():
        if channel.output_prefix:
            bucket, execution = channel.bucket or context.settings.bucket, get("Execution.PipelineExecutionId")
            return s3_uri(bucket, channel.output_prefix, execution, step.name, job.output_name)
    return execution_uri(context, step, job.output_name)


def _request(context: Context, step: Step, outputs: list[JSON]) -> Mapped:
    job = step.job
    assert isinstance(job, PreprocessSection | EvaluateSection)
    chained = [*_chained(context, step, job), *_model(step, job)]
    own, placed = processing_inputs(step, job, len(chained))
    return processing_request(
        context, step, [*(_own(context, step, data) for data in own), *chained], outputs, list(placed)
    )


def processing_request(
    context: Context, step: Step, inputs: list[JSON], outputs: list[JSON], placed: list[Placed]
) -> Mapped:
    """Return the request of a processing job with these inputs and the step's code; `placed` are files to be moved."""
    job, settings = step.job, context.settings
    assert isinstance(job, PreprocessSection | EvaluateSection)
    network = vpc_config(settings)
    cluster: Mapped = {
        "InstanceCount": job.instance_count,
        "InstanceType": job.instance_type,
        "VolumeSizeInGB": job.volume_size,
        "VolumeKmsKeyId": settings.kms_key,
    }
    code = job_input("code", context.code[step.name], CODE, job)
    folders = {file.source_name: input_folder(step, file.source_name) for file in placed}
    return without_empty(
        {
            "ProcessingJobName": job.base_job_name,
            "RoleArn": context.role(step),
            "AppSpecification": {
                "ImageUri": context.image(step, job),
                **application(context, step, job, [(file, folders[file.source_name]) for file in placed]),
            },
            "ProcessingInputs": [*inputs, code],
            "ProcessingOutputConfig": without_empty({"Outputs": outputs, "KmsKeyId": settings.kms_key}),
            "ProcessingResources": {"ClusterConfig": without_empty(cluster)},
            "StoppingCondition": {"MaxRuntimeInSeconds": job.max_runtime},
            "Environment": {
                **_output_names(step, outputs),
                **secret_variables(job, program(job)),
                **job_variables(job),
                **context.texts(job.env),
            },
            "NetworkConfig": {"EnableInterContainerTrafficEncryption": True, "VpcConfig": network} if network else {},
            "Tags": tag_list(context, job.tags),
        }
    )


def _own(context: Context, step: Step, data: DataInput) -> Mapped:
    """A manifest's files arrive in a folder of its own, from where they are placed; every other in its input's."""
    job = step.job
    assert isinstance(job, PreprocessSection | EvaluateSection)
    if data.manifest:
        source = job_input(f"files-{data.name}", data.manifest.uri(context.base), f"{_FILES}/{data.name}", job)
        return {**source, "S3Input": {**_s3(source), "S3DataType": "ManifestFile", "S3InputMode": "File"}}
    return job_input(data.name, data.uri, f"{input_folder(step, data.name)}/{data.name}", job)


def _s3(source: Mapped) -> Mapped:
    inner = source["S3Input"]
    return inner if isinstance(inner, dict) else {}


def input_folder(step: Step, source_name: str) -> str:
    """Return the folder below which a data file's own folder is."""
    job = step.job
    if isinstance(job, PreprocessSection):
        return job.input_path.rstrip("/")
    for channel in job.channels.values() if isinstance(job, EvaluateSection) else ():
        if channel.input_path and any(file.source_name == source_name for file in channel.data_files):
            return channel.input_path.rstrip("/")
    return f"{BASE}/input"


def _output_names(step: Step, outputs: list[JSON]) -> Mapped:
    """Name the outputs where the step cache can see them.

    SageMaker's cache doesn't compare outputs: with a channel more, a cached step would still hit, and whoever refers to
    the new output would find nothing.
    """
    if not step.asked.enable_cache or step.step_class != "Processing":
        return {}
    return {
        "SMP_OUTPUT_CHANNELS": ",".join(str(output["OutputName"]) for output in outputs if isinstance(output, dict))
    }


def _chained(context: Context, step: Step, job: PreprocessSection | EvaluateSection) -> list[JSON]:
    """Processing labels chained inputs `<step>-input-<channel>`, Metrics `<step>-<channel>`: scripts read them."""
    metrics = step.step_class == "Metrics"
    found = chained_outputs(context, step, single=own_channel(job)) if metrics else chained_outputs(context, step)
    inputs: list[JSON] = []
    for output in found:
        label = output.label if metrics else f"input-{output.label}"
        name = channel_name(output.step, label)
        inputs.append(job_input(name, output.uri, f"{BASE}/input/{name}", job))
    return inputs


def _model(step: Step, job: PreprocessSection | EvaluateSection) -> list[JSON]:
    """Return the input with the artifact of the model package that the step scores with."""
    name = channel_of(step)
    return [job_input(name, package_reference("artifact", step.unit.name), f"{BASE}/input/{name}", job)] if name else []


def job_input(name: str, uri: JSON, path: str, job: JobSection) -> Mapped:
    """Return an input: what is at an address comes into a folder of the container."""
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


def job_output(name: str, uri: JSON, path: str, mode: JSON) -> Mapped:
    """Return an output: what is in a folder of the container goes to an address."""
    destination: Mapped = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}
    return {"OutputName": name, "AppManaged": False, "S3Output": destination}
