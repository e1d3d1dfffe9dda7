"""What other environments beside a new one have compiled of the same files, so that it isn't compiled again.

A model whose code asks for one package more than its image has gets an environment with the image's packages and that
one; to compile them all is most of the work. Compiled code is taken from environments that this program has compiled
after it had taken away what wheels had brought of it, and that jobs can't change: so it is what compiling the same
source gives. What a wheel brings may be of any source, and would be taken for that of the file beside which it lies.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from pipeline_builder.engine.jobs.interpreters import Interpreter

LEFT_OUT = r"/site-packages/.+/tests/"
"""No job imports the packages' own tests, nearly half of an environment with scikit-learn."""
COMPILED, OWN = "compiled", "own"
"""What an environment's file `ready` says where all compiled code in it is of this program."""
_SOURCE = ".py"
_CACHE = "__pycache__"
_HEADER = 16  # of what Python compiles: magic number, flags, then time and size of the source
_BY_TIME = bytes(4)  # the flags of what is held against its source's time and size


def take_compiled(folder: Path, interpreter: Interpreter) -> tuple[bool, int]:
    """Give a new environment what those beside it have compiled of the same files, in place of what its wheels brought.

    Return whether nothing of that is left, and how many modules there are still to compile.
    """
    others = [found for other in _others(folder, interpreter) for found in _packages(other)]
    own, left = True, 0
    for packages in _packages(folder):
        for place, folders, names in os.walk(packages):
            here = Path(place)
            if _CACHE in folders:
                folders.remove(_CACHE)
                shutil.rmtree(here / _CACHE, ignore_errors=True)
                own = own and not (here / _CACHE).exists()
            if re.search(LEFT_OUT, f"{place}/"):
                continue
            missing = {name.removesuffix(_SOURCE) for name in names if name.endswith(_SOURCE)}
            for other in others:
                missing -= _taken(other / here.relative_to(packages), here, missing)
            left += len(missing)
    return own, left


def _packages(folder: Path) -> list[Path]:
    return [path for path in folder.glob("lib/python*/site-packages") if not path.is_symlink()]


def _others(folder: Path, interpreter: Interpreter) -> Iterator[Path]:
    """Yield the environments beside this one that the same Python has compiled so, those that were used last first."""
    found = []
    for other in folder.parent.iterdir():
        with suppress(OSError, ValueError, TypeError, KeyError):
            facts = json.loads((other / "ready").read_text("utf-8"))
            if facts[COMPILED] == OWN and facts["python"] == interpreter.version and other != folder:
                found.append(((other / "ready").stat().st_mtime, other))
    yield from (other for _, other in sorted(found, reverse=True))


def _taken(there: Path, here: Path, names: Collection[str]) -> set[str]:
    """Take of the names' compiled code what was made of the same source; return whose it was."""
    taken = set()
    with suppress(OSError):  # there is no such folder, or no more
        for file in os.listdir(there / _CACHE):  # noqa: PTH208 - a list of names, of thousands of folders
            name = file.partition(".")[0]
            if name in names and _take(there, here, name, file):
                taken.add(name)
    return taken


def _take(there: Path, here: Path, name: str, file: str) -> bool:
    theirs, ours, target = there / f"{name}{_SOURCE}", here / f"{name}{_SOURCE}", here / _CACHE / file
    code = (there / _CACHE / file).read_bytes()
    if code[4:_HEADER] != _BY_TIME + _stamp(theirs) or theirs.read_bytes() != ours.read_bytes():
        return False
    target.parent.mkdir(exist_ok=True)
    try:  # the path of the source, which is in it as well, is set by each import
        target.write_bytes(code[:8] + _stamp(ours) + code[_HEADER:])
    except OSError:  # half of it must not be found there
        target.unlink(missing_ok=True)
        return False
    return True


def _stamp(source: Path) -> bytes:
    """Return by what Python knows that code was made of this source."""
    facts = source.stat()
    return b"".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in (int(facts.st_mtime), facts.st_size))
