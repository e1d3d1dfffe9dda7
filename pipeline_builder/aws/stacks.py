"""CloudFormation stacks of one account and Region: change sets are executed, and what happens is followed."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pipeline_builder.aws.change_sets import ChangeSets
from pipeline_builder.aws.client import ChangedError, NotFoundError
from pipeline_builder.aws.polling import Pace
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.stacks.stack_plan import StackPlan
from pipeline_builder.stacks.stacks import (
    STACK_TYPE,
    Ended,
    Stack,
    StackEvent,
    StackMovedError,
    StackResource,
    WantedStack,
)

_QUIET = 120.0
"""Seconds without an event after which the stack itself is asked whether it is still at work."""

Watch = Callable[[StackEvent], None]
"""Called with each event of an operation, in the order of time."""


class Stacks(ChangeSets):
    """Stacks of one account and Region."""

    # --- operations

    def execute(self, plan: StackPlan, wanted: WantedStack, watch: Watch) -> Ended:
        """Execute the plan's change set, and follow it to its end.

        Raises:
            StackMovedError: where somebody else was faster; nothing was done.
        """
        unique = hashlib.sha256(plan.change_set.encode()).hexdigest()[:12]
        stack = self.describe(plan.stack_id)
        if stack is None or stack.busy:
            raise StackMovedError(wanted.name)
        before = self._newest(plan.stack_id)
        try:
            self._call(
                "execute_change_set",
                ChangeSetName=plan.change_set,
                ClientRequestToken=f"{wanted.mark}-{unique}",
                RetainExceptOnCreate=True,  # what a failed deployment has made must not be in the next one's way
            )
        except (NotFoundError, ChangedError) as error:
            raise StackMovedError(wanted.name) from error
        except OutsideFailure as error:
            self.refuse_moved(plan.stack_id, stack, error)
            raise
        return self._follow(plan.stack_id, before, watch)

    def join(self, stack: Stack, watch: Watch) -> Ended:
        """Follow the operation that is going on."""
        return self._follow(stack.id, None, watch)

    def begun(self, stack: Stack) -> StackEvent | None:
        """Return the event with which what is going on has begun; None where it can't be told."""
        return next((event for event in self._since(stack.id, None) if event.about_stack), None)

    def delete(self, stack: Stack, watch: Watch) -> Ended:
        """Delete the stack, and follow it to its end; one that somebody else has deleted is deleted."""
        before = self._newest(stack.id)
        try:
            self._call("delete_stack", StackName=stack.id)
        except NotFoundError:
            return Ended(stack=None, events=())
        return self._follow(stack.id, before, watch)

    def protect(self, stack: Stack, *, on: bool) -> None:
        """Switch termination protection; where it is so already, or the stack is gone, nothing is to be done."""
        if stack.protected != on:
            with contextlib.suppress(NotFoundError):
                self._call("update_termination_protection", StackName=stack.id, EnableTerminationProtection=on)

    def resources(self, stack: Stack) -> tuple[StackResource, ...]:
        """Return what is in the stack, by name."""
        pages = self._aws.pages("cloudformation", "list_stack_resources", StackName=stack.id)
        try:
            found = [item for page in pages for item in page["StackResourceSummaries"]]
        except NotFoundError:  # somebody else has deleted it
            return ()
        return tuple(
            StackResource(
                name=item["LogicalResourceId"], type=item["ResourceType"], physical=item.get("PhysicalResourceId", "")
            )
            for item in sorted(found, key=lambda item: str(item["LogicalResourceId"]))
            if item["ResourceStatus"] != "DELETE_COMPLETE"
        )

    def template(self, stack: Stack) -> str:
        """Return the text of the template that the stack is made from; empty where it is nothing but change sets."""
        if stack.status == "REVIEW_IN_PROGRESS":
            return ""
        try:
            found = self._call("get_template", StackName=stack.id, TemplateStage="Original")["TemplateBody"]
        except NotFoundError:
            return ""
        return found if isinstance(found, str) else json.dumps(found)  # botocore reads one that is JSON

    # --- events

    def _events(self, stack_id: str) -> Iterator[StackEvent]:
        """Yield the stack's events, newest first; a deleted stack's too, for it is asked for by its ARN."""
        for page in self._aws.pages("cloudformation", "describe_stack_events", StackName=stack_id):
            yield from (_read_event(event) for event in page["StackEvents"])

    def _newest(self, stack_id: str) -> str:
        return next((event.id for event in self._events(stack_id)), "")

    def _follow(self, stack_id: str, after: str | None, watch: Watch) -> Ended:
        """Follow the operation after that event, or with None the one that is going on, to its end."""
        try:
            return self._followed(stack_id, after, watch)
        except NotFoundError:
            return Ended(stack=None, events=())
        except OutsideFailure as error:
            hint = "what was begun goes on in CloudFormation; repeat the command to follow it"
            raise OutsideFailure(
                *(replace(one, hint=f"{one.hint}; {hint}" if one.hint else hint) for one in error.problems)
            ) from error

    def _followed(self, stack_id: str, after: str | None, watch: Watch) -> Ended:
        seen: list[StackEvent] = []
        pace, quiet_since = Pace(clock=self._clock), self._clock.now()
        while True:
            new = self._since(stack_id, seen[-1].id if seen else after)
            for event in new:
                watch(event)
            seen += new
            if any(event.ends for event in new):
                break
            if new:
                quiet_since = self._clock.now()
            elif self._clock.now() - quiet_since > _QUIET:
                quiet_since = self._clock.now()
                found = self.describe(stack_id)
                if found is None or not found.busy:  # its last event was never listed
                    break
            pace.wait(changed=bool(new))
        return Ended(stack=self.describe(stack_id), events=tuple(seen))

    def _since(self, stack_id: str, last: str | None) -> list[StackEvent]:
        """Return what happened after an event, oldest first; with None since the running operation began.

        A rollback that is gone on with has no beginning of its own: what is before the last end is another operation's.
        """
        found: list[StackEvent] = []
        for event in self._events(stack_id):
            if event.id == last or (last is None and event.ends and found):
                break
            found.append(event)
            if last is None and event.begins:
                break
        return found[::-1]


def _read_event(event: Mapping[str, Any]) -> StackEvent:
    physical = event.get("PhysicalResourceId", "")
    return StackEvent(
        id=event["EventId"],
        when=event["Timestamp"],
        resource=event["LogicalResourceId"],
        type=event["ResourceType"],
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", "") or event.get("HookStatusReason", ""),
        token=event.get("ClientRequestToken", ""),
        about_stack=event["ResourceType"] == STACK_TYPE and physical == event["StackId"],
    )
