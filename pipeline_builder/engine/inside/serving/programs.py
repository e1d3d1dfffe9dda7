"""What an entry point is: handlers that a model server calls, a service of the multi-model server, or a server itself.

Told by its text, before anything of it runs: a server that is imported would start there and then, and read somebody
else's arguments. Only the image knows for sure; where handlers are defined, they are what is meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline_builder.engine.inside.serving import images

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFAULT = "inference.py"
PORT = 8080
PLACE = "/opt/program"
"""Where AWS's examples of own containers have their code; the engine shows it there as well."""
HANDLERS, SERVICE, SERVER, APPLICATION = "handlers", "service", "server", "application"
_LARGEST, _LONGEST = 1_000_000, 500
"""Bytes of a text and characters of a line that are looked at: it may be anybody's."""
_HANDLERS = r"(?:model_fn|input_fn|predict_fn|output_fn|transform_fn|input_handler|output_handler|handler)"
_DEFINES = re.compile(rf"(?:async\s+)?def\s+{_HANDLERS}\b|(?!handler){_HANDLERS}\s*=[^=]")
_NAME = re.compile(rf"\b{_HANDLERS}\b")
_IMPORTS = re.compile(r"from\s+\S+\s+import\b")
_HANDLES = re.compile(r"(?:async\s+)?def\s+handle\s*\(")
_STARTS = re.compile(r"if\s+__name__\s*==|(?:\w+\.)*(?:main|serve|run|start\w*)\(")
_IS_SERVER = re.compile(r"start_model_server|multi-model-server|\bargv\b|serve_forever|\.run\(")
_WEB = re.compile(r"(\w+)\s*(?::[^=]*)?=\s*(?:\w+\.)*(Flask|FastAPI|Starlette|Quart|Bottle|API|App)\(")
_QUOTES = re.compile("\"\"\"|'''")
_START = "start"


def kind_of(path: Path) -> str:
    """Return what the entry point in this file is; a file that isn't Python's is a server."""
    text = _text_of(path)
    if path.suffix != ".py" and "python" not in text.partition("\n")[0]:
        return SERVER
    found = {sign for _, sign in _signs(text)}
    if HANDLERS in found:
        return HANDLERS
    if SERVICE in found and not (_START in found and _IS_SERVER.search(text)):
        return SERVICE
    return APPLICATION if APPLICATION in found and _START not in found else SERVER


def application_of(path: Path) -> tuple[str, str]:
    """Return the name of the web application that a module defines without starting it, and its framework's."""
    line = next((line for line, sign in _signs(_text_of(path)) if sign == APPLICATION), "")
    found = _WEB.match(line)
    return (found[1], found[2]) if found else ("app", "Flask")


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", "replace")


def _signs(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line that says something of what the program is, and what it says."""
    in_class = in_import = False
    for line in _code_of(text):
        if in_import or _IMPORTS.match(line):
            if _NAME.search(line):
                yield line, HANDLERS
            in_import = (in_import or "(" in line) and ")" not in line
        elif line[:1].isspace():
            if in_class and _HANDLES.match(line.lstrip()):
                yield line, SERVICE
        elif line:
            in_class = line.startswith("class ")
            signs = ((_DEFINES, HANDLERS), (_HANDLES, SERVICE), (_STARTS, _START), (_WEB, APPLICATION))
            yield from ((line, sign) for pattern, sign in signs if pattern.match(line))


def _code_of(text: str) -> Iterator[str]:
    """Yield the lines without what is in strings of several lines, and without comments."""
    quotes = ""
    for whole in text.splitlines():
        line = whole[:_LONGEST].rstrip()
        if quotes:
            quotes = "" if quotes in line else quotes
            continue
        if opened := _QUOTES.search(line):
            if opened[0] not in line[opened.end() :]:
                quotes = opened[0]
            line = line[: opened.start()]
        if not line.lstrip().startswith("#"):
            yield line


def looks_outside(uri: str) -> bool:
    """Tell whether an image takes its program from outside of the model's archive as well."""
    image = images.image_of(uri)
    return image not in images.TOOLKITS and image != images.TENSORFLOW


def folders_of(uri: str, code_dir: Path, model_dir: Path) -> list[Path]:
    """Return where an image looks for the program."""
    inside = model_dir / "code"
    return [code_dir, inside] if looks_outside(uri) else [inside]


def find(folders: list[Path], program: str) -> Path | None:
    """Return the program's file in the first folder that has it, never one elsewhere."""
    if program.startswith("/") or ".." in program.split("/"):
        return None
    return next((folder / program for folder in folders if (folder / program).is_file()), None)


def listed(folders: list[Path]) -> str:
    """Return the folders, for people."""
    return " or ".join(f"'{folder}'" for folder in folders)
