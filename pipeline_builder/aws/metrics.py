"""Metrics of the service's own in CloudWatch, which its alarms look at."""

from __future__ import annotations

from pipeline_builder.aws.client import Aws

NAMESPACE, PUBLISHED = "pipeline-builder", "PublishedDays"


def count_published(aws: Aws, pipeline: str) -> None:
    """Count a day that a CodePipeline has published; the alarm on late days looks for it.

    Raises:
        OutsideFailure: PB701 to PB707.
    """
    dimensions = [{"Name": "Pipeline", "Value": pipeline}]
    metric = {"MetricName": PUBLISHED, "Dimensions": dimensions, "Value": 1.0, "Unit": "Count"}
    aws.call("cloudwatch", "put_metric_data", Namespace=NAMESPACE, MetricData=[metric])
