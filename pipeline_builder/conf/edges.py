"""The edges of the graph: those that were asked for, those that references imply, and the order they give."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise

from pipeline_builder.conf.branching import names_of, reads_own_report
from pipeline_builder.conf.conf import ModelConf, PipelineSection
from pipeline_builder.conf.containers import needs_training, sources_of
from pipeline_builder.conf.requests import is_check, models_of, takes_dataset
from pipeline_builder.conf.units import Step
from pipeline_builder.dag.outline import NESTED
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import PARAMETERS
from pipeline_builder.documents.expressions import references
from pipeline_builder.documents.fields import TYPED
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import InputProblems, Place, Problem

_CHAINABLE = ("Processing", "Training", "Transform", "Metrics", "Baseline", "Monitor")
_MODELLED = ("CreateModel", "RegisterModel")
_COMPLETED = "Completed"
_CALLS = ("Lambda", "Callback")
_Chained = tuple[Mapping[str, Iterable[str]], Mapping[str, int]]
"""What comes directly before each step by its conf, and the place of each in an order of all."""
_TAKE_NONE = ("CreateModel", "RegisterModel", *TYPED)


def explicit_edges(
    owner: ModelConf, pipeline: PipelineSection, steps: dict[str, Step], problems: list[Problem]
) -> set[tuple[str, str]]:
    """Return (before, after) pairs of `dependencies`, whatever white space is around the arrows."""
    edges: set[tuple[str, str]] = set()
    for index, text in enumerate(pipeline.dependencies):
        path: DataPath = ("conf", "sagemakerPipeline", "dependencies", index)
        names = [name.strip() for name in text.split(">>")]
        if len(names) < 2 or not all(names):
            message = f"the dependency {describe(text)} has no 'a >> b' in it"
            problems.append(Problem(id="PB312", message=message, place=owner.document.place(path)))
            continue
        problems.extend(_unknown_step(name, steps, owner.document.place(path)) for name in names if name not in steps)
        edges.update(pairwise(names))
    for step in steps.values():
        for index, dependency in enumerate(step.asked.depends_on):
            if dependency.step not in steps:
                place = owner.document.place((*step.path, "depends_on", index))
                problems.append(_unknown_step(dependency.step, steps, place))
            elif dependency.trigger == _COMPLETED:
                edges.add((dependency.step, step.name))
    return edges


def _unknown_step(name: str, steps: Iterable[str], place: Place) -> Problem:
    message = f"there is no step '{name}'"
    return Problem(id="PB313", message=message, place=place, hint=did_you_mean(name, steps))


def check_chains(steps: dict[str, Step], problems: list[Problem]) -> None:
    """Check that every chained step is there and has an output to take, and that this step can take one."""
    for step in steps.values():
        path = (*step.path, "chain_input_source_step")
        if step.asked.chained and not takes_chained(step):
            message = f"step '{step.name}': a {step.step_class} step takes no chained input"
            problems.append(Problem(id="PB314", message=message, place=step.conf.document.place(path)))
        if step.asked.prefix and step.step_class != "Transform":
            message = f"step '{step.name}': 'chain_input_additional_prefix' is for Transform steps only"
            at = step.conf.document.place((*step.path, "chain_input_additional_prefix"), key=True)
            problems.append(Problem(id="PB314", message=message, place=at))
        for source in step.asked.chained:
            if source not in steps:
                problems.append(_unknown_step(source, steps, step.conf.document.place(path)))
            elif not _gives(steps[source], step):
                problems.append(_outputless(steps[source], step.conf.document.place(path)))


def _gives(source: Step, step: Step) -> bool:
    """Tell whether a step has outputs that the other can take; those of a call are values, which only calls take."""
    return has_output(source) or (source.call is not None and step.step_class in _CALLS)


def _outputless(source: Step, place: Place) -> Problem:
    message = f"step '{source.name}' ({source.kind}) has no output that another step could take"
    value = f"write {{Get: \"Steps.{source.name}.OutputParameters['name']\"}} where the value is wanted"
    return Problem(id="PB314", message=message, place=place, hint=value if source.step_class in _CALLS else None)


def takes_chained(step: Step) -> bool:
    """Tell whether outputs of other steps can be inputs of this one."""
    return bool(step.tune_name or step.call) or step.step_class not in _TAKE_NONE or takes_dataset(step)


def has_output(step: Step) -> bool:
    """Tell whether other steps can take what this one makes."""
    return bool(step.tune_name) or step.kind in _CHAINABLE


def check_top(steps: dict[str, Step], problems: list[Problem]) -> None:
    """Check that `top_k` chooses among the models of a tuning that has so many."""
    by_unit = steps_by_unit(steps.values())
    for step in steps.values():
        top = step.asked.top_k
        if top is None:
            continue
        place = step.conf.document.place((*step.path, "top_k"))
        named = [steps[name] for name in step.asked.chained if name in steps]
        taken = by_unit[step.unit.name] if step.step_class in _MODELLED else named
        found = [other for other in taken if other.tune_name]
        if not found:
            message = f"step '{step.name}': 'top_k' chooses a model of a tuning, and the step takes none of any"
            problems.append(Problem(id="PB854", message=message, place=place))
        for other in found:
            most = other.tune.max_jobs if other.tune else None
            if isinstance(most, int) and top >= most:
                message = (
                    f"step '{step.name}': 'top_k' is {top}, and '{other.name}' trains {most} models, 0 to {most - 1}"
                )
                problems.append(Problem(id="PB854", message=message, place=place))


def check_references(pipeline: PipelineSection, steps: dict[str, Step], problems: list[Problem]) -> None:
    """Check that every expression in a step's sections names a parameter or a step that is there."""
    parameters = [parameter.name for parameter in pipeline.parameters]
    parameters += PARAMETERS if any(step.unit.infers for step in steps.values()) else ()
    known = {*steps, *(name for step in steps.values() for name in nested_names(step))}
    for step in steps.values():
        for path, at in _references(step):
            kind, _, rest = path.partition(".")
            document = step.conf.document if at[:2] == step.path[:2] else step.unit.conf.document
            if kind == "Parameters" and rest not in parameters:
                message = f"the parameter '{rest}' is not declared in 'sagemakerPipeline.parameters'"
                hint = did_you_mean(rest, parameters)
                problems.append(Problem(id="PB317", message=message, place=document.place(at), hint=hint))
            if kind == "Steps" and rest.split(".")[0] not in known:
                problems.append(_unknown_step(rest.split(".")[0], steps, document.place(at)))


def _references(step: Step) -> Iterable[tuple[str, DataPath]]:
    """Yield every reference in the sections that the step is made of, with the place of it."""
    yield from names_of(step)
    if not step.unit.conf.has_expressions and not step.asked.arguments:
        return
    sections = step.unit.conf.section_data(step.unit.name)
    yield from references(sections.get(step.section_name))
    yield from references(sections.get(step.tune_name) if step.tune_name else None)
    yield from references(step.asked.arguments)
    if step.step_class == "RegisterModel":
        yield from references(sections.get("gate"))


def nested_names(step: Step) -> tuple[str, ...]:
    """Return the names of the steps that stand in the arguments of a Condition or ForEach step."""
    if not step.is_raw:
        return ()
    if step.made:
        return tuple(_nested(step.asked.step_type, step.asked.arguments.get("Arguments")))
    kind = step.asked.step_type if step.step_class == "Raw" else step.step_class
    return tuple(_nested(kind, step.asked.arguments))


def _nested(kind: str, arguments: JSON) -> Iterable[str]:
    for member in NESTED.get(kind, ()):
        items = arguments.get(member) if isinstance(arguments, dict) else None
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield str(item.get("Name"))
                yield from _nested(str(item.get("Type")), item.get("Arguments"))


def missing_siblings(steps: dict[str, Step]) -> Iterable[Problem]:
    """A model is made of a trained artifact, a transform runs a model."""
    for step, needed in _lonely(steps):
        message = f"step '{step.name}' ({step.step_class}) needs a {needed} step of the model '{step.unit.name}'"
        yield Problem(id="PB316", message=message, place=step.place)


def _lonely(steps: dict[str, Step]) -> list[tuple[Step, str]]:
    needs = {"CreateModel": "Training", "RegisterModel": "Training", "Transform": "CreateModel"}
    there = {(step.unit.name, "Training" if step.trains else step.step_class) for step in steps.values()}
    return [
        (step, needed)
        for step in steps.values()
        if (needed := needs.get(step.step_class))
        and (step.unit.name, needed) not in there
        and (needed != "Training" or needs_training(step))
    ]


def without_broken(steps: dict[str, Step], edges: set[tuple[str, str]]) -> tuple[dict[str, Step], set[tuple[str, str]]]:
    """Return the steps that can be composed, and the links between them: more that is wrong can be found in these."""
    kept = {name: step for name, step in steps.items() if step.is_whole}
    while lonely := [*(step for step, _ in _lonely(kept)), *(s for s in kept.values() if {*sources_of(s)} - {*kept})]:
        kept = {name: step for name, step in kept.items() if step not in lonely}
    for name, step in kept.items():
        chained = tuple(s for s in step.asked.chained if takes_chained(step) and s in kept and _gives(kept[s], step))
        kept[name] = replace(step, asked=step.asked.model_copy(update={"chained": chained}))
    return kept, {(before, after) for before, after in edges if before in kept and after in kept}


def with_edges(
    steps: dict[str, Step], edges: set[tuple[str, str]], holders: Mapping[str, tuple[str, str]]
) -> dict[str, Step]:
    """Return the steps with all that they depend on; `holders` has the branch of those that stand in one."""
    explicit: dict[str, tuple[str, ...]] = dict.fromkeys(steps, ())
    for before, after in sorted(edges):
        explicit[after] = (*explicit[after], before)
    by_unit = steps_by_unit(steps.values())
    result = {}

    @cache  # few units have several trainings; of thousands that have, the order is the same
    def chained() -> _Chained:
        before = {name: {*step.asked.chained, *explicit[name]} for name, step in steps.items()}
        return before, {name: index for index, name in enumerate(in_order(before, tuple(steps)))}

    for name, step in steps.items():
        referred = [path.split(".")[1] for path, _ in _references(step) if path.startswith("Steps.")]
        referred = [other for other in referred if other in steps]
        held = holders.get(name)
        around = (held[0],) if held else ()
        implied = (*step.asked.chained, *_implied(step, by_unit[step.unit.name], chained, steps), *referred, *around)
        asked = tuple(other for other in explicit[name] if other not in around)
        ends = tuple((d.step, d.trigger) for d in step.asked.depends_on if d.trigger != _COMPLETED and d.step in steps)
        depends_on = tuple(dict.fromkeys((*implied, *asked, *(other for other, _ in ends))))
        result[name] = replace(step, depends_on=depends_on, explicit=asked, triggers=ends, holder=held)
    return result


def steps_by_unit(steps: Iterable[Step]) -> dict[str, tuple[Step, ...]]:
    """Return the steps of each modeling unit, in their order."""
    units: dict[str, list[Step]] = {}
    for step in steps:
        units.setdefault(step.unit.name, []).append(step)
    return {name: tuple(found) for name, found in units.items()}


def _implied(
    step: Step, siblings: tuple[Step, ...], chained: Callable[[], _Chained], steps: dict[str, Step]
) -> tuple[str, ...]:
    """Return the steps of the same unit that the step's request refers to."""
    last = _last_training(step, siblings, chained) if needs_training(step) else ()
    made = tuple(name for name in sources_of(step) if name in steps)
    match step.step_class:
        case "CreateModel":
            return (*last, *made)
        case "Transform":
            return tuple(s.name for s in siblings if s.step_class == "CreateModel")
        case "RegisterModel":
            return (*last, *made, *(s.name for s in siblings if s.step_class in ("Metrics", "Baseline") or is_check(s)))
        case "ClarifyCheck":
            return tuple(name for name in models_of(step, siblings) if name in steps)
        case "Condition" | "Fail" if reads_own_report(step):
            return tuple(s.name for s in siblings if s.step_class == "Metrics")[-1:]
        case _:
            return ()


def _last_training(step: Step, siblings: tuple[Step, ...], chained: Callable[[], _Chained]) -> tuple[str, ...]:
    """Return the unit's last step that trains, along the DAG; of those before the step where any is said to be."""
    training = [s.name for s in siblings if s.trains]
    training = [name for name in training if name not in sources_of(step)] or training
    if len(training) < 2:
        return tuple(training)
    before, order = chained()
    ancestors = reach(step.name, lambda name: before[name])
    candidates = [name for name in training if name in ancestors] or training
    return (max(candidates, key=order.__getitem__),)


def reach(name: str, before: Callable[[str], Iterable[str]]) -> set[str]:
    """Return all that comes before a name, directly or not; `before` tells what comes directly before one."""
    found: set[str] = set()
    todo = [name]
    while todo:
        for other in before(todo.pop()):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def in_order(before: Mapping[str, Iterable[str]], names: tuple[str, ...]) -> tuple[str, ...]:
    """Order the names; of those that are ready the first listed comes first. A cycle leaves them as listed."""
    try:
        sorter = graphlib.TopologicalSorter({name: sorted(before[name]) for name in names})
        sorter.prepare()
    except graphlib.CycleError:
        return names
    position = {name: index for index, name in enumerate(names)}
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        order += ready
        sorter.done(*ready)
    return tuple(order)


def topological_order(steps: dict[str, Step], owner: ModelConf) -> tuple[Step, ...]:
    """Return the steps so that each comes after those that it depends on.

    Raises:
        InputProblems: PB315, a cycle, shown as one.
    """
    before = {name: step.depends_on for name, step in steps.items()}
    try:
        graphlib.TopologicalSorter(before).prepare()
    except graphlib.CycleError as error:
        cycle = min((_shortest_cycle(name, before) for name in error.args[1][1:]), key=len)
        raise InputProblems(_cycle(cycle, steps, owner)) from None
    return tuple(steps[name] for name in in_order(before, tuple(steps)))


def _shortest_cycle(name: str, before: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the shortest way from a step back to itself, in the order in which the steps would run."""
    ways = [[name]]
    seen: set[str] = set()
    for way in ways:
        for earlier in before[way[-1]]:
            if earlier == name:
                return way[::-1]
            if earlier not in seen:
                seen.add(earlier)
                ways.append([*way, earlier])
    return list(before)  # not reached: the name is on a cycle


def _cycle(names: list[str], steps: dict[str, Step], owner: ModelConf) -> Problem:
    """Show the cycle from its first step in the file on, at the place of the dependency that closes it."""
    start = names.index(min(names, key=list(steps).index))
    names = names[start:] + names[:start]
    message = "the steps depend on each other in a cycle: " + " >> ".join([*names, names[0]])
    pairs = set(zip(names, [*names[1:], names[0]], strict=True))
    assert owner.section.pipeline
    for index, text in enumerate(owner.section.pipeline.dependencies):
        parts = [part.strip() for part in text.split(">>")]
        if pairs & set(pairwise(parts)):
            place = owner.document.place(("conf", "sagemakerPipeline", "dependencies", index))
            return Problem(id="PB315", message=message, place=place, hint="take one of these arrows out")
    return Problem(id="PB315", message=message, place=steps[names[0]].place, hint="take one of these links out")
