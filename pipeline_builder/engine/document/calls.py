"""Lambda and Callback steps as a definition has them: inputs of our own, and the outputs that they declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.errors import InputProblems, Problem

OWN = "smp_"
"""What our own inputs begin with, which no handler and nobody who answers is handed."""
Outputs = Mapping[str, str]
"""Output parameters by name, with the type of each."""


def is_handler(arguments: Mapping[str, Any]) -> bool:
    """Tell whether a Lambda step has its handler in the repository: any other function is on AWS alone."""
    return f"{OWN}code" in arguments and f"{OWN}handler" in arguments


def declared(step: Step) -> Outputs:
    """Return the outputs that a Lambda or Callback step declares."""
    listed = step.beside.get("OutputParameters") or ()
    return {str(item["OutputName"]): str(item["OutputType"]) for item in listed}


def seconds_of(inputs: Mapping[str, Any], longest: float) -> float | None:
    """Return how long a call may take; None where its step doesn't say it.

    Raises:
        InputProblems: PB865 for what is no such number, which only a definition of somebody else's has.
    """
    given = inputs.get(f"{OWN}timeout")
    if given is None:
        return None
    try:
        seconds = float(given)
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if not 0 < seconds <= longest:
        message = f"'{OWN}timeout' is {given!r:.100}, expected seconds, at most {longest:.0f}"
        raise InputProblems(Problem(id="PB865", message=message))
    return seconds


def without_own(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs that whoever is called is handed."""
    return {name: value for name, value in inputs.items() if not name.startswith(OWN)}
