"""Which variables a conf may name: those of the service, and what the policy lists; never one with a token in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches

from pipeline_builder.documents.dates import DATES
from pipeline_builder.documents.values import Refusing
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.patterns import fits_any
from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.refusal import Refused, refuse

_OWN = "SMP_"


def refusing(rules: Rules, *, dates: bool = False) -> Refusing:
    """Return what says of a placeholder of a repository's conf that it may not be there.

    With `dates` the logical date is none of the conf's either: a training is about no day.
    """

    def check(name: str, place: Callable[[], Place]) -> Problem | None:
        if name in rules.withheld:
            message = f"the variable '{name}' holds a token of a repository ('credentials'), which no conf gets"
            hint = "what a job needs to know is named in its section: 'secrets: {NAME: secretsmanager:ID}'"
            return Refused(id="PB236", message=message, place=place(), hint=hint)
        if name.startswith(_OWN) or fits_any(rules.variables, name):
            return None
        if dates and name in DATES:
            message = f"the placeholder '${{{name}}}' is the logical date, which only runs of an inference conf have"
            hint = "write the address without it, or '$${" + name + "}' for the text itself"
            return Problem(id="PB961", message=message, place=place(), hint=hint)
        if not dates and name.lower() in DATES:
            message = f"there is no variable '{name}' that confs may name"
            hint = f"did you mean '${{{name.lower()}}}', of the logical date"
            return Problem(id="PB236", message=message, place=place(), hint=hint)
        message = f"the policy of '{rules.repo}' doesn't let its confs name the variable '{name}'"
        found = refuse(rules, "variables", name, problem_id="PB236", message=message, place=place())
        near = "" if dates else next(iter(get_close_matches(name.lower(), DATES, n=1, cutoff=0.7)), "")
        return (
            replace(found, hint=f"did you mean '${{{near}}}', of the logical date? Else: {found.hint}")
            if near
            else found
        )

    return check
