"""Step Functions: the state machine that waits for a run is started once for what it waits for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline_builder.aws.client import Aws, ChangedError
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import OutsideFailure, Problem

_MOST = 100


def begin_wait(aws: Aws, machine: str, name: str, given: Mapping[str, JSON]) -> str:
    """Start a machine under a name, or under the next one where one of it has ended; return the name.

    The same again, while that runs, starts nothing: the service knows it by name and input.
    """
    text = json.dumps(given, sort_keys=True)
    for tried in (name, *(f"{name}-{number}" for number in range(2, _MOST))):
        if _begins(aws, machine, tried, text):
            return tried
    message = f"the execution '{name}' was waited for {_MOST - 1} times already"
    raise OutsideFailure(Problem(id="PB742", message=message, hint="let the pipeline run anew"))


def _begins(aws: Aws, machine: str, name: str, text: str) -> bool:
    """Tell whether the machine runs under the name; not where another of that name has ended."""
    try:
        aws.call("stepfunctions", "start_execution", stateMachineArn=machine, name=name, input=text)
    except ChangedError:
        return False
    return True
