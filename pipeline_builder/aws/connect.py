"""The AWS target, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.images import image_digest
from pipeline_builder.aws.pipelines import SageMakerPipelines
from pipeline_builder.aws.polling import Clock
from pipeline_builder.aws.preflight import Needs, needs_of, preflight
from pipeline_builder.aws.registry import SageMakerRegistry
from pipeline_builder.aws.settings import PipelineSettings
from pipeline_builder.aws.store import S3Store
from pipeline_builder.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """Where and as what pipelines run; credentials come from where boto3 finds them."""

    region: str
    role: str
    bucket: str
    prefix: str = ""
    kms_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parallel: int | None = None


def open_aws_target(settings: AwsSettings, *, aws: Aws | None = None, clock: Clock | None = None) -> Target:
    """Return the AWS target; nothing is called yet."""
    aws = aws or Aws(settings.region)
    store = S3Store(aws, settings.kms_key)
    shared = PipelineSettings(
        role=settings.role,
        bucket=settings.bucket,
        prefix=settings.prefix,
        tags=settings.tags,
        parallel=settings.parallel,
    )
    return Target(
        name="aws",
        pipelines=SageMakerPipelines(aws, store, shared, clock=clock),
        store=store,
        registry=SageMakerRegistry(aws, settings.tags),
        preflight=lambda definition, images: preflight(aws, _needs(definition, images, settings)),
        bucket=settings.bucket,
        prefix=settings.prefix,
        image_digest=lambda image: image_digest(aws, image),
    )


def _needs(definition: bytes, images: Iterable[str], settings: AwsSettings) -> Needs:
    found = needs_of(
        definition, role=settings.role, bucket=settings.bucket, region=settings.region, kms_key=settings.kms_key
    )
    return replace(found, images=found.images | {*images})
