"""States of a state machine in the States Language, as plain data: calls of AWS, passes, choices."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.descriptions import JSON

# Seconds between two tries of a call, at most.
_SLOWEST = 300


def task(
    call: str,
    parameters: JSON,
    following: str,
    *,
    result: str,
    selector: JSON = None,
    catch: Mapping[tuple[str, ...], str] | None = None,
) -> dict[str, JSON]:
    """Return a call of AWS's SDK. What is caught is tried once, everything else for half an hour."""
    caught = catch or {}
    known = [error for errors in caught for error in errors]
    anew: dict[str, JSON] = {"ErrorEquals": ["States.TaskFailed", "States.Timeout"], "IntervalSeconds": 5}
    anew |= {"BackoffRate": 2, "MaxAttempts": 10, "MaxDelaySeconds": _SLOWEST, "JitterStrategy": "FULL"}
    # `States.ALL` stands alone, and then nothing is left to be tried again.
    retry: list[JSON] = [{"ErrorEquals": [*known], "MaxAttempts": 0}] if known else []
    retry += [] if "States.ALL" in known else [anew]
    catchers: list[JSON] = [
        {"ErrorEquals": [*errors], "ResultPath": "$.error", "Next": state} for errors, state in caught.items()
    ]
    return {
        "Type": "Task",
        "Resource": f"arn:${{AWS::Partition}}:states:::aws-sdk:{call}",
        "Parameters": parameters,
        **({"ResultSelector": selector} if selector else {}),
        "ResultPath": result,
        "TimeoutSeconds": 60,
        "Retry": retry,
        **({"Catch": catchers} if catchers else {}),
        "Next": following,
    }


def passing(following: str, parameters: JSON, *, result: str = "$") -> dict[str, JSON]:
    """Return what puts something into its data."""
    return {"Type": "Pass", "Parameters": parameters, "ResultPath": result, "Next": following}


def choice(default: str, *rules: tuple[dict[str, JSON], str]) -> dict[str, JSON]:
    """Return what goes on where the first rule that holds says, else at the default."""
    choices: list[JSON] = [{**rule, "Next": state} for rule, state in rules]
    return {"Type": "Choice", "Choices": choices, "Default": default}
