"""Interruptions that the manifest plays on the local target, of steps that can't be interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.manifest import Manifest


def find_idle_interrupts(manifest: Manifest, definition: bytes) -> Iterator[Problem]:
    """Yield a warning for each step of `local.interrupt` that has no spot machine to lose.

    Of several pipelines it is said by one that trains; a step that it lacks may be another's, where more of them do.
    """
    if not manifest.local.interrupt or manifest.entry.is_inference:
        return
    steps = flat_steps(json.loads(definition)["Steps"])
    several = sum(not entry.is_inference for entry in manifest.pipelines) > 1
    for name in manifest.local.interrupt:
        if several and name not in steps:
            continue
        if why := _why_not(steps.get(name)):
            message = f"'local.interrupt' has no effect for '{name}': {why}"
            hint = did_you_mean(name, steps) if name not in steps else _HOW
            yield Problem(id="PB571", message=message, place=manifest.interrupt_places[name], hint=hint, warning=True)


_HOW = "let the step's section have 'spot: true', with 'max_wait_seconds'"


def _why_not(step: JSON) -> str:
    if not isinstance(step, dict):
        return "the pipeline has no such step"
    if step.get("Type") != "Training":
        return f"it is a {step.get('Type')} step, and only trainings have spot machines"
    arguments = step.get("Arguments")
    spot = isinstance(arguments, dict) and arguments.get("EnableManagedSpotTraining")
    return "" if spot else "it doesn't ask for spot machines"
