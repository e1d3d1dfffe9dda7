"""Lines of requirements, from images and from beside scripts: which of them are refused, and how they are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline_builder.errors import InputProblems, Problem

Layers = tuple[tuple[str, ...], ...]

# Options of a requirements file that only choose among published packages. All others are refused: `-r`, `-c` and `-e`
# reach files that the environment's key doesn't cover.
_ADDRESS_OPTIONS = frozenset(["-i", "--index-url", "--extra-index-url", "-f", "--find-links"])
_PLAIN_OPTIONS = frozenset(["--pre", "--prefer-binary", "--only-binary", "--no-binary", "--require-hashes"])


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
    option, _, value = re.sub(r"^(--?[\w-]+)(?:=|\s+)", r"\1 ", line).partition(" ")
    if "${" in line or "\0" in line:
        yield "takes a value from the environment", "write the value itself"
    elif option in _ADDRESS_OPTIONS:
        yield from _refused_address(value)
    elif option.startswith("-"):
        if option not in _PLAIN_OPTIONS:
            yield f"has the option '{option}', which is not supported here", "list the packages themselves"
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
    lines = [line for layer in layers for line in layer]
    return ", ".join(lines[:4]) + (f" and {len(lines) - 4} more" if len(lines) > 4 else "") or "only pip"
