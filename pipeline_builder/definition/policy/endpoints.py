"""Endpoints that a Clarify check's job makes for itself: how they are stands in its analysis file."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Place
from pipeline_builder.manifest.patterns import fits_any
from pipeline_builder.manifest.refusal import Refused, refuse


def check_endpoint(asking: Asking) -> Iterator[Refused]:
    """Yield instance types that the policy doesn't allow, and more instances than it does, those of the job too."""
    if asking.step.step_class != "ClarifyCheck" or not asking.own:
        return
    from pipeline_builder.conf.checks import ClarifyCheckSection
    from pipeline_builder.definition.steps.checks import analysis_file

    section, rules = asking.step.request, asking.rules
    if not isinstance(section, ClarifyCheckSection):
        return
    predictor = json.loads(analysis_file("", section)[1]).get("predictor")
    if not isinstance(predictor, dict):
        return
    kind, count = predictor.get("instance_type"), predictor.get("initial_instance_count")
    if kind and kind != section.instance_type and not fits_any(rules.types, str(kind)):
        message = asking.said(f"the instance type {describe(kind)} is none that the policy of '{rules.repo}' allows")
        place = _place(asking, "instance_type")
        yield refuse(rules, "types", str(kind), problem_id="PB240", message=message, place=place)
    own = section.instance_count if isinstance(section.instance_count, int) else 1
    total = own + count if isinstance(count, int) else own
    if total > rules.count:
        message = asking.said(
            f"{total} instances, those of its endpoint too, are more than the {rules.count} of the policy"
        )
        place = _place(asking, "initial_instance_count")
        yield refuse(rules, "count", total, problem_id="PB240", message=message, place=place)


def _place(asking: Asking, key: str) -> Place:
    section, step = asking.step.request, asking.step
    merged = "predictor" in getattr(section, "analysis", {})
    return step.section_place(*(("analysis",) if merged else ()), "predictor", key)
