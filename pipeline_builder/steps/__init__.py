"""The step classes of the configuration language: each composes one step of the definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline_builder.fields import StepClass
from pipeline_builder.graph import Step
from pipeline_builder.steps.context import Context, Mapped
from pipeline_builder.steps.model import compose_create_model, compose_register_model
from pipeline_builder.steps.processing import compose_metrics, compose_processing
from pipeline_builder.steps.training import compose_training
from pipeline_builder.steps.transform import compose_transform

COMPOSERS: Mapping[StepClass, Callable[[Context, Step], Mapped]] = {
    "Processing": compose_processing,
    "Training": compose_training,
    "CreateModel": compose_create_model,
    "Transform": compose_transform,
    "Metrics": compose_metrics,
    "RegisterModel": compose_register_model,
}
