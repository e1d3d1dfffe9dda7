"""Calls a factory of steps, in a job: what it gets is in one file, what came of it goes into another.

Nothing that it writes is trusted by whoever reads it. It says the same at any time and in any folder, as far as it can:
the SDK's names and keys are made of the time and of chance, and both stand still here.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import logging
import random
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

_BEGIN = 1577836800.0  # 2020-01-01
_LINES = 8
_VALUES = ("parameters", "steps", "session", "role", "bucket", "region")


class Failed(Exception):
    """What is wrong: a kind, words, and where in the factory's code."""

    def __init__(self, kind: str, text: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(text)
        self.said = {"kind": kind, "text": text, "file": file, "line": line}


def main(given: str, result: str) -> None:
    """Write `{"steps": […]}` or `{"failed": {…}}`."""
    asked = json.loads(Path(given).read_text("utf-8"))
    sys.stdout = sys.stderr  # whatever is printed belongs to the log
    logging.disable(logging.WARNING)
    _stand_still()
    gc.disable()  # a third of the seconds that the SDK's thousands of classes take is looking for what they leave
    try:
        found: dict[str, Any] = {"steps": _steps(asked)}
    except Failed as error:
        found = {"failed": error.said}
    Path(result).write_text(json.dumps(found), "utf-8")


def _stand_still() -> None:
    random.seed(0)
    clock, chance = iter(range(1 << 62)), random.Random(0)  # noqa: S311 - it is to be the same each time
    time.time = lambda: _BEGIN + next(clock) * 0.001
    uuid.uuid4 = lambda: uuid.UUID(int=chance.getrandbits(128), version=4)


def _steps(asked: Mapping[str, Any]) -> Any:
    inside, root = str(Path(__file__).parent), Path.cwd()
    sys.path.remove(inside)  # the factory's modules may have any names
    function = _function(root, asked)
    wanted = _wanted(function, _VALUES, asked)
    sys.path.append(inside)
    sdk = importlib.import_module(f"smp_v{asked['version']}").open_sdk(asked)
    values = {**sdk.values, "region": asked["region"], "bucket": asked["bucket"], "role": asked["role"]}
    gc.freeze()
    gc.enable()
    returned = _called(lambda: function(**{name: values[name] for name in wanted}), root)
    listed = list(returned) if isinstance(returned, list | tuple) else [returned]
    for index, item in enumerate(listed):
        if not isinstance(item, sdk.kinds):
            what = "nothing" if returned is None else f"{type(item).__module__}.{type(item).__qualname__}"
            where = f" at place {index}" if isinstance(returned, list | tuple) else ""
            raise Failed("thing", f"has returned {what}{where}", **_place_of(function, root))
        if isinstance(item, sdk.handle):
            text = f"has returned the step '{item.name}'{' '}of the conf, which is there already"
            raise Failed("thing", text, **_place_of(function, root))
    return _called(lambda: sdk.request(listed), root, kind="refused")


def _function(root: Path, asked: Mapping[str, Any]) -> Callable[..., Any]:
    path, name = root / asked["entry_point"], asked["function"]
    sys.path.insert(0, str(path.parent))
    if path.parent != root:
        sys.path.insert(0, str(root))
    module = _called(lambda: importlib.import_module(path.stem), root, kind="import")
    if Path(getattr(module, "__file__", None) or "/").resolve() != path.resolve():
        raise Failed("import", f"'{path.stem}' is a module of the SDK's environment; give the file another name")
    found = getattr(module, name, None)
    if not callable(found):
        others = sorted(key for key, value in vars(module).items() if inspect.isfunction(value))
        raise Failed("function", name, file=str(asked["entry_point"]), line=1 if not others else 0)
    return found  # type: ignore[no-any-return]


def _arguments(function: Callable[..., Any], values: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the function asks for of the values, by the names of its parameters."""
    return {name: values[name] for name in _wanted(function, [*values], asked)}


def _wanted(function: Callable[..., Any], known: Sequence[str], asked: Mapping[str, Any]) -> list[str]:
    """Return what of the known names the function asks for."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise Failed("function", str(error), file=str(asked["entry_point"])) from error
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    for one in named:
        if one.name not in known and one.default is one.empty:
            text = f"wants '{one.name}', and there is {', '.join(map(repr, known))}"
            raise Failed("wants", text, **_place_of(function, Path.cwd()))
    return [one.name for one in named if one.name in known]


def _place_of(function: Callable[..., Any], root: Path) -> dict[str, Any]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return {}
    return {"file": _below(code.co_filename, root), "line": code.co_firstlineno}


def _called(work: Callable[[], Any], root: Path, kind: str = "raised") -> Any:
    """Do what is the repository's; an exception, whichever it is, is what it came to."""
    try:
        return work()
    except Failed:
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        _say(error, root, kind)


def _say(error: BaseException, root: Path, kind: str) -> NoReturn:
    frames = [(_below(frame.filename, root), frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    file, line = next((found for found in reversed(frames) if found[0]), ("", 0))
    if isinstance(error, SyntaxError) and (inside := _below(error.filename or "", root)):
        file, line = inside, error.lineno or 0
    lines = "".join(traceback.format_exception(error)).strip().splitlines()[-_LINES:]
    raise Failed(kind, "\n".join(lines), file=file, line=line) from error


def _below(file: str, root: Path) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_absolute() and path.is_relative_to(root) else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
