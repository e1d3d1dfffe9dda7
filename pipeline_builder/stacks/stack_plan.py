"""The plan of a stack: what a change set would do, what of it would lose data, and how it is shown; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import PlanRefused, Problem

ResourceAction = Literal["added", "changed", "replaced", "maybe replaced", "removed", "imported"]

DATA_STORES: Mapping[str, str] = {
    "AWS::S3::Bucket": "its objects",
    "AWS::KMS::Key": "everything that is encrypted with it",
    "AWS::SageMaker::ModelPackageGroup": "its model packages",
    "AWS::Logs::LogGroup": "its logs",
    "AWS::SNS::Topic": "its confirmed subscriptions",
    "AWS::DynamoDB::Table": "its items",
    "AWS::CodeCommit::Repository": "its commits",
    "AWS::ECR::Repository": "its images",
    "AWS::SecretsManager::Secret": "its value",
}
"""Types of resources that hold what a template can't make again, and what that is."""

_SIGNS = {"added": "+", "imported": "+", "changed": "~", "replaced": "!", "maybe replaced": "!", "removed": "-"}
_MOST_SHOWN = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyChange:
    """A property that makes a resource change; values are there where CloudFormation tells them.

    `recreates` is its word on what that does: Never, Conditionally or Always. `cause` is the resource or parameter
    that it comes from, where it is not the template's own text.
    """

    name: str
    recreates: str = "Never"
    old: str = ""
    new: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """What happens to one resource. `policy` is what becomes of the old one (Delete, Retain, ReplaceAndRetain, …)."""

    action: ResourceAction
    name: str
    type: str
    physical: str = ""
    policy: str = ""
    properties: tuple[PropertyChange, ...] = ()

    @property
    def kept(self) -> bool:
        """What goes out of the stack stays there, but nothing of the service knows of it any more."""
        return self.policy.endswith(("Retain", "Snapshot"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """What executing a change set does to a stack; a plan is a value.

    `change_set` is its ARN, empty where there is nothing to execute: `offline` then says that CloudFormation was not
    asked, else the stack is as it is wanted. `widens` says what somebody may do then who couldn't, `narrows` the
    opposite.
    """

    stack: str
    creates: bool
    changes: tuple[ResourceChange, ...] = ()
    change_set: str = ""
    stack_id: str = ""
    offline: bool = False
    widens: tuple[str, ...] = ()
    narrows: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.change_set) or self.offline


def unsafe(plan: StackPlan) -> tuple[str, ...]:
    """Return each change that would lose data, in words.

    Replacing a data store starts with an empty one, whatever becomes of the old; one that is removed but stays there,
    as its DeletionPolicy says, loses nothing.
    """
    return tuple(_losses(plan))


def _losses(plan: StackPlan) -> Iterator[str]:
    for change in plan.changes:
        holds = DATA_STORES.get(change.type)
        if holds is None:
            continue
        named = f"'{change.name}' ({change.type}" + (f", '{change.physical}')" if change.physical else ")")
        after = (
            f"; {holds} would stay in the old one, and the new one begins empty" if change.kept else f", and {holds}"
        )
        match change.action:
            case "replaced":
                yield f"it replaces {named}{after}"
            case "maybe replaced":
                yield f"it may replace {named}{after}"
            case "removed" if not change.kept:
                yield f"it removes {named}, and {holds}"
            case _:
                pass


def refuse_unsafe(plan: StackPlan) -> None:
    """Refuse what would lose data.

    Raises:
        PlanRefused: PB667, one problem for each loss.
    """
    losses = unsafe(plan)
    if losses:
        hint = "look at the plan; where it is meant, --force does it"
        raise PlanRefused(
            *(
                Problem(id="PB667", message=f"the plan for the stack '{plan.stack}' is unsafe: {loss}", hint=hint)
                for loss in losses
            )
        )


def render_stack_plan(plan: StackPlan) -> str:
    """Return the plan as people read it."""
    lines = [_headline(plan), *(f"  needs --force: {loss}" for loss in unsafe(plan))]
    width = max((len(change.type) for change in plan.changes), default=0)
    for change in plan.changes:
        lines.append(f"  {_SIGNS[change.action]} {change.type:<{width}}  {change.name}{_about(change)}")
        lines += [f"      {_property(found)}" for found in change.properties]
    lines += [f"  widens: {line}" for line in plan.widens]
    lines += [f"  narrows: {_cut(line)}" for line in plan.narrows]
    return "\n".join(lines) + "\n"


def _headline(plan: StackPlan) -> str:
    if not plan.changed:
        return f"stack '{plan.stack}' is unchanged"
    verb = "will be created" if plan.creates else "will change"
    note = " (by its template: CloudFormation is asked once the storage stack is there)" if plan.offline else ""
    return f"stack '{plan.stack}' {verb}: {render_counts(plan)}{note}"


def render_counts(plan: StackPlan) -> str:
    """Return how many resources are added, changed and so on."""
    counts = {action: sum(change.action == action for change in plan.changes) for action in _SIGNS}
    return (
        ", ".join(f"{count} {action}" for action, count in counts.items() if count) or "no resource, only its outputs"
    )


def _about(change: ResourceChange) -> str:
    physical = f" ({change.physical})" if change.physical and change.physical != change.name else ""
    words = {
        "imported": "it is there already and becomes part of the stack",
        "replaced": "a new one takes its place",
        "maybe replaced": "a new one may take its place; CloudFormation can't tell before",
        "removed": "it stays there, outside of the stack" if change.kept else "",
    }
    word = words.get(change.action, "")
    return physical + (f": {word}" if word else "")


def _property(change: PropertyChange) -> str:
    values = f": {_cut(change.old) or '(none)'} -> {_cut(change.new) or '(none)'}" if change.old or change.new else ""
    recreates = {"Always": "replaces it", "Conditionally": "may replace it"}.get(change.recreates, "")
    cause = f"through {change.cause}" if change.cause else ""
    notes = ", ".join(note for note in (recreates, cause) if note)
    return f"{change.name}{values}" + (f"  ({notes})" if notes else "")


def _cut(text: str) -> str:
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= _MOST_SHOWN else f"{line[: _MOST_SHOWN - 1]}…"


def stack_plan_json(plan: StackPlan) -> dict[str, JSON]:
    """Return the plan as JSON."""
    return {"changed": plan.changed, "unsafe": list(unsafe(plan)), **asdict(plan)}


def read_changes(changes: Sequence[Mapping[str, JSON]]) -> tuple[ResourceChange, ...]:
    """Return the resource changes of a change set, as DescribeChangeSet lists them."""
    found = [change.get("ResourceChange") for change in changes]
    return tuple(_read_change(change) for change in found if isinstance(change, dict))


def _read_change(change: Mapping[str, JSON]) -> ResourceChange:
    details = change.get("Details")
    listed = [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []
    properties = dict.fromkeys(found for item in listed if (found := _read_detail(item)))
    return ResourceChange(
        action=_action(str(change.get("Action") or ""), str(change.get("Replacement") or "")),
        name=str(change.get("LogicalResourceId") or ""),
        type=str(change.get("ResourceType") or ""),
        physical=str(change.get("PhysicalResourceId") or ""),
        policy=str(change.get("PolicyAction") or ""),
        properties=_strongest(tuple(properties)),
    )


def _action(action: str, replacement: str) -> ResourceAction:
    match action:
        case "Add":
            return "added"
        case "Remove":
            return "removed"
        case "Import":
            return "imported"
        case "Dynamic":  # CloudFormation can't tell what it will do
            return "maybe replaced"
        case _:
            replaced: dict[str, ResourceAction] = {"True": "replaced", "Conditional": "maybe replaced"}
            return replaced.get(replacement, "changed")


def _read_detail(detail: Mapping[str, JSON]) -> PropertyChange | None:
    target = detail.get("Target")
    if not isinstance(target, dict):
        return None
    attribute, name = str(target.get("Attribute") or ""), str(target.get("Name") or "")
    path = str(target.get("Path") or "").removeprefix("/Properties/").strip("/").replace("/", ".")
    return PropertyChange(
        name=(path or name) if attribute == "Properties" else attribute,
        recreates=str(target.get("RequiresRecreation") or "Never"),
        old=str(target.get("BeforeValue") or ""),
        new=str(target.get("AfterValue") or ""),
        cause=str(detail.get("CausingEntity") or ""),
    )


def _strongest(changes: tuple[PropertyChange, ...]) -> tuple[PropertyChange, ...]:
    """Say each property once: CloudFormation lists it for its value, and again for each thing that the value is of."""
    by_name: dict[str, PropertyChange] = {}
    for change in changes:
        before = by_name.get(change.name)
        if before is None or _weight(change) > _weight(before):
            by_name[change.name] = change
    return tuple(by_name.values())


def _weight(change: PropertyChange) -> tuple[int, bool, bool]:
    order = {"Never": 0, "Conditionally": 1, "Always": 2}
    return order.get(change.recreates, 0), bool(change.old or change.new), bool(change.cause)
