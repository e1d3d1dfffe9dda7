"""The names under which an input's objects arrive in a job, and the lists that manifests are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.tree import render_some

# An empty part, one that climbs, and characters that no name of a file should have.
_NOT_PLAIN = re.compile(r"//|^/|(?:^|/)\.\.?(?:/|$)|[\\\x00-\x1f\x7f\ud800-\udfff]")
Found = tuple[str, str, str]
"""An object of an input: its address, its name below the input's folder, its file."""


def name_below(prefix: str, key: str) -> str:
    """Return the name that an object has in a job: `prefix` is the input's, the key begins with it.

    What is in the folder that the prefix names is named from there, as AWS's own examples count on; everything else
    from the prefix's last `/` on (aws/sagemaker-python-sdk, issue 3612), so that folders which only begin like it stay
    apart. A name never depends on what else is there.
    """
    rest = key[len(prefix) :]
    return rest[1:] if rest.startswith("/") else key[prefix.rfind("/") + 1 :]


def check_names(uri: str, found: Iterable[Found]) -> None:
    """Make sure that each object of the input can be a file of its own.

    Raises:
        InputProblems: PB528 where two would be the same file, or one a file where another needs a folder.
    """
    objects = {name: address for address, name, _ in found}
    problems = [
        _clash(uri, name, address, objects[name])
        for address, name, _ in found
        if objects[name] != address  # of the same name the last one is kept
    ]
    problems += [
        _clash(uri, str(parent), objects[str(parent)], address)
        for name, address in objects.items()
        for parent in PurePosixPath(name).parents
        if str(parent) in objects
    ]
    if problems:
        raise InputProblems(*problems)


def _clash(uri: str, name: str, one: str, other: str) -> Problem:
    message = f"of the input '{uri}' both '{one}' and '{other}' would have to be at '{name}' in the job's folder"
    hint = "close the address with '/', or give the objects names of their own"
    return Problem(id="PB528", message=message, hint=hint)


def parse_manifest(uri: str, content: bytes) -> tuple[str, list[str]]:
    """Return the prefix and the names of a manifest: `[{"prefix": "s3://…/"}, "name", …]`.

    Raises:
        InputProblems: PB527 for what is none.
    """
    try:
        first, *names = json.loads(content)
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError, RecursionError):
        prefix, names = None, []
    if not isinstance(prefix, str) or not names or not all(isinstance(name, str) for name in names):
        message = f"'{uri}' is no manifest"
        hint = 'a manifest is a JSON list: [{"prefix": "s3://bucket/folder/"}, "file", "file"]'
        raise InputProblems(Problem(id="PB527", message=message, hint=hint))
    _check_listed(uri, prefix, names)
    return prefix, names


def _check_listed(uri: str, prefix: str, names: list[str]) -> None:
    """Make sure that the names are plain paths below the prefix: what they name becomes files of those names.

    Raises:
        InputProblems: PB552.
    """
    start = prefix.removeprefix("s3://")
    bad = [name for name in names if _NOT_PLAIN.search(start + name)]
    if bad:
        shown = render_some([ascii(name[:200]) for name in bad])
        message = f"the manifest '{uri}' has names that are absolute, climb, or can't be files: {shown}"
        hint = "write each as a path below the prefix, such as 2026/train.csv; the prefix as s3://bucket/folder/"
        raise InputProblems(Problem(id="PB552", message=message, hint=hint))
