"""Gates of inference confs that nothing will ever judge: no step monitors, or none is told where labels come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_builder.conf.graph import Graph, Step, Unit
from pipeline_builder.conf.inference import InferenceModel
from pipeline_builder.conf.monitoring import LABELS, MonitorSection
from pipeline_builder.definition.steps.context import output_channels
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Problem

_REPORT, _QUALITY = "monitor", "quality"


def find_unjudged_gates(graph: Graph) -> Iterator[Problem]:
    """Yield a warning for each bound on what the steps of a model don't find out."""
    for name, steps in graph.by_unit.items():
        unit = graph.units[name]
        if isinstance(unit.section, InferenceModel):
            yield from _unjudged(unit, unit.section, steps)


def _unjudged(unit: Unit, section: InferenceModel, steps: Sequence[Step]) -> Iterator[Problem]:
    jobs = [step.job for step in steps if isinstance(step.job, MonitorSection)]
    watched = jobs or any(step.step_class == "Processing" and _REPORT in output_channels(step) for step in steps)
    labelled = not jobs or any(job.labels or LABELS in job.channels for job in jobs)
    for index, gate in enumerate(section.gate):
        if not watched:
            why, hint = "no step monitors them: nothing would ever be published", "add a Monitor step"
        elif not labelled and gate.metric.partition(".")[0] == _QUALITY:
            why, hint = "no labels ever come", "say in 'monitor' where 'labels' come"
        else:
            continue
        message = f"the gate on {describe(gate.metric)} of the scores of '{unit.name}' can't be judged: {why}"
        place = unit.conf.document.place((*unit.path, "gate", index))
        yield Problem(id="PB988", message=message, place=place, hint=hint, warning=True)
