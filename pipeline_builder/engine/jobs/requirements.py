"""Lines of requirements, from images and from beside scripts: which of them are refused, and how they are compared."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from pipeline_builder.errors import InputProblems, Problem

Layers = tuple[tuple[str, ...], ...]
"""Lines of requirements: those of the image, then those that the code asks for. What no line of a list can be begins
with one of the two words below."""
PYTHON, CONSTRAINT = "python ", "constraint "
"""Before the version of Python that an image has, and before a line that bounds a package without asking for it."""

# Options of a requirements file that only choose among published packages. All others are refused: they reach what the
# environment's key doesn't cover.
_ADDRESS_OPTIONS = frozenset(["-i", "--index-url", "--extra-index-url", "-f", "--find-links"])
_PLAIN_OPTIONS = frozenset(["--pre", "--prefer-binary", "--only-binary", "--no-binary", "--require-hashes"])
_INCLUDE = re.compile(r"(-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?<=^-[rc]))(\S.*)")


def included_lines(name: str, read: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the lines of a list, with those of the lists that it includes in the place of the inclusions.

    `read` gives the text of a list by its path from the code's folder, None where there is none. Those of a list that
    is included by `-c` are constraints. An inclusion that leads out of the code, or nowhere, stays as it is, and is
    refused as such.

    Raises:
        InputProblems: PB511 for a line that is written like what isn't one.
    """
    return tuple(_included(name, read, "", frozenset()))


def _included(name: str, read: Callable[[str], str | None], mark: str, above: frozenset[str]) -> Iterator[str]:
    text = read(name)
    for line in _clean_lines(tuple((text or "").splitlines())):
        found = _INCLUDE.fullmatch(line)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), found[2].strip("'\""))) if found else ""
        if line.startswith((PYTHON, CONSTRAINT)):
            raise InputProblems(Problem(id="PB511", message=f"requirement '{line[:200]}' is none"))
        if not found or "://" in found[2] or path.startswith(("/", "..")) or read(path) is None:
            yield mark + line
        elif path not in above | {name}:  # a circle brings nothing new
            constrains = mark or (CONSTRAINT if found[1] in ("-c", "--constraint") else "")
            yield from _included(path, read, constrains, above | {name})


def image_lines(requirements: tuple[str, ...], python: str = "") -> tuple[str, ...]:
    """Return what stands for an image: its packages, and the version of its Python where that is said."""
    return (*([f"{PYTHON}{python}"] if python else []), *requirements)


def pythons_of(layers: Layers) -> tuple[str, ...]:
    """Return the versions of Python that images have, as they are written: one, or none where nothing says it.

    Of a model with several containers each may have its own.
    """
    return tuple(line.removeprefix(PYTHON) for layer in layers for line in layer if line.startswith(PYTHON))


def without_python(layers: Layers) -> Layers:
    """Return the layers without what isn't installed by them."""
    found = (tuple(line for line in layer if not line.startswith(PYTHON)) for layer in layers)
    return tuple(layer for layer in found if layer)


def clean_layers(layers: Layers) -> Layers:
    """Return the layers without comments, blank lines and empty layers, continued lines joined.

    Raises InputProblems (PB511) with every line that is refused.
    """
    cleaned = tuple(tuple(_clean_lines(layer)) for layer in layers)
    problems = [
        Problem(id="PB511", message=f"requirement '{masked(line)[:200]}' {why}", hint=hint)
        for layer in cleaned
        for line in layer
        for why, hint in _refusals(line)
    ]
    if problems:
        raise InputProblems(*problems)
    return tuple(layer for layer in cleaned if layer)


def _clean_lines(lines: tuple[str, ...]) -> Iterator[str]:
    joined = re.sub(r"\\\r?\n", " ", "\n".join(lines))
    for line in joined.splitlines():
        if text := re.sub(r"(^|\s)#.*$", "", line).strip():
            yield re.sub(r"\s+", " ", text)


def _refusals(line: str) -> Iterator[tuple[str, str]]:
    """Yield why the line may not be installed, and what to write instead."""
    line = line.removeprefix(CONSTRAINT)
    option, _, value = re.sub(r"^(--?[\w-]+)(?:=|\s+)", r"\1 ", line).partition(" ")
    if "${" in line or "\0" in line:
        yield "takes a value from the environment", "write the value itself"
    elif option in _ADDRESS_OPTIONS:
        yield from _refused_address(value)
    elif option.startswith("-"):
        if option not in _PLAIN_OPTIONS:
            why = "for a list that isn't in the code" if _INCLUDE.fullmatch(line) else "which is not supported here"
            yield f"has the option '{option}', {why}", "list the packages themselves, or in a file of the code"
    elif address := re.search(r"(?:^|@\s*)(\w[\w+.\-]*://\S*)", line):
        yield from _refused_address(address[1])
    elif re.search(r"^[./~\\]|[/\\]|\.whl$|\.(?:tar\.\w+|zip|tgz)$", line.partition(";")[0].partition(" --")[0]):
        yield "is a path on this machine", "publish the package, or put its source beside the entry point"


def _refused_address(address: str) -> Iterator[tuple[str, str]]:
    if "@" in address.partition("://")[2].partition("/")[0]:
        yield "has credentials in its address", "give them to uv through UV_INDEX_URL or a netrc file on this machine"
    elif address.startswith("git+https://"):
        hint = "name the address of an archive of that commit (https://….tar.gz), or publish the package"
        yield "would be built from a git repository, which isn't done here", hint
    elif not address.startswith("https://"):
        yield "is not an https address", "use a package index or an https:// address"


def masked(text: str) -> str:
    """Return the text without credentials in addresses."""
    return re.sub(r"//[^/\s]*@", "//***@", text)


def describe(layers: Layers) -> str:
    """Return the first of the lines, for people."""
    lines = [line for layer in layers for line in layer if not line.startswith((PYTHON, CONSTRAINT))]
    return ", ".join(lines[:4]) + (f" and {len(lines) - 4} more" if len(lines) > 4 else "") or "only pip"
