"""The conf's keys behind the members of requests: where a reader would mend what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.conf.graph import Step
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place

# By the member's name.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "InstanceType": ("instance_type",),
    "InstanceCount": ("instance_count",),
    "VolumeSizeInGB": ("volume_size_in_gb", "volume_size"),
    "MaxRuntimeInSeconds": ("max_runtime_seconds", "max_runtime_in_seconds"),
    "ImageUri": ("image_uri",),
    "TrainingImage": ("image_uri",),
    "Image": ("image_uri",),
    "ProcessingJobName": ("base_job_name",),
    "TrainingJobName": ("base_job_name",),
    "TransformJobName": ("base_job_name",),
    "Environment": ("env",),
    "HyperParameters": ("hyperparams", "hyperparameters"),
    "Tags": ("tags",),
    "ChannelName": ("channels",),
    "InputName": ("channels",),
    "LocalPath": ("inputLocalFilepath", "channels"),
    "S3Uri": ("channels",),
    "S3OutputPath": ("output_path",),
    "ContainerEntrypoint": ("entry_point",),
    "ContainerArguments": ("args",),
    "FilePath": ("file",),
    "MaxPayloadInMB": ("max_payload",),
    "BatchStrategy": ("strategy",),
    "SplitType": ("split_type",),
    "AssembleWith": ("assemble_with",),
    "InputFilter": ("input_filter",),
    "OutputFilter": ("output_filter",),
    "JoinSource": ("join_source",),
    "ContentType": ("content_type",),
    "Accept": ("accept", "content_type"),
    "TrainingInputMode": ("input_mode",),
    "S3InputMode": ("s3_input_mode",),
    "S3UploadMode": ("s3_upload_mode",),
    "ModelPackageGroupName": ("ModelPackageGroupName",),
    "ModelPackageDescription": ("ModelPackageDescription",),
    "ModelApprovalStatus": ("ModelApprovalStatus",),
    "InferenceSpecification": ("InferenceSpecification",),
    "SupportedContentTypes": ("InferenceSpecification", "supported_content_types"),
    "SupportedResponseMIMETypes": ("InferenceSpecification", "supported_response_MIME_types"),
    "SupportedRealtimeInferenceInstanceTypes": (
        "InferenceSpecification",
        "SupportedRealtimeInferenceInstanceTypes",
    ),
    "SupportedTransformInstanceTypes": ("InferenceSpecification", "SupportedTransformInstanceTypes"),
    "FunctionArn": ("function", "entry_point"),
    "SqsQueueUrl": ("sqs_queue",),
    "OutputParameters": ("outputs",),
}


def place_of(step: Step, path: DataPath) -> Place:
    """Return the place that a member of a request most likely comes from in the conf: the nearest key, or the step."""
    document = step.unit.conf.document
    if argument := _argument(step, path, whole=True):
        return argument
    section = (*step.unit.path, step.section_name)
    given = (*section, "inputs", *(path[path.index("Arguments") + 1 :] if "Arguments" in path else path))
    if step.call and given in document.values:
        return document.place(given)
    for member in reversed(path):
        keys = _KEYS.get(str(member), ())
        for place in ((*section, *keys), *((*section, key) for key in keys)):
            if keys and place in document.values:
                return document.place(place)
    return _argument(step, path, whole=False) or step.place


def _argument(step: Step, path: DataPath, *, whole: bool) -> Place | None:
    """Return where `arguments` have the member, or where they don't what they have of the way to it."""
    if "Arguments" not in path:
        return None
    below = path[len(path) - path[::-1].index("Arguments") :]
    section = "registry" if step.step_class == "RegisterModel" else step.section_name
    unit = step.unit
    for document, base in (
        (step.conf.document, (*step.path, "arguments")),
        (unit.conf.document, (*unit.path, section, "arguments")),
    ):
        known = next((n for n in range(len(below), 0, -1) if (*base, *below[:n]) in document.values), 0)
        if known == len(below) or (known and not whole):
            return document.place((*base, *below[:known]))
    return None
