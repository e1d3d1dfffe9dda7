"""What a model package's request, or its description, says of artifacts, images and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.descriptions import Container

QUALITY = "ModelQuality.Statistics"
"""The report that gates look into."""

STATISTICS = "ModelDataQuality.Statistics"
"""The baseline that a Monitor step reads; its folder has the others."""

COPIED_FROM = "copied-from"
"""The custom property of a package in another account that has the ARN of the one that it was copied from."""


_NOT_APPROVED = (None, "PendingManualApproval", "Rejected")


def is_registered_approved(step: Any) -> bool:
    """Tell whether a step registers a package that is Approved from its beginning, or may be, by a reference."""
    if not isinstance(step, Mapping) or step.get("Type") != "RegisterModel":
        return False
    return (step.get("Arguments") or {}).get("ModelApprovalStatus") not in _NOT_APPROVED


def containers_of(request: Mapping[str, Any]) -> tuple[Container, ...]:
    """Return every container, those of additional specifications after the others."""
    more = request.get("AdditionalInferenceSpecifications") or ()
    return tuple(
        _container(container)
        for specification in (request.get("InferenceSpecification") or {}, *more)
        for container in specification.get("Containers") or ()
    )


def _container(container: Mapping[str, Any]) -> Container:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    address = str(container.get("ModelDataUrl") or source.get("S3Uri") or "")
    if source.get("S3DataType") == "S3Prefix" and not address.endswith("/"):
        address = f"{address}/"
    return Container(image=str(container.get("Image", "")), model_data_url=address)


def stage_of(request: Mapping[str, Any]) -> tuple[str, str]:
    """Return the stage of a package's life cycle, and the status that it has there; empty where it has none."""
    cycle = request.get("ModelLifeCycle") or {}
    return str(cycle.get("Stage", "")), str(cycle.get("StageStatus", ""))


def reports_of(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the address of each report by its name, such as `ModelQuality.Statistics` or `Bias.Report`."""
    return dict(_reports(request.get("ModelMetrics") or {}))


def baselines_of(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the address of each file that later data are held against, such as `ModelDataQuality.Statistics`."""
    return dict(_reports(request.get("DriftCheckBaselines") or {}))


def _reports(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, reports in metrics.items():
        for name, report in (reports or {}).items():
            if report and report.get("S3Uri"):
                yield f"{kind}.{name}", str(report["S3Uri"])
