"""Code, and lists of data files, that a step's request names by their content: looked at before a job gets them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.dag.caching import PARAMETER
from pipeline_builder.dag.named import content_sha256, names_in
from pipeline_builder.engine.document.document import Document
from pipeline_builder.engine.state.digests import unchanged
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems, Problem


def is_ours(document: Document) -> bool:
    """Tell whether this tool has composed a definition: what others name by a hash is a hash of something else."""
    return any(parameter.name == PARAMETER for parameter in document.parameters)


def check_named(request: Mapping[str, Any], store: LocalStore) -> None:
    """Refuse a request that names a file which isn't what its name says.

    Raises:
        InputProblems: PB465, every such file.
    """
    names = names_in(json.dumps(request, default=str))
    problems = [problem for uri in names if (problem := _look(uri, store))]
    if problems:
        raise InputProblems(*problems)


def _look(uri: str, store: LocalStore) -> Problem | None:
    path = store.find(uri)
    if path is None:
        return None  # whoever needs it says so
    found, named = _sha256(path, unchanged(path.stat()), uri), uri.rsplit("/", 2)[1]
    if found == named:
        return None
    why = f"its content has the sha256 {found[:12]}" if found else "it can't be unpacked"
    hint = "'pipeline-builder apply' brings it back"
    return Problem(id="PB465", message=f"'{uri}' is not what its name says: {why}", hint=hint)


@functools.lru_cache(maxsize=10_000)
def _sha256(path: Path, stamp: str, uri: str) -> str:
    del stamp
    return content_sha256(path, uri)
