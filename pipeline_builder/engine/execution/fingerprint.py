"""The fingerprint of an execution: one digest of all that decides its outcome."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.engine.document.document import Document, references
from pipeline_builder.engine.document.known import resolve_known
from pipeline_builder.engine.document.references import Scope
from pipeline_builder.engine.execution.cache import CALLS, by_content
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.engine.jobs.arrivals import addresses_elsewhere
from pipeline_builder.engine.jobs.resolving import NAMING, named_containers, own_containers
from pipeline_builder.engine.jobs.trials import as_training
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.state.supply import PLACE, PREFIX
from pipeline_builder.errors import InputProblems

# What is under these members says where a model came from; it decides nothing about the outcome.
_PROVENANCE = ("MetadataProperties", "CustomerMetadataProperties", "Tags")


def build_fingerprint(document: Document, values: Mapping[str, Any], engine: Engine) -> str:
    """Return the sha256 (hex) of definition, parameter values, data, models, images, Python's version, and stubs."""
    decisive = set(_decisive_parameters(document))
    inputs = sorted(set(_inputs(document)))
    facts = {
        "definition": document.sha256,
        "parameters": {name: value for name, value in values.items() if name in decisive},
        "data": [(uri, kind, _digest(engine.store, uri, kind)) for uri, kind in inputs],
        "images": engine.images,
        "python": sys.version_info[:2],
    }
    scope = Scope(parameters=values, execution={})
    naming = (step for step in document.steps if step.type in NAMING)
    named = named_containers(((step.type, resolve_known(step.arguments, scope)) for step in naming), engine.state)
    if named:  # by their names: what is behind one can be made anew
        facts["models"] = by_content(named, engine.store)
    if stubs := {name: stub for name, stub in engine.stubs.items() if any(s.name == name for s in document.steps)}:
        facts["stubs"] = stubs
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _digest(store: LocalStore, uri: str, kind: str) -> str:
    """Return the digest of data; of an address that is none, nothing: the start refuses it, with its step."""
    with contextlib.suppress(InputProblems):
        return store.digest(uri, kind=kind)
    return ""


def _decisive_parameters(document: Document) -> Iterator[str]:
    for step in document.steps:
        aside = () if step.type in CALLS else _PROVENANCE
        arguments = {key: value for key, value in step.arguments.items() if key not in aside}
        for path in references([step.beside, arguments]):
            if path.startswith("Parameters."):
                yield path.removeprefix("Parameters.")


def _inputs(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the literal addresses that steps read from, with their kind; what steps write for each other is not in."""
    has_functions = any(word in document.content for word in (b"JsonGet", b"\\u"))  # JSON may write any letter so
    for step in document.steps:
        if has_functions:
            yield from _json_files(step.arguments)
        if step.type in CALLS:
            continue  # its inputs are named as anybody likes
        arguments = as_training(step, step.arguments)[1]
        for member in ("ProcessingInputs", "InputDataConfig", "TransformInput"):
            yield from _literal(arguments.get(member))
        yield from ((address, PREFIX) for address in addresses_elsewhere(step.type, arguments))
        yield from _models(arguments)


def _models(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the literal addresses of the artifacts of a model's containers."""
    for container in own_containers(arguments):
        uri = container.get("ModelDataUrl")
        if isinstance(uri, str):
            yield uri, PLACE


def _json_files(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the addresses of the JSON files that functions anywhere in a step read."""
    if isinstance(value, list):
        for item in value:
            yield from _json_files(item)
    elif isinstance(value, dict):
        yield from _literal(value.get("Std:JsonGet"), PLACE)
        for item in value.values():
            yield from _json_files(item)


def _literal(value: Any, kind: str = PREFIX) -> Iterator[tuple[str, str]]:
    """Yield the addresses below a value that are plain texts; those that don't say their kind are of this one."""
    if isinstance(value, list):
        for item in value:
            yield from _literal(item, kind)
    elif isinstance(value, dict):
        uri = value.get("S3Uri")
        if isinstance(uri, str):
            yield uri, str(value.get("S3DataType") or kind)
        for item in value.values():
            yield from _literal(item, kind)
