"""The conf as a text, and what it composes to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.conf.conf import conf_of
from pipeline_builder.conf.graph import read_graph
from pipeline_builder.definition.definition import read_definition
from pipeline_builder.documents.source import Document, Source, parse_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.temporary import temporary_folder

SCRIPTS = "scripts"
FILE = "conf/conf.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What a conf composes to; of one with problems what is left."""

    definition: Mapping[str, Any]
    problems: tuple[Problem, ...]
    document: Document


def text_of(pipeline: str, model: str, sections: Mapping[str, Any], steps: list[Any], parameters: list[Any]) -> str:
    """Return the conf's text."""
    body: dict[str, Any] = {"pipelineName": pipeline, "models": {model: {"steps": steps}}}
    if parameters:
        body["parameters"] = parameters
    whole = {"conf": {"models": {model: {"source_directory": SCRIPTS, **sections}}, "sagemakerPipeline": body}}
    return dumped(whole)


def dumped(value: Any) -> str:
    """Return YAML as people write it: in the order that is given, without anchors."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
            super().increase_indent(flow, False)

    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def values_with(role: str) -> dict[str, str]:
    """Return the settings that a conf is tried with: the pipeline's own role where it is known."""
    return {**LOCAL_DEFAULTS, **({"SMP_ROLE": role} if role else {})}


def compose_text(text: str, repo: str, role: str) -> Composed:
    """Compose a conf by itself, with nothing of a manifest's in it.

    Raises:
        InputProblems: for a text that can't be read at all.
    """
    with temporary_folder() as root:
        folder = root / repo
        (folder / SCRIPTS).mkdir(parents=True)
        document = parse_yaml(Source(FILE, text), "PB201")
        values = values_with(role)
        conf, problems = conf_of(document, repo=repo, folder=folder, values=values)
        if conf is None:
            raise InputProblems(*problems)
        graph, found = read_graph([conf], training_dir=root)
        if graph is None:
            return Composed(definition={}, problems=(*problems, *found), document=document)
        definition, more = read_definition(graph, build_settings(values), {repo: repo})
    return Composed(definition=json.loads(definition.content), problems=(*problems, *found, *more), document=document)
