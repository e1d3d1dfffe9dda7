"""Known hosts: the keys of ssh servers that a manifest names, as lines, as bare keys, or as files with such lines."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.manifest.addresses import Address

_TYPES = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip
_MARKS = ("@cert-authority", "@revoked")
_MOST_BYTES = 1024 * 1024
_EXPECTED = "expected 'HOST ssh-ed25519 AAAA…', 'ssh-ed25519 AAAA…' for the url's own host, or the path of a file"
_LINES = "write lines as ssh-keyscan prints them, after comparing them with what the host publishes"
_SSH_PORT = 22


def check_known_hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entries: what has spaces in it is lines, what has none is a file relative to the manifest.

    Raises:
        ValueError: a line is none, or a path leads out.
    """
    for entry in entries:
        if is_file(entry):
            if not entry or Path(entry).is_absolute() or ".." in Path(entry).parts or "\x00" in entry:
                raise ValueError(f"the path {describe(entry)} is refused, expected a relative path without '..'")
            continue
        for line in _lines(entry):
            if fault := fault_of(line):
                raise ValueError(f"the host key {describe(line)} {fault}, {_EXPECTED}")
    return entries


def is_file(entry: str) -> bool:
    """Tell whether an entry names a file."""
    return len(entry.split()) <= 1


def fault_of(line: str) -> str | None:
    """Return what is wrong with a line of a file of known hosts, None where nothing is."""
    words = line.split()
    if words and words[0] in _MARKS:
        words = words[1:]
    if words and words[0] not in _TYPES:
        words = words[1:]
    if len(words) < 2 or words[0] not in _TYPES:
        return "has no kind of key that is known"
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return "is no base64"
    length = int.from_bytes(blob[:4], "big")
    named, rest = blob[4 : 4 + length].decode("ascii", "replace"), len(blob) - 4 - length
    return None if named == words[0] and rest > 0 else f"is no whole key of the kind '{words[0]}'"


def read_known_hosts(entries: Iterable[str], root: Path, address: Address, place: Place | None = None) -> str:
    """Return the text of a file of known hosts; bare keys are those of the address's own host.

    Raises:
        InputProblems: PB124 for files that can't be read, and lines of theirs that are none; all of them.
    """
    lines: list[str] = []
    problems: list[Problem] = []
    for entry in entries:
        if not is_file(entry):
            lines += _lines(entry)
            continue
        try:
            found = _lines(_text_of(root / entry))
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error)
            message = f"the file '{entry}' of known hosts can't be read: {said}"
            problems.append(Problem(id="PB124", message=message, place=place, hint=_LINES))
            continue
        for line in found:
            if fault := fault_of(line):
                message = f"the file '{entry}' of known hosts has a line {describe(line)}, which {fault}"
                problems.append(Problem(id="PB124", message=message, place=place, hint=_LINES))
        lines += found
    if problems:
        raise InputProblems(*problems)
    own = address.host if address.port in (None, _SSH_PORT) else f"[{address.host}]:{address.port}"
    return "".join(f"{_with_host(line, own)}\n" for line in lines)


def _with_host(line: str, host: str) -> str:
    """Return a line with the host in it, also behind a mark."""
    words = line.split()
    mark = words[:1] if words[0] in _MARKS else []
    rest = words[len(mark) :]
    return " ".join((*mark, host, *rest)) if rest[0] in _TYPES else line


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES // 1024} KiB")
    return content.decode("utf-8-sig")


def _lines(text: str) -> list[str]:
    return list(_stripped(re.split(r"[\r\n]+", text)))


def _stripped(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield stripped
