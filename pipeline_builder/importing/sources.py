"""The scripts that a definition's jobs run: they lie in the object store, and a conf has them in its repository."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PROGRAM, _FOLDER = "sagemaker_program", "sagemaker_submit_directory"
_INPUTS = ("code", "entrypoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A step's script: its address, and which file of that is run where the step says so."""

    step: str
    address: Any
    program: str


def codes_of(steps: Mapping[str, Mapping[str, Any]]) -> Iterator[Code]:
    """Yield the scripts of a definition's steps, by the steps' names."""
    for name, step in steps.items():
        request = step["Arguments"]
        found = _of_training(request) or _of_processing(request) or _of_model(request)
        if found:
            yield Code(step=name, address=found[0], program=found[1])


def _of_training(request: Mapping[str, Any]) -> tuple[Any, str] | None:
    definition = request.get("TrainingJobDefinition")
    holder = definition.get("StaticHyperParameters") if isinstance(definition, dict) else request.get("HyperParameters")
    if not isinstance(holder, dict) or _FOLDER not in holder:
        return None
    return _plain(holder[_FOLDER]), str(_plain(holder.get(_PROGRAM) or ""))


def _of_processing(request: Mapping[str, Any]) -> tuple[Any, str] | None:
    inputs = request.get("ProcessingInputs")
    for one in inputs if isinstance(inputs, list) else ():
        source = one.get("S3Input") if isinstance(one, dict) and one.get("InputName") in _INPUTS else None
        if isinstance(source, dict):
            application = request.get("AppSpecification")
            words = application.get("ContainerEntrypoint") if isinstance(application, dict) else None
            last = words[-1] if isinstance(words, list) and words else ""
            return source.get("S3Uri"), last.rpartition("/")[2] if isinstance(last, str) else ""
    return None


def _of_model(request: Mapping[str, Any]) -> tuple[Any, str] | None:
    specification = request.get("InferenceSpecification")
    holder = specification if isinstance(specification, dict) else request
    listed = holder.get("Containers")
    containers = listed if isinstance(listed, list) else [holder.get("PrimaryContainer")]
    for one in containers:
        environment = one.get("Environment") if isinstance(one, dict) else None
        if isinstance(environment, dict) and environment.get(_FOLDER.upper()):
            return environment[_FOLDER.upper()], str(environment.get(_PROGRAM.upper()) or "")
    return None


def _plain(value: Any) -> Any:
    """Return a hyperparameter as the toolkit reads it: a text of JSON is what it says."""
    if not isinstance(value, str) or not value.startswith('"'):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
