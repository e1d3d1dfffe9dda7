"""The Processing job behind a check: its image, instances, network, key and tags."""

from __future__ import annotations

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.requests import ManagedJobSection
from pipeline_builder.definition.steps.context import Context, Mapped, tag_list, vpc_config, without_empty
from pipeline_builder.descriptions import JSON


def job_request(context: Context, step: Step, section: ManagedJobSection, inputs: list[JSON], output: Mapped) -> Mapped:
    """Return a CreateProcessingJob request without an entry point: the image has its own."""
    network: Mapped = {"VpcConfig": vpc_config(context.settings)}
    if context.settings.subnets:
        network["EnableInterContainerTrafficEncryption"] = True
    network["EnableNetworkIsolation"] = True if context.is_isolated(step) else None
    cluster: Mapped = {
        "InstanceCount": section.instance_count,
        "InstanceType": section.instance_type,
        "VolumeSizeInGB": section.volume_size,
        "VolumeKmsKeyId": context.settings.kms_key,
    }
    outputs: Mapped = {"Outputs": [output], "KmsKeyId": context.settings.kms_key}
    request: Mapped = {
        "ProcessingJobName": section.base_job_name,
        "AppSpecification": {
            "ImageUri": section.image_uri or context.images.get((step.unit.name, step.section_name), "")
        },
        "RoleArn": context.role(step),
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": without_empty(outputs),
        "ProcessingResources": {"ClusterConfig": without_empty(cluster)},
        "StoppingCondition": {"MaxRuntimeInSeconds": section.max_runtime},
        "NetworkConfig": without_empty(network),
        "Tags": tag_list(context, section.tags),
    }
    return without_empty(request)
