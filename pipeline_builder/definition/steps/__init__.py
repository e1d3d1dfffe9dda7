"""The step classes of the configuration language: each composes one step of the definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.requests import RequestSection
from pipeline_builder.definition.steps.context import Context, Mapped
from pipeline_builder.definition.steps.model import compose_create_model, compose_register_model
from pipeline_builder.definition.steps.processing import compose_metrics, compose_processing
from pipeline_builder.definition.steps.training import compose_training
from pipeline_builder.definition.steps.transform import compose_transform
from pipeline_builder.definition.steps.typed import compose_typed
from pipeline_builder.documents.fields import TYPED

Composer = Callable[[Context, Step], Mapped]


def _later(module: str, name: str) -> Composer:
    """Return the composer of a class that few confs have: its module is imported where one has it."""

    def composed(context: Context, step: Step) -> Mapped:
        found: Composer = getattr(import_module(f"{__name__}.{module}"), name)
        return found(context, step)

    return composed


COMPOSERS: Mapping[str, Composer] = {
    "Processing": compose_processing,
    "Training": compose_training,
    "CreateModel": compose_create_model,
    "Transform": compose_transform,
    "Metrics": compose_metrics,
    "RegisterModel": compose_register_model,
    "Baseline": _later("monitoring", "compose_baseline"),
    "Monitor": _later("monitoring", "compose_monitor"),
    **dict.fromkeys(TYPED, compose_typed),
    "Lambda": _later("calls", "compose_lambda"),
    "Callback": _later("calls", "compose_callback"),
    "Condition": _later("condition", "compose_condition"),
    "Fail": _later("condition", "compose_fail"),
}


def compose(context: Context, step: Step) -> Mapped:
    """Return the step as its class composes it; a tuning without a section is composed of its `arguments`."""
    if step.made:
        return compose_typed(context, step)
    if step.request is not None:
        return {**_composed(context, step, step.request), **_cached(step, step.request)}
    return _compose_tuning(context, step) if step.tune_name else COMPOSERS[step.step_class](context, step)


_compose_tuning = _later("tuning", "compose_tuning")


def _composed(context: Context, step: Step, section: RequestSection) -> Mapped:
    from pipeline_builder.conf.analytics import AutoMLSection, EMRSection, EMRServerlessSection, NotebookSection
    from pipeline_builder.conf.checks import ClarifyCheckSection, QualityCheckSection
    from pipeline_builder.definition.steps import analytics, checks

    match section:
        case QualityCheckSection():
            return checks.compose_quality_check(context, step, section)
        case ClarifyCheckSection():
            return checks.compose_clarify_check(context, step, section)
        case EMRSection():
            return analytics.compose_emr(context, section)
        case EMRServerlessSection():
            return analytics.compose_emr_serverless(context, step, section)
        case AutoMLSection():
            return analytics.compose_automl(context, step, section)
        case _:
            assert isinstance(section, NotebookSection)
            return analytics.compose_notebook(context, step, section)


def _cached(step: Step, section: RequestSection) -> Mapped:
    if not step.asked.enable_cache:
        return {}
    return {"CacheConfig": {"Enabled": True, "ExpireAfter": section.cache.expire_after}}
