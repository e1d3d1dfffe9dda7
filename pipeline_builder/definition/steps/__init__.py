"""The step classes of the configuration language: each composes one step of the definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline_builder.conf.analytics import AutoMLSection, EMRSection, EMRServerlessSection, NotebookSection
from pipeline_builder.conf.checks import ClarifyCheckSection, QualityCheckSection
from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.requests import RequestSection
from pipeline_builder.definition.steps.analytics import (
    compose_automl,
    compose_emr,
    compose_emr_serverless,
    compose_notebook,
)
from pipeline_builder.definition.steps.calls import compose_callback, compose_lambda
from pipeline_builder.definition.steps.checks import compose_clarify_check, compose_quality_check
from pipeline_builder.definition.steps.condition import compose_condition, compose_fail
from pipeline_builder.definition.steps.context import Context, Mapped
from pipeline_builder.definition.steps.model import compose_create_model, compose_register_model
from pipeline_builder.definition.steps.monitoring import compose_baseline, compose_monitor
from pipeline_builder.definition.steps.processing import compose_metrics, compose_processing
from pipeline_builder.definition.steps.training import compose_training
from pipeline_builder.definition.steps.transform import compose_transform
from pipeline_builder.definition.steps.tuning import compose_tuning
from pipeline_builder.definition.steps.typed import compose_typed
from pipeline_builder.documents.fields import TYPED

COMPOSERS: Mapping[str, Callable[[Context, Step], Mapped]] = {
    "Processing": compose_processing,
    "Training": compose_training,
    "CreateModel": compose_create_model,
    "Transform": compose_transform,
    "Metrics": compose_metrics,
    "RegisterModel": compose_register_model,
    "Baseline": compose_baseline,
    "Monitor": compose_monitor,
    **dict.fromkeys(TYPED, compose_typed),
    "Lambda": compose_lambda,
    "Callback": compose_callback,
    "Condition": compose_condition,
    "Fail": compose_fail,
}


def compose(context: Context, step: Step) -> Mapped:
    """Return the step as its class composes it; a tuning without a section is composed of its `arguments`."""
    if step.made:
        return compose_typed(context, step)
    if step.request is not None:
        return {**_composed(context, step, step.request), **_cached(step, step.request)}
    return compose_tuning(context, step) if step.tune_name else COMPOSERS[step.step_class](context, step)


def _composed(context: Context, step: Step, section: RequestSection) -> Mapped:
    match section:
        case QualityCheckSection():
            return compose_quality_check(context, step, section)
        case ClarifyCheckSection():
            return compose_clarify_check(context, step, section)
        case EMRSection():
            return compose_emr(context, section)
        case EMRServerlessSection():
            return compose_emr_serverless(context, step, section)
        case AutoMLSection():
            return compose_automl(context, step, section)
        case _:
            assert isinstance(section, NotebookSection)
            return compose_notebook(context, step, section)


def _cached(step: Step, section: RequestSection) -> Mapped:
    if not step.asked.enable_cache:
        return {}
    return {"CacheConfig": {"Enabled": True, "ExpireAfter": section.cache.expire_after}}
