"""Training steps: CreateTrainingJob in script mode."""

from __future__ import annotations

import json

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import TrainSection
from pipeline_builder.definition.handing import FILE, is_handed, job_variables, secret_variables
from pipeline_builder.definition.steps.context import (
    Context,
    Mapped,
    cache_config,
    chained_outputs,
    channel_name,
    execution_uri,
    tag_list,
    vpc_config,
    without_empty,
)
from pipeline_builder.definition.steps.data import DataInput, training_inputs
from pipeline_builder.definition.steps.distributed_rules import check_distributed
from pipeline_builder.definition.steps.machines import (
    launched_by,
    metric_definitions,
    resource_config,
    spot_members,
    tracking_config,
)
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import Expression, references
from pipeline_builder.errors import InputProblems, Problem


def compose_training(context: Context, step: Step) -> Mapped:
    """Return the step: channels of its own data, chained channels, hyperparameters in the toolkit's JSON encoding.

    Raises:
        InputProblems: PB326 of `hyperparameters`, PB900 to PB902 of `check_distributed`.
    """
    job, settings = step.job, context.settings
    assert isinstance(job, TrainSection)
    if problems := [*check_distributed(step, job, package=step.name in context.packages)]:
        raise InputProblems(*problems)
    network = vpc_config(settings)
    output: Mapped = {
        "S3OutputPath": job.output_path or execution_uri(context, step),
        "KmsKeyId": settings.kms_key,
    }
    request: Mapped = {
        "TrainingJobName": job.base_job_name,
        "RoleArn": context.role(step),
        "AlgorithmSpecification": {
            "TrainingImage": context.image(step, job),
            "TrainingInputMode": job.input_mode,
            **metric_definitions(job),
        },
        "HyperParameters": hyperparameters(context, step, job),
        "InputDataConfig": _channels(context, step, job),
        "OutputDataConfig": without_empty(output),
        "ResourceConfig": resource_config(context, job),
        **spot_members(job),
        "MlflowConfig": tracking_config(job),
        "Environment": {
            **secret_variables(job, job.entry_point),
            **job_variables(job),
            **context.texts(job.env),
        },
        "VpcConfig": network,
        "EnableInterContainerTrafficEncryption": True if network else None,
        "Tags": tag_list(context, job.tags),
    }
    return {"Type": "Training", "Arguments": without_empty(request), **cache_config(step)}


def hyperparameters(context: Context, step: Step, job: TrainSection) -> Mapped:
    """Return the script's arguments and what tells the toolkit which script to run, every value JSON encoded.

    An expression stays as it is: the toolkit takes a text that isn't JSON for what it says.

    Raises:
        InputProblems: PB326 for an expression inside of a list or mapping, which would be encoded as text.
    """
    values: dict[str, JSON] = {
        "sagemaker_program": FILE if is_handed(job) else job.entry_point,
        "sagemaker_submit_directory": context.code[step.name],
        "sagemaker_container_log_level": 20,
        "sagemaker_region": context.settings.region,
        **launched_by(job),
        **job.hyperparameters,
    }
    return {name: _encoded(context, step, name, value) for name, value in values.items()}


def _encoded(context: Context, step: Step, name: str, value: JSON) -> JSON:
    if isinstance(value, Expression):
        return context.text(value)
    if next(references(value), None):
        message = f"step '{step.name}': the hyperparameter '{name}' has a reference inside of a list or mapping"
        hint = "make each reference a hyperparameter of its own"
        place = step.section_place("hyperparams", name)
        raise InputProblems(Problem(id="PB326", message=message, place=place, hint=hint))
    return json.dumps(value, ensure_ascii=False)


def _channels(context: Context, step: Step, job: TrainSection) -> list[JSON]:
    own = [_own(context, data, job) for data in training_inputs(step, job)]
    chained = [_channel(channel_name(o.step, o.label), o.uri, job) for o in chained_outputs(context, step)]
    start = _channel("model", job.model_data_uri, job) if job.model_data_uri else None
    if start:
        start["ContentType"] = "application/x-sagemaker-model"
        start["InputMode"] = "File"
    return [*own, *chained, *([start] if start else [])]


def _own(context: Context, data: DataInput, job: TrainSection) -> Mapped:
    if data.manifest:
        return _channel(data.name, data.manifest.uri(context.base), job, kind="ManifestFile")
    return _channel(data.name, data.uri, job)


def _channel(name: str, uri: JSON, job: TrainSection, *, kind: str = "S3Prefix") -> Mapped:
    groups: list[JSON] = [*job.channels[name].instance_groups] if name in job.channels else []
    source: Mapped = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": job.distribution}
    if groups:
        source["InstanceGroupNames"] = groups
    return without_empty({"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": job.content_type})
