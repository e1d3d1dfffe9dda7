"""Where the source distributions of packages without wheels are, and their digests: by uv, which runs none of them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline_builder.engine.jobs.installer import Uv, failed
from pipeline_builder.machine.temporary import temporary_folder

_NO_WHEEL = re.compile(r"Wheels are required for `([^`]+)`")
_PACKAGE = re.compile(r"^\[\[packages\]\]$", re.MULTILINE)
_NAME = re.compile(r'^name = "([^"]+)"', re.MULTILINE)
_SDIST = re.compile(r'^sdist = \{ url = "([^"]+)".*?sha256 = "([0-9a-f]{64})"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source distribution; `sha256` is empty where nobody has said it."""

    name: str
    url: str
    sha256: str

    @property
    def file(self) -> str:
        """The name of its file, which is nothing but one."""
        name = unquote(urlsplit(self.url).path).rsplit("/", 1)[-1]
        return re.sub(r"[^\w.+-]", "_", name).lstrip(".-") or "source.tar.gz"


def without_wheels(result: subprocess.CompletedProcess[bytes]) -> set[str]:
    """Return the packages that uv says it would have to build."""
    return set(_NO_WHEEL.findall(result.stderr.decode("utf-8", "replace")))


def locate(uv: Uv, arguments: Sequence[str], file: Path, names: set[str], what: str) -> list[Source]:
    """Return the source distributions that a requirements file needs: of these packages, and others without wheels.

    uv is told that they depend on nothing: to know better it would have to run them. Once they are wheels it knows.
    """
    with temporary_folder() as folder:
        lock = folder / "pylock.toml"
        while True:
            result = _compile(uv, arguments, file, sorted(names), lock)
            if not result.returncode:
                return [source for source in _sources(lock.read_text(encoding="utf-8")) if source.name in names]
            more = without_wheels(result) - names
            if not more:
                raise failed(what, result)
            names = names | more


def _compile(
    uv: Uv, arguments: Sequence[str], file: Path, names: Sequence[str], lock: Path
) -> subprocess.CompletedProcess[bytes]:
    tables = "".join(f"\n[[dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist = []\n" for name in names)
    flags = [flag for name in names for flag in ("--no-binary", name)]
    command = ["pip", "compile", *arguments, *flags, "--generate-hashes", "--format", "pylock.toml"]
    return uv.run([*command, "--output-file", str(lock), str(file)], settings=tables)


def _sources(lock: str) -> list[Source]:
    found = []
    for part in _PACKAGE.split(lock)[1:]:
        name, sdist = _NAME.search(part), _SDIST.search(part)
        if name and sdist:
            found.append(Source(name=name[1], url=sdist[1], sha256=sdist[2]))
    return found
