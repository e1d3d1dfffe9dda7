"""Settings of a pipeline outside of its definition: what all pipelines share, and how a deployed one differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.aws.client import Aws
from pipeline_builder.descriptions import DeployedPipeline, SettingChange

TAG = "Tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """What pipelines on AWS share: the execution role, the bucket for definitions and what they lie below there, tags,
    how many steps run at once.
    """

    role: str
    bucket: str
    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parallel: int | None = None


def unsettled(aws: Aws, settings: PipelineSettings, found: Mapping[str, Any]) -> Iterator[SettingChange]:
    """Yield what a described pipeline has set otherwise; tags that others have put on it stay, and don't count."""
    if found["RoleArn"] != settings.role:
        yield SettingChange(name="RoleArn", old=found["RoleArn"], new=settings.role)
    parallel = (found.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
    if settings.parallel and parallel != settings.parallel:
        name = "ParallelismConfiguration.MaxParallelExecutionSteps"
        yield SettingChange(name=name, old=str(parallel or ""), new=str(settings.parallel))
    pages = aws.pages("sagemaker", "list_tags", ResourceArn=found["PipelineArn"]) if settings.tags else ()
    there = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    for key, value in sorted(settings.tags.items()):
        if there.get(key) != value:
            yield SettingChange(name=f"{TAG}['{key}']", old=there.get(key, ""), new=value)


def parallelism(most: int | None) -> dict[str, Any]:
    """Return how many steps run at once, as a request takes it."""
    return {"ParallelismConfiguration": {"MaxParallelExecutionSteps": most}} if most else {}


def is_tag(deployed: DeployedPipeline, key: str) -> bool:
    """Tell whether the tag is set otherwise on the deployed pipeline."""
    return any(change.name == f"{TAG}['{key}']" for change in deployed.settings)


def beyond_tags(deployed: DeployedPipeline) -> bool:
    """Tell whether anything else than tags is set otherwise."""
    return any(not change.name.startswith(TAG) for change in deployed.settings)
