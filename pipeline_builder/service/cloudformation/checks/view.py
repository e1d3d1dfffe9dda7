"""What the checks look at: nodes of templates with their places, and the pipeline, its actions and projects in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.source import DataPath, Document, Source, parse_yaml
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.service.cloudformation.evaluation.buildspec import BUILDSPEC, Buildspec, read_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import Template
from pipeline_builder.service.cloudformation.evaluation.physical import Home, made_values

CONNECTION = "CodeStarSourceConnection"
_BLOCK = re.compile(r"(?:!\w+\s+|[\w:]+:\s*)*\|(?P<indent>\d?)[+-]?\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a template and its place; what isn't there has the value None and the place of what is around it."""

    template: Template
    path: DataPath
    value: JSON

    def at(self, *keys: str) -> Node:
        """Return the value behind the keys."""
        node = self
        for key in keys:
            node = Node(self.template, (*node.path, key), node.value.get(key) if isinstance(node.value, dict) else None)
        return node

    def items(self) -> tuple[Node, ...]:
        """Return the items of a list; a single value is a list of itself, as IAM has it."""
        if isinstance(self.value, list):
            return tuple(Node(self.template, (*self.path, index), item) for index, item in enumerate(self.value))
        return () if self.value is None else (self,)

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Yield the keys and values of a mapping."""
        for key in self.value if isinstance(self.value, dict) else ():
            yield key, self.at(key)

    @property
    def text(self) -> str:
        """The value as CloudFormation hands it on: a number or boolean is a text there."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value) if isinstance(self.value, str | int | float) else ""

    @property
    def number(self) -> float | None:
        try:
            return float(self.text)
        except ValueError:
            return None

    @property
    def id(self) -> str:
        """The logical id of the resource that it is in."""
        return str(self.path[1]) if len(self.path) > 1 else ""

    @property
    def shown(self) -> str:
        """The value as messages name it."""
        return "missing" if self.value is None else describe(self.value)

    def place(self, *, key: bool = False) -> Place:
        """Return where it is; for what isn't there, the key of what it is missing in."""
        path = self.path
        if self.value is not None:
            return self.template.place(path, key=key)
        while path and path not in self.template.document.values:
            path = path[:-1]
        return self.template.place(path[:-1] if path[-1:] == ("Properties",) else path, key=True)

    def problem(self, problem_id: str, message: str, hint: str | None = None, *, key: bool = False) -> Problem:
        """Return a problem at the value, or with `key` at its key."""
        return Problem(id=problem_id, message=message, place=self.place(key=key), hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action of the pipeline; `stage` and `order` tell what runs before it."""

    node: Node
    stage: int
    order: int

    @property
    def name(self) -> str:
        return self.node.at("Name").text

    @property
    def category(self) -> str:
        return self.node.at("ActionTypeId", "Category").text

    @property
    def provider(self) -> str:
        return self.node.at("ActionTypeId", "Provider").text

    @property
    def configuration(self) -> Node:
        return self.node.at("Configuration")

    @property
    def namespace(self) -> str:
        return self.node.at("Namespace").text

    def artifacts(self, key: str) -> tuple[Node, ...]:
        """Return the names of its `InputArtifacts` or `OutputArtifacts`."""
        return tuple(item.at("Name") for item in self.node.at(key).items())

    def is_before(self, other: Action) -> bool:
        return (self.stage, self.order) < (other.stage, other.order)


@dataclass(frozen=True)
class Pipeline:
    """A CodePipeline: `node` has its properties."""

    node: Node

    @property
    def name(self) -> str:
        return self.node.at("Name").text

    @property
    def stages(self) -> tuple[Node, ...]:
        return self.node.at("Stages").items()

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        return tuple(
            Action(node=node, stage=index, order=int(node.at("RunOrder").number or 1))
            for index, stage in enumerate(self.stages)
            for node in stage.at("Actions").items()
        )

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(item.at("Name").text for item in self.node.at("Variables").items())


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that is checked: the templates, worked out, and the buildspec of this repository.

    `values` has everything that Ref and GetAtt give, with the resource.
    """

    templates: tuple[Template, ...]
    buildspec: Buildspec
    values: tuple[tuple[str, Node], ...]

    def of_type(self, *types: str) -> Iterator[Node]:
        """Yield the resources of the types, without any all of them; `at("Properties")` has what they are made with."""
        for template in self.templates:
            for resource in template.resources.values():
                if resource.type in types or not types:
                    yield Node(template, ("Resources", resource.id), dict(resource.body))

    def made(self, *types: str) -> Mapping[str, Node]:
        """Return the resources of the types (without any: all) by everything that Ref and GetAtt give for them."""
        return {value: node for value, node, kind in self._typed if not types or kind in types}

    @cached_property
    def _typed(self) -> tuple[tuple[str, Node, str], ...]:
        return tuple((value, node, node.at("Type").text) for value, node in self.values)

    @cached_property
    def pipelines(self) -> tuple[Pipeline, ...]:
        return tuple(Pipeline(node.at("Properties")) for node in self.of_type("AWS::CodePipeline::Pipeline"))

    @cached_property
    def projects(self) -> Mapping[str, Node]:
        """The properties of the CodeBuild projects by their names."""
        return {
            name: node.at("Properties")
            for name, node in self.made("AWS::CodeBuild::Project").items()
            if not name.startswith("arn:")
        }

    def buildspec_of(self, project: Node) -> tuple[Buildspec | None, tuple[Problem, ...]]:
        """Return what a project runs: its own buildspec, or this repository's; None where its own can't be read."""
        own = project.at("Source", "BuildSpec")
        if "\n" not in own.text:
            return self.buildspec, ()
        try:
            return read_buildspec(_embedded(own)), ()
        except InputProblems as error:
            return None, error.problems


def make_service(templates: Mapping[Home, Template], buildspec: Buildspec) -> Service:
    """Return the view of templates that are worked out, each for its home."""
    values = tuple(
        (value, Node(template, ("Resources", resource.id), dict(resource.body)))
        for home, template in templates.items()
        for resource in template.resources.values()
        for value in made_values(resource.type, resource.id, resource.properties, home).values()
    )
    return Service(templates=tuple(templates.values()), buildspec=buildspec, values=values)


def _embedded(node: Node) -> Document:
    """Parse a buildspec that stands in a template, with the template's places.

    A line stays a line when `Fn::Sub` fills it in; columns are exact up to the first word that is filled in on a line.
    """
    source = node.template.document.source
    start = node.place()
    block = _BLOCK.fullmatch(start.text[start.column - 1 :])

    def moved(line: int, column: int) -> tuple[int, int]:
        if block is None:
            return start.line, start.column
        return start.line + line, column + indent

    lines = source.text.split("\n")[start.line :]
    first = next((line for line in lines if line.strip()), "")
    indent = len(first) - len(first.lstrip(" "))
    try:
        inner = parse_yaml(Source(source.label, node.text), BUILDSPEC)
    except InputProblems as error:
        raise InputProblems(
            *(
                replace(problem, place=source.place(*moved(problem.place.line, problem.place.column)), related=())
                for problem in error.problems
                if problem.place
            )
        ) from error
    keys, values = ({path: moved(*at) for path, at in positions.items()} for positions in (inner.keys, inner.values))
    return Document(source, inner.data, lambda: (keys, values))
