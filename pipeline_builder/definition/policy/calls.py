"""Functions that the service makes for handlers: what they may do besides, and that they have a network."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.conf.calls import LambdaSection
from pipeline_builder.definition.made import Made
from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.member import Member
from pipeline_builder.documents.schema import describe
from pipeline_builder.manifest.patterns import fits_any
from pipeline_builder.manifest.refusal import Refused, refuse


def is_made(asking: Asking, member: Member, made: Made) -> bool:
    """Tell whether a member names a function or a queue that the service makes for the step's own repository."""
    if member.path[-1] not in ("FunctionArn", "SqsQueueUrl") or not isinstance(member.value, str):
        return False
    return made.owns(asking.step.repository, member.value)


def check_function(asking: Asking) -> Iterator[Refused]:
    """Yield what a handler's function may not: actions that no statement of the policy covers, a network at all."""
    section = asking.step.call
    if not isinstance(section, LambdaSection) or section.entry_point is None:
        return
    rules, step = asking.rules, asking.step
    if rules.network == "isolated":
        message = "a function can't be kept from the network, which the policy wants of all that the repository runs"
        hint = "make it a Processing step"
        place = step.section_place("entry_point")
        yield Refused(id="PB873", message=asking.said(message), place=place, hint=hint)
    for index, statement in enumerate(section.policies):
        for action in statement.actions:
            for resource in statement.resources:
                wanted = f"{action} {resource}"
                # A '*' of the conf's own is more than the one letter that a '?' of the policy stands for.
                if not all(fits_any(rules.statements, text) for text in (wanted, wanted.replace("*", "**"))):
                    refused = f"the policy of '{rules.repo}' doesn't let a function have {describe(wanted)}"
                    place = step.section_place("policies", index)
                    yield refuse(
                        rules, "statements", wanted, problem_id="PB872", message=asking.said(refused), place=place
                    )
