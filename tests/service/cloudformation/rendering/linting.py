"""cfn-lint for many templates that have most of their resources in common."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import cfnlint.context.context
import cfnlint.jsonschema.validators
from cfnlint.config import ConfigMixIn, ManualArgs
from cfnlint.decode import decode_str
from cfnlint.jsonschema._keywords import items, patternProperties
from cfnlint.jsonschema._utils import Unset
from cfnlint.runner import Runner


def lint(text: str, region: str) -> list[str]:
    template, faults = decode_str(text)
    return [str(match) for match in faults or _linter(region).validate_template(template)]


@functools.cache
def _linter(region: str) -> Any:
    """Return cfn-lint with its rules, which its `lint` reads anew for each template."""
    runner = Runner(ConfigMixIn(**ManualArgs(regions=[region])))
    _quicken()
    rules = runner.rules
    rules["E3001"].validators["patternProperties"] = _resources
    rules["E3001"].validators["items"] = _statements
    rules["E1101"].cfnLint = functools.partial(_rules, rules["E1101"])
    return runner


@functools.cache
def _quicken() -> None:
    """Let it copy as a whole what it copies field by field, some hundred thousand times."""
    cfnlint.context.context.Context.evolve = _in_context
    cfnlint.jsonschema.validators.FunctionFilter.evolve = _changed
    make = cfnlint.jsonschema.validators.create
    kinds: dict[tuple[Any, ...], Any] = {}

    def create(validators: Any = None, function_filter: Any = None, fn_resolvers: Any = None) -> Any:
        """Make a class of the same parts once: a hundred are asked for by each template, and each is compiled."""
        parts = (frozenset((validators or {}).items()), repr(function_filter), frozenset((fn_resolvers or {}).items()))
        if parts not in kinds:
            kinds[parts] = make(validators, function_filter, fn_resolvers)
            kinds[parts].evolve = _changed
        return kinds[parts]

    cfnlint.jsonschema.validators.create = create


def _changed(self: Any, **changes: Any) -> Any:
    new = object.__new__(type(self))
    vars(new).update(vars(self))
    vars(new).update(changes)
    return new


def _in_context(self: Any, **changes: Any) -> Any:
    if "ref_values" in changes:
        changes["ref_values"] = {**self.ref_values, **changes["ref_values"]}
    return _changed(self, **changes)


def _rules(parent: Any, validator: Any, keywords: list[str], instance: Any, schema: Any) -> Iterator[Any]:
    """Ask the rules of the keywords, for which it looks among all each time."""
    validator = validator.evolve(function_filter=validator.function_filter.evolve(add_cfn_lint_keyword=False))
    known = _rules_by_keyword(parent)
    for keyword in keywords:
        for rule in known.get(keyword, ()):
            for error in rule.validate(validator, keyword, instance, schema):
                if error.rule is None and isinstance(error.validator, Unset):
                    error.rule = rule
                yield error


_known: dict[int, dict[str, list[Any]]] = {}


def _rules_by_keyword(parent: Any) -> dict[str, list[Any]]:
    if id(parent) not in _known:  # each lives as long as its linter
        known = _known[id(parent)] = {}
        for rule in parent.child_rules.values():
            if rule is not None and rule.id:
                for keyword in rule.keywords:
                    known.setdefault(keyword, []).append(rule)
    return _known[id(parent)]


_clean: set[str] = set()


def _resources(validator: Any, patterns: Any, resources: Mapping[str, Any], schema: Any) -> Iterator[Any]:
    """Hold each resource against its schema, but for those found clean, word for word, in a template before.

    What one mentions is a part of it: its parameters and conditions, and of the resources that it refers to what they are.
    """
    validator = validator.evolve(function_filter=validator.function_filter.evolve(add_cfn_lint_keyword=True))
    if [*validator.context.path.path] != ["Resources"]:
        yield from patternProperties(validator, patterns, resources, schema)
        return
    for name, resource in resources.items():
        whole = _with_what_it_mentions(validator, json.dumps([name, resource]))
        if whole not in _clean:
            errors = list(patternProperties(validator, patterns, {name: resource}, schema))
            if not errors:
                _clean.add(whole)
            yield from errors


def _statements(validator: Any, each: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Hold each statement of a policy against its schema, as `_resources` does: roles have most of theirs in common."""
    context = validator.context
    if [*context.path.path][:1] != ["Resources"] or [*context.path.path][-1] != "Statement" or not each:
        yield from items(validator, each, instance, schema)
        return
    where = ["/".join(context.path.cfn_path), each, context.functions, context.conditions.status, context.ref_values]
    for index, statement in enumerate(instance if validator.is_type(instance, "array") else ()):
        whole = _with_what_it_mentions(validator, json.dumps([where, statement], default=repr))
        if whole not in _clean:
            errors = list(validator.descend(instance=statement, schema=each, path=index, property_path="*"))
            if not errors:
                _clean.add(whole)
            yield from errors


def _with_what_it_mentions(validator: Any, text: str) -> str:
    texts = _texts(validator.cfn)
    mentioned = sorted({*re.findall(r"\w+", text)} & {*texts})
    return "\n".join([*validator.context.regions, text, *(texts[other] for other in mentioned)])


@functools.lru_cache(1)  # templates come one after the other, and each is equal to itself alone
def _texts(cfn: Any) -> dict[str, str]:
    """Return what is said of everything in a template that others can mention."""
    template, said = cfn.template, {}
    for section in ("Parameters", "Conditions", "Mappings"):
        said.update({name: json.dumps([name, one]) for name, one in template.get(section, {}).items()})
    for name, one in template.get("Resources", {}).items():
        kinds = [one.get(key) for key in ("Type", "Condition")] if isinstance(one, dict) else one
        said[name] = json.dumps([name, kinds])
    return said
