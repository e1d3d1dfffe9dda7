"""Gates of inference confs that nothing will ever judge: no step monitors, or none is told where labels come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_builder.conf.graph import Graph, Step, Unit
from pipeline_builder.definition.steps.context import output_channels
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem

_REPORT, _QUALITY = "monitor", "quality"
NUMBERS = {
    "drift": ("columns", "share", "max_psi", "max_ks", "max_js", "max_wasserstein", "max_chi2"),
    "rows": ("input", "predictions"),
    "violations": ("all", "category", "drift", "missing", "quality", "range", "rows", "schema", "type"),
}
"""What a Monitor step finds out, by the first part of a path into its report; the data tell what of `_OTHERS`."""
_OTHERS = ("columns", "predictions", "quality")


def find_unjudged_gates(graph: Graph) -> Iterator[Problem]:
    """Yield a warning for each bound on what the steps of a model don't find out."""
    for name, steps in graph.by_unit.items():
        unit = graph.units[name]
        if unit.infers:
            yield from _unjudged(unit, steps)


def _unjudged(unit: Unit, steps: Sequence[Step]) -> Iterator[Problem]:
    for index, gate in enumerate(unit.section.gate):
        if fault := _fault(gate.metric, steps):
            why, hint = fault
            message = f"the gate on {describe(gate.metric)} of the scores of '{unit.name}' can't be judged: {why}"
            place = unit.conf.document.place((*unit.path, "gate", index))
            yield Problem(id="PB988", message=message, place=place, hint=hint, warning=True)


def _fault(metric: str, steps: Sequence[Step]) -> tuple[str, str | None] | None:
    """Return why a number will never be there, and what to do; None where it may be."""
    from pipeline_builder.conf.monitoring import LABELS, MonitorSection

    jobs = [step.job for step in steps if isinstance(step.job, MonitorSection)]
    first, _, rest = metric.partition(".")
    if not jobs:  # a script of the model's own may write what it likes
        own = any(step.step_class == "Processing" and _REPORT in output_channels(step) for step in steps)
        return None if own else ("no step monitors them: nothing would ever be published", "add a Monitor step")
    if first == _QUALITY and not any(job.labels or LABELS in job.channels for job in jobs):
        return "no labels ever come", "say in 'monitor' where 'labels' come"
    none = "a Monitor step finds out no such number"
    if first not in (*NUMBERS, *_OTHERS):
        return none, did_you_mean(first, (*NUMBERS, *_OTHERS))
    return None if rest in NUMBERS.get(first, (rest,)) else (none, did_you_mean(rest, NUMBERS[first]))
