"""Jobs without a network whose code brings a requirements.txt, which nothing can install there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.definition.steps.context import Mapped
from pipeline_builder.errors import Place, Problem

_MEMBER = "EnableNetworkIsolation"
_READERS = {
    "Training": "the training image", "Tuning": "the training image",
    "Processing": "the job itself", "CreateModel": "the inference image",
}  # fmt: skip


def find_isolated(graph: Graph, steps: Iterable[Mapped], requirements: frozenset[str]) -> Iterator[Problem]:
    """Yield a warning for each step whose code has requirements, and whose job reaches no index to get them from.

    A warning, because what the image has already is no obstacle; `requirements` are the steps whose code has some.
    """
    for composed in steps:
        step = graph.by_name.get(str(composed["Name"]))
        if step and step.name in requirements and step.step_class in _READERS and _is_isolated(composed["Arguments"]):
            message = (
                f"'{step.name}' has a requirements.txt beside its code and no network: {_READERS[step.step_class]} "
                "can't install what is missing, on SageMaker either"
            )
            hint = "use an image that has the packages, put their source beside the entry point, or allow the network"
            yield Problem(id="PB339", message=message, place=_place(step), hint=hint, warning=True)


def _is_isolated(arguments: object) -> bool:
    if not isinstance(arguments, Mapping):
        return False
    inner = (arguments, *(arguments.get(name) for name in ("NetworkConfig", "TrainingJobDefinition")))
    return any(isinstance(given, Mapping) and given.get(_MEMBER) is True for given in inner)


def _place(step: Step) -> Place:
    """Return where the conf cuts the network off, the step where that is nowhere by itself."""
    document = step.unit.conf.document
    said = [path for path in document.keys if path and path[-1] == _MEMBER]
    section = (*step.unit.path, step.section_name)
    near = [path for path in said if path[: len(section)] == section] or said
    return document.place(near[0], key=True) if near else step.place
