"""The step classes of the configuration language: each composes one step of the definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.steps.calls import compose_callback, compose_lambda
from pipeline_builder.definition.steps.context import Context, Mapped
from pipeline_builder.definition.steps.model import compose_create_model, compose_register_model
from pipeline_builder.definition.steps.processing import compose_metrics, compose_processing
from pipeline_builder.definition.steps.training import compose_training
from pipeline_builder.definition.steps.transform import compose_transform
from pipeline_builder.definition.steps.typed import compose_typed
from pipeline_builder.documents.fields import TYPED

COMPOSERS: Mapping[str, Callable[[Context, Step], Mapped]] = {
    "Processing": compose_processing,
    "Training": compose_training,
    "CreateModel": compose_create_model,
    "Transform": compose_transform,
    "Metrics": compose_metrics,
    "RegisterModel": compose_register_model,
    **dict.fromkeys(TYPED, compose_typed),
    "Lambda": compose_lambda,
    "Callback": compose_callback,
}
