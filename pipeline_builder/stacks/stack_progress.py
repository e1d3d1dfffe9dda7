"""What happens to a stack's resources, as progress shows it: each resource is a step."""

from __future__ import annotations

from datetime import datetime

from pipeline_builder.descriptions import StepState, StepStatus
from pipeline_builder.stacks.stacks import StackEvent


class StepStates:
    """Turns the events of one operation into the states of its resources; it remembers when each began."""

    def __init__(self) -> None:
        self._began: dict[str, datetime] = {}

    def of(self, event: StackEvent) -> StepState:
        """Return the state after the event: CloudFormation's own word for it is the note."""
        began = self._began.setdefault(event.resource, event.when)
        status = StepStatus.EXECUTING
        if event.failed:
            status = StepStatus.FAILED
        elif not event.status.endswith("_IN_PROGRESS"):
            status = StepStatus.SUCCEEDED
        return StepState(
            name=event.resource,
            type=event.type,
            status=status,
            started=began,
            ended=None if status is StepStatus.EXECUTING else event.when,
            failure_reason=" ".join(event.reason.split()) or event.status,
            note=event.status,
        )
