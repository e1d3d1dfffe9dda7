"""Whom a step may wait for: nothing waits for a Fail step, for the other branch of a condition, or without its end."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from pipeline_builder.definition.check.faults import FLOW, fault_here
from pipeline_builder.definition.check.scope import Branch, Scope
from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import text_of

# Steps that stand in a list of another step mustn't be of these types [SageMaker's guide on condition steps: nested
# ones are not supported; the SDK's ForEachStep].
NOT_NESTED = {"Condition": ("Condition",), "ForEach": ("Condition", "Fail", "ForEach")}

_ENDED = {"Failed": "failed", "Stopped": "been stopped"}


def check_wait(scope: Scope, waiting: str, waited: str) -> Iterator[Fault]:
    """Check that the step `waiting` can wait for the step `waited`, by name, by reference or by a run condition."""
    step, other = scope.steps.get(waiting), scope.steps.get(waited)
    if step is None or other is None:
        return
    if other.kind == "Fail":
        message = f"waits for the Fail step '{waited}', after which nothing runs"
        fault = fault_here(FLOW, message, "let it wait for what the Fail step waits for, or stand in the other branch")
        # The words of the service, which clients look for [the SDK's own test of it].
        yield replace(fault, said=f"{waiting} can not depends on {waited}")
    elif is_excluded(step.branch, other.branch):
        assert other.branch
        message = f"waits for the step '{waited}' of the other branch of '{other.branch.holder}': only one of them runs"
        # CreatePipeline takes it, as the SDK's own tests do: the step is left out of each execution.
        yield replace(fault_here(FLOW, message, "give each branch steps of its own"), stage="job")
    elif other.branch and other.branch.type == "ForEach" and other.branch != step.branch:
        message = f"refers to the step '{waited}' inside of the ForEach step '{other.branch.holder}', which runs often"
        each = f"Steps.{other.branch.holder}"
        yield fault_here(FLOW, message, f"write '{each}.IterationOutputs[0].{waited}…' or '{each}.Selected…'")


def check_trigger(item: JSON, needed: Collection[JSON]) -> Iterator[Fault]:
    """Check that a run condition isn't of a step that has to succeed besides, as the step's results are `needed`.

    Nobody has published what the service does then; a reference to a step is a dependency on its success.
    """
    end, name = text_of(item, "Trigger"), text_of(item, "Step")
    if end in ("Failed", "Stopped") and name in needed:
        message = f"lets the step run when '{name}' has {_ENDED[end]}, and the step needs what '{name}' makes besides"
        hint = f"take what refers to '{name}' out of the step, or the trigger"
        yield replace(fault_here(FLOW, message, hint), stage="unsure")


def check_nesting(kind: str, branch: Branch | None) -> Iterator[Fault]:
    """Check that a step may stand where it does."""
    if branch and kind in NOT_NESTED.get(branch.type, ()):
        what = "condition" if kind == branch.type == "Condition" else f"{kind} step"
        message = f"is a {what} within the {branch.type} step '{branch.holder}', which SageMaker doesn't take"
        hint = "put all comparisons into one condition, or let the inner step wait for the outer one's"
        yield Fault(FLOW, ("Type",), message, hint if kind == branch.type == "Condition" else None)


def is_excluded(one: Branch | None, other: Branch | None) -> bool:
    """Tell whether only one of two branches is ever taken."""
    return (
        one is not None
        and other is not None
        and one.type == other.type == "Condition"
        and one.holder == other.holder
        and one.member != other.member
    )
