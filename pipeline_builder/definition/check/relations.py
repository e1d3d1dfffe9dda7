"""A step's request against the rules between its members, with the values of parameters put in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline_builder.definition.check.filling import fill_in
from pipeline_builder.definition.check.scope import Place, Scope
from pipeline_builder.definition.rules.rules import check_rules
from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import member_at, text_of

_MODEL_NAME = re.compile(r"Steps\.([^.]+)\.ModelName")


def check_relations(place: Place, scope: Scope, values: Mapping[str, JSON]) -> Iterator[Fault]:
    """Check what a step asks for against the rules of its type; what no value is known of yet breaks none."""
    try:
        yield from (fault.below("Arguments") for fault in _broken(place, scope, values))
    except RecursionError:
        return  # no shape is as deep, and so the request's own check has said what is wrong


def _broken(place: Place, scope: Scope, values: Mapping[str, JSON]) -> tuple[Fault, ...]:
    request = fill_in(member_at(place.step, ("Arguments",)), values)
    if not isinstance(request, dict):
        return ()
    model = _model_of(request, scope)
    known = request if model is None else {**request, "Model": fill_in(model, values)}
    return check_rules(text_of(place.step, "Type"), known)


def _model_of(request: JSON, scope: Scope) -> JSON:
    """Return the arguments of the Model step whose model a transform takes."""
    found = _MODEL_NAME.fullmatch(text_of(member_at(request, ("ModelName",)), "Get"))
    step = scope.steps.get(found[1]) if found else None
    return step.arguments if step else None
