"""Whether a request keeps the rules between its members."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from pipeline_builder.definition.rules.kinds import KINDS, Break
from pipeline_builder.definition.rules.likeness import likeness
from pipeline_builder.definition.rules.matching import holds
from pipeline_builder.definition.rules.paths import Unknown, View, start
from pipeline_builder.definition.rules.relevance import member_names
from pipeline_builder.definition.rules.table import Group, Rule, groups_of
from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe


def check_rules(step_type: str, request: JSON) -> tuple[Fault, ...]:
    """Return a fault for each rule that a request (a step's `Arguments`) breaks, by the step's type.

    A rule that looks at a reference is silent: put in what is known before. A Transform's `Model` is what its model is
    made of, as the local engine adds it. Faults are in the request's own order of rules, their paths from its root on.
    """
    like = (step_type, likeness(step_type, request))
    if like in _KEPT:
        return ()
    found = broken_rules(step_type, request)
    if not found and len(_KEPT) < _MOST:
        _KEPT.add(like)
    return found


_KEPT: set[tuple[str, str]] = set()
"""Requests in which nothing was found: models are mostly made like each other."""
_MOST = 10_000


def broken_rules(step_type: str, request: JSON) -> tuple[Fault, ...]:
    """Return what `check_rules` returns, whatever was found in requests like this one."""
    root = start(request)
    found = []
    for group in _breakable(step_type, member_names(request)):
        for place in group.places:
            for base in root.find(place) if place else (root.here,):
                view = View(root.here, base, base)
                found += [fault for rule in group.rules for fault in _broken(view, rule)]
    return tuple(found)


@functools.lru_cache(maxsize=1000)  # steps of a type mostly have the same members
def _breakable(step_type: str, names: frozenset[str]) -> tuple[Group, ...]:
    """Return the rules of a step type that a request with members of these names can break."""
    groups = (
        Group(group.places, tuple(rule for rule in group.rules if any(needed <= names for needed in rule.needed)))
        for group in groups_of(step_type)
    )
    return tuple(group for group in groups if group.rules)


def _broken(view: View, rule: Rule) -> Iterator[Fault]:
    check, problem_id = KINDS[rule.kind]
    for here in view.find(rule.of) if rule.of else (view.here,):
        if isinstance(here.value, Unknown):
            continue
        inner = view.at(here)
        if holds(inner, rule.when):
            yield from (_fault(inner, rule, problem_id, found) for found in check(inner, rule.spec))


def _fault(view: View, rule: Rule, problem_id: str, found: Break) -> Fault:
    path = next((item.path for item in view.find(rule.at)), found.path) if rule.at else found.path
    words = {key: value if key in ("said", "other") else _shown(value) for key, value in found.words.items()}
    words["when"] = next((_shown(item.value) for path in rule.when for item in view.find(path)[:1]), "")
    hint = f"{rule.do} ({rule.source})"
    return Fault(problem_id, path, rule.says.format_map(words), hint, rule.stage, rule.aws.format_map(words))


def _shown(value: JSON | Unknown) -> str:
    if isinstance(value, Unknown):
        return "a reference"
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in describe(value))
