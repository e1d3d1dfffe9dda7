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
    "LocalPath": ("channels",),
    "S3Uri": ("channels",),
    "S3OutputPath": ("output_path",),
    "ContainerEntrypoint": ("entry_point",),
    "ContainerArguments": ("args",),
    "FilePath": ("file",),
    "MaxPayloadInMB": ("max_payload",),
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
}


def place_of(step: Step, path: DataPath) -> Place:
    """Return the place that a member of a request most likely comes from in the conf: the nearest key, or the step."""
    document = step.unit.conf.document
    section = (*step.unit.path, step.section_name)
    for member in reversed(path):
        keys = _KEYS.get(str(member), ())
        for place in ((*section, *keys), *((*section, key) for key in keys)):
            if keys and place in document.values:
                return document.place(place)
    return step.place
