"""What the check finds in a composed definition, with its place in the conf that it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_builder.conf.graph import Graph
from pipeline_builder.conf.units import Step
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.loaded import document_of
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.definition.steps.keys import place_of
from pipeline_builder.definition.steps.typed import RAW, type_of
from pipeline_builder.definition.uses import sample_values
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, text_of
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place, Problem
from pipeline_builder.machine.passed import Passed

# A member of a step at the top: Steps, its number, the member. Of these the language says what they are.
_MEMBER = 3
_KNOWN = ("Name", "DependsOn", "DisplayName", "Description")

if TYPE_CHECKING:
    from pipeline_builder.definition.check.finding import Finding


def findings_of(definition: Definition, graph: Graph, passed: Passed) -> list[Problem]:
    """Return what is wrong with a definition, with the defaults of its parameters put in.

    What has `passed` isn't looked at again; where anything is wrong, the whole is.
    """
    from pipeline_builder.definition.check.check import check_definition
    from pipeline_builder.definition.check.outside import check_outside
    from pipeline_builder.definition.check.parts import have_passed, mark_parts

    def find(document: JSON) -> list[Problem]:
        found = check_definition(document)
        found = tuple(finding for finding in found if not _is_raw(finding, graph))
        given = sample_values(definition.models, definition.dates)
        known = {(finding.id, finding.path) for finding in found}
        with_values = (one for one in _given(document, graph, given) if (one.id, one.path) not in known)
        return [_problem(finding, graph, definition) for finding in (*found, *with_values)]

    content, about = definition.content, f"definition {graph.pipeline}"
    document = document_of(content)
    sizes = tuple(part.size for part in definition.parts)

    def find_in(part: bytes) -> list[Problem]:
        return find(json.loads(part))

    if not any(check_outside(document)) and have_passed(content, find_in, passed, about, sizes=sizes):
        return []
    if not (found := find(document)):
        mark_parts(content, passed, about, sizes)
    return found


def _is_raw(finding: Finding, graph: Graph) -> bool:
    """Tell whether it is about the type of a Raw step, or a member of it, which nobody here knows."""
    step = graph.by_name.get(finding.step)
    own = len(finding.path) == _MEMBER and finding.path[-1] not in _KNOWN
    return step is not None and step.step_class == RAW and type_of(step) not in STEP_TYPES and own


def given_findings(definition: Definition, graph: Graph, given: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with a definition's requests as soon as parameters have these values."""
    found = _given(json.loads(definition.content), graph, given)
    return [_problem(finding, graph, definition) for finding in found]


def _given(document: JSON, graph: Graph, given: Mapping[str, str]) -> Iterable[Finding]:
    from pipeline_builder.definition.check.given import check_values

    return check_values(document, given, pipeline=graph.pipeline)


def with_places(problems: Iterable[Problem], definition: Definition, graph: Graph) -> tuple[Problem, ...]:
    """Return problems that begin with a step of the definition, each at the place of the conf's step."""
    return tuple(problem if problem.place else _at_step(problem, definition, graph) for problem in problems)


def _at_step(problem: Problem, definition: Definition, graph: Graph) -> Problem:
    match = re.match(r"step '([^']+)'", problem.message)
    step = graph.by_name.get(definition.owners.get(match[1], match[1])) if match else None
    return replace(problem, place=step.place) if step else problem


def _problem(finding: Finding, graph: Graph, definition: Definition) -> Problem:
    named = graph.by_name.get(definition.owners.get(finding.step, finding.step))
    step = named or _outermost(finding, graph, definition)
    message = f"step '{finding.step}': {finding.message}" if step and finding.step else finding.message
    place = place_of(step, finding.path) if step else _pipeline_place(graph)
    if finding.path[:1] == ("Parameters",):
        message, place = _of_parameter(finding, graph, document_of(definition.content))
    return Problem(id=finding.id, message=message, place=place, hint=finding.hint)


def _of_parameter(finding: Finding, graph: Graph, document: JSON) -> tuple[str, Place]:
    """Return what is wrong with a parameter by its name, as its number counts those that composing adds."""
    path: DataPath = ("conf", "sagemakerPipeline", "parameters")
    match finding.path:
        case ("Parameters", int(index), *_):
            name = text_of(items_of(document, "Parameters")[index], "Name")
            own = next((number for number, one in enumerate(graph.parameters) if one.name == name), None)
            if own is not None:
                said = finding.message.replace(f"Parameters[{index}].", "")
                place = graph.steps[0].conf.document.place((*path, own, "default"))
                return f"parameter '{name}': {said}", place
    return finding.message, graph.steps[0].conf.document.place(path, key=True)


def _outermost(finding: Finding, graph: Graph, definition: Definition) -> Step | None:
    """Return the step within which one stands that no conf has by its name."""
    match finding.path:
        case ("Steps", int(index), *_):
            name = text_of(items_of(document_of(definition.content), "Steps")[index], "Name")
            return graph.by_name.get(definition.owners.get(name, name))
    return None


def _pipeline_place(graph: Graph) -> Place | None:
    for step in graph.steps:
        return step.conf.document.place(("conf", "sagemakerPipeline", "pipelineName"))
    return None
