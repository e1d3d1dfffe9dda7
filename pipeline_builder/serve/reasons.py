"""Why a job or a step failed, as SageMaker begins it: with whose fault it is."""

from __future__ import annotations

import re

_SAID = ("AlgorithmError:", "ClientError:", "InternalServerError:", "CapacityError:", "ResourceLimitExceeded:")
# What the engine has found itself, in the request or in what it names, and what somebody else has ended.
_FOUND = re.compile(r"PB\d{3} |the job was stopped|the job ran longer than ")


def as_service(reason: str) -> str:
    """Return a reason as the service has it: what a program has ended with is an AlgorithmError."""
    if not reason or reason.startswith(_SAID):
        return reason
    return f"ClientError: {reason}" if _FOUND.match(reason) else f"AlgorithmError: {reason}"


def of_a_step(reason: str) -> str:
    """Return a job's reason as its step has it: that a program has failed is the client's [SDK's tests of `@step`]."""
    return f"ClientError: {reason}" if reason.startswith(_SAID[0]) else reason
