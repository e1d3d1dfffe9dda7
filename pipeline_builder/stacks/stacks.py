"""CloudFormation stacks as values: what is deployed, what is wanted, what happened, and what that means; pure."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline_builder.canonical import canonical
from pipeline_builder.errors import Problem

OWNER_TAG = "pipeline-builder:service"
STORAGE_OUTPUTS: Mapping[str, str] = {"ArtifactBucket": "BucketName", "KeyArn": "KeyArn"}
"""Parameters of the service's stack, and the outputs of the storage stack that they get."""
CAPABILITIES = ("CAPABILITY_NAMED_IAM",)
STACK_TYPE = "AWS::CloudFormation::Stack"
MARK = "pb-"
"""Begins the names of this tool's change sets, and the tokens of what executes them."""
_READY = (
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedStack:
    """A stack as it is to be: its template's text, the values of its parameters, its tags."""

    name: str
    template: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    """Whether deleting the stack has to be allowed first (CloudFormation's termination protection)."""

    @property
    def mark(self) -> str:
        """A name for exactly this content, the same in every checkout; it begins the names of its change sets."""
        content = canonical(
            {
                "template": self.template,
                "parameters": dict(self.parameters),
                "tags": dict(self.tags),
                "capabilities": list(CAPABILITIES),
            }
        )
        return f"{MARK}{hashlib.sha256(content).hexdigest()[:20]}"

    def change_set(self, stack: Stack | None) -> str:
        """Return the name of the change set that makes the deployed stack, or nothing, into this one.

        A killed deployment finds its own by it; one that was made against another state of the stack has another name.
        """
        base = "" if stack is None or stack.status == "REVIEW_IN_PROGRESS" else f"{stack.id} {stack.changed}"
        return f"{self.mark}-{hashlib.sha256(base.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack as DescribeStacks shows it; `changed` is when it was made or last updated."""

    name: str
    id: str
    status: str
    changed: datetime
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    @property
    def busy(self) -> bool:
        """An operation is going on; REVIEW_IN_PROGRESS is none, it is a stack that only has change sets."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackResource:
    """A resource of a deployed stack; `kept` where its DeletionPolicy leaves it there without the stack."""

    name: str
    type: str
    physical: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEvent:
    """One line of a stack's history."""

    id: str
    when: datetime
    resource: str
    type: str
    status: str
    reason: str = ""
    token: str = ""
    about_stack: bool = False
    """It tells of the stack itself, not of one of its resources."""

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")

    @property
    def begins(self) -> bool:
        """It is the first event of an operation."""
        return self.about_stack and self.status in (
            "CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS",
        )  # fmt: skip

    @property
    def ends(self) -> bool:
        """It is the last event of an operation."""
        return self.about_stack and not self.status.endswith("_IN_PROGRESS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an operation on a stack ended; `events` are its own, in the order of time. A deleted stack is None."""

    stack: Stack | None
    events: tuple[StackEvent, ...]

    @property
    def failed(self) -> bool:
        """Tell whether it came out otherwise than it was meant: failed, or rolled back."""
        last = next((event for event in reversed(self.events) if event.ends), None)
        status = last.status if last else self.stack.status if self.stack else "DELETE_COMPLETE"
        return "ROLLBACK" in status or status.endswith("_FAILED")

    def is_of(self, wanted: WantedStack) -> bool:
        """Tell whether the operation was a deployment of exactly this."""
        return any(event.token.startswith(f"{wanted.mark}-") for event in self.events)


class StackMovedError(Exception):
    """Somebody else has changed the stack since it was looked at; nothing was done, and it is to be looked at anew."""


class Way(enum.Enum):
    """What can be done with a stack that is to be deployed."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    FOLLOW = "FOLLOW"
    """Somebody's operation is going on: wait for its end first."""
    CLEAR = "CLEAR"
    """Its creation failed, nothing is left of it but its name: delete that first."""
    REFUSE = "REFUSE"


def way_on(stack: Stack | None) -> Way:
    """Return what a deployment does with the stack as it is."""
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":
        return Way.CREATE
    if stack.busy:
        return Way.FOLLOW
    if stack.status in _READY:
        return Way.UPDATE
    return Way.CLEAR if stack.status == "ROLLBACK_COMPLETE" else Way.REFUSE


def stuck_problem(stack: Stack) -> Problem:
    """Return what is to be done with a stack that takes no update."""
    why = f": {_one_line(stack.reason)}" if stack.reason else ""
    message = f"the stack '{stack.name}' is {stack.status} and takes no update{why}"
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        hint = (
            "mend what the rollback failed on (its events name it), then "
            f"'aws cloudformation continue-update-rollback --stack-name {stack.name}', and deploy again"
        )
    elif stack.status == "UPDATE_FAILED":
        hint = f"'aws cloudformation rollback-stack --stack-name {stack.name}', and deploy again"
    else:
        hint = (
            "its events name what is in the way; mend that, delete the stack with "
            f"'aws cloudformation delete-stack --stack-name {stack.name}', and deploy again"
        )
    return Problem(id="PB666", message=message, hint=hint)


def foreign_problem(stack: Stack, service: str) -> Problem | None:
    """Return a problem where the stack is not this service's: deploying would take away everything that is in it."""
    owner = stack.tags.get(OWNER_TAG)
    # A stack that is only change sets has no tags yet; one that is busy is only followed, and looked at afterwards.
    if owner == service or stack.busy or (owner is None and stack.status == "REVIEW_IN_PROGRESS"):
        return None
    found = f"of the service '{owner}'" if owner else f"not of this tool (it has no tag '{OWNER_TAG}')"
    message = f"the stack '{stack.name}' is {found}; nothing was changed"
    return Problem(id="PB686", message=message, hint="give the service another name in the manifest ('service: name:')")


def first_failure(events: Iterable[StackEvent]) -> StackEvent | None:
    """Return the event of what failed by itself first: what CloudFormation cancels after it only follows.

    Events are in the order of time; where no resource has failed, the stack's own word counts.
    """
    listed = tuple(events)
    own = [event for event in listed if event.failed and not event.about_stack and not _cancelled(event)]
    words = [event for event in listed if event.about_stack and event.reason and _bad(event)]
    return next(iter((*own, *words)), None)


def _cancelled(event: StackEvent) -> bool:
    reason = event.reason.lower()
    return reason.startswith("resource ") and "cancel" in reason


def _bad(event: StackEvent) -> bool:
    return event.failed or "ROLLBACK" in event.status


THERE_ALREADY = (
    "it is somebody's, of a service of this name in another Region (roles are the account's), or of an earlier one: "
    "give this one another name in the manifest ('service: name:'), or delete what nobody uses"
)
"""What is to be done about what a stack was to make."""
_REMEDIES = (
    ("already exists", f"{THERE_ALREADY}, and deploy again"),
    ("not authorized", "whoever deploys, or the role it names, lacks that permission: give it, and deploy again"),
    ("accessdenied", "whoever deploys, or the role it names, lacks that permission: give it, and deploy again"),
    ("rate exceeded", "AWS was asked too much at once: deploy again"),
    ("cannot be assumed", "IAM doesn't know a new role everywhere at once: deploy again"),
    (
        "access token",
        "let CodeBuild in at the git host ('import-source-credentials'), or name a connection; deploy again",
    ),
    ("connection", "is the connection there, in this Region, and past its handshake? Then deploy again"),
    ("limit", "ask for a higher quota in Service Quotas, and deploy again"),
    ("not empty", "empty it, and repeat the command"),
)


def failure_problem(name: str, ended: Ended, *, problem: str, what: str) -> Problem:
    """Return one line on why an operation failed, and in what state it leaves the stack."""
    first = first_failure(ended.events)
    reason = _one_line(first.reason) if first and first.reason else "CloudFormation gives no reason"
    where = f": '{first.resource}' ({first.type}): {reason}" if first and not first.about_stack else f": {reason}"
    remedy = next((hint for word, hint in _REMEDIES if word in reason.lower()), "mend that, and repeat the command")
    message = f"{what} of the stack '{name}' failed{where}"
    return Problem(id=problem, message=message, hint=f"{remedy}; {_left(ended.stack)}")


def _left(stack: Stack | None) -> str:
    if stack is None:
        return "the stack is gone"
    meaning = {
        "ROLLBACK_COMPLETE": "everything that was made is deleted again; the next deploy begins anew",
        "UPDATE_ROLLBACK_COMPLETE": "everything is as it was before",
        "UPDATE_ROLLBACK_FAILED": "it could not be brought back, and takes no update until that is mended",
        "DELETE_FAILED": "what was not deleted is still there",
    }
    return f"the stack is {stack.status}: {meaning.get(stack.status, 'look at its events')}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"{line[:399]}…"
