"""git's second protocol, as far as we speak it ourselves: refs, and a commit with its files and without its history.

A pack that comes is written down as it is, and believed in nothing: git indexes it, which reads all of it, holds each
object against its id and against what may be in one, and misses what an object of it names and isn't there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

Refs = dict[str, str]
"""Commits, and other objects, by the names of refs; that of an annotated tag with `^{}` is its commit."""
PACK = "application/x-git-upload-pack-result"
_FLUSH, _DELIM = b"0000", b"0001"
_DATA, _PROGRESS = 1, 2
_ID = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"
# A name may have any character but ASCII's blanks: also what Python takes for a space, or for the end of a line.
_LINE = re.compile(rf"({_ID}) ([^ \n]+)((?: [^ \n]+)*)")
_PEELED = re.compile(rf"peeled:({_ID})")
_COMMIT = (40, 64)


def packed(line: bytes) -> bytes:
    """Return a line with its length before it."""
    return b"%04x" % (len(line) + 4) + line


def question_of_refs(capabilities: Iterable[str], prefixes: Sequence[str]) -> bytes:
    """Return what asks a server that can do this for the refs that begin so, tags with their commits."""
    asked = [b"command=ls-refs\n", *(f"{w}\n".encode() for w in capabilities if w.startswith("object-format="))]
    wanted = [b"peel\n", *(f"ref-prefix {prefix}\n".encode() for prefix in prefixes)]
    return b"".join(map(packed, asked)) + _DELIM + b"".join(map(packed, wanted)) + _FLUSH


def question(commit: str) -> bytes:
    """Return what asks for one commit."""
    form = b"sha256" if len(commit) == max(_COMMIT) else b"sha1"
    asked = (b"command=fetch\n", b"object-format=" + form + b"\n")
    wanted = (b"no-progress\n", b"ofs-delta\n", b"want " + commit.encode() + b"\n", b"deepen 1\n", b"done\n")
    return b"".join(map(packed, asked)) + _DELIM + b"".join(map(packed, wanted)) + _FLUSH


def read_pack(read: Callable[[int], bytes], file: BinaryIO) -> tuple[str, ...]:
    """Write a pack into a file, and return the commits whose parents were left out.

    Raises:
        ValueError: what comes is none, or ends in the middle.
    """
    lines = _lines(read)
    shallow: list[str] = []
    section = next(lines)
    if section == b"shallow-info\n":
        while (line := next(lines)) != _DELIM:
            word, _, commit = line.decode().rstrip("\n").partition(" ")
            if word != "shallow" or len(commit) not in _COMMIT or set(commit) - set("0123456789abcdef"):
                raise ValueError
            shallow.append(commit)
        section = next(lines)
    if section != b"packfile\n":
        raise ValueError
    while (line := next(lines)) != _FLUSH:
        if line[:1] == bytes([_DATA]):
            file.write(memoryview(line)[1:])
        elif line[:1] != bytes([_PROGRESS]):  # the server says why it stops; git is told it again
            raise ValueError
    if read(1):  # to the end, so that the connection can be asked again
        raise ValueError
    return tuple(shallow)


def _lines(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield lines; what parts them as it is.

    Raises:
        ValueError: it ends in the middle.
    """
    while True:
        length = read(4)
        if length in (_FLUSH, _DELIM):
            yield length
            continue
        size = int(length, 16) - 4
        line = read(size) if size > 0 else b""
        if not line or len(line) != size:
            raise ValueError
        yield line


def parse_lines(content: bytes) -> list[bytes]:
    """Read lines with their lengths before them, as git's protocol has them; what only parts them is left out.

    Raises:
        ValueError: for anything else, and for what ends in the middle.
    """
    lines, at = [], 0
    while at < len(content):
        size = int(content[at : at + 4], 16)
        if size < 4:
            at += 4
            continue
        if at + size > len(content):
            raise ValueError
        lines.append(content[at + 4 : at + size])
        at += size
    if not content.endswith(_FLUSH):
        raise ValueError
    return lines


def refs_of(lines: Iterable[bytes]) -> Refs:
    """Return the refs that lines tell.

    Raises:
        ValueError: one tells anything else.
    """
    return dict(pair for line in lines for pair in _pairs_of(line.decode("utf-8", "replace").rstrip("\n")))


def _pairs_of(line: str) -> Iterator[tuple[str, str]]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError
    yield found[2], found[1]
    for word in found[3].split(" "):
        if peeled := _PEELED.fullmatch(word):
            yield f"{found[2]}^{{}}", peeled[1]
