"""What the user has settled about uv: how an index is reached is followed, what is installed and where is not.

A job's environment is found again by what it is made of; a setting that lies in some folder, or a variable, is no part
of that. The standard library is enough here: `scripts/bootstrap.py` imports this as well.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

FOLLOWED = re.compile(
    r"UV_(?:DEFAULT_INDEX|INDEX\w*|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|OFFLINE|INSECURE_HOST|SYSTEM_CERTS|NATIVE_TLS"
    r"|KEYRING_PROVIDER|CREDENTIALS_DIR|HTTP_\w+|REQUEST_TIMEOUT|CONCURRENT_\w+|CACHE_DIR|NO_CACHE|LINK_MODE)"
)
"""uv's variables about how an index is reached, and where is kept what came from it."""
_KEYS = re.compile(
    r"(?:extra-)?index-url|index(?:-strategy)?|find-links|no-index|keyring-provider|allow-insecure-host|native-tls"
    r"|system-certs|offline|(?:https?|no)-proxy|concurrent-(?:downloads|installs)|cache-dir|no-cache|pip"
)
_OF_INDEX = re.compile(r"name|url|default|explicit|format|authenticate|ignore-error-codes|cache-control")
_PLACES = re.compile(r"(?:(?:extra-)?index-)?url|find-links|cache-dir")
# Those that somebody writes to get other packages: that they have no say here is said. The others are about projects.
_CHOOSING = re.compile(
    r"exclude-newer(?:-package)?|resolution|prerelease|no-deps|torch-backend|(?:constraint|override)(?:-dependencies)?"
)
_ADDRESS = re.compile(r"\w[\w+.-]*://")
_NO = ("", "0", "false", "f", "no", "n", "off")
Table: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class UvSettings:
    """What is followed, as the text of a `uv.toml`, and what is written somewhere and has no say, in words."""

    text: str
    ignored: tuple[str, ...] = ()


def read_settings(environment: Mapping[str, str], folder: Path) -> UvSettings:
    """Return the settings that uv would find from a folder.

    Raises:
        ValueError: a `uv.toml` is none, or the one that is named is not there, which uv refuses as well.
    """
    found: Table = {}
    ignored = [f"'{name}'" for name in sorted(environment) if _chooses(name) and environment[name]]
    for file, table in _tables(environment, folder):
        pip = table.get("pip")
        keys = {*table, *(pip if isinstance(pip, dict) else ())}
        ignored += [f"'{key}' of '{file}'" for key in sorted(keys) if _CHOOSING.fullmatch(key)]
        found = _joined(found, _followed(table, file.parent))
    lines = [f"{key} = {_toml(value)}\n" for key, value in found.items()]
    return UvSettings(text="".join(lines), ignored=tuple(ignored))


def toml_reader() -> Callable[[str], Any] | None:
    """Return what reads TOML; None on a Python 3.10 that has nothing for it, as before .venv has been made."""
    for name in ("tomllib", "tomli"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name).loads  # type: ignore[no-any-return]
    return None


def _chooses(variable: str) -> bool:
    name = variable.removeprefix("UV_").lower().replace("_", "-")
    # This one is part of what an environment is found by.
    return variable.startswith("UV_") and name != "torch-backend" and bool(_CHOOSING.fullmatch(name))


def _tables(environment: Mapping[str, str], folder: Path) -> Iterator[tuple[Path, Table]]:
    """Yield the files that count, the one that wins first: a named one alone, else of the project, user and system."""
    if named := environment.get("UV_CONFIG_FILE"):
        if not (read := _read(folder / named)):  # else the index would be another one, and nobody told
            raise ValueError(f"UV_CONFIG_FILE names '{named}', which can't be read")
        yield from read
    elif environment.get("UV_NO_CONFIG", "").lower() in _NO:
        places = (Path(parent, name) for parent in (folder, *folder.parents) for name in ("uv.toml", "pyproject.toml"))
        yield from next(filter(None, map(_read, places)), [])
        home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or os.devnull, ".config"))
        yield from _read(home / "uv" / "uv.toml")
        folders = [*(environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
        system = (Path(each, "uv", "uv.toml") for each in folders if each)
        yield from next(filter(None, map(_read, system)), [])


def _read(file: Path) -> list[tuple[Path, Table]]:
    """Return what is in a file, if anything is that uv would look at."""
    loads = toml_reader()
    try:
        table: Any = loads(file.read_text(encoding="utf-8")) if loads and file.is_file() else None
    except OSError:
        return []
    except ValueError as error:
        if file.name == "pyproject.toml":
            return []  # somebody else's matter
        raise ValueError(f"'{file}' is not TOML: {error}") from error
    if file.name == "pyproject.toml" and table is not None:
        tool = table.get("tool")
        table = tool.get("uv") if isinstance(tool, dict) else None
    return [(file, table)] if isinstance(table, dict) else []


def _followed(table: Table, folder: Path) -> Table:
    return {key: _value(key, value, folder) for key, value in table.items() if _KEYS.fullmatch(key)}


def _value(key: str, value: Any, folder: Path) -> Any:
    """Return a setting as it reads elsewhere: a place below the file's folder is one there."""
    match value:
        case dict() if key == "pip":
            return _followed(value, folder)
        case dict() if key == "index":
            return {name: _value(name, item, folder) for name, item in value.items() if _OF_INDEX.fullmatch(name)}
        case list():
            return [_value(key, item, folder) for item in value]
        case str() if _PLACES.fullmatch(key) and not _ADDRESS.match(value):
            return str(folder / value)
    return value


def _joined(first: Table, second: Table) -> Table:
    """Return two files' settings as uv joins them: the first one's win, and of lists come first."""
    both = {**second, **first}
    for key in first.keys() & second.keys():
        match first[key], second[key]:
            case list() as mine, list() as other:
                both[key] = mine + other
            case dict() as mine, dict() as other:
                both[key] = _joined(mine, other)
    return both


def _toml(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")
