"""What this machine has installed for a step: the packages of its image, and those that its code asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.errors import InputProblems

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look

_MOST_ENVIRONMENTS = 500
_INFO = ".dist-info"


def find_installed(look: Look, image: str, lines: Sequence[str]) -> tuple[str, ...] | None:
    """Return the packages of the environment that jobs with this image and code have on this machine, with versions.

    None where it has none: jobs of AWS have their image, and an environment that nobody uses is taken away.
    """
    if look.target.name != "local":
        return None
    wanted = _layers(look, image, lines)
    envs = look.session.workspace.state / "envs"
    found = (folder for folder in sorted(envs.glob("*/ready"))[:_MOST_ENVIRONMENTS] if _layers_in(folder) == wanted)
    ready = next(found, None) if wanted is not None else None
    return tuple(sorted(_packages(ready.parent), key=str.casefold)) if ready else None


def _layers(look: Look, image: str, lines: Sequence[str]) -> tuple[tuple[str, ...], ...] | None:
    """Return the lines that such an environment is made of, as the manifest says it now."""
    from pipeline_builder.engine.jobs.packages import image_packages
    from pipeline_builder.engine.jobs.requirements import clean_layers, without_python
    from pipeline_builder.here import local_settings

    workspace = look.session.workspace
    images = local_settings(workspace.root, look.manifest, workspace.jobs).images
    layers = tuple(layer for layer in (image_packages(image, images), tuple(lines)) if layer)
    try:
        return clean_layers(without_python(layers))
    except InputProblems:
        return None


def _layers_in(ready: Path) -> tuple[tuple[str, ...], ...] | None:
    try:
        return tuple(tuple(map(str, layer)) for layer in json.loads(ready.read_bytes())["layers"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _packages(folder: Path) -> Iterator[str]:
    """Yield the name and version of each package, as its own folder is called."""
    for path in folder.glob(f"lib/python*/site-packages/*{_INFO}"):
        name, _, version = path.name.removesuffix(_INFO).rpartition("-")
        if name:
            yield f"{name}=={version}"
