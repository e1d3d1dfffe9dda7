"""The gate: bounds on metrics as a Condition step around RegisterModel, and a Fail step that says the numbers."""

from __future__ import annotations

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.registration import GateSection
from pipeline_builder.definition.names import STEP_NAME, shorten
from pipeline_builder.definition.steps.context import Context, Mapped, report_output
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import get, join
from pipeline_builder.errors import InputProblems, Problem


def compose_gate(context: Context, step: Step, register: Mapped) -> Mapped:
    """Return the RegisterModel step, or where the model has bounds a Condition step with it in.

    Raises:
        InputProblems: PB327 where there is no Metrics step whose numbers could be looked at.
    """
    gates = step.unit.section.gate
    metrics = context.needed(step, "Metrics")
    if gates and metrics is None:
        message = f"the gate of the model '{step.unit.name}' needs a Metrics step"
        place = step.unit.conf.document.place((*step.unit.path, "gate"), key=True)
        raise InputProblems(Problem(id="PB327", message=message, place=place))
    bounds = [gate for gate in gates if gate.min is not None or gate.max is not None]
    if not bounds or metrics is None:
        return register
    arguments: Mapped = {
        "Conditions": [condition for gate in bounds for condition in _conditions(gate, metrics)],
        "IfSteps": [register],
        "ElseSteps": [_fail(step, bounds, metrics)],
    }
    return {"Name": gate_name(step.name), "Type": "Condition", "Arguments": arguments}


def gate_name(register: str) -> str:
    """Return the name of the Condition step around a RegisterModel step."""
    return shorten(f"{register}-Gate", STEP_NAME)


def fail_name(register: str) -> str:
    """Return the name of the Fail step of its other branch."""
    return shorten(f"{register}-Blocked", STEP_NAME)


def _conditions(gate: GateSection, metrics: Step) -> list[JSON]:
    found: list[JSON] = []
    for kind, bound in (("GreaterThanOrEqualTo", gate.min), ("LessThanOrEqualTo", gate.max)):
        if bound is not None:
            found.append({"Type": kind, "LeftValue": _value(gate, metrics), "RightValue": bound})
    return found


def _value(gate: GateSection, metrics: Step) -> Mapped:
    report = get(f"Steps.{metrics.name}.PropertyFiles.{report_output(metrics)}")
    return {"Std:JsonGet": {"PropertyFile": report, "Path": gate.metric}}


def _fail(step: Step, bounds: list[GateSection], metrics: Step) -> Mapped:
    words: list[JSON] = [f"the gate of the model '{step.unit.name}' blocks it from the registry: "]
    for index, gate in enumerate(bounds):
        words += [f"{'; ' if index else ''}{gate.metric} is ", _value(gate, metrics)]
        words += [", expected"] if gate.min is not None or gate.max is not None else []
        words += [" at least ", gate.min] if gate.min is not None else []
        words += [" and"] if gate.min is not None and gate.max is not None else []
        words += [" at most ", gate.max] if gate.max is not None else []
    return {"Name": fail_name(step.name), "Type": "Fail", "Arguments": {"ErrorMessage": join("", *_fused(words))}}


def _fused(words: list[JSON]) -> list[JSON]:
    """Put neighbouring texts and numbers together."""
    fused: list[JSON] = []
    for word in words:
        plain = str(word) if isinstance(word, float | int) else word
        if isinstance(plain, str) and fused and isinstance(fused[-1], str):
            fused[-1] += plain
        else:
            fused.append(plain)
    return fused
