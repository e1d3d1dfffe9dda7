"""What an entry point is: handlers that a model server calls, a service of the multi-model server, or a server itself.

Told by its text, before anything of it runs: a server that is imported would start there and then, and read somebody
else's arguments. Only the image knows for sure; where handlers are defined, they are what is meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline_builder.engine.inside.serving import images

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = "inference.py"
PORT = 8080
PLACE = "/opt/program"
"""Where AWS's examples of own containers have their code; the engine shows it there as well."""
HANDLERS, SERVICE, SERVER, APPLICATION = "handlers", "service", "server", "application"
_LARGEST = 1_000_000
_HANDLERS = r"(?:model_fn|input_fn|predict_fn|output_fn|transform_fn|input_handler|output_handler|handler)"
_DEFINES = re.compile(rf"^(?:async\s+)?def\s+{_HANDLERS}\b|^(?!handler){_HANDLERS}\s*=[^=]", re.MULTILINE)
_IMPORTS = re.compile(r"^from\s+\S+\s+import\s*(\([^)]*\)|[^\n]*)", re.MULTILINE)
_NAME = re.compile(rf"\b{_HANDLERS}\b")
_SERVES = re.compile(
    r"^(?:async\s+)?def\s+handle\s*\(|^class\s+\w+[^\n]*:\n(?:[^\n]*\n)*?\s+def\s+handle\s*\(", re.MULTILINE
)
_STARTS = re.compile(r"^if\s+__name__\s*==|^(?:\w+\.)*(?:main|serve|run|start\w*)\(", re.MULTILINE)
_IS_SERVER = re.compile(r"start_model_server|multi-model-server|\bargv\b|serve_forever|\.run\(")
_WEB = re.compile(r"^(\w+)\s*(?::[^=\n]*)?=\s*(?:\w+\.)*(Flask|FastAPI|Starlette|Quart|Bottle|API|App)\(", re.MULTILINE)
_STRINGS = re.compile(r"(\"\"\"|''').*?\1", re.DOTALL)
_COMMENTS = re.compile(r"(?m)^\s*#.*$")


def kind_of(path: Path) -> str:
    """Return what the entry point in this file is; a file that isn't Python's is a server."""
    text = _text_of(path)
    if path.suffix != ".py" and "python" not in text.partition("\n")[0]:
        return SERVER
    text = _COMMENTS.sub("", _STRINGS.sub("''", text))
    if _DEFINES.search(text) or any(_NAME.search(found[1]) for found in _IMPORTS.finditer(text)):
        return HANDLERS
    starts = bool(_STARTS.search(text))
    if _SERVES.search(text) and not (starts and _IS_SERVER.search(text)):
        return SERVICE
    if not starts and _WEB.search(text):
        return APPLICATION
    return SERVER


def application_of(path: Path) -> tuple[str, str]:
    """Return the name of the web application that a module defines without starting it, and its framework's."""
    found = _WEB.search(_COMMENTS.sub("", _STRINGS.sub("''", _text_of(path))))
    return (found[1], found[2]) if found else ("app", "Flask")


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", "replace")


def looks_outside(uri: str) -> bool:
    """Tell whether an image takes its program from outside of the model's archive as well."""
    image = images.image_of(uri)
    return image not in images.TOOLKITS and image != images.TENSORFLOW


def folders_of(uri: str, code_dir: Path, model_dir: Path) -> list[Path]:
    """Return where an image looks for the program."""
    inside = model_dir / "code"
    return [code_dir, inside] if looks_outside(uri) else [inside]


def find(folders: list[Path], program: str) -> Path | None:
    """Return the program's file in the first folder that has it."""
    return next((folder / program for folder in folders if (folder / program).is_file()), None)


def listed(folders: list[Path]) -> str:
    """Return the folders, for people."""
    return " or ".join(f"'{folder}'" for folder in folders)
