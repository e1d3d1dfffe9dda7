"""What pages ask for beside themselves: stylesheets, scripts and an icon, for the server and the export alike."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.layout import TEMPLATES
from pipeline_builder.target import Media
from pipeline_builder.views.pages import LOOK

_MEDIA = {".html": Media.HTML, ".json": Media.JSON, ".css": Media.CSS, ".js": Media.SCRIPT, ".svg": Media.SVG}


@functools.cache
def static_files() -> Mapping[str, Path]:
    """Return the files by their names."""
    return {path.name: path for path in (LOOK, *sorted((TEMPLATES / "console" / "static").iterdir()))}


def media_of(name: str) -> Media:
    """Return what a browser is to take a file of the console, or of a site, for."""
    return _MEDIA.get(Path(name).suffix, Media.BYTES)
