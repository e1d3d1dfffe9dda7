"""Blocked: models that a gate inside of a pipeline has kept from the registry, with the numbers that it looked at.

There is no package of such a model. What it was measured by is where its Metrics step has put it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.descriptions import ApprovalStatus, Execution, ModelPackage, StepState
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.metrics import number_of, parse_metrics
from pipeline_builder.release.record import BlockedRecord
from pipeline_builder.target import Target

_FILE = re.compile(r"Steps\.([^.]+)\.PropertyFiles\.([^.]+)")
_KINDS = {"GreaterThanOrEqualTo": "min", "GreaterThan": "min", "LessThanOrEqualTo": "max", "LessThan": "max"}


def find_blocked(
    states: Sequence[StepState], content: bytes, execution: Execution, target: Target, models: Mapping[str, str]
) -> tuple[BlockedRecord, ...]:
    """Return the models of an execution whose gate's condition came out false; `models` are those of the steps."""
    closed = [state.name for state in states if state.metadata.get("Condition") == "False" and not state.taken_from]
    if not closed:
        return ()
    run = _Run(
        steps=flat_steps(json.loads(content).get("Steps")),
        reasons={state.name: state.failure_reason for state in states},
        execution=execution,
        target=target,
        models=models,
    )
    gates = (_gate(name, run.steps) for name in closed)
    return tuple(_blocked(gate, run) for gate in gates if gate)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    steps: Mapping[str, Any]
    reasons: Mapping[str, str]
    execution: Execution
    target: Target
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    """A condition that stands before a registration, and the file whose numbers it has looked at."""

    step: str
    register: str
    group: str
    measured: str
    file: str
    conditions: tuple[Mapping[str, Any], ...]
    otherwise: tuple[str, ...]


def _gate(name: str, steps: Mapping[str, Any]) -> _Gate | None:
    arguments = _members(_members(steps.get(name)).get("Arguments"))
    conditions = tuple(one for one in _items(arguments.get("Conditions")) if isinstance(one, dict))
    files = (_looked_at(one) for one in conditions)
    found = next((match for match in files if match), None)
    for inside in _items(arguments.get("IfSteps")):
        request = _members(_members(steps.get(str(inside))).get("Arguments"))
        group = request.get("ModelPackageGroupName")
        if isinstance(group, str) and found:
            return _Gate(
                step=name, register=str(inside), group=group, measured=found[1], file=found[2], conditions=conditions,
                otherwise=tuple(map(str, _items(arguments.get("ElseSteps")))),
            )  # fmt: skip
    return None


def _looked_at(condition: Mapping[str, Any]) -> re.Match[str] | None:
    asked = _members(_members(condition.get("LeftValue")).get("Std:JsonGet"))
    return _FILE.fullmatch(str(_members(asked.get("PropertyFile")).get("Get")))


def _blocked(gate: _Gate, run: _Run) -> BlockedRecord:
    uri, metrics, fault = _measured(gate, run)
    champion, before, champion_fault = _champion(gate.group, run.target)
    return BlockedRecord(
        model=run.models.get(gate.register) or run.models.get(gate.step) or gate.group,
        group=gate.group,
        step=gate.step,
        reason=next((run.reasons[name] for name in gate.otherwise if run.reasons.get(name)), ""),
        metrics_uri=uri,
        metrics=metrics,
        metrics_fault="; ".join(filter(None, (fault, champion_fault))),
        champion_arn=champion.arn if champion else "",
        champion_version=champion.version if champion else 0,
        champion_metrics=before,
        bounds=tuple(_bounds(gate, run.execution)),
    )


def _measured(gate: _Gate, run: _Run) -> tuple[str, Any, str]:
    """Return where the report is that the gate has looked at, its JSON, and else why there is none to show."""
    try:
        uri = _address(gate, run)
        if not uri:
            return "", None, f"nobody knows where the step '{gate.measured}' has put its report"
        report, fault = _read(uri, run.target)
    except PipelineBuilderError as error:
        return "", None, _words(error)
    return uri, report, fault


def _champion(group: str, target: Target) -> tuple[ModelPackage | None, Any, str]:
    """Return the version in use with its report, and else why that can't be shown."""
    try:
        packages = target.registry.list_packages(group)
        found = next((one for one in packages if one.status is ApprovalStatus.APPROVED), None)
        champion = target.registry.describe_package(found.arn) if found else None
    except PipelineBuilderError as error:
        return None, None, _words(error)
    if champion is None or not champion.metrics_uri:
        return champion, None, ""
    return champion, *_read(champion.metrics_uri, target)


def _read(uri: str, target: Target) -> tuple[Any, str]:
    try:
        return parse_metrics(target.store.get(uri), uri), ""
    except PipelineBuilderError as error:
        return None, _words(error)
    except KeyError:
        return None, f"nothing is at '{uri}'"
    except ValueError:
        return None, f"what is at '{uri}' is no report in JSON"


def _words(error: PipelineBuilderError) -> str:
    return "; ".join(f"{problem.id} {problem.message}" for problem in error.problems)


def _address(gate: _Gate, run: _Run) -> str:
    """Return where the report is that the gate has looked at, by what its step has asked for; "" where none tells."""
    files = [_members(one) for one in _items(_members(run.steps.get(gate.measured)).get("PropertyFiles"))]
    file = next((one for one in files if one.get("PropertyFileName") == gate.file), {})
    job = run.target.pipelines.describe_job(run.execution.arn, gate.measured)
    asked = _members(_members(job.request if job else None).get("ProcessingOutputConfig"))
    for output in map(_members, _items(asked.get("Outputs"))):
        folder = _members(output.get("S3Output")).get("S3Uri")
        if output.get("OutputName") == file.get("OutputName") and isinstance(folder, str):
            return f"{folder.rstrip('/')}/{file.get('FilePath')}"
    return ""


def _bounds(gate: _Gate, execution: Execution) -> Iterator[BoundEvidence]:
    """Yield the bounds as the execution had them: one can be the value of a parameter."""
    for condition in gate.conditions:
        kind = _KINDS.get(str(condition.get("Type")))
        metric = _members(_members(condition.get("LeftValue")).get("Std:JsonGet")).get("Path")
        limit = _number(condition.get("RightValue"), execution.parameters)
        if kind and isinstance(metric, str) and limit is not None:
            yield BoundEvidence(metric=metric, **{kind: limit}, higher_is_better=kind == "min")


def _number(value: Any, parameters: Mapping[str, str]) -> float | None:
    asked = _members(value).get("Get")
    if not isinstance(asked, str):
        return number_of(value)
    try:
        return float(parameters.get(asked.removeprefix("Parameters."), ""))
    except ValueError:
        return None


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
