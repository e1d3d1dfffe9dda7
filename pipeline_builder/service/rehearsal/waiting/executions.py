"""Step Functions' API, as far as the service asks it: an execution is started, once by its name, and looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline_builder.serve.protocol import ServiceError
from pipeline_builder.service.rehearsal.record import MachineRecord
from pipeline_builder.service.rehearsal.waiting.machines import Machines

TARGET = "AWSStepFunctions"


def _start_execution(machines: Machines, stage: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    arn, name = asked["stateMachineArn"], asked.get("name", "")
    if not machines.knows(arn):
        raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    try:
        given = json.loads(asked.get("input") or "{}")
    except ValueError as error:
        raise ServiceError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from error
    known = machines.find(arn.rsplit(":", 1)[-1], name) if name else None
    if known and not (known.status == "RUNNING" and json.loads(known.given) == given):
        raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{execution_arn(arn, name)}'")
    record = known or machines.begin(arn, given, name=name, stage=stage)
    return {"executionArn": execution_arn(arn, record.name), "startDate": record.started}


def _describe_execution(machines: Machines, stage: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    del stage
    *home, machine, name = asked["executionArn"].split(":")
    found = machines.find(machine, name)
    if found is None:
        raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{asked['executionArn']}'")
    return {
        "executionArn": asked["executionArn"],
        "stateMachineArn": ":".join([*home[:-1], "stateMachine", machine]),
        "name": name,
        "status": found.status,
        "startDate": found.started,
        "input": found.given,
        **_why(found),
    }


def _why(found: MachineRecord) -> dict[str, Any]:
    error, _, cause = found.message.partition(": ")
    return {"error": error, "cause": cause} if found.status == "FAILED" else {}


def execution_arn(machine: str, name: str) -> str:
    """Return the ARN of an execution of a machine."""
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


OPERATIONS: Mapping[str, Callable[[Machines, str, Mapping[str, Any]], dict[str, Any]]] = {
    "StartExecution": _start_execution,
    "DescribeExecution": _describe_execution,
}
