"""Definitions to take over, and whether what came of one is what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline_builder.importing.given import read_given
from pipeline_builder.importing.importing import Imported, import_definition
from pipeline_builder.importing.writing import write_repository
from tests.definition.composing import load_graph
from tests.places import GOLDEN

VERSION = "2020-12-01"
GENERATION = {"Get": "Parameters.CacheGeneration"}


def golden(name: str) -> dict[str, Any]:
    """The whole definition of a golden case: what is different from the tiny model, and what isn't."""
    base = json.loads((GOLDEN / "tiny.json").read_text())
    found = json.loads((GOLDEN / f"{name}.json").read_text())
    parameters, steps = found.get("Parameters", []), found["Steps"]
    if "Unchanged" in found:
        own = {one["Name"] for one in parameters}
        parameters = [one for one in base["Parameters"] if one["Name"] not in own] + parameters
        steps = [one for one in base["Steps"] if one["Name"] in found["Unchanged"]] + steps
    return {"Version": VERSION, "Parameters": parameters, "Steps": steps}


def imported(definition: Any, name: str = "taken") -> Imported:
    return import_definition(read_given(json.dumps(definition).encode(), "definition.json"), name=name, model="")


def composed_from(folder: Path, done: Imported) -> dict[str, Any]:
    """What the stages compose of the repository that is written."""
    from pipeline_builder.definition.definition import build_definition
    from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings

    write_repository(folder / done.model, done.text)
    graph = load_graph(folder, done.model)
    built = build_definition(graph, build_settings({**LOCAL_DEFAULTS}), {done.model: done.model})
    found: dict[str, Any] = json.loads(built.content)
    return found


def plain(value: Any) -> Any:
    """The value without what says nothing, and without what every cached step has."""
    if isinstance(value, dict):
        found = {key: plain(item) for key, item in value.items() if item not in (None, GENERATION)}
        waits = [w if isinstance(w, str) else json.dumps(w, sort_keys=True) for w in found.get("DependsOn") or []]
        without = {key: item for key, item in found.items() if key not in ("DependsOn", "Environment")}
        environment = {"Environment": found["Environment"]} if found.get("Environment") else {}
        outputs = {}
        if isinstance(declared := without.get("OutputParameters"), list):
            outputs = {"OutputParameters": sorted(declared, key=json.dumps)}
        return {**without, **environment, **outputs, **({"DependsOn": sorted(waits)} if waits else {})}
    return [plain(item) for item in value] if isinstance(value, list) else value


def renamed(text: str, done: Imported) -> str:
    """The definition with the other names that parameters have got."""
    for one in done.differences:
        if one.kind == "changed" and one.place.startswith("Parameters["):
            text = text.replace(f'"Parameters.{one.given}"', f'"Parameters.{one.composed}"')
    return text


def steps_of(definition: Any, done: Imported) -> dict[str, Any]:
    steps = json.loads(renamed(json.dumps(definition["Steps"]), done))
    return {step["Name"]: plain({"Arguments": {}, **step}) for step in steps}
