"""Repacking: a step that puts the inference code into the trained model's archive, as a Processing job.

The SDK adds a Training job in a scikit-learn image for this. Here the unit's own training image does it with tar, in a
job whose output has a fixed name, so that the step cache can answer and no second image is needed.
"""

from __future__ import annotations

from pipeline_builder.conf.containers import needs_training
from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.names import STEP_NAME, shorten
from pipeline_builder.definition.steps.context import (
    Context,
    Mapped,
    cache_config,
    execution_uri,
    model_uri,
    output_uri,
    retry_policies,
    tag_list,
    vpc_config,
    without_empty,
)
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import join

_BASE = "/opt/ml/processing"
_OUTPUT = "model"
_ARCHIVE = "model.tar.gz"
_INSTANCE = "ml.m5.large"
_MAX_RUNTIME = 3600
# The archive depends on what is in it only: the same model and code give the same bytes.
_SCRIPT = (
    f"set -eo pipefail;cd {_BASE};mkdir -p m output;tar xzf input/model/*.tar.gz -C m;rm -rf m/code;mkdir m/code;"
    "tar xzf input/code/sourcedir.tar.gz -C m/code;"
    f"tar cC m --sort=name --mtime=@0 --owner=0 --group=0 .|gzip -n1>output/{_ARCHIVE}"
)


def needs_repack(step: Step) -> bool:
    """Tell whether the model of a CreateModel or RegisterModel step gets its inference code into the archive."""
    transform = step.unit.section.transform
    return needs_training(step) and step.registry.repack and bool(transform and transform.entry_point)


def repack_name(training: Step, top: int | None = None) -> str:
    """Return the name of the step that repacks what another has trained; of a tuning the model that `top` counts to."""
    return shorten(f"{training.name}-Repack{'' if top is None else f'-{top}'}", STEP_NAME)


def repacked_uri(training: Step, top: int | None = None) -> Mapped:
    """Return the address of the repacked archive."""
    return join("/", output_uri(repack_name(training, top), _OUTPUT), _ARCHIVE)


def compose_repack(context: Context, step: Step, training: Step) -> Mapped:
    """Return the step that repacks for `step`, a CreateModel or RegisterModel, what `training` has trained."""
    settings, job = context.settings, training.job
    assert job is not None
    top = step.asked.top_k
    name, network = repack_name(training, top), vpc_config(settings)
    model: JSON = model_uri(training, top)
    cluster: Mapped = {
        "InstanceCount": 1,
        "InstanceType": _INSTANCE,
        "VolumeSizeInGB": job.volume_size,
        "VolumeKmsKeyId": settings.kms_key,
    }
    destination: Mapped = {
        "S3Uri": execution_uri(context, training, _OUTPUT, name=name),
        "LocalPath": f"{_BASE}/output",
        "S3UploadMode": "EndOfJob",
    }
    outputs: list[JSON] = [{"OutputName": _OUTPUT, "AppManaged": False, "S3Output": destination}]
    request: Mapped = {
        "RoleArn": context.role(training),
        "AppSpecification": {
            "ImageUri": context.image(training, job),
            "ContainerEntrypoint": ["/bin/bash", "-c", _SCRIPT],
        },
        "ProcessingInputs": [_input("model", model), _input("code", context.code[step.name])],
        "ProcessingOutputConfig": without_empty({"Outputs": outputs, "KmsKeyId": settings.kms_key}),
        "ProcessingResources": {"ClusterConfig": without_empty(cluster)},
        "StoppingCondition": {"MaxRuntimeInSeconds": _MAX_RUNTIME},
        "NetworkConfig": {
            **({"EnableInterContainerTrafficEncryption": True, "VpcConfig": network} if network else {}),
            **({"EnableNetworkIsolation": True} if context.is_isolated(step) else {}),
        },
        "Tags": tag_list(context, job.tags),
    }
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": without_empty(request),
        **cache_config(training),
        **retry_policies(training),
    }


def _input(name: str, uri: JSON) -> Mapped:
    source: Mapped = {
        "S3Uri": uri,
        "LocalPath": f"{_BASE}/input/{name}",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
    }
    return {"InputName": name, "AppManaged": False, "S3Input": source}
