"""The scripts of a model: the folder that they are in, and those that its sections name."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Place, Problem
from pipeline_builder.machine.resolving import Resolving

if TYPE_CHECKING:
    from pipeline_builder.conf.conf import ModelConf
    from pipeline_builder.conf.units import Unit
    from pipeline_builder.documents.source import DataPath


def find_source_directory(
    name: str, asked: str, conf: ModelConf, training: Resolving, problems: list[Problem]
) -> Path | None:
    """Return the folder of a model's scripts, which is there and stays below the training directory."""
    training_dir = training.base

    def place() -> Place:
        return conf.document.place(("conf", "models", name, "source_directory"))

    if not asked:
        message = f"the model '{name}' has no 'source_directory'"
        problems.append(Problem(id="PB305", message=message, place=place(), hint="name the folder with its scripts"))
        return None
    for base in (training_dir, conf.folder):
        folder = base / asked
        if folder.is_dir():
            found = training.resolve(folder)
            if training.is_inside(found):
                return Path(found)
            message = f"the source directory {describe(asked)} leaves the training directory"
            problems.append(Problem(id="PB306", message=message, place=place()))
            return None
    message = f"the source directory {describe(asked)} of the model '{name}' is not there"
    hint = f"it was looked for below '{training_dir.name}' and in the repository '{conf.repo}'"
    problems.append(Problem(id="PB305", message=message, place=place(), hint=hint))
    return None


def check_entry_points(unit: Unit, problems: list[Problem]) -> None:
    """Every named script is there and stays in the source directory."""
    registry = unit.section.registry
    named: list[tuple[DataPath, str | None]] = [
        ((name,), job.entry_point) for name, job in unit.jobs.items() if not job.brings_code
    ]
    named += [((name,), getattr(call, "entry_point", None)) for name, call in unit.calls.items()]
    for index, one in enumerate(registry.containers if registry else ()):
        named.append((("registry", "containers", index), one.entry_point))
    for path, entry_point in named:
        if not entry_point or _is_plain_file(unit.source_directory, entry_point):
            continue
        script = Path(os.path.realpath(unit.source_directory / entry_point))
        place = unit.conf.document.place((*unit.path, *path, "entry_point"))
        if not script.is_relative_to(unit.source_directory):
            message = f"the entry point {describe(entry_point)} leaves the source directory"
            problems.append(Problem(id="PB306", message=message, place=place))
        elif not script.is_file():
            scripts = {str(p.relative_to(unit.source_directory)) for p in unit.source_directory.rglob("*.py")}
            message = f"the entry point {describe(entry_point)} is not in the source directory"
            hint = did_you_mean(entry_point, scripts)
            problems.append(Problem(id="PB307", message=message, place=place, hint=hint))


def _is_plain_file(folder: Path, name: str) -> bool:
    """Tell whether a file lies directly in the folder and is no link: then nothing has to be resolved."""
    try:
        return "/" not in name and stat.S_ISREG(os.lstat(f"{folder}/{name}").st_mode)
    except OSError:
        return False
