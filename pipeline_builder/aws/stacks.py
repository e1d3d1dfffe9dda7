"""CloudFormation stacks of one account and Region: change sets, their execution, and following what happens."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.polling import Clock, Pace
from pipeline_builder.aws.store import S3Store
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.regions.hosts import host
from pipeline_builder.stacks.stack_plan import StackPlan, read_changes
from pipeline_builder.stacks.stacks import (
    CAPABILITIES,
    STACK_TYPE,
    Ended,
    Stack,
    StackEvent,
    StackResource,
    WantedStack,
)
from pipeline_builder.target import Media

INLINE = 51_200
"""Bytes of a template that CloudFormation takes in a request; a longer one goes by S3."""
_QUIET = 120.0
"""Seconds without an event after which the stack itself is asked whether it is still at work."""
_NOTHING_TO_DO = re.compile(r"didn't contain changes|no updates are to be performed", re.IGNORECASE)

Watch = Callable[[StackEvent], None]
"""Called with each event of an operation, in the order of time."""


class Stacks:
    """Stacks of one account and Region."""

    def __init__(self, aws: Aws, *, clock: Clock | None = None) -> None:
        self._aws = aws
        self._clock = clock or Clock()

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._aws.call("cloudformation", operation, **arguments)

    def describe(self, name_or_id: str) -> Stack | None:
        """Return the stack; None where there is none of that name, or no more."""
        try:
            (found,) = self._call("describe_stacks", StackName=name_or_id)["Stacks"]
        except NotFoundError:
            return None
        return None if found["StackStatus"] == "DELETE_COMPLETE" else _read_stack(found)

    # --- change sets

    def plan(self, wanted: WantedStack, stack: Stack | None, bucket: str) -> StackPlan:
        """Make the change set that brings the stack to what is wanted, or find the one of a deployment that was killed.

        Raises:
            OutsideFailure: PB669 where CloudFormation can't make one.
        """
        name = wanted.change_set(stack)
        creates = stack is None or stack.status == "REVIEW_IN_PROGRESS"
        found = self._change_set(name, wanted.name)
        if found and _is_of_no_use(found):
            self._drop(found["ChangeSetId"])
            found = None
        arn = found["ChangeSetId"] if found else self._make(wanted, name, bucket, creates=creates)
        ready = self._wait_for(arn)
        if ready["Status"] == "FAILED":
            return self._nothing(wanted, ready, creates=creates)
        pages = self._aws.pages("cloudformation", "describe_change_set", ChangeSetName=arn, IncludePropertyValues=True)
        changes = [change for page in pages for change in page.get("Changes", ())]
        return StackPlan(
            stack=wanted.name,
            creates=creates,
            changes=read_changes(changes),
            change_set=arn,
            stack_id=ready["StackId"],
        )

    def _change_set(self, name: str, stack: str) -> dict[str, Any] | None:
        try:
            return self._call("describe_change_set", ChangeSetName=name, StackName=stack)
        except NotFoundError:
            return None

    def _make(self, wanted: WantedStack, name: str, bucket: str, *, creates: bool) -> str:
        try:
            made = self._call(
                "create_change_set",
                StackName=wanted.name,
                ChangeSetName=name,
                ChangeSetType="CREATE" if creates else "UPDATE",
                # For the tries of this one call: another process finds the change set by its name. A token that were
                # the same in every process might bring back a change set that has been deleted meanwhile.
                ClientToken=uuid.uuid4().hex,
                # What a stack that is gone has left, a retained bucket above all, comes back into it.
                ImportExistingResources=True,
                Capabilities=list(CAPABILITIES),
                Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in sorted(wanted.parameters.items())],
                Tags=[{"Key": k, "Value": v} for k, v in sorted(wanted.tags.items())],
                **self._template(wanted, bucket),
            )
        except NotFoundError as error:  # of the template's object, say: the stack need not be there
            raise OutsideFailure(_no_plan(wanted.name, str(error))) from error
        return str(made["Id"])

    def _template(self, wanted: WantedStack, bucket: str) -> dict[str, str]:
        content = wanted.template.encode()
        if len(content) <= INLINE:
            return {"TemplateBody": wanted.template}
        key = f"templates/{hashlib.sha256(content).hexdigest()}.yaml"
        store, uri = S3Store(self._aws), f"s3://{bucket}/{key}"
        if store.missing((uri,)):
            store.put(uri, content, Media.YAML)
        return {"TemplateURL": f"https://{host('s3', self._aws.region)}/{bucket}/{key}"}

    def _wait_for(self, arn: str) -> dict[str, Any]:
        """Return the change set once it is made, or has failed."""
        pace = Pace(clock=self._clock)
        while True:
            found = self._call("describe_change_set", ChangeSetName=arn)
            if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return found
            pace.wait(changed=False)

    def _nothing(self, wanted: WantedStack, failed: Mapping[str, Any], *, creates: bool) -> StackPlan:
        """Take a change set away that can't be executed; it may only have had nothing to do.

        CloudFormation has no code for that, only its words, in two wordings.
        """
        arn, reason = failed["ChangeSetId"], str(failed.get("StatusReason") or "no reason given")
        unchanged = not creates and _NOTHING_TO_DO.search(reason)
        details = () if unchanged else tuple(self._findings(arn))
        self.drop(StackPlan(stack=wanted.name, creates=creates, change_set=arn, stack_id=failed["StackId"]))
        if unchanged:
            return StackPlan(stack=wanted.name, creates=False, stack_id=failed["StackId"])
        raise OutsideFailure(*(_no_plan(wanted.name, found) for found in details or (reason,)))

    def _findings(self, arn: str) -> Iterator[str]:
        """Yield what CloudFormation's check of a template found, each with its place; older endpoints have none."""
        try:
            for page in self._aws.pages("cloudformation", "describe_events", ChangeSetName=arn):
                for event in page.get("OperationEvents", ()):
                    failing = event.get("ValidationFailureMode", "FAIL") == "FAIL"
                    if event.get("EventType") == "VALIDATION_ERROR" and failing:
                        where = event.get("ValidationPath") or event.get("LogicalResourceId") or ""
                        yield f"{where}: {event.get('ValidationStatusReason', '')}".removeprefix(": ")
        except (OutsideFailure, NotFoundError):
            return

    def drop(self, plan: StackPlan) -> None:
        """Take a plan's change set away, and with it a stack that is nothing but that."""
        self._drop(plan.change_set)
        if not plan.creates:
            return
        left = self.describe(plan.stack_id)
        if left is None or left.status != "REVIEW_IN_PROGRESS":
            return
        pages = self._aws.pages("cloudformation", "list_change_sets", StackName=plan.stack_id)
        if not any(page.get("Summaries") for page in pages):
            self._call("delete_stack", StackName=plan.stack)

    def _drop(self, arn: str) -> None:
        try:
            self._call("delete_change_set", ChangeSetName=arn)
        except NotFoundError:
            return

    # --- operations

    def execute(self, plan: StackPlan, wanted: WantedStack, watch: Watch) -> Ended:
        """Execute the plan's change set, and follow it to its end."""
        before = self._newest(plan.stack_id)
        unique = hashlib.sha256(plan.change_set.encode()).hexdigest()[:12]
        self._call(
            "execute_change_set",
            ChangeSetName=plan.change_set,
            ClientRequestToken=f"{wanted.mark}-{unique}",
            RetainExceptOnCreate=True,  # what a failed deployment has made must not be in the next one's way
        )
        return self._follow(plan.stack_id, before, watch)

    def join(self, stack: Stack, watch: Watch) -> Ended:
        """Follow the operation that is going on."""
        return self._follow(stack.id, None, watch)

    def delete(self, stack: Stack, watch: Watch) -> Ended:
        """Delete the stack, and follow it to its end."""
        before = self._newest(stack.id)
        self._call("delete_stack", StackName=stack.name)
        return self._follow(stack.id, before, watch)

    def protect(self, stack: Stack, *, on: bool) -> None:
        """Switch termination protection; where it is so already nothing is called."""
        if stack.protected != on:
            self._call("update_termination_protection", StackName=stack.id, EnableTerminationProtection=on)

    def resources(self, stack: Stack) -> tuple[StackResource, ...]:
        """Return what is in the stack, by name."""
        pages = self._aws.pages("cloudformation", "list_stack_resources", StackName=stack.id)
        found = [item for page in pages for item in page["StackResourceSummaries"]]
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
        found = self._call("get_template", StackName=stack.id, TemplateStage="Original")["TemplateBody"]
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
        """Return what happened after an event, oldest first; with None since the running operation began."""
        found: list[StackEvent] = []
        for event in self._events(stack_id):
            if event.id == last:
                break
            found.append(event)
            if last is None and event.begins:
                break
        return found[::-1]


def _is_of_no_use(change_set: Mapping[str, Any]) -> bool:
    """Tell whether a change set that was found can't be taken up: it has failed, was executed, or is out of date."""
    making = change_set["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS")
    return not making and (change_set["Status"], change_set.get("ExecutionStatus")) != ("CREATE_COMPLETE", "AVAILABLE")


def _no_plan(stack: str, reason: str) -> Problem:
    message = f"CloudFormation can make no change set for the stack '{stack}': {' '.join(reason.split())}"
    return Problem(id="PB669", message=message, hint="mend what it says, and deploy again; nothing was changed")


def _read_stack(found: Mapping[str, Any]) -> Stack:
    return Stack(
        name=found["StackName"],
        id=found["StackId"],
        status=found["StackStatus"],
        changed=found.get("LastUpdatedTime") or found["CreationTime"],
        reason=found.get("StackStatusReason", ""),
        parameters={item["ParameterKey"]: item.get("ParameterValue", "") for item in found.get("Parameters", ())},
        outputs={item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())},
        tags={item["Key"]: item["Value"] for item in found.get("Tags", ())},
        protected=found.get("EnableTerminationProtection", False),
    )


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
