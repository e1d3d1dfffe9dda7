"""A finding: a fault with its step, its place from the definition's root on, and a message that stands alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline_builder.definition.shapes.fault import Fault, Stage
from pipeline_builder.documents.members import subject
from pipeline_builder.documents.source import DataPath


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in the step (its name; empty outside of steps) at `path`, from the definition's root on.

    `stage` is where SageMaker refuses it, `said` are its words, where they are public; see `Fault`.
    """

    step: str
    path: DataPath
    id: str
    message: str
    hint: str | None = None
    stage: Stage = "create"
    said: str = field(default="", compare=False)


def finding_at(step: str, base: DataPath, fault: Fault) -> Finding:
    """Make a finding; its message names the place in the step, or where there is no step's name in the definition."""
    path = (*base, *fault.path)
    shown = fault.path if step else path
    said = subject(shown[1:] if step and shown[:1] == ("Arguments",) and len(shown) > 1 else shown)
    where = f"'{said}'" if said else "the step" if step else "the definition"
    return Finding(step, path, fault.id, f"{where} {fault.message}", fault.hint, fault.stage, fault.said)


def position(finding: Finding) -> tuple[list[tuple[int, str]], str, str]:
    """Return what findings are sorted by: the document's order."""
    return order(finding.path), finding.id, finding.message


def order(path: DataPath) -> list[tuple[int, str]]:
    """Return what paths are sorted by: the index of a list before any name."""
    return [(part, "") if isinstance(part, int) else (-1, part) for part in path]
