"""Raw steps: what each has to say of itself, and what it can't say otherwise in its `arguments`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Problem

if TYPE_CHECKING:
    from pipeline_builder.conf.units import Step

_TYPE = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
# Classes of the conf's language, and what their steps are in a definition.
_OURS: Mapping[str, str] = {
    "CreateModel": "Model", "Metrics": "Processing", "NotebookJob": "Training", "Raw": "whatever it is",
}  # fmt: skip


def raw_problems(step: Step) -> Iterator[Problem]:
    """A Raw step says its type, as a definition has it; its name is the step's, whoever owns the model."""
    kind, document = step.asked.step_type, step.conf.document
    if not kind:
        message = f"step '{step.name}': a Raw step says its type in the definition: 'step_type' is missing"
        yield Problem(id="PB885", message=message, place=step.place)
    elif kind in _OURS or not _TYPE.fullmatch(kind):
        message = f"step '{step.name}': no step of a definition has the type {describe(kind)}"
        hint = f"that one is '{_OURS[kind]}' there" if kind in _OURS else "write it as the definition has it: Training"
        yield Problem(id="PB950", message=message, place=document.place((*step.path, "step_type")), hint=hint)
    whole = isinstance(step.asked.arguments.get("Arguments"), dict)
    for key, own in (("Name", step.name), ("Type", kind)) if whole else ():
        if step.asked.arguments.get(key, own) != own:
            message = f"step '{step.name}': its 'arguments' give it another {key.lower()} than '{own}'"
            place = document.place((*step.path, "arguments", key))
            yield Problem(id="PB950", message=message, place=place, hint="leave it out: the step says it already")
