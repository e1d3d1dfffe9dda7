"""Change sets of CloudFormation's stacks: made, found again, and given up where somebody else was faster."""

from __future__ import annotations

import contextlib
import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.aws.client import Aws, ChangedError, NotFoundError
from pipeline_builder.aws.polling import Clock, Pace
from pipeline_builder.aws.store import S3Store
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.regions.hosts import host
from pipeline_builder.stacks.stack_plan import StackPlan, read_changes
from pipeline_builder.stacks.stacks import CAPABILITIES, THERE_ALREADY, Stack, StackMovedError, WantedStack
from pipeline_builder.target import Media

INLINE = 51_200
"""Bytes of a template that CloudFormation takes in a request; a longer one goes by S3."""
_NOTHING_TO_DO = re.compile(r"didn't contain changes|no updates are to be performed", re.IGNORECASE)


class ChangeSets:
    """Change sets of the stacks of one account and Region."""

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
        return None if found["StackStatus"] == "DELETE_COMPLETE" else read_stack(found)

    def plan(self, wanted: WantedStack, stack: Stack | None, bucket: str) -> StackPlan:
        """Make the change set that brings the stack to what is wanted, or find the one of a deployment that was killed.

        Raises:
            OutsideFailure: PB669 where CloudFormation can't make one.
            StackMovedError: where the stack, or the change set, is another by now.
        """
        try:
            return self._plan(wanted, stack, bucket)
        except NotFoundError as error:  # somebody who has the same change set has executed it, or given it up
            raise StackMovedError(wanted.name) from error

    def _plan(self, wanted: WantedStack, stack: Stack | None, bucket: str) -> StackPlan:
        name = wanted.change_set(stack)
        creates = stack is None or stack.status == "REVIEW_IN_PROGRESS"
        found = self._change_set(name, wanted.name)
        if found and _is_of_no_use(found):
            self._drop(found["ChangeSetId"])
            found = None
        arn = found["ChangeSetId"] if found else self._make(wanted, stack, bucket, creates=creates)
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

    def _make(self, wanted: WantedStack, stack: Stack | None, bucket: str, *, creates: bool) -> str:
        """Make the change set; the one that another process has made just now is as good."""
        name = wanted.change_set(stack)
        try:
            return self._create(wanted, name, bucket, creates=creates)
        except ChangedError as error:
            if found := self._change_set(name, wanted.name):
                return str(found["ChangeSetId"])
            raise StackMovedError(wanted.name) from error
        except OutsideFailure as error:
            self.refuse_moved(wanted.name, stack, error)
            if not isinstance(error, NotFoundError):
                raise
            # Of the template's object, say: the stack need not be there.
            raise OutsideFailure(_no_plan(wanted.name, error.said)) from error

    def refuse_moved(self, name: str, before: Stack | None, error: OutsideFailure) -> None:
        """Raise StackMovedError where the stack isn't what it was any more: CloudFormation has no code for that."""
        if any(problem.id != "PB707" for problem in error.problems):
            return
        now = self.describe(name)
        same = now == before or (now and before is None and now.status == "REVIEW_IN_PROGRESS")
        if not same:
            raise StackMovedError(name) from error

    def _create(self, wanted: WantedStack, name: str, bucket: str, *, creates: bool) -> str:
        made = self._call(
            "create_change_set",
            StackName=wanted.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if creates else "UPDATE",
            # For the tries of this one call: another process finds the change set by its name. A token that were the
            # same in every process might bring back a change set that has been deleted meanwhile.
            ClientToken=uuid.uuid4().hex,
            # What a stack that is gone has left, a retained bucket above all, comes back into it.
            ImportExistingResources=True,
            Capabilities=list(CAPABILITIES),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in sorted(wanted.parameters.items())],
            Tags=[{"Key": k, "Value": v} for k, v in sorted(wanted.tags.items())],
            **self._template(wanted, bucket),
        )
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
        except OutsideFailure:
            return

    def drop(self, plan: StackPlan) -> None:
        """Take a plan's change set away, and with it a stack that is nothing but that."""
        self._drop(plan.change_set)
        if not plan.creates:
            return
        left = self.describe(plan.stack_id)
        if left is None or left.status != "REVIEW_IN_PROGRESS":
            return
        with contextlib.suppress(NotFoundError):  # gone just now
            pages = self._aws.pages("cloudformation", "list_change_sets", StackName=plan.stack_id)
            if not any(page.get("Summaries") for page in pages):
                self._call("delete_stack", StackName=plan.stack)

    def _drop(self, arn: str) -> None:
        """Take a change set away; one that is gone, or is being executed by somebody, is no more ours."""
        with contextlib.suppress(NotFoundError, ChangedError):
            self._call("delete_change_set", ChangeSetName=arn)


def read_stack(found: Mapping[str, Any]) -> Stack:
    """Return a stack as DescribeStacks lists it."""
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


def _is_of_no_use(change_set: Mapping[str, Any]) -> bool:
    """Tell whether a change set that was found can't be taken up: it has failed, was executed, or is out of date."""
    making = change_set["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS")
    return not making and (change_set["Status"], change_set.get("ExecutionStatus")) != ("CREATE_COMPLETE", "AVAILABLE")


def _no_plan(stack: str, reason: str) -> Problem:
    message = f"CloudFormation can make no change set for the stack '{stack}': {' '.join(reason.split())}"
    hint = "mend what it says, and deploy again; nothing was changed"
    if "already exist" in reason:  # it would take over only what the template keeps, and asks for a DeletionPolicy
        hint = f"{THERE_ALREADY}, and deploy again; nothing was changed"
    return Problem(id="PB669", message=message, hint=hint)
