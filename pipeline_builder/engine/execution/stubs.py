"""Stubs: results that are given for steps instead of running them, and the refusal of steps that need one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.calls import is_handler
from pipeline_builder.engine.document.document import STEP_TYPES, Document, Step
from pipeline_builder.engine.document.known import resolve_known
from pipeline_builder.engine.document.references import Scope
from pipeline_builder.engine.jobs.names import made_name
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import is_unicode

STUBS = "Stubs"
"""The member of an execution's details that has them: who goes on with it goes on with its stubs."""
Stubs = Mapping[str, Mapping[str, Any]]
_MOST_BYTES = 1_048_576
# They decide, end and register: with a result that is given, an execution would say what never was.
_NEVER = ("Condition", "Fail", "RegisterModel")
# What the service names by itself, by type: the name's and the ARN's member, the kind of the resource.
_NAMED: Mapping[str, tuple[str, str, str]] = {
    "Processing": ("ProcessingJobName", "ProcessingJobArn", "processing-job"),
    "QualityCheck": ("ProcessingJobName", "ProcessingJobArn", "processing-job"),
    "ClarifyCheck": ("ProcessingJobName", "ProcessingJobArn", "processing-job"),
    "Training": ("TrainingJobName", "TrainingJobArn", "training-job"),
    "Transform": ("TransformJobName", "TransformJobArn", "transform-job"),
    "Model": ("ModelName", "ModelArn", "model"),
    "Tuning": ("HyperParameterTuningJobName", "HyperParameterTuningJobArn", "hyper-parameter-tuning-job"),
    "AutoML": ("AutoMLJobName", "AutoMLJobArn", "automl-job"),
    "Endpoint": ("EndpointName", "EndpointArn", "endpoint"),
    "EndpointConfig": ("EndpointConfigName", "EndpointConfigArn", "endpoint-config"),
    "InferenceComponent": ("InferenceComponentName", "InferenceComponentArn", "inference-component"),
    "Job": ("JobName", "JobArn", "job"),
}
_OUTPUTS = "OutputParameters"
# The files in which a check leaves its baselines [SDK's QualityCheckStep, ClarifyCheckStep].
_BASELINES: Mapping[str, Mapping[str, str]] = {
    "QualityCheck": {"Constraints": "constraints.json", "Statistics": "statistics.json"},
    "ClarifyCheck": {"Constraints": "analysis.json"},
}
_LINEAGE = ("Action", "Artifact", "Context")
_OURS = "arn:aws:sagemaker:localhost:000000000000"


def load_stubs(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Read the stub of each step.

    Raises:
        InputProblems: PB274 for each file that can't be read, or is no JSON mapping.
    """
    found: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for name, path in files.items():
        try:
            found[name] = _read(path)
        except (OSError, ValueError, RecursionError) as error:  # noqa: PERF203 - a file each
            why = getattr(error, "strerror", None) or str(error)
            hint = 'a stub is what the step\'s properties have, as JSON: {"BestTrainingJob": {…}}'
            problems.append(_problem(f"the stub '{path}' of the step '{name}' can't be used: {why}", hint))
    if problems:
        raise InputProblems(*problems)
    return found


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError("it is longer than 1 MiB")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004 - of a file, not of an argument
    if not is_unicode(json.dumps(value, ensure_ascii=False)):
        raise ValueError("it has text with half a character (a lone surrogate)")
    return value


def check_stubs(document: Document, stubs: Stubs) -> None:
    """Refuse stubs that are for no step, or for one that has none.

    Raises:
        InputProblems: PB274, each of them.
    """
    if problems := find_wrong_stubs(document, stubs):
        raise InputProblems(*problems)


def find_wrong_stubs(document: Document, stubs: Stubs) -> tuple[Problem, ...]:
    """Return a problem, PB274, for each stub that is for no step, or for one that has none."""
    types = {step.name: step.type for step in document.steps}
    problems = [
        _problem(f"there is no step '{name}', which the stub is for", f"the steps are: {', '.join(types)}")
        for name in stubs
        if name not in types
    ]
    problems += [
        _problem(f"the step '{name}' can't have a stub: what a {types[name]} step says is not to be given", None)
        for name in stubs
        if types.get(name) in _NEVER
    ]
    return tuple(problems)


def find_unrunnable(document: Document, stubs: Stubs) -> Iterator[Problem]:
    """Yield a problem, PB501, for each step that this machine can't run, and that has no stub."""
    known = ", ".join(STEP_TYPES)
    for step in document.steps:
        if step.type not in STEP_TYPES and step.name not in stubs:
            message = f"step '{step.name}': the local engine can't run a '{step.type}' step, only: {known}"
            yield Problem(id="PB501", message=message, hint=f"give its result: --stub {step.name}=FILE.json")
        elif step.type == "Lambda" and not is_handler(step.arguments) and step.name not in stubs:
            function = step.beside.get("FunctionArn")
            message = f"step '{step.name}': the function {function!r} is on AWS alone, so it can't be called here"
            yield Problem(id="PB501", message=message, hint=f"give its result: --stub {step.name}=FILE.json")
        elif step.type == "Tuning" and step.name not in stubs and (why := _why_not(document, step)):
            message = f"step '{step.name}': the local engine can't run a 'Tuning' step like this: {why}"
            yield Problem(id="PB501", message=message, hint=f"give its result: --stub {step.name}=FILE.json")


def _why_not(document: Document, step: Step) -> str:
    """Return what this machine can't do of a tuning, of all that is known before a run; folders aside."""
    from pipeline_builder.engine.jobs.looking import look
    from pipeline_builder.engine.state.elsewhere import Elsewhere

    defaults = {item.name: item.default for item in document.parameters if item.default is not None}
    request = resolve_known(step.arguments, Scope(parameters=defaults, execution={}))
    seen = (found.problem for found in look(step.type, request, Elsewhere({})))
    return "; ".join(problem.message for problem in seen if not problem.warning and problem.id != "PB562")


def stubbed_result(
    step: Step, request: Mapping[str, Any], stub: Mapping[str, Any], made: tuple[str, int]
) -> dict[str, Any]:
    """Return a step's result: what its request says, what the service would name, and over both what the stub has.

    `made` is the execution's ARN and the try.
    """
    name_key, arn_key, kind = _NAMED.get(step.type, ("", "", ""))
    named: dict[str, Any] = {}
    if kind:
        given = str(request.get(name_key) or "")
        endpoint = given if step.type in ("Endpoint", "InferenceComponent") else ""  # which keep their names
        name = str(stub.get(name_key) or endpoint or made_name(made[0], step.name, made[1], given))
        named = {name_key: name, arn_key: f"{_OURS}:{kind}/{name}"}
    said = {key: value for key, value in request.items() if key != _OUTPUTS}  # which are declared there, not given
    outputs = {_OUTPUTS: _by_name(stub[_OUTPUTS])} if _OUTPUTS in stub else {}
    return {**said, **named, **_baselines(step.type, said), **_recorded(step.type, said), **stub, **outputs}


def _baselines(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a check's baselines: those that it makes, in its output, and those that it uses: given, else made."""
    found: dict[str, Any] = {}
    outputs = (said.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    folder = next((str((one.get("S3Output") or {}).get("S3Uri") or "") for one in outputs), "")
    for what, file in _BASELINES.get(kind, {}).items() if folder else ():
        made = f"{folder.rstrip('/')}/{file}"
        given = said.get(f"SuppliedBaseline{what}")
        found |= {f"CalculatedBaseline{what}": made, f"BaselineUsedForDriftCheck{what}": given or made}
    return found


def _recorded(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ARNs of what a Lineage step records, by the names that it gives."""
    found: dict[str, Any] = {}
    for what in _LINEAGE if kind == "Lineage" else ():
        names = [str(one[f"{what}Name"]) for one in said.get(f"{what}s") or () if one.get(f"{what}Name")]
        if names:
            found[f"{what}Arns"] = {name: f"{_OURS}:{what.lower()}/{name}" for name in names}
    return found


def _by_name(outputs: Any) -> Any:
    """Return output parameters as references read them, by name; DescribeX and events have them as a list."""
    if not isinstance(outputs, list) or not all(isinstance(item, dict) and "Value" in item for item in outputs):
        return outputs
    return {str(item.get("Name") or item.get("OutputName")): item["Value"] for item in outputs}


def stub_sha256(stub: Mapping[str, Any]) -> str:
    """Return the digest (hex) by which a stub is named."""
    return hashlib.sha256(json.dumps(stub, sort_keys=True).encode()).hexdigest()


def _problem(message: str, hint: str | None) -> Problem:
    return Problem(id="PB274", message=message, hint=hint)
