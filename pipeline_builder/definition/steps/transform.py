"""Transform steps: CreateTransformJob on the unit's model."""

from __future__ import annotations

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import TransformSection
from pipeline_builder.definition.steps.context import (
    Chained,
    Context,
    Mapped,
    cache_config,
    chained_outputs,
    execution_uri,
    own_channel,
    tag_list,
    without_empty,
)
from pipeline_builder.definition.steps.data import files_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import get, join, s3_uri
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem


def compose_transform(context: Context, step: Step) -> Mapped:
    """Return the step: one input, the output beside it or under a prefix of the execution.

    Raises:
        InputProblems: PB320, PB321 where the one input can't be told.
    """
    job, settings = step.job, context.settings
    assert isinstance(job, TransformSection)
    model = context.needed(step, "CreateModel")
    assert model is not None
    source: Mapped = {"S3DataType": "S3Prefix", "S3Uri": input_uri(context, step)}
    resources: Mapped = {"InstanceCount": job.instance_count, "InstanceType": job.instance_type}
    request: Mapped = {
        "TransformJobName": job.base_job_name,
        "ModelName": get(f"Steps.{model.name}.ModelName"),
        "TransformInput": without_empty(
            {
                "DataSource": {"S3DataSource": source},
                "ContentType": job.content_type,
                "CompressionType": "None",
                "SplitType": job.split_type,
            }
        ),
        "TransformOutput": without_empty(
            {
                "S3OutputPath": _output(context, step, job),
                "Accept": job.accept or job.content_type,
                "AssembleWith": job.assemble_with,
                "KmsKeyId": settings.kms_key,
            }
        ),
        "TransformResources": without_empty({**resources, "VolumeKmsKeyId": settings.kms_key}),
        "BatchStrategy": job.strategy,
        "MaxPayloadInMB": job.max_payload,
        "DataProcessing": without_empty(
            {"InputFilter": job.input_filter, "OutputFilter": job.output_filter, "JoinSource": job.join_source}
        ),
        "Environment": context.texts(job.env),
        "Tags": tag_list(context, job.tags),
    }
    return {"Type": "Transform", "Arguments": without_empty(request), **cache_config(step)}


def input_uri(context: Context, step: Step) -> JSON:
    """Return the address of what the step predicts.

    Raises:
        InputProblems: PB320, PB321 where the one input can't be told.
    """
    job = step.job
    assert isinstance(job, TransformSection)
    chained = chained_outputs(context, step, single=own_channel(job))
    own = [uri for _, _, uri in files_of(job.channels)]
    if chained:
        uri, below = _chosen(step, chained, job).uri, step.asked.prefix.strip("/")
        end = "/" if step.asked.prefix.endswith("/") else ""  # a folder, and not all that begins like it
        return join("/", uri, f"{below}{end}") if below else uri
    if len(own) == 1:
        return own[0]
    found = "none" if not own else f"{len(own)} data files"
    message = f"step '{step.name}' (Transform) takes one input, found {found}"
    hint = "name one data file in 'transform.channels', or chain a step"
    raise InputProblems(Problem(id="PB320", message=message, place=step.section_place("channels"), hint=hint))


def _chosen(step: Step, chained: tuple[Chained, ...], job: TransformSection) -> Chained:
    """Of several outputs the transform's own channel names the one to take."""
    if len(chained) == 1:
        return chained[0]
    labels = [output.label for output in chained]
    matching = [output for output in chained if output.label in job.channels]
    if len(matching) == 1:
        return matching[0]
    message = f"step '{step.name}' (Transform) takes one input, and the chained outputs are: {', '.join(labels)}"
    hint = f"write the one to take as 'channels: {labels[-1]}' in the transform section"
    wrong = next((name for name in job.channels if name not in labels), None)
    if wrong:
        hint = did_you_mean(wrong, labels) or hint
    raise InputProblems(Problem(id="PB321", message=message, place=step.section_place("channels"), hint=hint))


def _output(context: Context, step: Step, job: TransformSection) -> JSON:
    for channel in job.channels.values():
        if channel.bucket:
            return s3_uri(channel.bucket, channel.prefix, step.unit.name, "predictions", "transform")
    return execution_uri(context, step)
