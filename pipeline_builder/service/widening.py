"""What a change of a stack lets somebody do that they couldn't, and what no longer, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.grants import Condition, Grant, covered, read_grants

# What is asked of a resource, by how its action begins; the first that fits.
_VERBS = (
    ("iam:passrole", "pass on the role"), ("iam:get", "look at"),
    ("logs:describe", "look at"), ("logs:get", "read"), ("logs:", "write to"), ("cloudwatch:put", "write metrics to"),
    ("sts:assumerole", "take on the role"),
    ("kms:decrypt", "decrypt with"), ("kms:encrypt", "encrypt with"), ("kms:generatedatakey", "encrypt with"),
    ("kms:creategrant", "let others use"),
    ("s3:list", "list"), ("s3:getbucket", "look at"), ("s3:get", "read"), ("s3:put", "write"), ("s3:abort", "write"),
    ("ecr:getauthorizationtoken", "log in at"), ("ecr:", "pull"),
    ("codepipeline:putapprovalresult", "answer"),
    ("sns:publish", "publish to"), ("sqs:sendmessage", "send to"),
)  # fmt: skip
_BUCKET = re.compile(r"arn:aws[a-z-]*:s3:::")
_VERBS_OF_NAMES = (
    ("get", "read"), ("batchget", "read"), ("describe", "look at"), ("list", "list"), ("create", "make"),
    ("start", "start"), ("stop", "stop"), ("delete", "delete"), ("update", "change"), ("put", "write"),
    ("addtags", "tag"),
)  # fmt: skip
_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Widening:
    """What becomes possible, and what no longer is; a line each."""

    widens: tuple[str, ...] = ()
    narrows: tuple[str, ...] = ()


def compare_templates(old: tuple[str, Mapping[str, str]], new: tuple[str, Mapping[str, str]], home: Home) -> Widening:
    """Compare what two templates, each with its parameters' values, let whom do.

    Whether an old one can be read is not ours to decide: one that can't be is said, and nothing more.
    """
    try:
        before = _resolved(*old, home, "the deployed template")
    except InputProblems as error:
        first = error.problems[0].message
        return Widening(widens=(f"what it widens can't be told, as the deployed template can't be read here: {first}",))
    return compare_grants(before, _resolved(*new, home, "the template"))


def _resolved(text: str, parameters: Mapping[str, str], home: Home, label: str) -> frozenset[Grant]:
    template = load_template(text, label)
    known = {name: value for name, value in parameters.items() if name in template.section("Parameters")}
    return read_grants(resolve_template(template, known, home), home)


def compare_grants(old: frozenset[Grant], new: frozenset[Grant]) -> Widening:
    """Say what is in the one and not covered by the other.

    What was denied or bounded, and is no more, widens as well; a condition that is gone does, too.
    """
    more = [grant for grant in _beyond(new, old) if _gives(grant)]
    lost_limits = [grant for grant in _beyond(old, new) if not _gives(grant)]
    less = [grant for grant in _beyond(old, new) if _gives(grant)]
    limits = [grant for grant in _beyond(new, old) if not _gives(grant)]
    made = {grant.holder for grant in new if grant.kind == "trust"} - {grant.holder for grant in old}
    gone = {grant.holder for grant in old if grant.kind == "trust"} - {grant.holder for grant in new}
    more_of_known = [grant for grant in more if not _is_of(grant, made)]
    less_of_known = [grant for grant in less if not _is_of(grant, gone)]
    return Widening(
        widens=(
            *_more_lines(more_of_known, old),
            *(_new_role(name, more) for name in sorted(made)),
            *_limit_lines(lost_limits, "no longer"),
        ),
        narrows=(
            *_less_lines(less_of_known),
            *(f"the role {name} is gone" for name in sorted(gone)),
            *_limit_lines(limits, "now"),
        ),
    )


def _is_of(grant: Grant, roles: set[str]) -> bool:
    return grant.kind != "resource" and grant.holder in roles


def _gives(grant: Grant) -> bool:
    return not grant.denied and grant.kind != "boundary"


def _beyond(found: frozenset[Grant], others: frozenset[Grant]) -> list[Grant]:
    by_holder: dict[tuple[str, str], list[Grant]] = {}
    for other in others:
        by_holder.setdefault((other.kind, other.holder), []).append(other)
    everybodys = by_holder.get(("resource", "*"), [])
    return [
        grant
        for grant in found
        if grant not in others and not covered(grant, [*by_holder.get((grant.kind, grant.holder), ()), *everybodys])
    ]


def _more_lines(grants: Iterable[Grant], before: frozenset[Grant]) -> Iterator[str]:
    """Say what holders that there were may do now, in a line for each, verb and condition."""
    groups: dict[tuple[str, str, str], list[Grant]] = {}
    for grant in sorted(grants, key=_order):
        condition = _lost(grant, before) or _under(grant)
        groups.setdefault((_subject(grant), _verb(grant), condition), []).append(grant)
    for (subject, verb, condition), found in groups.items():
        actions = ", ".join(sorted({grant.action for grant in found if grant.kind != "trust"}))
        said = f" ({actions})" if actions else ""
        yield f"{subject} may now also {verb} {_shown(map(_object, found), _MOST_SHOWN)}{said}{condition}"


def _less_lines(grants: Iterable[Grant]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Grant]] = {}
    for grant in sorted(grants, key=_order):
        groups.setdefault((_subject(grant), _verb(grant)), []).append(grant)
    for (subject, verb), found in groups.items():
        yield f"{subject} may no longer {verb} {_shown(map(_object, found), 2)}"


def _new_role(name: str, grants: Iterable[Grant]) -> str:
    """Say all that a new role may do in one line."""
    own = sorted((grant for grant in grants if _is_of(grant, {name})), key=_order)
    taken = _shown((grant.resource for grant in own if grant.kind == "trust"), _MOST_SHOWN)
    verbs: dict[str, list[str]] = {}
    for grant in own:
        if grant.kind != "trust":
            verbs.setdefault(_verb(grant), []).append(grant.resource)
    may = "; ".join(f"{verb} {_shown(resources, _MOST_SHOWN)}" for verb, resources in verbs.items())
    return f"the role {name} is new, for {taken}; it may {may or 'do nothing'}"


def _subject(grant: Grant) -> str:
    if grant.kind == "trust":
        return f"'{grant.resource}'"
    return "everybody" if grant.holder == "*" else grant.holder


def _object(grant: Grant) -> str:
    return grant.holder if grant.kind == "trust" else grant.resource


def _limit_lines(grants: Iterable[Grant], when: str) -> Iterator[str]:
    for grant in sorted(grants, key=_order):
        if grant.kind == "boundary":
            yield f"{grant.holder} is {when} bounded by {grant.resource}"
        else:
            what = f"{_verb(grant)} {_shown([grant.resource], 1)} ({grant.action})"
            yield f"{_subject(grant)} is {when} denied to {what}{_under(grant)}"


def _order(grant: Grant) -> tuple[str, ...]:
    return (
        grant.kind,
        grant.holder,
        _verb(grant),
        grant.resource,
        grant.action,
        str(sorted(map(_said, grant.conditions))),
    )


def _lost(grant: Grant, others: frozenset[Grant]) -> str:
    """Return the condition under which the same was allowed before, where there was one."""
    before = [other for other in others if other.conditions and covered(grant.bare, [other.bare])]
    gone = sorted({_said(one) for other in before for one in other.conditions - grant.conditions})
    return f", no longer only where {' and '.join(gone)}" if gone and len(before) == 1 else ""


def _under(grant: Grant) -> str:
    return f", where {' and '.join(sorted(map(_said, grant.conditions)))}" if grant.conditions else ""


def _said(condition: Condition) -> str:
    operator, key, values = condition
    return f"{key} {operator} {' or '.join(sorted(values))}"


def _verb(grant: Grant) -> str:
    if grant.kind == "attached":
        return "do all of the policy"
    action = grant.action.lower()
    if action.startswith("all but"):
        return "use"
    found = next((verb for start, verb in _VERBS if action.startswith(start)), "")
    name = action.partition(":")[2]
    return found or next((verb for start, verb in _VERBS_OF_NAMES if name.startswith(start)), "use")


def _shown(resources: Iterable[str], most: int) -> str:
    """Return the first of the resources, data before all else, and how many more there are."""
    listed = sorted({_BUCKET.sub("s3://", resource) for resource in resources}, key=_as_shown)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more ('render iam' has all)" if rest > 0 else "")


def _as_shown(resource: str) -> tuple[bool, str]:
    return not resource.startswith("s3://"), resource
