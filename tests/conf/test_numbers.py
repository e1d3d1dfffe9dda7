"""Numbers of all sections: to pydantic, as to Python, true is 1, and to nobody else."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

import pipeline_builder.conf
import pipeline_builder.manifest
from pipeline_builder.documents.schema import Section


def sections(of: type[Section]) -> Iterator[type[Section]]:
    for section in of.__subclasses__():
        yield section
        yield from sections(section)


def read(section: type[Section], name: str, value: object) -> object:
    info = section.model_fields[name]
    kind: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return None


def test_a_flag_is_no_number() -> None:
    for package in (pipeline_builder.conf, pipeline_builder.manifest):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    fields = [
        (section, name)
        for section in {*sections(Section)}
        if section.__module__.startswith("pipeline_builder.")
        for name in section.__annotations__
        if name in section.model_fields and name != "version"  # which is 1 and nothing else, of a whole file
    ]
    found = [f"{one.__name__}.{name}" for one, name in fields if type(read(one, name, True)) in (int, float)]
    numbers = [name for one, name in fields if type(read(one, name, 1)) in (int, float)]
    assert (found, len(numbers) > 20) == ([], True)
